"""Sending mail: one message, or several over one connection."""

from __future__ import annotations

import ssl as _ssl
from collections.abc import Iterable

from ..core.client import BaseClient, part
from ..core.dialer import Dialer
from ..core.operation import DEFAULT_TIMEOUT, Operation, Timeout
from ..core.target import LocalAddress
from ..errors import ConnectionLost
from .envelope import DSN
from .extensions import NO_EXTENSIONS, Extensions
from .lanes import Lanes
from .mail import Mail, MessageLike
from .mailbox import MailboxLike
from .options import Options, Token
from .report import SendReport
from .session import Session

__all__ = ["Client", "send"]


class Client(BaseClient):
    """One connection to a mail server, for one message after another.

    Several tasks may send at the same time: their messages go out in turn,
    and where the server offers PIPELINING each takes one round trip.  A
    message that was cancelled or timed out, or a server that hangs up, ends
    the client: its connection is never used again.  `Pool` makes new ones.

    Args:
        host: the server's name or address.
        port: 587 for submission; 465 is TLS from the first byte; 25 is between servers.
        username: whom to log in, ``None`` for nobody.
        password: with ``username``.
        token: instead of a password: an OAuth token, or an async function that returns a fresh one.
        ssl: TLS from the first byte; ``None``: on port 465. A context together with ``starttls=True`` is used for that.
        starttls: ``True`` required, ``False`` never - the only way to let credentials travel in clear -, ``None``
            used when offered and required with credentials.
        server_hostname: the name to verify when it differs from ``host``.
        local_address: ``(host, port)`` to bind before connecting.
        local_hostname: what to call ourselves in EHLO, ``None`` for our address.
        timeout: seconds, the default of each operation; ``None`` for no limit.
        dialer: opens the connection, ``None`` for the current one.

    Source: RFC 5321, RFC 6409

    Example:
        ```python
        async with asyncnet.smtp.Client("127.0.0.1", port) as smtp:
            report = await smtp.send(message)
        ```
    """

    _protocol = "smtp"

    def __init__(
        self,
        host: str,
        port: int = 587,
        *,
        username: str | None = None,
        password: str | None = None,
        token: Token | None = None,
        ssl: bool | _ssl.SSLContext | None = None,
        starttls: bool | None = None,
        server_hostname: str | None = None,
        local_address: LocalAddress | None = None,
        local_hostname: str | None = None,
        timeout: float | None = DEFAULT_TIMEOUT,
        dialer: Dialer | None = None,
    ) -> None:
        self._options = Options(
            host=host, port=port, username=username, password=password, token=token, ssl=ssl, starttls=starttls,
            server_hostname=server_hostname, local_address=local_address, local_hostname=local_hostname, dialer=dialer,
        )  # fmt: skip
        super().__init__(peer=self._options.peer, timeout=timeout)
        self._session: Session | None = None
        # No room for a second connection: who waits when the only one is lost is told so by `_drop`.
        self._lanes = Lanes(0, spent=lambda session: False, retire=Session.abort)

    @property
    def extensions(self) -> Extensions:
        """What the server offers; empty before the client is open."""
        return NO_EXTENSIONS if self._session is None else self._session.extensions

    async def send(
        self,
        message: MessageLike,
        *,
        sender: MailboxLike | None = None,
        recipients: MailboxLike | Iterable[MailboxLike] | None = None,
        dsn: DSN | None = None,
        timeout: Timeout = ...,
    ) -> SendReport:
        """Send a message; it returns when the server has taken it.

        Args:
            message: an `EmailMessage`, an older `email.message.Message`, or a message in bytes.
            sender: the envelope's, ``None`` for the header's; ``""`` for the null one.
            recipients: the envelope's, ``None`` for those of To, Cc and Bcc.
            dsn: notifications to ask for, ``None`` for the server's usual ones.
            timeout: seconds for all of it, its waiting for other messages included.

        Raises:
            ReplyError: the server refused the sender, all recipients or the message.
            ConnectionLost, OperationTimeout, ProtocolError: the client is closed then. With
                ``maybe_done`` the server may have taken the message although it did not say so.
            ValueError, TypeError: an address that is none, or no recipient; nothing was sent.
        """
        operation = self._begin("send", timeout)
        mail = Mail(message, sender, recipients, dsn)
        async with operation:
            turn = self._lanes.acquire()
            if turn is None:
                with operation.span("queue"):
                    turn = await self._lanes.wait(mail)
            session = turn.session
            assert session is not None
            try:
                return await session.carry(
                    operation, mail, turn.transaction, next_flight=lambda: self._lanes.next_flight(session)
                )
            finally:
                self._lanes.release(session)
                if not self._lanes.count:
                    self.abort()

    async def _open(self, operation: Operation) -> None:
        dialer = self._options.choose_dialer()
        self._session = Session(self._options)
        self._lanes.count = 1
        self._lanes.add(self._session)
        await self._session.open(operation, dialer)
        self._lanes.release(self._session)

    async def _goodbye(self) -> None:
        assert self._session is not None
        await self._session.quit()

    def _drop(self) -> None:
        self._lanes.abort(lambda: ConnectionLost("the client was closed before the message was sent"))


async def send(
    message: MessageLike,
    host: str,
    port: int = 587,
    *,
    username: str | None = None,
    password: str | None = None,
    token: Token | None = None,
    sender: MailboxLike | None = None,
    recipients: MailboxLike | Iterable[MailboxLike] | None = None,
    dsn: DSN | None = None,
    ssl: bool | _ssl.SSLContext | None = None,
    starttls: bool | None = None,
    server_hostname: str | None = None,
    local_address: LocalAddress | None = None,
    local_hostname: str | None = None,
    timeout: float | None = DEFAULT_TIMEOUT,
    dialer: Dialer | None = None,
) -> SendReport:
    """Send one message over a connection of its own; it returns when the server has taken it.

    Args:
        message: an `EmailMessage`, an older `email.message.Message`, or a message in bytes.
        host: the server's name or address.
        port: 587 for submission; 465 is TLS from the first byte; 25 is between servers.
        username: whom to log in, ``None`` for nobody.
        password: with ``username``.
        token: instead of a password: an OAuth token, or an async function that returns a fresh one.
        sender: the envelope's, ``None`` for the header's; ``""`` for the null one.
        recipients: the envelope's, ``None`` for those of To, Cc and Bcc.
        dsn: notifications to ask for, ``None`` for the server's usual ones.
        ssl: TLS from the first byte; ``None``: on port 465. A context together with ``starttls=True`` is used for that.
        starttls: ``True`` required, ``False`` never - the only way to let credentials travel in clear -, ``None``
            used when offered and required with credentials.
        server_hostname: the name to verify when it differs from ``host``.
        local_address: ``(host, port)`` to bind before connecting.
        local_hostname: what to call ourselves in EHLO, ``None`` for our address.
        timeout: seconds for all of it, ``None`` for no limit.
        dialer: opens the connection, ``None`` for the current one.

    Raises:
        ConnectError, TLSError, ResolveError, ForbiddenAddress: no connection, or none that is safe.
        AuthenticationError: the server refused the login, or offers none.
        ReplyError: the server refused the sender, all recipients or the message.
        ConnectionLost, OperationTimeout, ProtocolError: with ``maybe_done`` the server may have
            taken the message although it did not say so.
        ValueError, TypeError: an argument that cannot be right; nothing was sent.

    Source: RFC 5321, RFC 6409

    Example:
        ```python
        report = await asyncnet.smtp.send(message, "smtp.example.org", username="ann", password=secret)
        ```
    """
    options = Options(
        host=host, port=port, username=username, password=password, token=token, ssl=ssl, starttls=starttls,
        server_hostname=server_hostname, local_address=local_address, local_hostname=local_hostname, dialer=dialer,
    )  # fmt: skip
    mail = Mail(message, sender, recipients, dsn)
    session = Session(options)
    async with Operation("smtp", "send", peer=options.peer, timeout=timeout) as operation:
        try:
            await session.open(operation, options.choose_dialer())
            quitting: list[bytes] = []

            def goodbye() -> bytes:
                quitting.append(b"QUIT\r\n")
                return quitting[0]

            report = await session.carry(operation, mail, next_flight=goodbye)
            await part(operation, session.part if quitting else session.quit)
        finally:
            session.abort()
    return report

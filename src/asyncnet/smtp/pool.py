"""Many messages over a few connections, with a second try where the server says "not now"."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import random
import ssl as _ssl
from collections.abc import AsyncGenerator, AsyncIterable, Iterable

from ..core.client import GOODBYE_TIMEOUT, BaseClient
from ..core.dialer import Dialer
from ..core.many import fan_out
from ..core.operation import DEFAULT_TIMEOUT, Operation, Timeout, check_timeout
from ..core.outcome import Outcome
from ..core.target import LocalAddress
from ..errors import AsyncNetError, Attempt, ConnectionLost, ReplyError, StateError
from .envelope import DSN
from .lanes import Lanes
from .mail import Mail, MessageLike
from .mailbox import MailboxLike, parse_mailboxes
from .options import Options, Token
from .report import SendReport
from .retry import Retry, give_up, is_temporary, merge, refused_for_now
from .session import Session
from .transaction import CLOSING

__all__ = ["Pool"]

_FRESH = 1.0  # seconds: a connection used so shortly ago is not looked at before it is used again
_MOST = 0.9  # of what time is left: tries for a part of the recipients end before the deadline makes all of it an error
_SHY = 60.0  # seconds: how long a server that had too many connections is given fewer


class Pool(BaseClient):
    """Several connections to a mail server, opened as they are needed.

    A message goes out over the connection that was used last, over a new one
    while there is room, or over the next that gets free. It is tried again
    when the server says "not now" (4xx), or hung up before it had the message;
    never when the server may have taken it (``maybe_done``).

    Args:
        host: the server's name or address.
        port: 587 for submission; 465 is TLS from the first byte; 25 is between servers.
        size: how many connections at most; fewer for a while where the server says that they are too many.
        username: whom to log in, ``None`` for nobody.
        password: with ``username``.
        token: instead of a password: an OAuth token, or an async function that returns a fresh one.
        ssl: TLS from the first byte; ``None``: on port 465. A context together with ``starttls=True`` is used for that.
        starttls: ``True`` required, ``False`` never - the only way to let credentials travel in clear -, ``None``
            used when offered and required with credentials.
        server_hostname: the name to verify when it differs from ``host``.
        local_address: ``(host, port)`` to bind before connecting.
        local_hostname: what to call ourselves in EHLO, ``None`` for our address.
        retries: how often a message is tried again, within its time.
        retry_delay: seconds before the first of them, then twice as long each time; a part of it is chance.
        max_messages: messages after which a connection is replaced; the server may ask for fewer (RFC 9422).
        idle_timeout: seconds after which an unused connection is closed.
        timeout: seconds for each message, all its tries and its waiting included; ``None`` for no limit.
        dialer: opens the connections, ``None`` for the one that is current when the pool is opened.

    Source: RFC 5321 sections 3.8 and 4.5.4.1

    Example:
        ```python
        async with asyncnet.smtp.Pool("127.0.0.1", port, size=4) as pool:
            async for outcome in pool.send_many(messages):
                print(outcome.value or outcome.error)
        ```
    """

    _protocol = "smtp"

    def __init__(
        self,
        host: str,
        port: int = 587,
        *,
        size: int = 10,
        username: str | None = None,
        password: str | None = None,
        token: Token | None = None,
        ssl: bool | _ssl.SSLContext | None = None,
        starttls: bool | None = None,
        server_hostname: str | None = None,
        local_address: LocalAddress | None = None,
        local_hostname: str | None = None,
        retries: int = 3,
        retry_delay: float = 1.0,
        max_messages: int = 100,
        idle_timeout: float | None = 30.0,
        timeout: float | None = DEFAULT_TIMEOUT,
        dialer: Dialer | None = None,
    ) -> None:
        self._options = Options(
            host=host, port=port, username=username, password=password, token=token, ssl=ssl, starttls=starttls,
            server_hostname=server_hostname, local_address=local_address, local_hostname=local_hostname, dialer=dialer,
        )  # fmt: skip
        super().__init__(peer=self._options.peer, timeout=timeout)
        for name, value, least in (("size", size, 1), ("retries", retries, 0), ("max_messages", max_messages, 1)):
            if isinstance(value, bool) or not isinstance(value, int):
                raise TypeError(f"{name} must be an int, not {type(value).__name__}")
            if value < least:
                raise ValueError(f"{name} must be at least {least}, not {value}")
        self.size = size
        self._retries = retries
        self._retry_delay = check_timeout(retry_delay, "retry_delay") or 0.0
        self._max_messages = max_messages
        self._idle_timeout = check_timeout(idle_timeout, "idle_timeout")
        self._dialer: Dialer | None = None
        self._lanes = Lanes(size, spent=self._is_spent, retire=self._retire)
        self._partings: dict[asyncio.Task[None], Session] = {}
        self._sweeper: asyncio.TimerHandle | None = None
        self._shy_until = 0.0
        self._random = random.Random()

    @property
    def connections(self) -> int:
        """How many connections there are now, those being opened included."""
        return self._lanes.count

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

        Recipients that are refused "for now" are tried again too; who is left
        when the tries are used up stands in the report.

        Args:
            message: an `EmailMessage`, an older `email.message.Message`, or a message in bytes.
            sender: the envelope's, ``None`` for the header's; ``""`` for the null one.
            recipients: the envelope's, ``None`` for those of To, Cc and Bcc.
            dsn: notifications to ask for, ``None`` for the server's usual ones.
            timeout: seconds for all of it: waiting for a connection, opening it, all tries.

        Raises:
            ReplyError, ConnectError, ConnectionLost, OperationTimeout, ProtocolError: as for `send`;
                ``attempts`` has the tries before. With ``maybe_done`` the server may have taken it.
            ValueError, TypeError: an address that is none, or no recipient; nothing was sent.
        """
        operation = self._begin("send", timeout)
        mail = Mail(message, sender, recipients, dsn)
        retry = Retry(self._retries, self._retry_delay, self.size, self._random)
        async with operation:
            report = await self._persist(operation, mail, retry)
            if report.refused:
                report = await self._persist_for_the_rest(operation, mail, report, retry)
            return report

    async def send_many(
        self,
        messages: Iterable[MessageLike] | AsyncIterable[MessageLike],
        *,
        sender: MailboxLike | None = None,
        recipients: MailboxLike | Iterable[MailboxLike] | None = None,
        dsn: DSN | None = None,
        concurrency: int | None = None,
        timeout: Timeout = ...,
    ) -> AsyncGenerator[Outcome[SendReport], None]:
        """Send many messages; yield what became of each, in the order in which they end.

        Args:
            messages: the messages, as for `send`; may be endless.
            sender: the envelope's for all of them, ``None`` for each one's own.
            recipients: the envelope's for all of them, ``None`` for each one's own.
            dsn: notifications to ask for, ``None`` for the server's usual ones.
            concurrency: how many are under way at once, ``None`` for four times the pool's size:
                one on each connection, and behind it one whose envelope can travel along.
            timeout: seconds for each message, its waiting for a connection included.

        Yields:
            An `Outcome` for each message, with its `SendReport` or the error that `send` would have raised.
        """
        self._begin("send_many", timeout)
        to = None if recipients is None else [mailbox.address for mailbox in parse_mailboxes(recipients, "recipients")]

        async def work(message: MessageLike) -> SendReport:
            return await self.send(message, sender=sender, recipients=to, dsn=dsn, timeout=timeout)

        outcomes = fan_out(messages, work, concurrency=4 * self.size if concurrency is None else concurrency)
        try:
            async for outcome in outcomes:
                yield outcome
        finally:
            await outcomes.aclose()

    # ---- tries

    async def _persist(self, operation: Operation, mail: Mail, retry: Retry) -> SendReport:
        """Try until it is taken, refused for good, or the tries or the time are used up."""
        while True:
            try:
                return await self._try(operation, mail, retry)
            except AsyncNetError as error:
                if operation.maybe_done or not is_temporary(error):
                    raise
                delay = retry.next_delay(error, operation.remaining)
                if delay is None:
                    raise
                operation.attempts.append(Attempt(self._options.peer, str(error), None, operation.elapsed))
            await self._wait(operation, delay)

    async def _persist_for_the_rest(
        self, operation: Operation, mail: Mail, report: SendReport, retry: Retry
    ) -> SendReport:
        """Try again for those who were refused for now; the others have the message, so nothing raises any more."""
        while left := refused_for_now(report):
            delay = retry.next_delay(report.refused[left[0]], operation.remaining)
            if delay is None:
                break
            try:
                async with asyncio.timeout(None if operation.remaining is None else operation.remaining * _MOST):
                    await self._wait(operation, delay)
                    report = merge(report, await self._persist(operation, mail.only(left), retry))
            except (AsyncNetError, TimeoutError) as error:
                return give_up(report, left, error, maybe_done=operation.maybe_done)
        return report

    async def _wait(self, operation: Operation, delay: float) -> None:
        if delay:
            with operation.span("retry", delay=delay):
                await asyncio.sleep(delay)

    async def _try(self, operation: Operation, mail: Mail, retry: Retry) -> SendReport:
        if self._shy_until and operation.loop.time() >= self._shy_until:
            self._shy_until, self._lanes.size = 0.0, self.size
        turn = self._lanes.acquire()
        if turn is None:
            with operation.span("queue"):
                try:
                    turn = await self._lanes.wait(mail)
                except ConnectionLost:
                    retry.free = True  # the connection went down with the envelope on it: no fault of this message
                    raise
        given, transaction = turn
        session = given or Session(self._options)
        retry.free = given is not None
        try:
            if given is None:
                await self._open_session(operation, session, retry)
            elif transaction is None and not await self._is_usable(operation, session):
                raise ConnectionLost("the server had closed the connection")
            return await session.carry(
                operation, mail, transaction, next_flight=lambda: self._lanes.next_flight(session)
            )
        finally:
            self._lanes.release(session)
            self._arm_sweeper()

    async def _open_session(self, operation: Operation, session: Session, retry: Retry) -> None:
        assert self._dialer is not None
        self._lanes.add(session)
        try:
            await session.open(operation, self._dialer)
        except ReplyError as error:
            if error.code == CLOSING and self._lanes.count > 1:
                # It has too many: do with the others, for a while.
                self._lanes.size = self._lanes.count - 1
                self._shy_until = operation.loop.time() + _SHY
                retry.free = True
            raise

    async def _is_usable(self, operation: Operation, session: Session) -> bool:
        if operation.loop.time() - session.idle_since < _FRESH or await session.alive():
            return True
        session.abort()
        return False

    # ---- how many, and for how long

    def _is_spent(self, session: Session) -> bool:
        return session.messages >= min(self._max_messages, session.extensions.max_messages or self._max_messages)

    def _retire(self, session: Session) -> None:
        """Say goodbye to a connection in the background."""
        assert self._loop is not None
        # In a context of its own: the task outlives the call that caused it.
        task = self._loop.create_task(_part(session), context=contextvars.Context())
        self._partings[task] = session
        task.add_done_callback(self._partings.pop)

    def _arm_sweeper(self) -> None:
        if self._sweeper is None and self._idle_timeout is not None and self._lanes.idle and self._loop is not None:
            self._sweeper = self._loop.call_later(self._idle_timeout, self._sweep)

    def _sweep(self) -> None:
        assert self._loop is not None
        assert self._idle_timeout is not None
        self._sweeper = None
        now = self._loop.time()
        for session in self._lanes.idle:
            if now - session.idle_since >= self._idle_timeout:
                self._retire(self._lanes.take_idle(session))
        self._arm_sweeper()

    # ---- life

    async def _open(self, operation: Operation) -> None:
        self._dialer = self._options.choose_dialer()

    async def _goodbye(self) -> None:
        for session in self._lanes.idle:
            self._retire(self._lanes.take_idle(session))
        if self._partings:
            await asyncio.wait(self._partings)

    def _drop(self) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        for task, session in self._partings.items():
            task.cancel()
            session.abort()
        self._lanes.abort(lambda: StateError("the pool was closed before the message was sent"))


async def _part(session: Session) -> None:
    with contextlib.suppress(AsyncNetError, TimeoutError):
        async with asyncio.timeout(GOODBYE_TIMEOUT):
            await session.quit()
    session.abort()

"""Receiving mail from a maildrop."""

from __future__ import annotations

import asyncio
import ssl as _ssl
from collections.abc import AsyncGenerator, Iterable

from ..core.access import Token
from ..core.client import BaseClient
from ..core.dialer import Dialer
from ..core.lines import MAX_BLOCK
from ..core.operation import DEFAULT_TIMEOUT, Operation, Timeout
from ..core.target import LocalAddress
from ..errors import ReplyError
from .message import Message
from .retrieval import Retrieval
from .session import Options, Session
from .status import Item, parse_numbers

__all__ = ["MAX_BYTES", "Client", "check_count", "check_limit"]

MAX_BYTES = MAX_BLOCK  # of one message, unless the caller says otherwise


class Client(BaseClient):
    """One session with a POP3 server.

    Messages have numbers from 1, the newest last, which hold for this session.
    A normal exit commits the deletions; an exception leaves the maildrop
    untouched.  A command that was cancelled or timed out ends the client, and
    then too nothing is deleted.  Several tasks may use it at the same time.

    Args:
        host: the server's name or address.
        port: 995, which is TLS from the first byte; 110 is for STLS.
        username: whom to log in.
        password: with ``username``.
        token: instead of a password: an OAuth token, or an async function that returns a fresh one.
        apop: log in by APOP; it needs a password and a server that greets with a timestamp.
        ssl: TLS from the first byte; ``None``: on port 995. A context together with ``starttls=True`` is used for that.
        starttls: ``True`` required, ``False`` never - the only way to let credentials travel in clear -, ``None``
            used when offered and required with credentials.
        server_hostname: the name to verify when it differs from ``host``.
        local_address: ``(host, port)`` to bind before connecting.
        timeout: seconds, the default of each operation; ``None`` for no limit.
        dialer: opens the connection, ``None`` for the current one.

    Source: RFC 1939, 2449, 2595, 5034

    Example:
        ```python
        async with asyncnet.pop3.Client("pop.example.org", username="ann", password=secret) as pop3:
            async for message in pop3.messages():
                print(message.number, message["Subject"])
        ```
    """

    _protocol = "pop3"

    def __init__(
        self,
        host: str,
        port: int = 995,
        *,
        username: str | None = None,
        password: str | None = None,
        token: Token | None = None,
        apop: bool = False,
        ssl: bool | _ssl.SSLContext | None = None,
        starttls: bool | None = None,
        server_hostname: str | None = None,
        local_address: LocalAddress | None = None,
        timeout: float | None = DEFAULT_TIMEOUT,
        dialer: Dialer | None = None,
    ) -> None:
        self._options = Options(
            host=host, port=port, username=username, password=password, token=token, ssl=ssl, starttls=starttls,
            server_hostname=server_hostname, local_address=local_address, dialer=dialer, apop=apop,
        )  # fmt: skip
        super().__init__(peer=self._options.peer, timeout=timeout)
        self._session: Session | None = None
        self._deleted: set[int] = set()
        self._commit: asyncio.Future[None] | None = None

    @property
    def capabilities(self) -> frozenset[str]:
        """What the server offers, in capitals; empty if it did not say, and before the client is open."""
        return frozenset() if self._session is None else frozenset(self._session.capabilities)

    # ---- looking

    async def stat(self, *, timeout: Timeout = ...) -> tuple[int, int]:
        """Return how many messages there are, and their bytes; without those that were deleted."""
        operation, session = self._start("stat", timeout)
        async with operation:
            status = await session.ask(operation, "STAT", session.line("STAT"))
            return session.trust(parse_numbers, status.text)

    async def list(self, *, timeout: Timeout = ...) -> list[Item]:
        """List the messages by number, the newest last, without those that were deleted.

        Args:
            timeout: seconds for all of it.
        """
        operation, session = self._start("list", timeout)
        async with operation:
            return await session.items(operation)

    # ---- fetching

    async def fetch(self, number: int, *, max_bytes: int = MAX_BYTES, timeout: Timeout = ...) -> Message:
        """Fetch a message, an `email.message.EmailMessage`; it stays in the maildrop.

        Args:
            number: as `list` tells it.
            max_bytes: what it may have at most.
            timeout: seconds for all of it.

        Raises:
            ReplyError: there is no such message.
            LimitExceeded: it has more bytes; the client is closed then.
        """
        data = await self._retrieve("fetch", ("RETR", _checked(number)), max_bytes, timeout)
        return Message._parse(data, Item(number, len(data)))

    async def fetch_bytes(self, number: int, *, max_bytes: int = MAX_BYTES, timeout: Timeout = ...) -> bytes:
        """Fetch a message as it is stored, in bytes with CRLF line ends; see `fetch`."""
        return await self._retrieve("fetch_bytes", ("RETR", _checked(number)), max_bytes, timeout)

    async def headers(
        self, number: int, lines: int = 0, *, max_bytes: int = MAX_BYTES, timeout: Timeout = ...
    ) -> Message:
        """Fetch a message's headers and the first lines of its body (TOP, which is optional; most servers have it).

        Args:
            number: as `list` tells it.
            lines: how many lines of the body.
            max_bytes: what that may have at most.
            timeout: seconds for all of it.
        """
        if check_count(lines, "lines") < 0:
            raise ValueError(f"lines must not be negative, not {lines}")
        data = await self._retrieve("headers", ("TOP", _checked(number), str(lines)), max_bytes, timeout)
        return Message._parse(data, Item(number, len(data)))

    async def _retrieve(self, name: str, words: tuple[str, ...], max_bytes: int, timeout: Timeout) -> bytes:
        check_limit(max_bytes)
        operation, session = self._start(name, timeout)
        async with operation:
            command = session.block(*words, max_bytes=max_bytes)
            await session.ask(operation, words[0], command)
        return command.block or b""

    async def messages(
        self, numbers: Iterable[int] | None = None, *, max_bytes: int = MAX_BYTES, timeout: Timeout = ...
    ) -> AsyncGenerator[Message, None]:
        """Iterate over the messages; several are asked for ahead where the server takes that (PIPELINING).

        A message may be deleted, or another one fetched, inside the loop.

        Args:
            numbers: which ones, in this order; ``None`` for all, the newest last.
            max_bytes: what one of them may have at most.
            timeout: seconds for each of them, and for the list before.

        Raises:
            ReplyError: there is no such message, or it cannot be read.
            LimitExceeded: one has more bytes.
        """
        check_limit(max_bytes)
        wanted = None if numbers is None else [int(_checked(number)) for number in numbers]
        operation, session = self._start("messages", timeout)
        async with operation:
            items = await session.items(operation)
        if wanted is not None:
            known = {item.number: item for item in items}
            items = [known.get(number, Item(number, 0)) for number in wanted]
        retrieval = Retrieval(session, items, max_bytes, self._deleted)
        try:
            while True:
                if retrieval.ready:
                    found = await retrieval.next()
                else:
                    operation, session = self._start("messages", timeout)
                    async with operation:
                        with operation.span("retr"):
                            found = await retrieval.next()
                if found is None:
                    return
                item, data = found
                yield Message._parse(data, item)
        finally:
            retrieval.close()

    # ---- changing

    async def delete(self, number: int, *, timeout: Timeout = ...) -> None:
        """Mark a message as deleted; a normal exit commits it.

        Raises:
            ReplyError: there is no such message, or it is marked already.
        """
        word = _checked(number)
        operation, session = self._start("delete", timeout)
        async with operation:
            await session.ask(operation, "DELE", session.line("DELE", word))
            self._deleted.add(number)

    async def reset(self, *, timeout: Timeout = ...) -> None:
        """Take all deletions of this session back."""
        operation, session = self._start("reset", timeout)
        async with operation:
            await session.ask(operation, "RSET", session.line("RSET"))
            self._deleted.clear()

    # ---- life

    async def close(self) -> None:
        """Commit the deletions and release everything.  Idempotent.

        Without deletions it takes 5 s at most; with them the client's timeout.

        Raises:
            ReplyError: the server could not delete all of them.
            ConnectionLost, OperationTimeout: its answer was not seen; with ``maybe_done`` it may have deleted them.
        """
        if self._commit is not None:
            await asyncio.wait([self._commit])
        elif self._deleted and self._state == "open":
            operation, session = self._start("close", ...)
            self._commit = operation.loop.create_future()
            try:
                async with operation:
                    with operation.span("quit"):
                        operation.maybe_done = True
                        try:
                            await session.quit()
                        except ReplyError:
                            operation.maybe_done = False
                            raise
            except BaseException:
                self.abort()
                raise
            finally:
                self._commit.set_result(None)
        await super().close()

    async def _open(self, operation: Operation) -> None:
        self._session = Session(self._options, self.abort)
        await self._session.open(operation)

    async def _goodbye(self) -> None:
        assert self._session is not None
        if self._commit is None:
            await self._session.quit()
        await self._session.close()

    def _drop(self) -> None:
        if self._session is not None:
            self._session.drop()

    # ---- inside

    def _start(self, name: str, timeout: Timeout) -> tuple[Operation, Session]:
        operation = self._begin(name, timeout)
        assert self._session is not None
        return operation, self._session


def _checked(number: int) -> str:
    if not 0 < check_count(number, "number") < 1 << 53:
        raise ValueError(f"number must be at least 1, not {number}")
    return str(number)


def check_limit(max_bytes: int) -> None:
    """Check a limit in bytes, before any I/O."""
    if check_count(max_bytes, "max_bytes") < 1:
        raise ValueError(f"max_bytes must be at least 1, not {max_bytes}")


def check_count(value: int, name: str) -> int:
    """Check that a number is one."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be an int, not {type(value).__name__}")
    return value

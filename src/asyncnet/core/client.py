"""The life of every client: made, opened once, closed or aborted; one loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import ClassVar, Self

from ..errors import AsyncNetError, StateError
from .operation import DEFAULT_TIMEOUT, Operation, Timeout, check_timeout, choose_timeout

__all__ = ["GOODBYE_TIMEOUT", "BaseClient", "part"]

GOODBYE_TIMEOUT = 5.0  # seconds: what close() may take to be polite
PARTING = 1.0  # seconds: how long the result of a one-shot waits for the server's goodbye


class BaseClient:
    """Open, close and abort, the same for each protocol.

    A subclass sets `_protocol` and implements `_open` (acquire), `_goodbye`
    (polite; may raise or be cut short) and `_drop` (release everything now;
    never waits, never raises).  `_drop` always runs, after `_goodbye` too.
    """

    __slots__ = ("__weakref__", "_closing", "_loop", "_peer", "_state", "_timeout")

    _protocol: ClassVar[str]

    def __init__(self, *, peer: str | None = None, timeout: float | None = DEFAULT_TIMEOUT) -> None:
        self._peer = peer
        self._timeout = check_timeout(timeout)
        self._state = "new"
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing: asyncio.Future[None] | None = None

    async def _open(self, operation: Operation) -> None:
        """Acquire what the client needs."""

    async def _goodbye(self) -> None:
        """Say goodbye to the peer."""

    def _drop(self) -> None:
        """Release everything now."""

    @property
    def closed(self) -> bool:
        """Whether the client has been closed or aborted, or could not be opened."""
        return self._state == "closed"

    async def open(self, *, timeout: Timeout = ...) -> Self:
        """Open the client and return it.

        Args:
            timeout: seconds for all of it; ``None`` for no limit; by default the client's own.

        Raises:
            StateError: it was opened before; a client opens once.
        """
        if self._state != "new":
            raise self._misused(f"a client opens once, this one is {self._state}", "open")
        operation = Operation(self._protocol, "open", peer=self._peer, timeout=choose_timeout(timeout, self._timeout))
        self._loop = asyncio.get_running_loop()
        self._state = "opening"
        try:
            async with operation:
                await self._open(operation)
                if self._state != "opening":
                    raise self._misused("the client was closed while it opened", "open")
        except BaseException:
            self.abort()
            raise
        self._state = "open"
        return self

    async def close(self) -> None:
        """Say goodbye within 5 s, then release everything.  Idempotent."""
        if self._state in ("new", "closed"):
            self._state = "closed"
            return
        self._check_loop("close")
        if self._closing is not None:
            await asyncio.wait([self._closing])
            return
        self._closing = asyncio.get_running_loop().create_future()
        opened, self._state = self._state == "open", "closing"
        try:
            if opened:
                # Whatever goes wrong now, the caller asked for the end of it and gets it.
                with contextlib.suppress(Exception):
                    async with asyncio.timeout(GOODBYE_TIMEOUT):
                        await self._goodbye()
        finally:
            self.abort()
            if not self._closing.done():
                self._closing.set_result(None)

    def abort(self) -> None:
        """Release everything now; never waits, never raises.  Idempotent."""
        self._state = "closed"
        self._drop()

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        if exc_type is None:
            await self.close()
        else:
            self.abort()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {f'{self._peer} ' if self._peer else ''}{self._state}>"

    def _begin(self, name: str, timeout: Timeout = ..., *, peer: str | None = None) -> Operation:
        """Begin an operation of an open client, or raise `StateError`."""
        if self._state != "open":
            state = "not open" if self._state in ("new", "opening") else "closed"
            raise self._misused(f"the client is {state}", name)
        self._check_loop(name)
        return Operation(self._protocol, name, peer=peer or self._peer, timeout=choose_timeout(timeout, self._timeout))

    def _check_loop(self, name: str) -> None:
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            # Two loops of one kind look the same but for where they are.
            here, there = (f"{each!r} at 0x{id(each):x}" for each in (loop, self._loop))
            raise self._misused(
                f"opened on {there}, used from {here}; a client belongs to the loop it was opened on", name
            )

    def _misused(self, message: str, name: str) -> StateError:
        return StateError(message, protocol=self._protocol, operation=name, peer=self._peer)


async def part(operation: Operation, goodbye: Callable[[], Awaitable[object]]) -> None:
    """End a one-shot's session politely, in a fraction of what time is left: its work is done, that alone counts."""
    patience = PARTING if operation.remaining is None else min(PARTING, operation.remaining / 2)
    with contextlib.suppress(TimeoutError, AsyncNetError):
        async with asyncio.timeout(patience):
            await goodbye()

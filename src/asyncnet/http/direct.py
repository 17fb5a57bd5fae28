"""The rest of a body straight from the socket into a buffer, past the parser.

A body whose length is known needs no parsing.  What the kernel has goes into
the caller's buffer and from there to a file: two copies in place of five, and
no memory that is allocated for each piece.  Never a byte beyond the body is
received, so that the connection can be used again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ..core.transport import Transport
from ..errors import AsyncNetError, ConnectionLost

__all__ = ["Direct"]


class Direct:
    """Takes a transport's bytes for one body; see `wire.DirectBody`.

    Args:
        transport: plain, its receiver being told what to do by ``aim``.
        aim: says where the next bytes are to be received, ``None`` when the body has ended.
        begun: what the parser had taken of the body already.
        length: bytes that are still to come.
    """

    __slots__ = (
        "_aim",
        "_begun",
        "_failure",
        "_filled",
        "_loop",
        "_transport",
        "_view",
        "_waiter",
        "received",
        "remaining",
    )

    def __init__(
        self, transport: Transport, aim: Callable[[memoryview | None], None], begun: bytes, length: int
    ) -> None:
        self._transport = transport
        self._aim = aim
        self._begun = memoryview(begun)
        self.remaining = length
        self.received = 0
        self._loop = asyncio.get_running_loop()
        self._view: memoryview | None = None
        self._filled = 0
        self._waiter: asyncio.Future[None] | None = None
        self._failure: AsyncNetError | None = None
        transport.pause_reading()

    async def fill(self, view: memoryview) -> int:
        """Receive until the view is full or the body ends; return how much of it was filled.

        Cancelled, it can be called again with the same view and goes on.
        """
        if self._view is None:
            self._view, self._filled = view, len(self._begun[: len(view)])
            view[: self._filled] = self._begun[: self._filled]
            self._begun = self._begun[self._filled :]
            self.received += self._filled
        if self._filled < len(view) and self.remaining and self._failure is None:
            self._waiter = self._loop.create_future()
            self._target()
            self._transport.resume_reading()
            try:
                await self._waiter
            finally:
                self._waiter = None
                self._transport.pause_reading()
        if self._failure is not None and not self._filled:
            raise self._failure
        count, self._view = self._filled, None
        if not self.remaining and not self._begun:
            self._aim(None)
            self._transport.resume_reading()  # to see when the peer closes
        return count

    def _target(self) -> None:
        assert self._view is not None
        self._aim(self._view[self._filled : self._filled + self.remaining])

    def updated(self, count: int) -> None:
        """So many bytes have been received."""
        self._filled += count
        self.received += count
        self.remaining -= count
        assert self._view is not None
        if self.remaining and self._filled < len(self._view):
            self._target()
            return
        self._transport.pause_reading()
        self._wake()

    def lost(self) -> None:
        """The connection is gone."""
        if self.remaining:
            self._failure = ConnectionLost(f"the body was cut: {self.remaining} bytes are missing", phase="transfer")
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

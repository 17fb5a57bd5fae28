"""What is still to come on a connection, straight into a buffer: past parsers and chunks.

What the kernel has goes into the caller's buffer and from there to a file: two
copies, and no memory that is allocated for each piece.  Where the length is
known, never a byte beyond it is received, so that the connection can be used again.

While nobody fills, nothing is received: the file thread may then receive from
the same connection through a `Tap`.
"""

from __future__ import annotations

import asyncio
import contextlib
import select
import socket
import threading
import time
from collections.abc import Callable

from ..errors import AsyncNetError, ConnectionLost
from .transport import Transport

__all__ = ["Direct", "Tap"]

_TURN = 0.02  # seconds that a tap goes on waiting for more, until others get the file thread
_PATIENCE = 1  # milliseconds without a byte after which a link is not fast enough for a tap


class Direct:
    """Takes a transport's bytes to the end of a body or of the connection.

    Args:
        transport: plain, its receiver being told what to do by ``aim``.
        aim: says where the next bytes are to be received, ``None`` when the body has ended.
        begun: what was received already.
        length: bytes that are still to come; ``None``: until the peer ends.

    Attributes:
        received: bytes that have come so far.
    """

    __slots__ = (
        "_aim", "_begun", "_ended", "_failure", "_filled", "_loop", "_remaining", "_transport", "_view", "_waiter",
        "received",
    )  # fmt: skip

    def __init__(
        self, transport: Transport, aim: Callable[[memoryview | None], None], begun: bytes, length: int | None
    ) -> None:
        self._transport = transport
        self._aim = aim
        self._begun = memoryview(begun)
        self._remaining = length
        self.received = 0
        self._loop = asyncio.get_running_loop()
        self._view: memoryview | None = None
        self._filled = 0
        self._waiter: asyncio.Future[None] | None = None
        self._ended = length == 0
        self._failure: AsyncNetError | None = None
        transport.pause_reading()

    async def fill(self, view: memoryview) -> int:
        """Receive until the view is full or the body ends; return how much of it was filled, 0 at the end.

        Cancelled, it can be called again with the same view and goes on.

        Raises:
            ConnectionLost: the body was cut; what came before has been returned.
        """
        if self._view is None:
            self._view, self._filled = view, len(self._begun[: len(view)])
            view[: self._filled] = self._begun[: self._filled]
            self._begun = self._begun[self._filled :]
            self.received += self._filled
        if self._filled < len(view) and not self._ended:
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
        if self._ended and not self._begun:
            self._aim(None)
            self._transport.resume_reading()  # to see when the peer closes
        return count

    def settle(self) -> int:
        """Give up a `fill` that was cancelled; return how much of its view was filled."""
        if self._view is None:
            return 0
        count, self._view = self._filled, None
        return count

    def _target(self) -> None:
        assert self._view is not None
        room = len(self._view) if self._remaining is None else self._filled + self._remaining
        self._aim(self._view[self._filled : room])

    def updated(self, count: int) -> None:
        """So many bytes have been received into the view."""
        self._filled += count
        self._count(count)
        assert self._view is not None
        if not self._ended and self._filled < len(self._view):
            self._target()
            return
        self._transport.pause_reading()
        self._wake()

    def _count(self, count: int) -> None:
        self.received += count
        if self._remaining is not None:
            self._remaining -= count
            self._ended = self._ended or not self._remaining

    def lost(self) -> None:
        """Nothing more will come: a cut, where the length is known and not reached."""
        if self._remaining:
            self._failure = ConnectionLost(f"the body was cut: {self._remaining} bytes are missing", phase="transfer")
        self._ended = True
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # ---- the file thread's way

    def tap(self) -> Tap:
        """What the file thread can receive from between two calls of `fill`; the caller closes it."""
        return Tap(self._transport.socket)

    def at_most(self, size: int) -> int:
        """How much a tap may take where ``size`` is wanted: nothing before what was received already."""
        if self._begun or self._ended:
            return 0
        return size if self._remaining is None else min(size, self._remaining)

    def tapped(self, count: int, failure: OSError | None) -> None:
        """Count what a tap has taken, and fail as it did."""
        self._count(count)
        if failure is not None:
            self._transport.fail(failure)


class Tap:
    """A second handle of a connection, for the file thread.

    A duplicate, because the loop may close the connection meanwhile: the number
    of its socket would then lead to somebody else's.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._lock = threading.Lock()
        self._closed = False
        self._socket: socket.socket | None = None
        self._poll = None
        # Where no descriptor is left, the loop receives all.
        with contextlib.suppress(OSError):
            self._socket = sock.dup()
        if self._socket is not None and hasattr(select, "poll"):
            self._poll = select.poll()
            self._poll.register(self._socket.fileno(), select.POLLIN)

    def run(
        self, write: Callable[[memoryview], object], view: memoryview, filled: int, most: int
    ) -> tuple[int, OSError | None]:
        """Write what stands in the view, then go on with what comes fast; belongs into the file thread.

        The bytes of a fast link cost one change of threads for many buffers, and
        the loop is free meanwhile.

        Args:
            write: called with pieces of ``view``.
            view: the buffer.
            filled: bytes that stand in it.
            most: bytes to take from the socket at most.

        Returns:
            How many bytes were taken, and the error that ended it.
        """
        try:
            with self._lock:
                write(view[:filled])
                return self._go_on(write, view, most)
        finally:
            if self._closed:
                self._release()

    def _go_on(self, write: Callable[[memoryview], object], view: memoryview, most: int) -> tuple[int, OSError | None]:
        taken = 0
        until = time.monotonic() + _TURN
        while self._socket is not None and taken < most and not self._closed:
            room = view[: most - taken]
            filled, failure = self._receive(self._socket, room, until)
            write(room[:filled])
            taken += filled
            if failure is not None or filled < len(room):
                return taken, failure
        return taken, None

    def _receive(self, sock: socket.socket, view: memoryview, until: float) -> tuple[int, OSError | None]:
        """Fill the view; less at the end, after an error and when the link is slow."""
        filled = 0
        while filled < len(view):
            try:
                count = sock.recv_into(view[filled:])
            except (BlockingIOError, InterruptedError):
                if self._poll is not None and time.monotonic() < until and self._poll.poll(_PATIENCE):
                    continue
                break
            except OSError as error:
                return filled, error
            if not count:
                break
            filled += count
        return filled, None

    def close(self) -> None:
        """Give the handle back, or have `run` do it at its end; the connection stays as it is."""
        self._closed = True
        if self._lock.acquire(blocking=False):
            self._release()
            self._lock.release()

    def _release(self) -> None:
        if self._socket is not None:
            self._socket.close()

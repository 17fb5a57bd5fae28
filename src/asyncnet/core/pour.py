"""From a connection into a file: every download of every protocol ends here.

What needs no more looking at goes by `pour_direct`: the loop fills a buffer, the
file thread writes it and then takes from the socket itself what comes fast.
What was decrypted or decoded goes by `pour`, in batches: one is written while
the next is received.

Who is cancelled goes at once, and what the file thread has begun it ends: the
owner of the file closes it there, behind that (`files.finish_in_file_thread`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence

from ..errors import ConnectionLost, OperationTimeout
from .direct import Direct
from .files import start_in_file_thread
from .pace import Pace

__all__ = ["Pieces", "fill", "pour", "pour_direct"]

_BUFFER = 1024 * 1024  # bytes: stays in the cache of a core between receiving and writing
_BATCH = 1024 * 1024  # bytes written by one job of the file thread
_KEEP = 1.0  # seconds that bytes of a slow link wait to be written: so much is lost if the process is killed
_QUANTUM = 8 * 1024 * 1024  # bytes that the file thread takes from one connection until others have their turn

Pieces = Sequence[bytes | memoryview]


async def fill(direct: Direct, pace: Pace, view: memoryview) -> int:
    """As `Direct.fill`, not slower than it may be, and with less than a full view where the link is slow.

    Raises:
        ConnectionLost: the body was cut; what came before has been returned.
        OperationTimeout: no byte came for too long, or too few.
    """
    before = direct.received
    count: int | None = None
    try:
        async with pace.limit():
            while count is None:
                try:
                    async with asyncio.timeout(_KEEP):
                        count = await direct.fill(view)
                except TimeoutError:
                    count = direct.settle() or None
    except TimeoutError:
        count = direct.settle()
        if not count:
            raise pace.expired() from None
    pace.moved(direct.received - before)
    return count


async def pour_direct(
    direct: Direct,
    pace: Pace,
    write: Callable[[Pieces], object],
    moved: Callable[[int], object],
    *,
    most: int | None = None,
) -> None:
    """Write all that is still to come.

    Args:
        direct: where it comes from.
        pace: how slow it may be.
        write: writes at the end of a file; called in the file thread.
        moved: told how many bytes have come, before they are written if they may be too many; may raise.
        most: bytes that may come; ``moved`` is told of the first one beyond, ``None`` for no limit.
    """
    view = memoryview(bytearray(_BUFFER))
    came = 0
    tap = direct.tap()
    try:
        while count := await fill(direct, pace, view):
            moved(count)
            came += count
            quantum = direct.at_most(_QUANTUM if most is None else min(_QUANTUM, most - came))
            tapping = start_in_file_thread(tap.run, lambda piece: write([piece]), view, count, quantum)
            taken, failure = await asyncio.shield(tapping)
            came += taken
            direct.tapped(taken, failure)
            pace.moved(taken)
            if taken:
                moved(taken)
    except asyncio.CancelledError:
        count = direct.settle() if most is None else min(direct.settle(), most - came)
        if count:
            _write_behind(write, [view[:count]])
        raise
    finally:
        tap.close()


async def pour(
    receive: Callable[[], Awaitable[bytes]], write: Callable[[Pieces], object], moved: Callable[[int], object]
) -> None:
    """Write all pieces; those before a failure or a cancellation, too.

    Args:
        receive: gives the next piece, ``b""`` at the end.
        write: writes at the end of a file; called in the file thread.
        moved: told how many bytes have come, before they are written; may raise.
    """
    writing: asyncio.Future[object] | None = None
    failure: Exception | None = None
    batch = _Batch()
    try:
        while not batch.last:
            try:
                piece = await receive()
            except (ConnectionLost, OperationTimeout) as error:
                failure, piece = error, b""
            if not batch.add(piece):
                continue
            batch.tell(moved)
            if writing is not None:
                await asyncio.shield(writing)
                writing = None
            if batch.pieces:
                writing = start_in_file_thread(write, batch.pieces)
            batch = _Batch(batch.last)
        if writing is not None:
            await asyncio.shield(writing)
    except asyncio.CancelledError:
        with contextlib.suppress(Exception):  # too many bytes, say: what matters now is the cancellation
            batch.tell(moved)
            if batch.pieces:
                _write_behind(write, batch.pieces)
        raise
    if failure is not None:
        raise failure


class _Batch:
    """Pieces that are written in one go."""

    __slots__ = ("_told", "_until", "last", "pieces", "size")

    def __init__(self, last: bool = False) -> None:
        self.pieces: list[bytes] = []
        self.size = 0
        self.last = last
        self._told = False
        self._until = asyncio.get_running_loop().time() + _KEEP

    def add(self, piece: bytes) -> bool:
        """Take a piece, an empty one at the end; whether it is time to write."""
        if piece:
            self.pieces.append(piece)
            self.size += len(piece)
            return self.size >= _BATCH or asyncio.get_running_loop().time() > self._until
        self.last = True
        return True

    def tell(self, moved: Callable[[int], object]) -> None:
        """Tell how many bytes these are, once."""
        if self.pieces and not self._told:
            self._told = True
            moved(self.size)


def _write_behind(write: Callable[[Pieces], object], pieces: Pieces) -> None:
    """Write what a cancelled one has received, without waiting for it: the next try goes on behind that."""
    writing = start_in_file_thread(write, pieces)
    writing.add_done_callback(lambda done: done.cancelled() or done.exception())

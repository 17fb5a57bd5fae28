"""From a connection into a file: in batches, in order, and nothing that came is thrown away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

import pytest

import asyncnet
from asyncnet.core.files import run_in_file_thread
from asyncnet.core.pour import Pieces, pour

pytestmark = pytest.mark.asyncio

PIECE = b"x" * 400_000


class File:
    """What is written, and what was told of it."""

    def __init__(self, most: int | None = None) -> None:
        self.content = b""
        self.told = 0
        self.most = most

    def write(self, pieces: Pieces) -> None:
        self.content += b"".join(pieces)

    def moved(self, count: int) -> None:
        self.told += count
        if self.most is not None and self.told > self.most:
            raise asyncnet.LimitExceeded("too much")


def source(pieces: Iterable[bytes | Exception], dry: asyncio.Event | None = None) -> Callable[[], Awaitable[bytes]]:
    """Gives the pieces; then the end, or, with an event that is set then, nothing for ever."""
    left = iter(pieces)

    async def receive() -> bytes:
        for piece in left:
            if isinstance(piece, Exception):
                raise piece
            return piece
        if dry is not None:
            dry.set()
            await asyncio.get_running_loop().create_future()
        return b""

    return receive


@pytest.mark.parametrize("pieces", [[], [b"a"], [b"a", b"b"], [PIECE] * 7])
async def test_all_of_it_is_written_in_order(pieces: list[bytes]) -> None:
    file = File()
    await pour(source(pieces), file.write, file.moved)
    assert file.content == b"".join(pieces)
    assert file.told == len(file.content)


@pytest.mark.parametrize("pieces", [[], [b"a"], [PIECE] * 7])
@pytest.mark.parametrize("failure", [asyncnet.ConnectionLost("cut"), asyncnet.OperationTimeout("slow")])
async def test_what_came_before_a_failure_is_written(pieces: list[bytes], failure: Exception) -> None:
    file = File()
    with pytest.raises(type(failure)):
        await pour(source([*pieces, failure]), file.write, file.moved)
    assert file.content == b"".join(pieces)


@pytest.mark.parametrize("pieces", [[], [b"a"], [PIECE] * 7])
async def test_what_came_before_a_cancellation_is_written(pieces: list[bytes]) -> None:
    file, dry = File(), asyncio.Event()
    pouring = asyncio.create_task(pour(source(pieces, dry), file.write, file.moved))
    await dry.wait()
    pouring.cancel()
    with pytest.raises(asyncio.CancelledError):
        await pouring
    await run_in_file_thread(lambda: None)  # behind what was left to be written
    assert file.content == b"".join(pieces)
    assert file.told == len(file.content)


async def test_too_much_is_not_written_not_even_at_a_cancellation() -> None:
    file, dry = File(most=3), asyncio.Event()
    pouring = asyncio.create_task(pour(source([b"ab", b"cd"], dry), file.write, file.moved))
    await dry.wait()
    pouring.cancel()
    with pytest.raises(asyncio.CancelledError):
        await pouring
    await run_in_file_thread(lambda: None)
    assert file.content == b""


async def test_too_much_ends_it_before_it_is_written() -> None:
    file = File(most=1_300_000)
    with pytest.raises(asyncnet.LimitExceeded):
        await pour(source([PIECE] * 7), file.write, file.moved)
    assert len(file.content) <= 1_300_000


async def test_a_disk_that_is_full_is_told() -> None:
    def full(pieces: Pieces) -> None:
        raise OSError(28, "no space")

    with pytest.raises(OSError, match="no space"):
        await pour(source([PIECE] * 7), full, lambda count: None)


async def test_a_disk_that_is_full_at_a_cancellation_is_no_more_than_that() -> None:
    def full(pieces: Pieces) -> None:
        raise OSError(28, "no space")

    dry = asyncio.Event()
    pouring = asyncio.create_task(pour(source([b"a"], dry), full, lambda count: None))
    await dry.wait()
    pouring.cancel()
    with pytest.raises(asyncio.CancelledError):
        await pouring
    await run_in_file_thread(lambda: None)

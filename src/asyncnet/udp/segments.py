"""Many datagrams in one system call: what may travel together, and how it is taken apart.

Pure.  Linux takes a run of datagrams of one size as a single message and cuts it
up below us (UDP_SEGMENT, "generic segmentation offload"); the last of a run may
be shorter.  On the other side it hands over such a run as it came (UDP_GRO).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeAlias

from .datagram import MAX_DATAGRAM, Buffer, check_data

__all__ = ["MAX_SEGMENTS", "Run", "runs", "split"]

MAX_SEGMENTS = 64  # UDP_MAX_SEGMENTS of Linux 4.18 to 6.1; later ones take 128

#: A message, the size of the datagrams it is made of (its last may be shorter), and how many these are.
Run: TypeAlias = tuple[bytes | memoryview, int, int]


def split(message: bytes, size: int) -> list[bytes]:
    """Take a message apart into the datagrams of ``size`` bytes that it was made of."""
    return [message[start : start + size] for start in range(0, len(message), size)]


def runs(payloads: Iterable[Buffer] | Buffer, size: int | None = None) -> Iterator[Run]:
    """Group payloads, in their order, into messages that one system call can send.

    A run has payloads of one size, only its last may be shorter (but not empty),
    at most `MAX_SEGMENTS` of them and no more bytes than one message holds.
    Lazy: never more than `MAX_SEGMENTS` payloads are taken ahead of their use.

    Args:
        payloads: the payloads, or one buffer to be cut into such.
        size: where to cut it; ``None`` if it is many already.

    Raises:
        TypeError, ValueError: a payload is no bytes, or too long; those before it
            that were taken together with it are not in a run either.
    """
    if isinstance(payloads, bytes | bytearray | memoryview):
        yield from _cut(payloads, size)
        return
    if isinstance(payloads, str) or size is not None:
        raise TypeError("payloads must be an iterable of bytes, or one buffer together with size")
    if isinstance(payloads, list | tuple):
        yield from _runs_of_sequence(payloads)
        return
    source = iter(payloads)
    for first in source:
        # The first one says how many can travel together, the last one of a chunk how many of the next.
        chunk = [first, *islice(source, _most(first) - 1)]
        while chunk:
            message = _joined(chunk)
            if message is None:
                yield from _mixed([check_data(data, "each payload") for data in chunk])
            else:
                yield message, len(chunk[0]), len(chunk)
            chunk = list(islice(source, _most(chunk[-1])))


def _cut(buffer: Buffer, size: int | None) -> Iterator[Run]:
    if size is None:
        raise TypeError(f"payloads must be an iterable of bytes, not {type(buffer).__name__}; size= cuts one buffer")
    if type(size) is not int:
        raise TypeError(f"size must be an int, not {type(size).__name__}")
    if not 1 <= size <= MAX_DATAGRAM:
        raise ValueError(f"size must be between 1 and {MAX_DATAGRAM} bytes, not {size}")
    view = memoryview(buffer)
    view = view.cast("B") if view.contiguous else memoryview(view.tobytes())
    step = size * min(MAX_SEGMENTS, MAX_DATAGRAM // size)
    for start in range(0, len(view), step):
        message = view[start : start + step]
        yield message, size, -(-len(message) // size)


def _runs_of_sequence(payloads: Sequence[Buffer]) -> Iterator[Run]:
    start, most, size = 0, 0, -1
    while start < len(payloads):
        first = payloads[start]
        if type(first) is not bytes or len(first) != size:
            most = _most(first)
            size = len(check_data(first))
        chunk = payloads[start : start + most]
        start += most
        message = _joined(chunk)
        if message is None:
            yield from _mixed([check_data(data, "each payload") for data in chunk])
        else:
            yield message, size, len(chunk)


def _joined(chunk: Sequence[Buffer]) -> bytes | None:
    """The message of payloads of one size; ``None`` if they are no such, or no payloads at all."""
    # For every datagram sent: a pass in C takes a fifth of a loop of ours. The longest being
    # as long as the first, and the sum as if all were, none is shorter. What has another
    # length than bytes (an array) shows in the sum too.
    try:
        size = len(chunk[0])
        if max(map(len, chunk)) == size and size * len(chunk) <= MAX_DATAGRAM:
            message = b"".join(chunk)
            return message if len(message) == size * len(chunk) else None
    except (TypeError, BufferError):
        pass
    return None


def _mixed(chunk: list[Buffer]) -> Iterator[Run]:
    run: list[Buffer] = []
    for data in chunk:
        size = len(run[0]) if run else 0
        # What is larger begins a run of its own; a shorter one ends the run it belongs to.
        if run and (len(data) > size or not data or len(run[-1]) < size or len(run) == _most(run[0])):
            yield b"".join(run), size, len(run)
            run = []
        run.append(data)
    yield b"".join(run), len(run[0]), len(run)


def _most(data: Buffer) -> int:
    size = len(check_data(data, "each payload"))
    return min(MAX_SEGMENTS, MAX_DATAGRAM // size) if size else 1

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
Run: TypeAlias = tuple[bytes, int, int]


def split(message: bytes, size: int) -> list[bytes]:
    """Take a message apart into the datagrams of ``size`` bytes that it is made of; an empty one is one."""
    return [message[start : start + size] for start in range(0, len(message), size)] if message else [message]


def runs(payloads: Iterable[Buffer]) -> Iterator[Run]:
    """Group payloads, in their order, into messages that one system call can send.

    A run has payloads of one size, only its last may be shorter (but not empty),
    at most `MAX_SEGMENTS` of them and no more bytes than one message holds.
    Lazy: never more than `MAX_SEGMENTS` payloads are taken ahead of their use.

    Raises:
        TypeError, ValueError: a payload is no bytes, or too long; those before it
            that were taken together with it are not in a run either.
    """
    if isinstance(payloads, bytes | bytearray | memoryview | str):
        raise TypeError(f"payloads must be an iterable of bytes, not {type(payloads).__name__}")
    for chunk in _chunks(payloads):
        message = _joined(chunk)
        if message is not None:
            yield message, len(chunk[0]), len(chunk)
        else:
            yield from _mixed([check_data(data, "each payload") for data in chunk])


def _chunks(payloads: Iterable[Buffer]) -> Iterator[Sequence[Buffer]]:
    """As many at a time as could travel together if they had the size of the first, or of the last before."""
    if isinstance(payloads, list | tuple):
        start, end = 0, len(payloads)
        while start < end:
            stop = start + _most(payloads[start])
            yield payloads[start:stop]
            start = stop
        return
    source = iter(payloads)
    for first in source:
        chunk = [first, *islice(source, _most(first) - 1)]
        while chunk:
            yield chunk
            chunk = list(islice(source, _most(chunk[-1])))


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

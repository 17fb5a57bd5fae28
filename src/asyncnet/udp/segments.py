"""Many datagrams in one system call: what may travel together, and how it is taken apart.

Pure.  Linux takes a run of datagrams of one size as a single message and cuts it
up below us (UDP_SEGMENT, "generic segmentation offload"); the last of a run may
be shorter.  On the other side it hands over such a run as it came (UDP_GRO).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from .datagram import MAX_DATAGRAM, Buffer, check_payloads

__all__ = ["MAX_SEGMENTS", "batches", "split"]

MAX_SEGMENTS = 64  # UDP_MAX_SEGMENTS of Linux 4.18 to 6.1; later ones take 128


def split(data: bytes, size: int) -> list[bytes]:
    """Take a merged message apart into the datagrams of ``size`` bytes that it was made of."""
    return [data[start : start + size] for start in range(0, len(data), size)]


def batches(payloads: Iterable[Buffer]) -> Iterator[list[Buffer]]:
    """Group payloads in their order into runs that one system call can send.

    Each run has payloads of one size, only its last may be shorter (but not
    empty), at most `MAX_SEGMENTS` of them and no more bytes than one message holds.
    Lazy: no more than one run is taken from ``payloads`` ahead of its use.
    """
    source = iter(payloads)
    ahead: list[Buffer] = []  # taken, not yet in a run
    while True:
        if not ahead and not (ahead := check_payloads(list(islice(source, 1)))):
            return
        size = len(ahead[0])
        most = min(MAX_SEGMENTS, MAX_DATAGRAM // size) if size else 1
        if len(ahead) < most:
            fresh = list(islice(source, most - len(ahead)))
            ahead += check_payloads(fresh) if fresh else fresh
        run = _run_length(ahead, size, most)
        yield ahead[:run]
        del ahead[:run]


def _run_length(payloads: list[Buffer], size: int, most: int) -> int:
    if len(payloads) <= most and set(map(len, payloads)) == {size}:
        return len(payloads)
    for index, payload in enumerate(payloads[:most]):
        if len(payload) != size:
            # Larger ones begin a run of their own; a shorter one ends this run, unless it
            # is empty: no segment is left for it.
            return index + 1 if 0 < len(payload) < size else index
    return most

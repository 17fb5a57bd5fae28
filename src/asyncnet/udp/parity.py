"""Parity: the XOR of some packets, from which any single one of them can be had again.

Pure.  The idea of RFC 5109, without its negotiation: all packets but the last
have one size, so that nothing but bytes has to be recovered.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypeAlias

__all__ = ["Group", "Parity", "check_parity", "groups", "xor"]

#: Packets for each parity packet; two numbers for rows and columns; None for no parity.
Parity: TypeAlias = int | tuple[int, int] | None

_MOST = 255  # packets in a group: its number has to fit into a byte


class Group(NamedTuple):
    """The packets that one parity packet protects: ``size`` of them, ``stride`` apart, from ``first``."""

    first: int
    stride: int
    size: int

    @property
    def members(self) -> range:
        """Their numbers."""
        return range(self.first, self.first + self.stride * self.size, self.stride)


def check_parity(parity: object) -> Parity:
    """Return a parity that is one, or raise."""
    match parity:
        case None:
            return None
        case int() if type(parity) is int:
            numbers: tuple[int, ...] = (parity,)
        case (int(rows), int(columns)) if type(rows) is type(columns) is int and isinstance(parity, tuple):
            numbers = (rows, columns)
        case _:
            raise TypeError(f"parity must be an int, a tuple of two or None, not {parity!r}")
    if not all(1 <= number <= _MOST for number in numbers):
        raise ValueError(f"parity must be between 1 and {_MOST}, not {parity!r}")
    return numbers[0] if len(numbers) == 1 else (numbers[0], numbers[1])


def groups(count: int, parity: Parity) -> Iterator[tuple[range, list[Group]]]:
    """The groups for so many packets, by blocks: the packets of each block, and the groups within it.

    One number ``n``: a block has ``n * n`` packets in ``n`` groups of ``n``; those of
    a group stand ``n`` apart, so that ``n`` packets lost in a row hit each group
    once.  Two numbers ``(rows, columns)``: one group for each row of neighbours
    and one for each column; what one of both cannot give back the other may.
    """
    if parity is None:
        return
    rows, columns = parity if isinstance(parity, tuple) else (parity, parity)
    for start in range(0, count, rows * columns):
        end = min(count, start + rows * columns)
        if isinstance(parity, tuple):
            found = [Group(first, 1, min(columns, end - first)) for first in range(start, end, columns)]
            found += _spread(start, end, columns)
            # At the ragged end of the last block some have one member, which another group has, too.
            found = [group for group in found if group.size > 1] or found[:1]
        else:
            # A short block has fewer groups, not smaller ones.
            found = _spread(start, end, -(-(end - start) // parity))
        yield range(start, end), found


def _spread(start: int, end: int, distance: int) -> list[Group]:
    firsts = range(start, min(end, start + distance))
    return [Group(first, distance, len(range(first, end, distance))) for first in firsts]


def xor(size: int, parts: Iterable[bytes]) -> bytes:
    """The XOR of the parts, each as if it had ``size`` bytes, filled up with zeros."""
    # As one large number each: a thousand times a loop over the bytes.
    value = 0
    for part in parts:
        value ^= int.from_bytes(part, "little")
    return value.to_bytes(size, "little")

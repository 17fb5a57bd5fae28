"""A medium in pieces: cut into packets by the sender, put together by the receiver.

Pure.  Each packet is RTP with a payload header of twelve bytes, so that each says
by itself where it belongs, whatever of the others was lost::

    total size in bytes (4) · offset of the (first) piece (4) ·
    size of a piece (2) · pieces in this group (1) · pieces from one of them to the next (1)

All integers are big-endian.  A piece has payload type 96, a group of one and no
distance; parity has payload type 97 and is the XOR of its group.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from .parity import Group, Parity, groups, xor
from .rtp import HEADER_SIZE, Packet, build_packet

__all__ = ["MAX_MEDIA", "MIN_STEP", "OVERHEAD", "PARITY", "PIECE", "Assembly", "packets"]

PIECE, PARITY = 96, 97  # payload types
MAX_MEDIA = 0xFFFFFFFF  # bytes: what the header can say
MIN_STEP = 64  # bytes of a piece, so that a lie about the size cannot cost us much more than the size

_HEADER = struct.Struct("!IIHBB")
OVERHEAD = HEADER_SIZE + _HEADER.size  # bytes of headers in a packet
_SPARE_GROUPS = 64  # parity kept beyond what an honest sender could have under way


def packets(
    data: bytes | memoryview, step: int, parity: Parity, *, source: int, sequence: int, timestamp: int
) -> Iterator[bytes]:
    """Cut a medium into packets of ``step`` bytes of its own, and add parity.

    A block's parity is spread over the next block, so that packets lost in a row
    do not take a piece and what could give it back.  The last packet has the marker.
    """
    total = len(data)
    count = max(1, -(-total // step))
    number = sequence

    def packet(kind: int, group: Group, body: bytes, last: bool) -> bytes:
        nonlocal number
        header = _HEADER.pack(total, group.first * step, step, group.size, group.stride)
        number += 1
        return build_packet(Packet(kind, number - 1, timestamp, source, header + body, last))

    def protection(group: Group, last: bool) -> bytes:
        parts = (bytes(data[index * step : index * step + step]) for index in group.members)
        return packet(PARITY, group, xor(step, parts), last)

    protections = _schedule(count, parity)
    due = next(protections, None)
    for index in range(count):
        body = bytes(data[index * step : index * step + step])
        yield packet(PIECE, Group(index, 0, 1), body, index == count - 1 and due is None)
        while due is not None and due[0] <= index:
            yield protection(due[1], False)
            due = next(protections, None)
    while due is not None:
        group, due = due[1], next(protections, None)
        yield protection(group, due is None)


def _schedule(count: int, parity: Parity) -> Iterator[tuple[int, Group]]:
    """After which piece each group's parity is sent; those of the last block after all of them."""
    for block, found in groups(count, parity):
        for place, group in enumerate(found):
            yield block.stop + place * len(block) // len(found), group


class Assembly:
    """What was received of one medium, and what can be had from parity.

    Args:
        total: its size in bytes.
        step: the size of a piece.

    Attributes:
        received: pieces that came themselves.
        recovered: pieces that parity gave back.
        duplicates: pieces that came again, or after they had been recovered.
        missing: pieces that are not there.
    """

    def __init__(self, total: int, step: int) -> None:
        self.total = total
        self.step = step
        self.count = max(1, -(-total // step))
        self.missing = self.count
        self.received = self.recovered = self.duplicates = 0
        self._data = bytearray(total)
        self._have = bytearray(self.count)  # 1 received, 2 recovered
        self._waiting: dict[int, set[Group]] = {}  # by the pieces that a group still lacks
        self._parity: dict[Group, tuple[bytes, set[int]]] = {}

    @classmethod
    def of(cls, packet: Packet, max_bytes: int) -> Assembly | None:
        """Begin with a packet that is a part of a medium; ``None`` if it is no such.

        Raises:
            OverflowError: the medium has more than ``max_bytes``.
        """
        if packet.payload_type not in (PIECE, PARITY) or len(packet.payload) < _HEADER.size:
            return None
        total, offset, step, _, _ = _HEADER.unpack_from(packet.payload)
        if step < MIN_STEP or (offset >= total and total):
            return None
        if total > max_bytes:
            raise OverflowError(f"the medium has {total} bytes, more than max_bytes={max_bytes}")
        return cls(total, step)

    def add(self, packet: Packet) -> bool:
        """Take a packet in; the answer is whether it brought a byte that was not there."""
        if packet.payload_type not in (PIECE, PARITY) or len(packet.payload) < _HEADER.size:
            return False
        total, offset, step, members, stride = _HEADER.unpack_from(packet.payload)
        first, rest = divmod(offset, self.step)
        body = packet.payload[_HEADER.size :]
        if (total, step, rest) != (self.total, self.step, 0) or first >= self.count:
            return False
        if packet.payload_type == PIECE:
            return len(body) == self._size(first) and self._piece(first, body)
        group = Group(first, stride, members)
        if not members or not stride or group.members[-1] >= self.count or len(body) != self.step:
            return False
        return self._protect(group, body)

    @property
    def data(self) -> bytes:
        """The medium, zeros where something is missing."""
        return bytes(self._data)

    def gaps(self) -> tuple[range, ...]:
        """What is missing, as ranges of bytes in their order, none touching the next."""
        if not self.total:
            return ()
        return tuple(
            range(gap.start() * self.step, min(self.total, gap.end() * self.step))
            for gap in re.finditer(rb"\0+", self._have)
        )

    # ---- inside

    def _size(self, index: int) -> int:
        return max(0, min(self.step, self.total - index * self.step))

    def _piece(self, index: int, body: bytes) -> bool:
        if self._have[index]:
            self.duplicates += 1
            return False
        self.received += 1
        self._put(index, body, 1)
        return True

    def _put(self, index: int, body: bytes, how: int) -> None:
        """Put a piece in place, and every piece that parity gives back because of it."""
        arrived = [(index, body, how)]
        while arrived:
            index, body, how = arrived.pop()
            if self._have[index]:
                continue  # two groups gave it back at once
            self._have[index] = how
            self.missing -= 1
            self.recovered += how == 2
            self._data[index * self.step : index * self.step + len(body)] = body
            for group in self._waiting.pop(index, ()):
                value, lacking = self._parity[group]
                lacking.discard(index)
                self._parity[group] = (xor(self.step, (value, body)), lacking)
                if len(lacking) == 1:
                    arrived.append(self._solve(group))

    def _protect(self, group: Group, body: bytes) -> bool:
        lacking = {index for index in group.members if not self._have[index]}
        if not lacking or group in self._parity or len(self._parity) >= self.count + _SPARE_GROUPS:
            return False
        there = [self._slice(index) for index in group.members if self._have[index]]
        self._parity[group] = (xor(self.step, (body, *there)), lacking)
        for index in lacking:
            self._waiting.setdefault(index, set()).add(group)
        if len(lacking) == 1:
            index, body, how = self._solve(group)
            self._put(index, body, how)
        return True

    def _solve(self, group: Group) -> tuple[int, bytes, int]:
        """The last piece that a group lacks is what is left of its parity."""
        value, lacking = self._parity.pop(group)
        index = lacking.pop()
        self._waiting[index].discard(group)
        return index, value[: self._size(index)], 2

    def _slice(self, index: int) -> bytes:
        return bytes(self._data[index * self.step : (index + 1) * self.step])

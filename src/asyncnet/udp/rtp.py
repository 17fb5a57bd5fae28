"""The header of an RTP packet (RFC 3550 section 5.1), built and taken apart.

Pure::

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |V=2|P|X|  CC   |M|     PT      |       sequence number         |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |                           timestamp                           |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |                  synchronization source (SSRC)                |
    +=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+
"""

from __future__ import annotations

import struct
from typing import NamedTuple

__all__ = ["HEADER_SIZE", "Packet", "build_packet", "parse_packet"]

HEADER_SIZE = 12  # bytes, without contributing sources and extension

_HEADER = struct.Struct("!BBHII")
_VERSION = 2
_PADDING, _EXTENSION, _SOURCES = 0x20, 0x10, 0x0F
_MARKER = 0x80


class Packet(NamedTuple):
    """One RTP packet.

    Attributes:
        payload_type: 0 to 127: what the payload is; 96 and above by agreement (RFC 3551 section 6).
        sequence: counts packets, modulo 2**16.
        timestamp: when its first byte was sampled, in the clock of the medium, modulo 2**32.
        source: a random number that tells one stream from another (SSRC).
        payload: the bytes after the headers, without padding.
        marker: for most media: the last packet of a frame.
    """

    payload_type: int
    sequence: int
    timestamp: int
    source: int
    payload: bytes
    marker: bool = False


def build_packet(packet: Packet) -> bytes:
    """The packet as it travels: no padding, no extension, no contributing sources."""
    if not 0 <= packet.payload_type <= 127:
        raise ValueError(f"payload_type must be between 0 and 127, not {packet.payload_type}")
    header = _HEADER.pack(
        _VERSION << 6,
        packet.payload_type | (_MARKER if packet.marker else 0),
        packet.sequence & 0xFFFF,
        packet.timestamp & 0xFFFFFFFF,
        packet.source & 0xFFFFFFFF,
    )
    return header + packet.payload


def parse_packet(data: bytes) -> Packet:
    """Take a datagram apart.

    Raises:
        ValueError: it is no RTP packet, or cut short.
    """
    if len(data) < HEADER_SIZE:
        raise ValueError(f"an RTP packet has at least {HEADER_SIZE} bytes, not {len(data)}")
    first, second, sequence, timestamp, source = _HEADER.unpack_from(data)
    if first >> 6 != _VERSION:
        raise ValueError(f"RTP version 2 is known here, not {first >> 6}")
    start = HEADER_SIZE + 4 * (first & _SOURCES)
    if first & _EXTENSION:
        # Section 5.3.1: two bytes for the profile, two for the length in words of four bytes.
        if len(data) < start + 4:
            raise ValueError("the header extension is cut short")
        start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4], "big")
    end = len(data)
    if first & _PADDING:
        # The last byte counts the padding, itself included.
        if not data[-1]:
            raise ValueError("padding of no bytes")
        end -= data[-1]
    if start > end:
        raise ValueError("the headers and the padding are longer than the packet")
    return Packet(second & 0x7F, sequence, timestamp, source, data[start:end], bool(second & _MARKER))

"""The PROXY protocol, versions 1 and 2: who the peer behind a load balancer is.

Pure: bytes in, values out.  Source: "The PROXY protocol, versions 1 & 2" of
HAProxy, sections 2.1 (text) and 2.2 (binary).
"""

from __future__ import annotations

import ipaddress

from ..errors import ProtocolError
from .address import Endpoint

__all__ = ["SIGNATURE", "header_length", "parse_header"]

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"  # what version 2 begins with
_V1_LIMIT = 107  # bytes, line ending included: the longest line that version 1 allows
_V2_HEAD = 16  # bytes before the addresses
_V2_LIMIT = 4_096  # bytes of addresses and extensions; the format allows 65,535
_ADDRESSES = {0x11: 4, 0x21: 16}  # family and transport -> bytes of an address; datagrams and Unix sockets: unknown


def header_length(start: bytes | bytearray) -> int | None:
    """How long the header is that begins like this; ``None`` while that cannot be said.

    Raises:
        ProtocolError: this does not begin a header.
    """
    if start.startswith(SIGNATURE):
        if len(start) < _V2_HEAD:
            return None
        length = _V2_HEAD + int.from_bytes(start[14:16], "big")
        if length > _V2_LIMIT:
            raise ProtocolError(f"PROXY header of {length} bytes")
        return length
    if SIGNATURE.startswith(start):
        return None
    if b"PROXY "[: len(start)] != start[:6]:
        raise ProtocolError(f"no PROXY header but {bytes(start[:20])!r}")
    end = start.find(b"\r\n", 0, _V1_LIMIT)
    if end < 0 and len(start) >= _V1_LIMIT:
        raise ProtocolError(f"PROXY line of more than {_V1_LIMIT} bytes")
    return None if end < 0 else end + 2


def parse_header(header: bytes) -> Endpoint | None:
    """The peer that a whole header names; ``None`` where it names none (health checks, other address families).

    Raises:
        ProtocolError: the header is malformed.
    """
    return _parse_binary(header) if header.startswith(SIGNATURE) else _parse_text(header)


def _parse_text(header: bytes) -> Endpoint | None:
    words = header[:-2].decode("latin-1").split(" ")
    if words[1] == "UNKNOWN":
        return None
    try:
        kind, source, _, port, _ = words[1:]
        version = {"TCP4": 4, "TCP6": 6}[kind]
        address = ipaddress.ip_address(source)
        if address.version != version or not (port.isascii() and port.isdigit()) or int(port) > 65_535:
            raise ValueError
    except (ValueError, KeyError):
        raise ProtocolError(f"malformed PROXY line {header[:60]!r}") from None
    return Endpoint(str(address), int(port))


def _parse_binary(header: bytes) -> Endpoint | None:
    version, command = header[12] >> 4, header[12] & 0xF
    if version != 2 or command > 1:
        raise ProtocolError(f"PROXY version {version}, command {command}")
    size = _ADDRESSES.get(header[13])
    if command == 0 or size is None:  # LOCAL: the balancer itself, for a health check
        return None
    body = header[_V2_HEAD:]
    if len(body) < 2 * size + 4:
        raise ProtocolError(f"PROXY addresses of {len(body)} bytes")
    address = ipaddress.ip_address(bytes(body[:size]))
    return Endpoint(str(address), int.from_bytes(body[2 * size : 2 * size + 2], "big"))

"""The PROXY protocol: whole, byte by byte, with bytes behind it, and wrong."""

from __future__ import annotations

import random

import pytest

import asyncnet
from asyncnet.core.proxy_protocol import SIGNATURE, header_length, parse_header

V1 = b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n"
V1_SIX = b"PROXY TCP6 2001:db8::7 2001:db8::1 56324 443\r\n"


def v2(kind: int, body: bytes, command: int = 0x21) -> bytes:
    return SIGNATURE + bytes([command, kind]) + len(body).to_bytes(2, "big") + body


FOUR = v2(0x11, bytes([192, 0, 2, 7, 198, 51, 100, 1]) + (56324).to_bytes(2, "big") + (443).to_bytes(2, "big"))
SIX = v2(0x21, bytes(15) + b"\x07" + bytes(16) + (1).to_bytes(2, "big") + bytes(2) + b"\x03\x00\x00")


@pytest.mark.parametrize(
    ("header", "peer"),
    [
        (V1, ("192.0.2.7", 56324)),
        (V1_SIX, ("2001:db8::7", 56324)),
        (b"PROXY UNKNOWN\r\n", None),
        (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", None),
        (FOUR, ("192.0.2.7", 56324)),
        (SIX, ("::7", 1)),
        (v2(0x11, b"", command=0x20), None),
        (v2(0x31, bytes(216)), None),
        (v2(0x00, b""), None),
    ],
)
def test_headers(header: bytes, peer: tuple[str, int] | None) -> None:
    assert header_length(header + b"GET / HTTP/1.1\r\n") == len(header)
    assert parse_header(header) == peer
    lengths = [header_length(header[:count]) for count in range(len(header) + 1)]
    known = [length for length in lengths if length is not None]
    assert set(known) == {len(header)}
    assert lengths[0] is None


@pytest.mark.parametrize("start", [b"GET / HTTP/1.1\r\n", b"PROXX", b"\r\n\r\n\x00\r\nQUIX", b"\x16\x03\x01", b"P" * 3])
def test_no_header(start: bytes) -> None:
    with pytest.raises(asyncnet.ProtocolError, match="no PROXY header"):
        header_length(start)


def test_too_long() -> None:
    with pytest.raises(asyncnet.ProtocolError, match="more than 107"):
        header_length(b"PROXY TCP4 " + b"1" * 200)
    with pytest.raises(asyncnet.ProtocolError, match="65551 bytes"):
        header_length(SIGNATURE + b"\x21\x11\xff\xff")


@pytest.mark.parametrize(
    "header",
    [
        b"PROXY TCP4 192.0.2.7 198.51.100.1 56324\r\n",
        b"PROXY TCP4 2001:db8::7 198.51.100.1 1 2\r\n",
        b"PROXY TCP5 192.0.2.7 198.51.100.1 1 2\r\n",
        b"PROXY TCP4 nonsense 198.51.100.1 1 2\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 99999 2\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 -1 2\r\n",
        v2(0x11, bytes(11)),
        v2(0x11, bytes(12), command=0x11),
        v2(0x11, bytes(12), command=0x22),
    ],
)
def test_malformed(header: bytes) -> None:
    with pytest.raises(asyncnet.ProtocolError, match="PROXY"):
        parse_header(header)


def test_any_bytes_at_all_are_a_header_or_a_protocol_error() -> None:
    chance = random.Random(1)
    starts = [b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n", V1_SIX, FOUR, SIX, b"PROXY UNKNOWN\r\n"]
    for _ in range(5_000):
        data = bytearray(chance.choice(starts))
        for _ in range(chance.randrange(1, 4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            length = header_length(data)
            if length is not None and length <= len(data):
                parse_header(bytes(data[:length]))
        except asyncnet.ProtocolError:
            continue

"""RTP headers: RFC 3550 section 5.1."""

from __future__ import annotations

import random

import pytest

from asyncnet.udp.rtp import HEADER_SIZE, Packet, build_packet, parse_packet

PLAIN = Packet(96, 0x1234, 0x89ABCDEF, 0xDEADBEEF, b"payload", True)
WIRE = bytes.fromhex("80 e0 1234 89abcdef deadbeef") + b"payload"


def test_the_bytes_of_the_standard():
    assert build_packet(PLAIN) == WIRE
    assert parse_packet(WIRE) == PLAIN
    assert parse_packet(bytes.fromhex("80 60 0000 00000000 00000000")) == Packet(96, 0, 0, 0, b"", False)


def test_numbers_wrap():
    built = build_packet(Packet(127, 0x1_0000 + 7, 2**32 + 8, 2**32 + 9, b""))
    assert parse_packet(built) == Packet(127, 7, 8, 9, b"")


@pytest.mark.parametrize("payload_type", [-1, 128])
def test_a_payload_type_that_does_not_fit(payload_type):
    with pytest.raises(ValueError, match="payload_type"):
        build_packet(Packet(payload_type, 0, 0, 0, b""))


@pytest.mark.parametrize(
    ("head", "rest", "payload"),
    [
        (0x80, b"abc", b"abc"),
        (0x82, b"CSRCCSRC" + b"abc", b"abc"),
        (0xA0, b"abc" + b"\0\0\3", b"abc"),
        (0xA0, b"\1", b""),
        (0x90, bytes.fromhex("bede 0000") + b"abc", b"abc"),
        (0x90, bytes.fromhex("bede 0001 11111111") + b"abc", b"abc"),
        (0xB1, b"CSRC" + bytes.fromhex("bede 0001 11111111") + b"abc" + b"\0\2", b"abc"),
    ],
)
def test_optional_parts_are_left_out(head, rest, payload):
    assert parse_packet(bytes([head, 96]) + bytes(10) + rest).payload == payload


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "at least 12 bytes, not 0"),
        (WIRE[:11], "not 11"),
        (b"\x00" + WIRE[1:], "not 0"),
        (b"\x40" + WIRE[1:], "not 1"),
        (b"\xc0" + WIRE[1:], "not 3"),
        (b"\x8f" + WIRE[1:], "longer than the packet"),
        (b"\x90" + WIRE[1:15], "extension is cut short"),
        (b"\x90" + WIRE[1:12] + b"\0\0\0\2" + b"1234", "longer than the packet"),
        (b"\xa0" + WIRE[1:12] + b"abc\0", "padding of no bytes"),
        (b"\xa0" + WIRE[1:12] + b"abc\5", "longer than the packet"),
    ],
)
def test_what_is_no_packet(data, message):
    with pytest.raises(ValueError, match=message):
        parse_packet(data)


def test_any_bytes_are_a_packet_or_a_value_error():
    chance = random.Random(3550)
    parsed = 0
    for _ in range(20_000):
        data = chance.randbytes(chance.randrange(40))
        try:
            packet = parse_packet(data)
        except ValueError:
            continue
        parsed += 1
        assert len(packet.payload) <= len(data) - HEADER_SIZE
        assert packet.payload in data
    assert parsed > 100

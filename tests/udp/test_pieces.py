"""A medium in pieces: what is lost is either recovered exactly or marked exactly."""

from __future__ import annotations

import random
import struct

import pytest

from asyncnet.udp.parity import groups
from asyncnet.udp.pieces import MIN_STEP, OVERHEAD, PARITY, PIECE, Assembly, packets
from asyncnet.udp.rtp import Packet, parse_packet

STEP = 100


def sent(data: bytes, parity=None, step: int = STEP) -> list[Packet]:
    return [parse_packet(packet) for packet in packets(data, step, parity, source=7, sequence=65_530, timestamp=9)]


def put_together(arrived: list[Packet], max_bytes: int = 1 << 20) -> Assembly:
    assembly = Assembly.of(arrived[0], max_bytes)
    assert assembly is not None
    for packet in arrived:
        assembly.add(packet)
    return assembly


def marked(data: bytes, assembly: Assembly) -> bytes:
    """The medium with zeros where the gaps are said to be."""
    expected = bytearray(data)
    for gap in assembly.gaps():
        expected[gap.start : gap.stop] = bytes(len(gap))
    return bytes(expected)


def recoverable(count: int, parity, lost: set[int], lost_groups: set) -> set[int]:
    """Which pieces stay lost, by the plainest of methods."""
    there = [group for _, found in groups(count, parity) for group in found if group not in lost_groups]
    lost = set(lost)
    while True:
        single = [lost & set(group.members) for group in there if len(lost & set(group.members)) == 1]
        if not single:
            return lost
        lost -= single[0]


@pytest.mark.parametrize("parity", [None, 1, 4, (3, 4)])
@pytest.mark.parametrize("size", [0, 1, 99, 100, 101, 1_000, 2_345])
def test_nothing_lost(size, parity):
    data = random.Random(size).randbytes(size)
    assembly = put_together(sent(data, parity))
    assert (assembly.data, assembly.gaps(), assembly.missing) == (data, (), 0)
    assert (assembly.received, assembly.recovered, assembly.count) == (max(1, -(-size // STEP)), 0, assembly.received)


def test_the_headers():
    found = sent(b"x" * 250)
    assert [(packet.payload_type, packet.sequence, packet.timestamp, packet.source) for packet in found] == [
        (PIECE, 65_530, 9, 7),
        (PIECE, 65_531, 9, 7),
        (PIECE, 65_532, 9, 7),
    ]
    assert [packet.marker for packet in found] == [False, False, True]
    assert found[2].payload == struct.pack("!IIHBB", 250, 200, 100, 1, 0) + b"x" * 50
    wire = next(iter(packets(b"x" * 250, STEP, None, source=7, sequence=0, timestamp=9)))
    assert len(wire) == STEP + OVERHEAD


@pytest.mark.parametrize("parity", [4, (3, 4)])
def test_the_last_packet_has_the_marker_and_numbers_go_on(parity):
    found = sent(bytes(3_050), parity)
    assert [packet.marker for packet in found] == [False] * (len(found) - 1) + [True]
    assert [packet.sequence for packet in found] == [(65_530 + n) % 65_536 for n in range(len(found))]
    assert sum(packet.payload_type == PIECE for packet in found) == 31


def test_parity_is_sent_away_from_its_pieces():
    """Four packets lost in a row cost nothing with a parity of four, wherever they are."""
    data = random.Random(1).randbytes(6_400)
    found = sent(data, 4)
    for start in range(len(found)):
        assembly = put_together(found[:start] + found[start + 4 :] if start else found[4:])
        assert (assembly.data, assembly.missing) == (data, 0), f"from {start}"


@pytest.mark.parametrize("lost", range(13))
def test_any_single_piece_comes_back(lost):
    data = random.Random(2).randbytes(1_234)  # the last one is shorter
    found = sent(data, 5)
    assembly = put_together([packet for packet in found if packet is not found[_index_of_piece(found, lost)]])
    assert (assembly.data, assembly.recovered, assembly.gaps()) == (data, 1, ())


def _index_of_piece(found: list[Packet], piece: int) -> int:
    return [index for index, packet in enumerate(found) if packet.payload_type == PIECE][piece]


@pytest.mark.parametrize("parity", [None, 1, 3, 8, (2, 2), (4, 6), (8, 8)])
@pytest.mark.parametrize("loss", [0.02, 0.1, 0.3, 0.6])
def test_any_loss_in_any_order(parity, loss):
    chance = random.Random(f"{parity} {loss}")
    for _ in range(12):
        data = chance.randbytes(chance.randrange(1, 12_000))
        found = sent(data, parity, step=MIN_STEP)
        count = -(-len(data) // MIN_STEP)
        arrived = [packet for packet in found if chance.random() >= loss] or found[:1]
        chance.shuffle(arrived)
        arrived += chance.sample(arrived, min(3, len(arrived)))
        assembly = put_together(arrived)
        came = {_offset(packet) // MIN_STEP for packet in arrived if packet.payload_type == PIECE}
        kept = {_group(packet) for packet in arrived if packet.payload_type == PARITY}
        gone = {group for _, each in groups(count, parity) for group in each} - kept
        left = recoverable(count, parity, set(range(count)) - came, gone)
        # Exactly what cannot be had is marked, all else is right to the byte.
        gaps = [range(gap.start // MIN_STEP, -(-gap.stop // MIN_STEP)) for gap in assembly.gaps()]
        assert {index for gap in gaps for index in gap} == left
        assert assembly.data == marked(data, assembly)
        assert assembly.missing == len(left) == count - assembly.received - assembly.recovered


def _offset(packet: Packet) -> int:
    return struct.unpack_from("!IIHBB", packet.payload)[1]


def _group(packet: Packet):
    _, offset, step, size, stride = struct.unpack_from("!IIHBB", packet.payload)
    return (offset // step, stride, size)


def test_gaps_do_not_touch():
    data = bytes(range(1, 201)) * 5
    found = sent(data)
    assembly = put_together([found[0], found[3], found[4], found[8]])
    assert assembly.gaps() == (range(100, 300), range(500, 800), range(900, 1_000))
    assert put_together(sent(b"x" * 250)[:2]).gaps() == (range(200, 250),)


def test_duplicates_are_counted():
    found = sent(b"x" * 300, 3)
    assembly = put_together([found[0], found[0], found[1], found[3], found[2], found[3]])
    assert (assembly.received, assembly.recovered, assembly.duplicates) == (2, 1, 2)


def test_add_says_whether_it_helped():
    found = sent(b"x" * 300, 3)
    assembly = Assembly.of(found[0], 1_000)
    assert [assembly.add(packet) for packet in (found[0], found[0], found[3], found[3], found[1], found[2])] == [
        True,
        False,
        True,
        False,
        True,
        False,
    ]


# ---- what others send


def packet(kind=PIECE, total=300, offset=0, step=STEP, size=1, stride=0, body=b"x" * STEP) -> Packet:
    return Packet(kind, 0, 0, 7, struct.pack("!IIHBB", total, offset, step, size, stride) + body)


@pytest.mark.parametrize(
    "strange",
    [
        packet(kind=0),
        packet(kind=98),
        Packet(PIECE, 0, 0, 7, b"short"),
        packet(step=MIN_STEP - 1),
        packet(step=0),
        packet(offset=300),
        packet(offset=2**32 - 1),
    ],
)
def test_what_begins_no_medium(strange):
    assert Assembly.of(strange, 1_000) is None


def test_a_medium_that_is_too_large():
    with pytest.raises(OverflowError, match="the medium has 1001 bytes, more than max_bytes=1000"):
        Assembly.of(packet(total=1_001), 1_000)
    assert Assembly.of(packet(total=1_000), 1_000).total == 1_000


@pytest.mark.parametrize(
    "strange",
    [
        packet(kind=0),
        Packet(PIECE, 0, 0, 7, b"short"),
        packet(total=301),
        packet(step=101),
        packet(offset=50),
        packet(offset=300),
        packet(body=b"x" * 99),
        packet(body=b"x" * 101),
        packet(body=b""),
        packet(offset=200, total=250),
        packet(kind=PARITY, size=0, stride=1),
        packet(kind=PARITY, size=2, stride=0),
        packet(kind=PARITY, size=4, stride=1),
        packet(kind=PARITY, size=2, stride=255),
        packet(kind=PARITY, offset=200, size=2, stride=1),
        packet(kind=PARITY, size=2, stride=1, body=b"x" * 99),
    ],
)
def test_what_does_not_fit_is_left_out(strange):
    assembly = Assembly.of(packet(), 1_000)
    assert not assembly.add(strange)
    assert (assembly.missing, assembly.received, assembly.data) == (3, 0, bytes(300))


def test_parity_kept_is_bounded():
    assembly = Assembly.of(packet(total=100_000), 100_000)
    kept = sum(
        assembly.add(packet(kind=PARITY, total=100_000, offset=first * STEP, size=size, stride=stride))
        for first in range(100)
        for size in range(2, 10)
        for stride in range(1, 10)
    )
    assert kept == assembly.count + 64


def test_any_packets_at_all():
    """Whatever comes, nothing raises, and what is said to be there was sent."""
    chance = random.Random(3)
    data = chance.randbytes(2_000)
    honest = sent(data, 4)
    for _ in range(300):
        assembly = Assembly.of(honest[0], 10_000)
        for _ in range(60):
            if chance.random() < 0.5:
                assembly.add(chance.choice(honest))
            else:
                head = struct.pack(
                    "!IIHBB",
                    chance.choice([2_000, 2_000, chance.getrandbits(32)]),
                    chance.choice([0, 100, 1_900, chance.getrandbits(32)]),
                    chance.choice([100, chance.getrandbits(16)]),
                    chance.getrandbits(8),
                    chance.getrandbits(8),
                )
                assembly.add(Packet(chance.randrange(90, 100), 0, 0, 7, head + chance.randbytes(chance.randrange(99))))
        assert assembly.data == marked(data, assembly)

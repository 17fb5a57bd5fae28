"""Runs of datagrams: what travels together arrives apart, in order, unchanged."""

from __future__ import annotations

import random
from array import array
from collections.abc import Iterator

import pytest

from asyncnet.udp.datagram import MAX_DATAGRAM
from asyncnet.udp.segments import MAX_SEGMENTS, runs, split


def apart(payloads) -> list[bytes]:
    """The datagrams that a kernel makes of the runs."""
    found: list[bytes] = []
    for message, size, count in runs(payloads):
        assert type(message) is bytes
        assert len(message) <= MAX_DATAGRAM
        parts = split(message, size) if message else [message]
        assert len(parts) == count <= MAX_SEGMENTS
        assert count == 1 or parts[-1], "an empty datagram cannot be a segment"
        found += parts
    return found


def lazily(payloads) -> Iterator[bytes]:
    yield from payloads


@pytest.mark.parametrize("given", [list, tuple, lazily, iter])
@pytest.mark.parametrize(
    ("sizes", "expected_runs"),
    [
        ([], 0),
        ([0], 1),
        ([5], 1),
        ([0, 0, 0], 3),
        ([9, 9, 9], 1),
        ([9, 9, 4], 1),
        ([9, 9, 4, 9, 9], 2),
        ([9, 4, 4, 9], 3),
        ([4, 9, 9], 2),
        ([9, 9, 0, 9], 3),
        ([1] * MAX_SEGMENTS, 1),
        ([1] * (MAX_SEGMENTS + 1), 2),
        ([1] * (3 * MAX_SEGMENTS), 3),
        ([1200] * 54, 1),
        ([1200] * 55, 2),
        ([1200] * 54 + [1199], 2),
        ([MAX_DATAGRAM] * 2, 2),
        ([40_000, 25_507], 2),
        ([40_000, 25_508], 2),
        ([100, 60_000, 60_000], 3),
        ([1200] * 10 + [1100, 1300] * 3, 4),
    ],
)
def test_sizes(given, sizes, expected_runs):
    payloads = [bytes([index % 251]) * size for index, size in enumerate(sizes)]
    assert apart(given(payloads)) == payloads
    assert len(list(runs(given(payloads)))) == expected_runs


@pytest.mark.parametrize("given", [list, lazily])
def test_any_mixture_arrives_as_it_was(given):
    chance = random.Random(4)
    for _ in range(200):
        choices = [0, 1, 7, 7, 7, 1200, chance.randrange(3000), 40_000]
        payloads = [chance.randbytes(chance.choice(choices)) for _ in range(chance.randrange(150))]
        assert apart(given(payloads)) == payloads


def test_a_long_row_of_one_size_takes_few_calls():
    assert [count for _, _, count in runs([b"x" * 1200] * 1000)] == [54] * 18 + [28]


def test_other_kinds_of_bytes():
    payloads = [bytearray(b"one"), memoryview(b"two"), b"six"]
    assert apart(payloads) == [b"one", b"two", b"six"]
    wide = memoryview(array("I", [1, 2]))
    strided = memoryview(b"abcdef")[::2]
    assert apart([wide, wide]) == [wide.tobytes()] * 2
    assert apart([strided, b"xyz"]) == [b"ace", b"xyz"]


def test_no_more_is_taken_than_travels_together():
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield b"x"

    source = runs(endless())
    next(source)
    assert taken <= MAX_SEGMENTS
    next(source)
    assert taken <= 2 * MAX_SEGMENTS


@pytest.mark.parametrize("given", [list, lazily])
@pytest.mark.parametrize("before", [0, 3])
def test_what_is_no_payload(given, before):
    good = [b"good"] * before
    with pytest.raises(TypeError, match="each payload must be bytes, not str"):
        apart(given([*good, "text"]))
    with pytest.raises(TypeError, match="not int"):
        apart(given([*good, 7]))
    with pytest.raises(ValueError, match="65507 bytes, not 65508"):
        apart(given([*good, bytes(MAX_DATAGRAM + 1)]))


@pytest.mark.parametrize("whole", [b"abc", bytearray(b"abc"), memoryview(b"abc"), "abc"])
def test_one_payload_is_not_many(whole):
    with pytest.raises(TypeError, match="payloads must be an iterable of bytes"):
        list(runs(whole))


def test_split():
    assert split(b"aabbc", 2) == [b"aa", b"bb", b"c"]
    assert split(b"ab", 5) == [b"ab"]
    assert split(b"", 5) == []


@pytest.mark.parametrize("size", [1, 3, 100, 1_200, 40_000, MAX_DATAGRAM])
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_one_buffer_cut(size, kind):
    data = random.Random(size).randbytes(70_000)
    found: list[bytes] = []
    for message, step, count in runs(kind(data), size):
        assert step == size
        parts = split(bytes(message), step)
        assert len(parts) == count <= MAX_SEGMENTS
        assert len(message) <= MAX_DATAGRAM
        found += parts
    assert found == [data[start : start + size] for start in range(0, len(data), size)]


def test_nothing_to_cut():
    assert list(runs(b"", 5)) == []


def test_a_view_with_gaps_is_cut_as_its_bytes():
    assert [bytes(message) for message, _, _ in runs(memoryview(b"abcdef")[::2], 2)] == [b"ace"]
    wide = array("H", [1, 2])
    assert [bytes(message) for message, _, _ in runs(memoryview(wide), 4)] == [wide.tobytes()]


@pytest.mark.parametrize(
    ("payloads", "size", "error", "message"),
    [
        (b"abc", 0, ValueError, "size must be between 1 and 65507"),
        (b"abc", MAX_DATAGRAM + 1, ValueError, "size must be"),
        (b"abc", "1", TypeError, "size must be an int, not str"),
        (b"abc", True, TypeError, "size must be an int, not bool"),
        ([b"abc"], 2, TypeError, "one buffer together with size"),
        ("abc", 2, TypeError, "one buffer together with size"),
    ],
)
def test_what_cannot_be_cut(payloads, size, error, message):
    with pytest.raises(error, match=message):
        list(runs(payloads, size))

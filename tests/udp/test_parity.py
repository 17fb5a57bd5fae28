"""Groups of packets and their XOR."""

from __future__ import annotations

import random

import pytest

from asyncnet.udp.parity import Group, check_parity, groups, xor


@pytest.mark.parametrize("parity", [None, 1, 8, 255, (1, 1), (8, 8), (255, 255)])
def test_what_parity_may_be(parity):
    assert check_parity(parity) == parity


@pytest.mark.parametrize("parity", [0, 256, -1, (0, 5), (5, 256)])
def test_numbers_that_are_no_parity(parity):
    with pytest.raises(ValueError, match="between 1 and 255"):
        check_parity(parity)


@pytest.mark.parametrize("parity", [True, "8", 8.0, (8,), (8,) * 3, (), (8, None), [8]])
def test_what_is_no_parity_at_all(parity):
    with pytest.raises(TypeError, match="parity must be"):
        check_parity(parity)


def members(count, parity) -> list[list[list[int]]]:
    return [[list(group.members) for group in found] for _, found in groups(count, parity)]


def test_no_groups():
    assert members(10, None) == []
    assert members(0, 4) == []


def test_neighbours_are_in_different_groups():
    assert members(9, 3) == [[[0, 3, 6], [1, 4, 7], [2, 5, 8]]]
    assert members(12, 3)[1] == [[9, 10, 11]]


def test_a_short_block_has_fewer_groups():
    assert members(5, 8) == [[[0, 1, 2, 3, 4]]]
    assert members(10, 8) == [[[0, 2, 4, 6, 8], [1, 3, 5, 7, 9]]]
    assert members(1, 8) == [[[0]]]
    assert members(3, 1) == [[[0]], [[1]], [[2]]]


def test_rows_and_columns():
    assert members(6, (2, 3)) == [[[0, 1, 2], [3, 4, 5], [0, 3], [1, 4], [2, 5]]]
    assert members(2, (2, 3)) == [[[0, 1]]]
    assert members(4, (2, 3)) == [[[0, 1, 2], [0, 3]]]
    assert members(7, (2, 3))[1] == [[6]]
    assert members(3, (3, 1)) == [[[0, 1, 2]]]


@pytest.mark.parametrize("parity", [1, 2, 5, 8, 255, (1, 1), (2, 3), (8, 8), (3, 255)])
@pytest.mark.parametrize("count", [1, 2, 7, 64, 65, 100, 1000])
def test_each_packet_is_protected(parity, count):
    numbers = sorted(number for block in members(count, parity) for group in block for number in group)
    assert set(numbers) == set(range(count))
    assert all(len(group) <= 255 for block in members(count, parity) for group in block)
    if isinstance(parity, int):
        assert len(numbers) == count, "once"
        packets = sum(len(block) for block in members(count, parity))
        assert packets <= count // parity + 1 + count // parity**2
    blocks = [list(block) for block, _ in groups(count, parity)]
    assert [number for block in blocks for number in block] == list(range(count))


def test_members():
    assert list(Group(3, 4, 3).members) == [3, 7, 11]


def test_xor_gives_back_what_is_missing():
    chance = random.Random(5109)
    parts = [chance.randbytes(size) for size in (100, 100, 100, 37)]
    parity = xor(100, parts)
    assert len(parity) == 100
    for index, part in enumerate(parts):
        others = [other for number, other in enumerate(parts) if number != index]
        assert xor(100, [parity, *others])[: len(part)] == part
    assert xor(4, []) == bytes(4)
    assert xor(0, [b""]) == b""

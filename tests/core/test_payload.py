"""What callers hand over to be sent."""

from __future__ import annotations

import array
import mmap

import pytest

from asyncnet.core.payload import as_bytes, joined

NUMBERS = array.array("B", b"abcd")


@pytest.mark.parametrize("data", [b"abcd", bytearray(b"abcd"), memoryview(b"xabcd")[1:], NUMBERS])
@pytest.mark.parametrize("take", [as_bytes, joined])
def test_whatever_holds_bytes_is_taken(take, data):
    assert take(data) == b"abcd"


def test_wide_numbers_and_views_with_gaps_are_the_bytes_they_hold():
    assert as_bytes(array.array("H", [0x6161, 0x6262])) == b"aabb"
    assert joined(memoryview(b"a-b-c-")[::2]) == b"abc"


def test_a_mapped_file_is_taken_whole():
    with mmap.mmap(-1, 4) as mapped:
        mapped[:] = b"abcd"
        assert as_bytes(mapped) == joined(mapped) == b"abcd"


def test_what_is_taken_is_a_copy():
    data = bytearray(b"abcd")
    taken = as_bytes(data)
    data[:] = b"gone forever"  # a view still held would forbid the new size
    assert taken == b"abcd"


@pytest.mark.parametrize("data", [5, "abcd", "", None, [1, 2], {}, object()])
def test_numbers_and_text_are_no_bytes(data):
    with pytest.raises(TypeError, match=r"^data must be bytes, not "):
        as_bytes(data)


def test_pieces_are_joined():
    assert joined([b"a", bytearray(b"b"), memoryview(b"c"), NUMBERS]) == b"abcabcd"
    assert joined(piece for piece in (b"a", b"b")) == b"ab"
    assert joined(()) == b""


@pytest.mark.parametrize(
    ("data", "words"), [("", "encode it"), ("ab", "encode it"), (5, "not int"), (None, "not None")]
)
def test_what_is_neither_bytes_nor_pieces_is_refused(data, words):
    with pytest.raises(TypeError, match=words):
        joined(data)


@pytest.mark.parametrize("data", [["a"], [1, 2], [b"a", None]])
def test_a_piece_that_is_no_bytes_is_refused(data):
    with pytest.raises(TypeError, match=r"^each piece of data must be bytes"):
        joined(data)

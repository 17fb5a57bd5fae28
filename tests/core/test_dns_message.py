"""DNS messages as bytes: ours out, a stranger's in."""

from __future__ import annotations

import random
import struct
import time

import pytest

from asyncnet.core.dns_message import RawRecord, Response, decode_txt, encode_query, read_name, read_response
from asyncnet.core.dns_records import TXT
from asyncnet.testing.dns_wire import Record, encode_message, parse_query

HEADER = struct.Struct("!6H")


def reply(
    name: str = "x.example",
    type: str = "TXT",
    *records: Record,
    rcode: int = 0,
    number: int = 7,
    truncated: bool = False,
) -> bytes:
    question = parse_query(encode_query(number, name, type))
    return encode_message(question, (records, (), ()), rcode=rcode, truncated=truncated)


def text(owner: str = "x.example", value: object = "hi", ttl: int = 60, class_: int = 1) -> Record:
    return Record(owner, "TXT", ttl, value, class_)


# ---- questions


@pytest.mark.parametrize(("name", "asked"), [("x.example", "x.example"), ("x.example.", "x.example"), (".", ".")])
def test_query(name: str, asked: str) -> None:
    question = parse_query(encode_query(0xABCD, name, "SVCB"))
    assert (question.id, question.name, question.type) == (0xABCD, asked, "SVCB")
    assert (question.recursion, question.edns, question.payload) == (True, True, 1232)


def test_query_without_edns() -> None:
    question = parse_query(encode_query(1, "x", "TXT", edns=False))
    assert (question.edns, question.payload) == (False, 512)


@pytest.mark.parametrize("name", ["x", "a-longer-name.example", ".".join(["y" * 60] * 3)])
def test_padded_query(name: str) -> None:
    message = encode_query(1, name, "A", block=128)
    assert len(message) % 128 == 0
    assert parse_query(message).name == name
    assert encode_query(1, name, "A", block=128, edns=False) == encode_query(1, name, "A", edns=False)


# ---- answers


def test_answer() -> None:
    message = reply("x.example", "TXT", text(value=("a", "b")), text("other", ttl=2**32 - 1, class_=3))
    response = read_response(message, 7, "X.example.", "TXT")
    assert response is not None
    assert (response.rcode, response.truncated) == ("NOERROR", False)
    one, two = response.records
    assert (one.owner, one.type, one.class_, one.ttl) == ("x.example", 16, 1, 60)
    assert decode_txt(message[one.start : one.end]) == TXT((b"a", b"b"))
    assert (two.owner, two.class_, two.ttl) == ("other", 3, 2**32 - 1)


def test_no_answer() -> None:
    assert read_response(reply(rcode=3), 7, "x.example", "TXT") == Response("NXDOMAIN", False, ())
    assert read_response(reply(rcode=9), 7, "x.example", "TXT") == Response("RCODE9", False, ())


def test_truncated_records_do_not_count() -> None:
    message = reply("x.example", "TXT", text(), truncated=True)[:-3]
    assert read_response(message, 7, "x.example", "TXT") == Response("NOERROR", True, ())


def test_compressed_names() -> None:
    # The owner points to the question, and the alias's target into the owner's last label.
    question = HEADER.pack(7, 0x8000, 1, 1, 0, 0) + b"\1x\7example\0" + struct.pack("!HH", 16, 1)
    message = question + b"\xc0\x0c" + struct.pack("!HHIH", 5, 1, 9, 4) + b"\1y\xc0\x0e"
    response = read_response(message, 7, "x.example", "TXT")
    assert response is not None
    assert response.records == (RawRecord("x.example", 5, 1, 9, len(question) + 12, len(message)),)
    assert read_name(message, len(question) + 12) == ("y.example", len(message))


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (b"", "empty"),
        (reply()[:11], "shorter than a header"),
        (reply(number=8), "another id"),
        (encode_query(7, "x.example", "TXT"), "a question"),
        (HEADER.pack(7, 0x8800, 1, 0, 0, 0) + reply()[12:], "another opcode"),
        (reply("y.example"), "another name"),
        (reply("x.example", "A"), "another type"),
        (reply()[:12] + b"\1x\7example\0" + struct.pack("!HH", 16, 3), "another class"),
        (HEADER.pack(7, 0x8000, 0, 0, 0, 0), "no question"),
        (HEADER.pack(7, 0x8000, 2, 0, 0, 0) + reply()[12:], "two questions"),
        (HEADER.pack(7, 0x8000, 1, 0, 0, 0) + b"\1x\7exam", "half a question"),
        (HEADER.pack(7, 0x8000, 1, 0, 0, 0) + b"\1x\7example\0\0", "a question without its type"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_not_ours(message: bytes, why: str) -> None:
    assert read_response(message, 7, "x.example", "TXT") is None


def test_a_server_that_understood_nothing_repeats_no_question() -> None:
    assert read_response(HEADER.pack(7, 0x8001, 0, 0, 0, 0), 7, "x", "TXT") == Response("FORMERR", False, ())
    assert read_response(HEADER.pack(7, 0x8003, 0, 0, 0, 0), 7, "x", "TXT") is None


@pytest.mark.parametrize(
    "tail",
    [
        b"",  # no record where the header promises one
        b"\1x",
        b"\0" + struct.pack("!HHI", 16, 1, 0),
        b"\0" + struct.pack("!HHIH", 16, 1, 0, 9) + b"short",
        b"\xc0",
        b"\xff\xff" + struct.pack("!HHIH", 16, 1, 0, 0),
    ],
)
def test_malformed(tail: bytes) -> None:
    message = HEADER.pack(7, 0x8000, 1, 1, 0, 0) + reply()[12 : 12 + 15] + tail
    with pytest.raises(ValueError):
        read_response(message, 7, "x.example", "TXT")


# ---- names


@pytest.mark.parametrize(
    ("wire", "name", "end"),
    [
        (b"\0", ".", 1),
        (b"\3www\7example\0rest", "www.example", 13),
        (b"\4a.b\n\0", "a\\.b\\010", 6),
        (b'\6\\ "(\x00\xff\0', '\\\\\\032\\"\\(\\000\\255', 8),
        (b"\x3f" + b"a" * 63 + b"\0", "a" * 63, 65),
    ],
)
def test_names(wire: bytes, name: str, end: int) -> None:
    assert read_name(wire, 0) == (name, end)


@pytest.mark.parametrize(
    ("wire", "offset", "why"),
    [
        (b"", 0, "cut short"),
        (b"\3ww", 0, "cut short"),
        (b"\3www", 0, "cut short"),
        (b"\xc0", 0, "cut short"),
        (b"\xc0\x00", 0, "points forwards"),  # to itself
        (b"\xc0\x02\0", 0, "points forwards"),
        (b"\1a\xc0\x00", 0, "points forwards"),  # into itself
        (b"\1a\xc0\x04\1b\xc0\x00", 4, "points forwards"),  # in a circle of two
        (b"\x40aaa\0", 0, "unknown kind"),
        (b"\x80aaa\0", 0, "unknown kind"),
        ((b"\x3f" + b"a" * 63) * 4 + b"\0", 0, "too long"),
    ],
)
def test_hostile_names(wire: bytes, offset: int, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_name(wire, offset)


def test_the_longest_name() -> None:
    wire = (b"\x3f" + b"a" * 63) * 3 + b"\x3d" + b"a" * 61 + b"\0"
    assert len(wire) == 255
    assert len(read_name(wire, 0)[0]) == 253


def test_names_that_share_their_end() -> None:
    seen: dict[int, object] = {}
    wire = b"\7example\0" + b"\3www\xc0\x00" + b"\1a\xc0\x09" + b"\1b\xc0\x09" + b"\xc0\x00"
    names = []
    offset = 9
    while offset < len(wire):
        name, offset = read_name(wire, offset, seen)
        names.append(name)
    assert names == ["www.example", "a.www.example", "b.www.example", "example"]


def test_shared_ends_may_not_make_a_name_too_long() -> None:
    half = (b"\x3f" + b"a" * 63) * 2 + b"\0"
    wire = half + b"\xc0\x00" + (b"\x3f" + b"b" * 63) * 2 + b"\xc0\x00"
    seen: dict[int, object] = {}
    read_name(wire, len(half), seen)
    with pytest.raises(ValueError, match="too long"):
        read_name(wire, len(half) + 2, seen)


def test_thousands_of_pointers_to_a_long_name_are_quick() -> None:
    long = b"\1a" * 127 + b"\0"
    head = HEADER.pack(7, 0x8000, 1, 5_000, 0, 0) + long + struct.pack("!HH", 16, 1)
    message = head + (b"\xc0\x0c" + struct.pack("!HHIH", 99, 1, 0, 0)) * 5_000
    started = time.process_time()
    response = read_response(message, 7, ".".join("a" * 127), "TXT")
    assert response is not None
    assert len(response.records) == 5_000
    assert time.process_time() - started < 0.5  # 0.02 s here; each name by itself takes 0.9 s


# ---- text


@pytest.mark.parametrize(
    ("data", "strings"), [(b"\0", (b"",)), (b"\2hi\0\1x", (b"hi", b"", b"x")), (b"\xff" + b"a" * 255, (b"a" * 255,))]
)
def test_txt(data: bytes, strings: tuple[bytes, ...]) -> None:
    assert decode_txt(data) == TXT(strings)


@pytest.mark.parametrize("data", [b"", b"\1", b"\3hi", b"\1a\2b"])
def test_malformed_txt(data: bytes) -> None:
    with pytest.raises(ValueError):
        decode_txt(data)


# ---- whatever comes


def test_cut_anywhere() -> None:
    message = reply("x.example", "TXT", text(), text(value=("a", "b")))
    whole = len(message) - 11  # the OPT record at the end is of no interest
    for length in range(len(message)):
        try:
            response = read_response(message[:length], 7, "x.example", "TXT")
        except ValueError:
            assert length < whole
        else:
            assert (response is not None) == (length >= whole)


def test_damaged_anywhere() -> None:
    source = random.Random(1035)
    message = reply("x.example", "TXT", text(), text(value=("a", "b")))
    for _ in range(5_000):
        damaged = bytearray(message)
        for _ in range(source.randint(1, 4)):
            damaged[source.randrange(2, len(damaged))] = source.randrange(256)
        try:
            response = read_response(bytes(damaged), 7, "x.example", "TXT")
            for record in response.records if response is not None else ():
                decode_txt(damaged[record.start : record.end])
        except ValueError:
            pass

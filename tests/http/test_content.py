"""Content codings: undone within limits, never short."""

from __future__ import annotations

import gzip
import subprocess
import sys
import zlib

import brotli
import pytest
from backports import zstd

from asyncnet import ConnectionLost, LimitExceeded, ProtocolError
from asyncnet.http.content import MAX_LAYERS, PIECE, ContentDecoder, accepted_codings, parse_codings

TEXT = b"".join(b"line %d of some text that packs well\n" % number for number in range(20_000))
ZEROS = bytes(30_000_000)


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


PACKERS = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": lambda data: brotli.compress(data, quality=3),
    "zstd": zstd.compress,
}
each_coding = pytest.mark.parametrize("coding", PACKERS)


def undo(codings: tuple[str, ...], data: bytes, step: int | None = None, **limits: int | None) -> bytes:
    decoder = ContentDecoder(codings, **limits)
    pieces = []
    for start in range(0, len(data), step or max(1, len(data))):
        for piece in decoder.feed(data[start : start + (step or len(data))]):
            assert len(piece) <= 2 * PIECE
            pieces.append(piece)
    decoder.finish()
    return b"".join(pieces)


@each_coding
@pytest.mark.parametrize("step", [None, 1000, 1])
def test_whole_and_piece_by_piece(coding, step):
    content = TEXT if step != 1 else TEXT[:2000]
    assert undo((coding,), PACKERS[coding](content), step) == content


@each_coding
def test_nothing(coding):
    assert undo((coding,), b"") == b""
    assert undo((coding,), PACKERS[coding](b"")) == b""


@each_coding
@pytest.mark.parametrize("cut", [1, 5, 100])
def test_cut_content_is_an_error(coding, cut):
    packed = PACKERS[coding](TEXT)
    with pytest.raises(ConnectionLost, match="ends in the middle"):
        undo((coding,), packed[:-cut])


def test_content_cut_after_one_byte_is_an_error():
    with pytest.raises(ConnectionLost):
        undo(("deflate",), b"\x78")


@each_coding
def test_corrupt_content_is_an_error(coding):
    packed = bytearray(PACKERS[coding](TEXT))
    packed[len(packed) // 2] ^= 0xFF
    packed[len(packed) // 2 + 1] ^= 0xFF
    packed[-6] ^= 0xFF
    with pytest.raises((ProtocolError, ConnectionLost, LimitExceeded)):
        undo((coding,), bytes(packed))


@each_coding
def test_no_such_content_at_all(coding):
    with pytest.raises((ProtocolError, ConnectionLost)):
        undo((coding,), b"<html>not packed at all</html>" * 10)


def test_deflate_without_its_wrapping():
    assert undo(("deflate",), raw_deflate(TEXT), 7) == TEXT


def test_gzip_members_and_padding():
    assert undo(("gzip",), gzip.compress(b"a") + gzip.compress(b"b") + b"\0" * 512) == b"ab"
    assert undo(("gzip",), gzip.compress(b"a") + gzip.compress(b"b"), 1) == b"ab"
    with pytest.raises(ProtocolError):
        undo(("gzip",), gzip.compress(b"a") + b"junk")


def test_zstd_frames():
    assert undo(("zstd",), zstd.compress(b"a") + zstd.compress(b"b"), 3) == b"ab"
    assert undo(("zstd",), zstd.compress(b"a") + zstd.compress(b"b")) == b"ab"


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_members_without_content_are_a_bomb_of_their_own(coding):
    empty = PACKERS[coding](b"")
    few, many = empty * 1000 + PACKERS[coding](TEXT), empty * 12_000
    assert undo((coding,), few) == TEXT
    with pytest.raises(LimitExceeded, match="members"):
        undo((coding,), many)
    with pytest.raises(LimitExceeded, match="members"):
        undo((coding, "gzip"), gzip.compress(many))


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_many_members_that_hold_something(coding):
    block = PACKERS[coding](bytes(range(100)))
    assert undo((coding,), block * 5_000) == bytes(range(100)) * 5_000


def test_layers_within_are_bounded_too():
    # The inner one gives nothing at all: a file name without end (RFC 1952 section 2.3).
    endless = b"\x1f\x8b\x08\x08" + bytes(6) + b"n" * 30_000_000
    decoder = ContentDecoder(("gzip", "br"), max_bytes=1_000_000, max_ratio=None)
    with pytest.raises(LimitExceeded, match="max_bytes"):
        list(decoder.feed(PACKERS["br"](endless)))
    decoder = ContentDecoder(("gzip", "br"), max_ratio=None)
    pieces = list(decoder.feed(PACKERS["br"](endless)))
    assert len(pieces) >= 30_000_000 // (2 * PIECE)  # the caller has a turn in between
    assert not any(pieces)


def test_zstd_windows_larger_than_the_standard_asks_for_are_refused():
    options = {zstd.CompressionParameter.window_log: 27, zstd.CompressionParameter.compression_level: 1}
    packer = zstd.ZstdCompressor(options=options)
    packed = packer.compress(TEXT) + packer.flush()
    with pytest.raises(ProtocolError):
        undo(("zstd",), packed)


@pytest.mark.parametrize("coding", ["deflate", "br"])
def test_data_after_the_end(coding):
    packed = PACKERS[coding](TEXT)
    with pytest.raises(ProtocolError):
        undo((coding,), packed + b"x" * 100)
    with pytest.raises(ProtocolError):
        undo((coding,), packed + b"xyz", len(packed))


@each_coding
def test_bombs(coding):
    bomb = PACKERS[coding](ZEROS)
    with pytest.raises(LimitExceeded, match=r"bomb|max_bytes"):
        undo((coding,), bomb)
    with pytest.raises(LimitExceeded, match="max_bytes"):
        undo((coding,), bomb, max_bytes=1_000_000, max_ratio=None)
    assert undo((coding,), bomb, max_ratio=None) == ZEROS


@each_coding
def test_a_bomb_is_noticed_early(coding):
    decoder = ContentDecoder((coding,), max_bytes=1_000_000, max_ratio=None)
    produced = 0
    with pytest.raises(LimitExceeded):
        for piece in decoder.feed(PACKERS[coding](ZEROS)):
            produced += len(piece)
    assert produced <= 1_000_000 + 2 * PIECE


def test_a_short_page_may_pack_well():
    blanks = b" " * 900_000
    assert undo(("gzip",), gzip.compress(blanks)) == blanks


def test_layers():
    assert undo(("gzip", "br"), PACKERS["br"](PACKERS["gzip"](TEXT))) == TEXT
    bomb = gzip.compress(gzip.compress(ZEROS))
    with pytest.raises(LimitExceeded):
        undo(("gzip", "gzip"), bomb)
    inner = gzip.compress(b"x") + bytes(20_000_000)  # short in the end, enormous in between
    with pytest.raises(LimitExceeded):
        undo(("gzip", "gzip"), gzip.compress(inner))


@pytest.mark.parametrize(
    ("value", "codings"),
    [
        ("gzip", ("gzip",)),
        (" GZip , br", ("gzip", "br")),
        ("x-gzip", ("gzip",)),
        ("identity", ()),
        ("", ()),
        ("none", ()),
        ("UTF-8", ()),
        ("zstd, identity", ("zstd",)),
    ],
)
def test_parse_codings(value, codings):
    assert parse_codings(value) == codings


@pytest.mark.parametrize("value", ["compress", "rot13", "gzip;q=1", ",".join(["gzip"] * (MAX_LAYERS + 1))])
def test_codings_that_are_refused(value):
    with pytest.raises(ProtocolError):
        parse_codings(value)


def test_what_is_offered():
    assert accepted_codings() == "gzip, deflate, br, zstd"


WITHOUT = """
import sys
for name in ("brotli", "brotlicffi", "backports.zstd", "compression.zstd"):
    sys.modules[name] = None
from asyncnet import ProtocolError
from asyncnet.http.content import accepted_codings, parse_codings
assert accepted_codings() == "gzip, deflate"
for coding in ("br", "zstd"):
    try:
        parse_codings(coding)
    except ProtocolError as error:
        assert "asyncnet[speed]" in str(error)
    else:
        raise SystemExit(coding)
"""


def test_without_the_packages_they_are_neither_offered_nor_understood():
    subprocess.run([sys.executable, "-c", WITHOUT], check=True, timeout=60)

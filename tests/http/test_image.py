"""Images told by their content: real ones made with Pillow, and broken ones."""

from __future__ import annotations

import io
import struct

import pytest
from PIL import Image as Pillow

from asyncnet import LimitExceeded, ProtocolError
from asyncnet.http.image import Image, check_image, parse_image

SIZE = (37, 23)


def made(pillow_format: str, mode: str = "RGB", **options: object) -> bytes:
    buffer = io.BytesIO()
    Pillow.new(mode, SIZE, "red" if mode != "P" else 1).save(buffer, pillow_format, **options)
    return buffer.getvalue()


SVG = b'<?xml version="1.0"?><!-- x -->\n<!DOCTYPE svg>\n<svg xmlns="any" width="37" height="23px"/>'
REAL = {
    "png": made("PNG"),
    "jpeg": made("JPEG"),
    "gif": made("GIF", "P"),
    "webp": made("WEBP"),
    "bmp": made("BMP"),
    "ico": made("ICO", sizes=[(16, 16), (32, 32)]),
    "avif": made("AVIF"),
    "tiff": made("TIFF"),
    "svg": SVG,
}


@pytest.mark.parametrize("name", REAL)
def test_real_images(name):
    info = parse_image(REAL[name])
    assert info.format == name
    if name == "ico":
        with Pillow.open(io.BytesIO(REAL[name])) as opened:
            assert (info.width, info.height) == opened.size
    else:
        assert (info.width, info.height) == SIZE


@pytest.mark.parametrize(
    "content",
    [made("JPEG", progressive=True), made("JPEG", "L"), made("JPEG", exif=b"Exif\0\0" + b"x" * 60_000),
     made("WEBP", lossless=True), made("WEBP", "RGBA", exif=b"Exif\0\0MM"), made("PNG", "RGBA"), made("TIFF", "L"),
     made("TIFF", "1")],
)  # fmt: skip
def test_variants(content):
    info = parse_image(content)
    assert (info.width, info.height) == SIZE


def test_hand_made_headers():
    core = b"BM" + struct.pack("<IHHI", 100, 0, 0, 26) + struct.pack("<IHHHH", 12, 5, 7, 1, 24)
    assert parse_image(core).width == 5
    top_down = b"BM" + struct.pack("<IHHI", 100, 0, 0, 54) + struct.pack("<Iii", 40, 5, -7)
    assert parse_image(top_down).height == 7
    big_endian = b"MM\0*" + struct.pack(">IHHHIIHHIHH", 8, 2, 256, 4, 1, 9, 257, 3, 1, 8, 0)
    assert (parse_image(big_endian).width, parse_image(big_endian).height) == (9, 8)
    icon = b"\0\0\1\0\2\0" + bytes([16, 16]) + bytes(14) + bytes([0, 0]) + bytes(14)
    assert parse_image(icon).width == 256
    fill = b"\xff\xd8\xff\xff\x01\xff\xd0\xff\xc0" + struct.pack(">HBHH", 17, 8, 3, 4)
    assert (parse_image(fill).width, parse_image(fill).height) == (4, 3)
    assert parse_image(b"\0\0\0\x14ftypavis").width is None


@pytest.mark.parametrize(
    ("text", "size"),
    [
        (b"<svg>", (None, None)),
        (b"\xef\xbb\xbf <svg viewBox='0 0 1 1'>", (None, None)),
        (b"<svg width='100%' height='5'>", (None, None)),
        (b"<svg/>", (None, None)),
        (
            b"<?xml version='1.0'?><!-- made by hand --><!DOCTYPE svg PUBLIC '-//W3C//DTD SVG 1.1//EN' 'a.dtd' [\n"
            b" <!ENTITY ns_svg 'http://www.w3.org/2000/svg'>\n]>\n<svg width='3' height='4'>",
            (3, 4),
        ),
        (b"<svg:svg xmlns:svg='http://www.w3.org/2000/svg' width='3' height='4'>", (3, 4)),
        (b"<svg width='1.5' height='2.4'>", (2, 2)),
    ],
)
def test_svg(text, size):
    info = parse_image(text)
    assert (info.width, info.height) == size


@pytest.mark.parametrize(
    "content", [b"", b"x", b"<html><svg>", b"BM", b"RIFF\0\0\0\0WAVE", b"GIF88a", b"\0\0\0\x14ftypmp4"]
)
def test_no_images(content):
    assert parse_image(content) is None


@pytest.mark.parametrize("name", [name for name in REAL if name not in ("svg", "avif")])
def test_cut_headers(name):
    whole = REAL[name]
    for length in range(3, 24):
        try:
            info = parse_image(whole[:length])
        except ProtocolError:
            continue
        assert info is None or info.width is not None


@pytest.mark.parametrize(
    "content",
    [
        b"\x89PNG\r\n\x1a\n" + bytes(30),
        b"\xff\xd8\xff\xda" + bytes(30),
        b"\xff\xd8\xff\xe0\x00\x04ab" + bytes(30),
        b"\xff\xd8\xff\xe0\x00\x01" + bytes(30),
        b"RIFF\0\0\0\0WEBPVP8 " + bytes(30),
        b"RIFF\0\0\0\0WEBPVP8L" + bytes(30),
        b"RIFF\0\0\0\0WEBPXXXX" + bytes(30),
        b"\0\0\1\0\0\0" + bytes(30),
        b"BM" + bytes(12) + struct.pack("<I", 20) + bytes(30),
        b"II*\0\xff\xff\xff\xff",
    ],
)
def test_broken_headers(content):
    with pytest.raises(ProtocolError, match="header"):
        parse_image(content)


def test_what_is_no_image_says_what_it_is():
    with pytest.raises(ProtocolError, match=r"an HTML page \(content type image/png\)"):
        check_image(b" <!DOCTYPE html><p>404", "image/png")
    with pytest.raises(ProtocolError, match=r"empty \(content type not given\)"):
        check_image(b"")
    with pytest.raises(ProtocolError, match="no image of a known format"):
        check_image(b"%PDF-")


def png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", width, height) + bytes(9)


def test_dimensions_that_only_an_attack_has():
    with pytest.raises(LimitExceeded, match="100000x100000"):
        check_image(png(100_000, 100_000))
    assert check_image(png(100_000, 100_000), max_pixels=None).width == 100_000
    with pytest.raises(LimitExceeded):
        check_image(png(11, 10), max_pixels=100)
    with pytest.raises(ProtocolError, match="0x5"):
        check_image(png(0, 5))
    assert check_image(SVG).format == "svg"
    assert check_image(b"<svg>").width is None


def test_an_image_opens_and_shows_itself():
    image = Image("http://h/x", REAL["png"], "png", *SIZE)
    with image.open() as opened:
        assert opened.size == SIZE
        assert opened.getpixel((0, 0)) == (255, 0, 0)
    assert "png 37x23" in repr(image)
    assert "unknown size" in repr(Image("http://h/x", b"<svg>", "svg", None, None))
    assert image.content_type == "image/png"
    assert set(image._repr_mimebundle_()) == {"text/plain", "image/png"}
    shown = Image("http://h/x", b"<svg onload=alert(1)>", "svg", None, None)._repr_mimebundle_()
    assert shown["text/html"].startswith('<img src="data:image/svg+xml;base64,')
    assert "alert" not in shown["text/html"]

"""What kind of image some bytes are, and its size, without decoding a pixel."""

from __future__ import annotations

import base64
import os
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..core.redact import hide_secrets
from ..errors import LimitExceeded, ProtocolError

if TYPE_CHECKING:
    from PIL import Image as PillowImage

__all__ = ["MAX_PIXELS", "Image", "ImageInfo", "check_image", "parse_image"]

# Pillow warns at half of it and refuses what is larger: width times height.
MAX_PIXELS = 178_956_970

_TYPES = {
    "png": "image/png",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "bmp": "image/bmp",
    "ico": "image/x-icon",
    "avif": "image/avif",
    "tiff": "image/tiff",
    "svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """Format and size of an image; the size is ``None`` where the header does not tell."""

    format: str
    width: int | None
    height: int | None


@dataclass(frozen=True, slots=True)
class Image:
    """An image as it was fetched; notebooks show it as a picture.

    Attributes:
        url: where it came from in the end, after redirects.
        content: the file's bytes.
        format: by its content: png, jpeg, gif, webp, bmp, ico, avif, tiff or svg.
        width: pixels, ``None`` where the header does not tell (most SVG).
        height: as ``width``.
        elapsed: seconds the fetch took.

    Example:
        ```python
        image = await asyncnet.http.fetch_image("https://www.python.org/static/img/python-logo.png")
        print(image.format, image.width, image.height)
        ```
    """

    url: str
    content: bytes
    format: str
    width: int | None
    height: int | None
    elapsed: float = 0.0

    @property
    def content_type(self) -> str:
        """The media type that belongs to the format, such as ``image/png``."""
        return _TYPES[self.format]

    def open(self) -> PillowImage.Image:
        """Open it with Pillow (extra ``image``); the pixels are decoded when they are used.

        Raises:
            ImportError: Pillow is not installed.
        """
        import io

        try:
            from PIL import Image as pillow
        except ImportError as error:
            raise ImportError("Image.open() needs Pillow: install asyncnet[image]") from error
        return pillow.open(io.BytesIO(self.content))

    async def save(self, path: str | os.PathLike[str]) -> None:
        """Write the bytes to a file that is there whole or not at all."""
        from ..core.files import save_bytes

        await save_bytes(path, self.content)

    def __repr__(self) -> str:
        size = f"{self.width}x{self.height}" if self.width is not None else "unknown size"
        return f"<Image {self.format} {size}, {len(self.content):,} bytes from {hide_secrets(self.url)}>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        bundle: dict[str, Any] = {"text/plain": repr(self)}
        if self.format in ("png", "jpeg", "gif"):
            bundle[self.content_type] = base64.b64encode(self.content).decode("ascii")
        else:
            # As an <img>, never inline: the scripts of an SVG do not run there.
            data = base64.b64encode(self.content).decode("ascii")
            bundle["text/html"] = f'<img src="data:{self.content_type};base64,{data}">'
        return bundle


def parse_image(content: bytes) -> ImageInfo | None:
    """Tell format and size by the content; ``None`` if it is none of the formats known here.

    Raises:
        ProtocolError: it begins like an image and its header is broken or cut.
    """
    for name, matches, measure in _FORMATS:
        if matches(content):
            try:
                width, height = measure(content)
            except (struct.error, IndexError, ValueError) as error:
                raise ProtocolError(f"a broken or cut {name} header") from error
            return ImageInfo(name, width, height)
    return None


def check_image(content: bytes, content_type: str = "", *, max_pixels: int | None = MAX_PIXELS) -> ImageInfo:
    """As `parse_image`, and refuse what is no image or has dimensions that only an attack has.

    Args:
        content: the whole file.
        content_type: what the server called it, for the message.
        max_pixels: most pixels, width times height; ``None`` for no limit.

    Raises:
        ProtocolError: no image, or a broken one.
        LimitExceeded: more than ``max_pixels``.
    """
    info = parse_image(content)
    if info is None:
        head = content[:64].lstrip().lower()
        what = "an HTML page" if head.startswith((b"<!doctype html", b"<html")) else "no image of a known format"
        raise ProtocolError(
            f"the content is {what if content else 'empty'} (content type {content_type or 'not given'})"
        )
    if info.width is not None and info.height is not None:
        if info.width <= 0 or info.height <= 0:
            raise ProtocolError(f"a {info.format} image of {info.width}x{info.height} pixels")
        if max_pixels is not None and info.width * info.height > max_pixels:
            raise LimitExceeded(f"the {info.format} image has {info.width}x{info.height} pixels, over {max_pixels:,}")
    return info


Size = tuple[int | None, int | None]


def _png(content: bytes) -> Size:
    # Signature, then the IHDR chunk, which must be the first (PNG section 11.2.1).
    length, kind, width, height = struct.unpack_from(">I4sII", content, 8)
    if kind != b"IHDR" or length != 13:
        raise ValueError("no IHDR")
    return width, height


def _jpeg(content: bytes) -> Size:
    # Segments of marker and length up to a start of frame (ITU-T T.81 annex B).
    position = 2
    while True:
        if content[position] != 0xFF:
            raise ValueError("no marker")
        while content[position] == 0xFF:  # fill bytes
            position += 1
        marker = content[position]
        position += 1
        if marker == 0x01 or 0xD0 <= marker <= 0xD7:  # markers without a segment
            continue
        if marker in (0xD8, 0xD9, 0xDA):
            raise ValueError("pixels before a frame header")
        (length,) = struct.unpack_from(">H", content, position)
        if length < 2:
            raise ValueError("bad segment length")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", content, position + 3)
            return width, height
        position += length


def _gif(content: bytes) -> Size:
    width, height = struct.unpack_from("<HH", content, 6)
    return width, height


def _webp(content: bytes) -> Size:
    # RFC 9649: a lossy, lossless or extended first chunk.
    kind = content[12:16]
    if kind == b"VP8 ":
        if content[23:26] != b"\x9d\x01\x2a":
            raise ValueError("no VP8 start code")
        width, height = struct.unpack_from("<HH", content, 26)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L":
        if content[20] != 0x2F:
            raise ValueError("no VP8L signature")
        (bits,) = struct.unpack_from("<I", content, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8X":
        width, low, high = struct.unpack_from("<I", content[24:27] + b"\0")[0], *struct.unpack_from("<HB", content, 27)
        return width + 1, (low | high << 16) + 1
    raise ValueError("unknown first chunk")


def _bmp(content: bytes) -> Size:
    (size,) = struct.unpack_from("<I", content, 14)
    if size == 12:  # OS/2 core header
        width, height = struct.unpack_from("<HH", content, 18)
        return width, height
    if size < 40:
        raise ValueError("unknown header")
    width, height = struct.unpack_from("<ii", content, 18)
    return width, abs(height)  # negative: stored from the top


def _ico(content: bytes) -> Size:
    (count,) = struct.unpack_from("<H", content, 4)
    if count == 0:
        raise ValueError("no pictures")
    # The largest of the pictures; 0 stands for 256.
    sizes = []
    for index in range(min(count, 256)):
        width, height = struct.unpack_from("BB", content, 6 + 16 * index)
        sizes.append((width or 256, height or 256))
    return max(sizes)


def _is_avif(content: bytes) -> bool:
    if content[4:8] != b"ftyp":
        return False
    (length,) = struct.unpack_from(">I", content)
    brands = content[8 : min(length, 256)]
    return b"avif" in brands or b"avis" in brands


def _avif(content: bytes) -> Size:
    # The image spatial extents property (ISO/IEC 23008-12 section 6.5.3); the
    # largest one found, since a thumbnail may have its own.
    sizes = [
        struct.unpack_from(">II", content, match.end() + 4)
        for match in re.finditer(b"\0\0\0\x14ispe", content[:65536])
        if len(content) >= match.end() + 12
    ]
    return max(sizes, key=lambda size: size[0] * size[1]) if sizes else (None, None)


def _tiff(content: bytes) -> Size:
    # The first directory (TIFF 6.0 section 2): tags 256 and 257, SHORT or LONG.
    order = "<" if content[:2] == b"II" else ">"
    (offset,) = struct.unpack_from(order + "I", content, 4)
    (count,) = struct.unpack_from(order + "H", content, offset)
    found: dict[int, int] = {}
    for index in range(min(count, 512)):
        tag, kind = struct.unpack_from(order + "HH", content, offset + 2 + 12 * index)
        if tag in (256, 257) and kind in (3, 4):
            (found[tag],) = struct.unpack_from(order + ("H" if kind == 3 else "I"), content, offset + 10 + 12 * index)
    return found.get(256), found.get(257)


_SVG = re.compile(rb"<(?:[a-z_][\w.\-]*:)?svg[\s/>]", re.IGNORECASE)
_SVG_PROLOGUE = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>|<!DOCTYPE\s+(?:[\w.\-]+:)?svg(?:[^>\[]|\[[^\]]*\])*+>|<!--.*?-->|\s)*+"
    rb"<(?:[A-Za-z_][\w.\-]*:)?svg[\s/>]",
    re.DOTALL,
)
_SVG_LENGTH = re.compile(rb"""\s(width|height)\s*=\s*["']\s*(\d+(?:\.\d+)?)(?:px)?\s*["']""")


def _svg(content: bytes) -> Size:
    start = _SVG.search(content[:4096])
    tag = content[start.start() : start.start() + 4096].split(b">", 1)[0] if start else b""
    lengths = {name: max(1, round(float(number))) for name, number in _SVG_LENGTH.findall(tag)}
    if b"width" in lengths and b"height" in lengths:
        return lengths[b"width"], lengths[b"height"]
    return None, None  # scalable: as large as one likes


_FORMATS: tuple[tuple[str, Callable[[bytes], object], Callable[[bytes], Size]], ...] = (
    ("png", lambda c: c.startswith(b"\x89PNG\r\n\x1a\n"), _png),
    ("jpeg", lambda c: c.startswith(b"\xff\xd8\xff"), _jpeg),
    ("gif", lambda c: c.startswith((b"GIF87a", b"GIF89a")), _gif),
    ("webp", lambda c: c.startswith(b"RIFF") and c[8:12] == b"WEBP", _webp),
    ("bmp", lambda c: c.startswith(b"BM") and len(c) > 14 and c[15:18] == b"\0\0\0", _bmp),
    ("ico", lambda c: c.startswith((b"\0\0\1\0", b"\0\0\2\0")), _ico),
    ("avif", _is_avif, _avif),
    ("tiff", lambda c: c.startswith((b"II*\0", b"MM\0*")), _tiff),
    ("svg", lambda c: _SVG_PROLOGUE.match(c[:4096]), _svg),
)

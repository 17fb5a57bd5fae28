"""A photograph sent over links that lose packets: received, concealed, and with parity.

    python examples/lossy_photo.py [--photo FILE] [--output FILE] [--loss 0 0.05 0.1 0.3]

The photograph is cut into tiles, one to a packet, so that a lost packet is a
lost tile and nothing else.  Neighbours travel far apart.  What is missing is
known to the byte, and is painted from the tiles around it.

Without --photo it is the sample that comes with matplotlib: Grace Hopper, a
work of the U.S. Navy in the public domain.  Needs Pillow.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import math
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw

from asyncnet import testing, udp

TILE = 20  # pixels; as raw RGB a tile has 1,200 bytes
TILE_BYTES = TILE * TILE * 3
LOST = (255, 0, 255)
PARITY = (6, 6)
RATE = 4_000_000  # bytes a second: the link is a relay in Python, and is to lose by chance only


@dataclass(frozen=True)
class Sheet:
    """How a picture lies in tiles, and in which order these travel."""

    columns: int
    rows: int

    @property
    def order(self) -> list[tuple[int, int]]:
        """Column and row of each tile, neighbours far apart."""
        count = self.columns * self.rows
        step = next(n for n in range(int(count * 0.618), 2 * count + 2) if math.gcd(n, count) == 1)
        return [(n * step % count % self.columns, n * step % count // self.columns) for n in range(count)]


def box(column: int, row: int) -> tuple[int, int, int, int]:
    return (column * TILE, row * TILE, (column + 1) * TILE, (row + 1) * TILE)


def to_tiles(photo: Image.Image, sheet: Sheet) -> bytes:
    """The picture as bytes, tile after tile in their order."""
    return b"".join(photo.crop(box(*place)).tobytes() for place in sheet.order)


def from_tiles(media: udp.Media, sheet: Sheet) -> tuple[Image.Image, set[tuple[int, int]]]:
    """The picture as it was received, and which tiles are missing."""
    photo = Image.new("RGB", (sheet.columns * TILE, sheet.rows * TILE), LOST)
    order = sheet.order
    lost = {order[start // TILE_BYTES] for gap in media.missing for start in range(gap.start, gap.stop, TILE_BYTES)}
    for number, place in enumerate(order):
        if place not in lost:
            pixels = media.data[number * TILE_BYTES : (number + 1) * TILE_BYTES]
            photo.paste(Image.frombytes("RGB", (TILE, TILE), pixels), box(*place))
    return photo, lost


def conceal(photo: Image.Image, sheet: Sheet, lost: set[tuple[int, int]]) -> Image.Image:
    """Paint each missing tile from the borders of those around it, the best known ones first."""
    photo, lost = photo.copy(), set(lost)

    def known(place: tuple[int, int]) -> bool:
        return 0 <= place[0] < sheet.columns and 0 <= place[1] < sheet.rows and place not in lost

    while lost:
        place = max(sorted(lost), key=lambda place: sum(map(known, around(place))))
        left, right, above, below = (neighbour if known(neighbour) else None for neighbour in around(place))
        paints = [
            paint
            for paint in (
                between(edge(photo, left, TILE - 1, 0, 1, TILE), edge(photo, right, 0, 0, 1, TILE), 90),
                between(edge(photo, above, 0, TILE - 1, TILE, 1), edge(photo, below, 0, 0, TILE, 1), 0),
            )
            if paint is not None
        ]
        if paints:
            photo.paste(Image.blend(paints[0], paints[-1], 0.5), box(*place))
        lost.discard(place)
    return photo


def around(place: tuple[int, int]) -> list[tuple[int, int]]:
    column, row = place
    return [(column - 1, row), (column + 1, row), (column, row - 1), (column, row + 1)]


def edge(
    photo: Image.Image, place: tuple[int, int] | None, x: int, y: int, width: int, height: int
) -> Image.Image | None:
    """One border of a tile, stretched to a whole one."""
    if place is None:
        return None
    x, y = place[0] * TILE + x, place[1] * TILE + y
    return photo.crop((x, y, x + width, y + height)).resize((TILE, TILE))


def between(first: Image.Image | None, second: Image.Image | None, angle: int) -> Image.Image | None:
    """From one border to the opposite one; the only one there is; or nothing."""
    if first is None or second is None:
        return first or second
    towards_second = Image.linear_gradient("L").resize((TILE, TILE)).rotate(angle)
    return Image.composite(second, first, towards_second)


def psnr(one: Image.Image, other: Image.Image) -> float:
    """Peak signal-to-noise ratio in dB; infinite if they are equal."""
    counts = ImageChops.difference(one, other).histogram()
    error = sum(count * (value % 256) ** 2 for value, count in enumerate(counts)) / sum(counts)
    return math.inf if not error else 10 * math.log10(255**2 / error)


async def over_a_link(data: bytes, loss: float, parity: tuple[int, int] | None) -> udp.Media:
    """Send it over a link with that loss, always the same one, and return what arrives."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with testing.FaultyLink("127.0.0.1", port, loss=loss, seed=1906) as link:
        media, _ = await asyncio.gather(
            udp.receive_media("127.0.0.1", port, idle_timeout=0.5, timeout=60),
            udp.send_media(data, "127.0.0.1", link.port, piece_size=TILE_BYTES, parity=parity, rate=RATE),
        )
    return media


async def compose(photo: Image.Image, losses: Sequence[float]) -> Image.Image:
    """One row of pictures for each loss, and a line about each on standard output."""
    sheet = Sheet(photo.width // TILE, photo.height // TILE)
    photo = photo.convert("RGB").crop((0, 0, sheet.columns * TILE, sheet.rows * TILE))
    data = to_tiles(photo, sheet)
    rows = []
    for loss in losses:
        plain, protected = [await over_a_link(data, loss, parity) for parity in (None, PARITY)]
        received, lost = from_tiles(plain, sheet)
        better, still_lost = from_tiles(protected, sheet)
        pictures = [photo, received, conceal(received, sheet, lost), conceal(better, sheet, still_lost)]
        titles = [
            "original",
            f"{loss:.0%} loss, received: {plain.lost_fraction:.1%} missing",
            "concealed",
            f"parity, concealed: {protected.lost_fraction:.1%} missing",
        ]
        values = [psnr(photo, picture) for picture in pictures]
        said = ["equal" if math.isinf(value) else f"{value:.1f} dB" for value in values]
        print(
            f"{loss:4.0%} loss: {len(lost)} of {plain.pieces} tiles missing, with parity {len(still_lost)}; "
            f"PSNR received {said[1]}, concealed {said[2]}, with parity and concealed {said[3]}"
        )
        captions = [f"{title}, {value}" for title, value in zip(titles, said, strict=True)]
        rows.append((["original", *captions[1:]], pictures))
    return arrange(rows)


def arrange(rows: list[tuple[list[str], list[Image.Image]]]) -> Image.Image:
    """The pictures at half their size, with a caption above each."""
    first = rows[0][1][0]
    width, height, margin, caption = first.width // 2, first.height // 2, 8, 18
    size = (
        margin + len(rows[0][1]) * (width + margin),
        margin + len(rows) * (height + caption + margin),
    )
    page = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(page)
    for row, (captions, pictures) in enumerate(rows):
        for column, (text, picture) in enumerate(zip(captions, pictures, strict=True)):
            x, y = margin + column * (width + margin), margin + row * (height + caption + margin)
            draw.text((x, y), text, "black")
            page.paste(picture.resize((width, height), Image.Resampling.LANCZOS), (x, y + caption))
    return page


def sample_photo() -> Path:
    """The photograph that comes with matplotlib, which need not be imported for it."""
    found = importlib.util.find_spec("matplotlib")
    if found is None or found.origin is None:
        raise SystemExit("install matplotlib for its sample photograph, or name one with --photo")
    return Path(found.origin).parent / "mpl-data" / "sample_data" / "grace_hopper.jpg"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photo", type=Path, help="a photograph; by default the one that comes with matplotlib")
    parser.add_argument("--output", type=Path, default=Path("lossy_photo.jpg"))
    parser.add_argument("--loss", type=float, nargs="+", default=[0.0, 0.05, 0.1, 0.3], metavar="SHARE")
    chosen = parser.parse_args(arguments)
    with Image.open(chosen.photo or sample_photo()) as photo:
        page = asyncio.run(compose(photo, chosen.loss))
    page.save(chosen.output)
    print(chosen.output)


if __name__ == "__main__":
    main()

"""The example of the media page, on a picture made here."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("PIL")

from PIL import Image, ImageChops

EXAMPLE = Path(__file__).parents[2] / "examples" / "lossy_photo.py"


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("lossy_photo", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["lossy_photo"] = importlib.util.module_from_spec(spec)  # its dataclass looks itself up
    spec.loader.exec_module(module)
    return module


def slope(width: int, height: int) -> Image.Image:
    """A picture that changes slowly, as most of most photographs does."""
    across = Image.linear_gradient("L").rotate(90).resize((width, height))
    down = Image.linear_gradient("L").resize((width, height))
    return Image.merge("RGB", (across, down, ImageChops.invert(across)))


def test_the_page(example, tmp_path, capsys):
    slope(170, 130).save(tmp_path / "slope.png")
    example.main(["--photo", str(tmp_path / "slope.png"), "--output", str(tmp_path / "page.png"), "--loss", "0", "0.2"])
    with Image.open(tmp_path / "page.png") as page:
        assert page.size == (8 + 4 * (80 + 8), 8 + 2 * (60 + 18 + 8))
        assert len(page.getcolors(100_000) or range(100_000)) > 1_000
    first, second, name = capsys.readouterr().out.strip().splitlines()
    assert "0 of 48 tiles missing, with parity 0; PSNR received equal, concealed equal" in first
    assert "20% loss" in second
    assert ": 0 of 48" not in second
    assert name.endswith("page.png")


@pytest.mark.asyncio
async def test_what_is_concealed_is_nearer_to_the_original(example):
    photo = slope(160, 120)
    sheet = example.Sheet(8, 6)
    assert sorted(sheet.order) == [(column, row) for column in range(8) for row in range(6)]
    media = await example.over_a_link(example.to_tiles(photo, sheet), 0.3, None)
    received, lost = example.from_tiles(media, sheet)
    assert lost
    assert len(lost) == media.pieces - media.received
    for column, row in sheet.order:
        tile = received.crop(example.box(column, row))
        if (column, row) in lost:
            assert tile.getcolors() == [(400, example.LOST)]
        else:
            assert tile.tobytes() == photo.crop(example.box(column, row)).tobytes()
    concealed = example.conceal(received, sheet, lost)
    assert example.psnr(photo, received) < 20 < 30 < example.psnr(photo, concealed)


def test_conceal_when_nothing_is_known(example):
    sheet = example.Sheet(2, 1)
    nothing = Image.new("RGB", (40, 20), example.LOST)
    assert example.conceal(nothing, sheet, {(0, 0), (1, 0)}).getcolors() == [(800, example.LOST)]
    half = Image.new("RGB", (40, 20), (10, 20, 30))
    assert example.conceal(half, sheet, {(1, 0)}).getcolors() == [(800, (10, 20, 30))]


@pytest.mark.parametrize(
    ("size", "lost", "dark", "light"),
    [((60, 20), (1, 0), (20, 10), (39, 10)), ((20, 60), (0, 1), (10, 20), (10, 39))],
    ids=["across", "down"],
)
def test_what_is_painted_runs_from_one_border_to_the_other(example, size, lost, dark, light):
    photo = Image.new("RGB", size, "white")
    photo.paste("black", (0, 0, 20, 20))
    done = example.conceal(photo, example.Sheet(size[0] // 20, size[1] // 20), {lost})
    assert done.getpixel(dark)[0] < 30
    assert done.getpixel(light)[0] > 220

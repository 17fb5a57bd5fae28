"""What the web servers are given to serve: pages in several encodings, pictures in several formats."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from PIL import Image

FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "ICO", "AVIF", "TIFF")


def write_pages(folder: Path, texts: Mapping[str, str]) -> None:
    """A page for each encoding, which it declares; its title is the text."""
    for encoding, text in texts.items():
        html = f"<!doctype html><meta charset={encoding}><title>{text}</title>" + "<p>filler</p>" * 100
        (folder / f"{encoding}.html").write_bytes(html.encode(encoding))


def write_pictures(folder: Path) -> None:
    """A picture of 48 by 32 in each format, and in SVG."""
    for name in FORMATS:
        options = {"sizes": [(48, 32)]} if name == "ICO" else {}
        Image.new("RGB", (48, 32), "navy").save(folder / f"picture.{name.lower()}", name, **options)
    (folder / "picture.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg" width="48" height="32"/>')

"""A few SVG shapes as text, in colours that hold on light and on dark pages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

__all__ = ["document", "dot", "line", "polyline", "rectangle", "text"]

# currentColor is black in an <img>; the style switches with the reader's scheme.
STYLE = """
  svg { font: 13px system-ui, "Segoe UI", Helvetica, Arial, sans-serif; }
  .page { fill: #ffffff; } text { fill: #1f2328; } .faint { fill: #59636e; font-size: 11px; }
  .small { font-size: 12px; } .head { font-weight: 600; } .big { font-weight: 600; font-size: 16px; }
  .axis { stroke: #d1d9e0; } .range { stroke: #1f2328; stroke-width: 1.5; }
  .ours { fill: #0969da; } .also { fill: #54aeff; } .peer { fill: #afb8c1; } .ahead { fill: #e8853a; }
  .one { stroke: #59636e; }
  .c0 { fill: #0969da; stroke: #0969da; } .c1 { fill: #8c959f; stroke: #8c959f; }
  .c2 { fill: #bf8700; stroke: #bf8700; } .c3 { fill: #1a7f37; stroke: #1a7f37; }
  .c4 { fill: #8250df; stroke: #8250df; } .c5 { fill: #cf222e; stroke: #cf222e; }
  .c6 { fill: #3192aa; stroke: #3192aa; } .limit { fill: #d8dee4; stroke: #d8dee4; }
  polyline { fill: none !important; stroke-width: 2; } rect { stroke: none !important; }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117; } text { fill: #e6edf3; } .faint { fill: #9198a1; }
    .peer { fill: #6e7681; } .one { stroke: #9198a1; }
    .axis { stroke: #3d444d; } .range { stroke: #e6edf3; } .limit { fill: #3d444d; stroke: #3d444d; }
  }
"""


def text(x: float, y: float, words: str, style: str = "", anchor: str = "start") -> str:
    """Words whose baseline begins, ends or is centred at the point."""
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{style}" text-anchor="{anchor}">{escape(words)}</text>'


def rectangle(x: float, y: float, width: float, height: float, style: str) -> str:
    """A filled rectangle."""
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(0.0, width):.1f}" height="{height:.1f}" class="{style}"/>'


def line(x1: float, y1: float, x2: float, y2: float, style: str) -> str:
    """A straight line."""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{style}"/>'


def dot(x: float, y: float, style: str) -> str:
    """A small disc."""
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" class="{style}"/>'


def polyline(points: Sequence[tuple[float, float]], style: str) -> str:
    """A line through the points, with a dot on each."""
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" class="{style}"/>' for x, y in points)
    return f'<polyline points="{path}" class="{style}"/>{dots}'


def document(width: float, height: float, title: str, shapes: Iterable[str]) -> str:
    """The whole file; the title is also what a screen reader says."""
    body = "\n".join(shapes)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{escape(title, quote=True)}">\n'
        f"<style>{STYLE}</style>\n{rectangle(0, 0, width, height, 'page')}\n{body}\n</svg>\n"
    )

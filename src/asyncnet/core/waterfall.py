"""The picture of a trace: a waterfall of bars, for the terminal and for the notebook.

Pure.  Bars share one axis, from the first start to the last end.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from .span import Span

__all__ = ["draw_html", "draw_text", "plain"]

_BAR = 30  # columns of the bars
_LABEL = 32  # columns of the names at most
_WIDTH = 132  # columns of a line at most; what is cut off is in the spans themselves

_ROW = 18  # pixels: the height of a row of the picture
_ROWS = 400  # rows of the picture at most: a notebook keeps it in its file
_NAMES, _BARS, _TIMES, _DETAILS = 190, 340, 80, 470  # pixels: the columns
_LETTERS = 70  # of the details: what surely fits into their column
_COLOURS = {
    "resolve": "#0f9d8a",
    "connect": "#e8862d",
    "attempt": "#f2b26d",
    "tunnel": "#c9a227",
    "tls": "#9b5fc0",
    "request": "#4a9b3f",
    "transfer": "#3b78c4",
}
_OTHER, _CANCELLED, _FAILED = "#8b93a1", "#b5bac4", "#d64545"


def plain(value: Any) -> int | float | str | None:
    """An attribute as a value that JSON has; several are put into one text."""
    if isinstance(value, tuple | list):
        return ", ".join(map(str, value))
    return value if isinstance(value, int | float | str | None) else str(value)


def draw_text(spans: Sequence[Span]) -> str:
    """Draw spans as lines of text: name, bar, milliseconds, details.

    Args:
        spans: each before its children; may be empty.
    """
    if not spans:
        return "(no spans)"
    start, total = _axis(spans)
    width = min(_LABEL, max(2 * span.depth + len(span.name) for span in spans))
    lines = []
    told: str | None = None  # a failure goes up through the spans: its words are needed once
    for span in spans:
        lines.append(_line(span, start, total, width, _details(span, told)))
        told = span.error or told
    return "\n".join(lines)


def _line(span: Span, start: float, total: float, width: int, details: str) -> str:
    left = min(_BAR - 1, int(_BAR * (span.started - start) / total))
    length = max(1, round(_BAR * (_end(span, start, total) - span.started) / total))
    bar = " " * left + _choose(span, "█", "░", "▒") * min(length, _BAR - left)
    label = "  " * span.depth + span.name
    line = f"{label:<{width}.{width}}  {bar:<{_BAR}}  {_seconds(span):>10}  {details}".rstrip()
    return _cut(line, _WIDTH)


def draw_html(spans: Sequence[Span], dropped: int = 0) -> str:
    """Draw spans as a small picture: SVG that stands in HTML, in the colours of its surroundings.

    Args:
        spans: each before its children; may be empty.
        dropped: how many more there were.
    """
    if not spans:
        return "<em>(no spans)</em>"
    start, total = _axis(spans)
    shown = spans[:_ROWS]
    rows = "".join(_row(span, number, start, total) for number, span in enumerate(shown))
    missing = len(spans) - len(shown) + dropped
    height = _ROW * (len(shown) + (1 if missing else 0)) + 6
    if missing:
        rows += f'<text x="4" y="{height - 9}">... and {missing} more</text>'
    width = _NAMES + _BARS + _TIMES + _DETAILS
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'style="font: 12px sans-serif; max-width: none" fill="currentColor" role="img" '
        f'aria-label="trace of {len(spans)} spans, {1000 * total:.1f} ms">{rows}</svg>'
    )


def _row(span: Span, number: int, start: float, total: float) -> str:
    top = _ROW * number + 3
    left = _NAMES + _BARS * (span.started - start) / total
    length = max(1.5, _BARS * (_end(span, start, total) - span.started) / total)
    colour = _choose(span, _COLOURS.get(span.name, _OTHER), _CANCELLED, _FAILED)
    weight = ' font-weight="bold"' if span.depth == 0 else ""
    base, right = top + _ROW - 5, _NAMES + _BARS + _TIMES
    label, details = _cut(span.name, 30 - 2 * span.depth), _details(span)
    return (
        f"<g><title>{escape(f'{span.name}  {_seconds(span)}  {details}')}</title>"
        f'<text x="{4 + 12 * span.depth}" y="{base}"{weight}>{escape(label)}</text>'
        f'<rect x="{left:.1f}" y="{top + 2}" width="{length:.1f}" height="{_ROW - 6}" rx="2" fill="{colour}" '
        f'fill-opacity="{0.55 if span.depth == 0 else 1}"/>'
        f'<text x="{right}" y="{base}" text-anchor="end">{_seconds(span)}</text>'
        f'<text x="{right + 12}" y="{base}" font-size="11" fill-opacity="0.75">'
        f"{escape(_cut(details, _LETTERS))}</text></g>"
    )


def _choose(span: Span, ended: str, cancelled: str, failed: str) -> str:
    """What was given up, such as the attempt that lost a race, is no failure."""
    if span.error is None:
        return ended
    return cancelled if span.error.startswith("cancelled") else failed


def _axis(spans: Sequence[Span]) -> tuple[float, float]:
    """Where the bars begin, and how many seconds they span together."""
    start = min(span.started for span in spans)
    end = max(span.started if span.ended is None else span.ended for span in spans)
    return start, max(end - start, 1e-9)


def _end(span: Span, start: float, total: float) -> float:
    return start + total if span.ended is None else span.ended


def _seconds(span: Span) -> str:
    if span.ended is None:
        return "running"
    return f"{span.elapsed:.3f} s" if span.elapsed >= 10 else f"{1000 * span.elapsed:.2f} ms"


def _details(span: Span, told: str | None = None) -> str:
    words = [f"{name}={_short(value)}" for name, value in span.attributes.items() if value is not None]
    if span.error:
        words.append("✗" if span.error == told else f"✗ {span.error}")
    return " ".join("".join(c if c.isprintable() else " " for c in word) for word in words)


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(plain(value))


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"

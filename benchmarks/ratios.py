"""Pure arithmetic: medians, percentiles, ratios of the same round."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

__all__ = ["Ratio", "compare", "percentile"]


class Ratio(NamedTuple):
    """The ratios of several rounds in three numbers."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        """Median and range, two decimals or two digits where that says more."""
        middle, low, high = (f"{one:.2f}" if one >= 0.1 else f"{one:.2g}" for one in self)
        return f"{middle} ({low} … {high})"


def compare(ours: Sequence[float], theirs: Sequence[float]) -> Ratio | None:
    """Ours divided by theirs, round by round; `None` when no round has both."""
    ratios = [mine / yours for mine, yours in zip(ours, theirs, strict=True) if yours > 0]
    return Ratio(median(ratios), min(ratios), max(ratios)) if ratios else None


def percentile(ordered: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 1) of the ascending values lie."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]

"""The picture at the head of the page: every table a line, every peer a dot, one scale for all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from . import svg
from .model import OURS
from .rounds import Outcome

__all__ = ["advantages", "draw"]

LEAST, MOST = 0.25, 32.0  # beyond these a dot stands at the edge
LEFT, SCALE, RIGHT, TOP, ROW = 530.0, 440.0, 280.0, 104.0, 19.0


class Advantage(NamedTuple):
    """How many times better than a peer we are at the first metric of a table; less than 1: it is ahead."""

    times: float
    peer: str


def advantages(outcome: Outcome) -> list[Advantage]:
    """Those over every peer that is a library, the least first."""
    metric = outcome.case.scenario.metrics[0]
    limits = {one.name for one in outcome.case.contenders if one.limit}
    found = []
    for name in outcome.samples:
        if name.startswith(OURS) or name in limits:
            continue
        ratio = outcome.ratio(name, metric.key)
        if ratio and ratio.median > 0:
            found.append(Advantage(ratio.median if metric.more_is_better else 1 / ratio.median, name))
    return sorted(found)


def _x(times: float) -> float:
    share = math.log(min(MOST, max(LEAST, times)) / LEAST) / math.log(MOST / LEAST)
    return LEFT + share * SCALE


def draw(outcomes: Sequence[Outcome], title: str, where: str) -> str:
    """The lines in the order of the tables."""
    rows = [(outcome, found) for outcome in outcomes if (found := advantages(outcome))]
    bottom = TOP + len(rows) * ROW
    shapes = [
        svg.text(20, 28, title, "big"),
        svg.text(20, 48, "Each dot is a peer, at the first number of its table.  Blue, right of 1 ×: asyncnet is "
                 "so many times better.  Orange, left: the peer is ahead.", "faint"),
        svg.text(20, 64, where, "faint"),
    ]  # fmt: skip
    for power in range(-2, 6):
        x = _x(2.0**power)
        shapes.append(svg.line(x, TOP - 6, x, bottom, "one" if power == 0 else "axis"))
        shapes.append(svg.text(x, TOP - 12, f"{2.0**power:g} ×", "faint", "middle"))
    shapes.append(svg.text(LEFT + SCALE + 34, TOP - 12, "best peer", "faint"))
    for number, (outcome, found) in enumerate(rows):
        y = TOP + number * ROW + ROW / 2
        label = outcome.case.title.replace(f" · {outcome.case.loop} loop", "").replace(" · used heap", "")
        shapes.append(svg.text(LEFT - 12, y + 4, label, "small", "end"))
        shapes.append(svg.line(LEFT, y, LEFT + SCALE, y, "axis"))
        for times, _ in reversed(found):
            shapes.append(svg.dot(_x(times), y, "ours" if times >= 1 else "ahead"))
        words = f"{found[0].peer}: {found[0].times:.2g} ×"
        shapes.append(svg.text(LEFT + SCALE + 34, y + 4, words, "small"))
    return svg.document(LEFT + SCALE + RIGHT, bottom + 16, title, shapes)

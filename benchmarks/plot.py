"""Pictures of a run: bars for each scenario, and lines that show how cost grows with the number of connections."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from . import svg
from .model import OURS, Contender, Metric
from .rounds import Outcome

__all__ = ["FOLDER", "ahead", "draw_all", "write_all"]

FOLDER = Path("build/benchmarks/plots")
PANEL, BAR, GAP, TOP, WORDS = 580.0, 18.0, 6.0, 88.0, 205.0
LONGER = 1.6  # how much longer than the longest bar of a library the bar of the machine's limit may be
LETTER = 7.2  # about what a letter of a name takes


def draw_all(outcomes: Sequence[Outcome], where: str) -> dict[str, str]:
    """An SVG for each scenario and loop, and one for growth where there is any; `where` says which machine."""
    groups: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        name = "-".join(filter(None, (outcome.case.scenario.name, outcome.case.loop)))
        groups.setdefault(name, []).append(outcome)
    return {name: _bars(group, where) for name, group in groups.items()} | _growths(outcomes, where)


def write_all(pictures: dict[str, str], folder: Path) -> list[Path]:
    """Write them; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, picture in pictures.items():
        path = folder / f"{name}.svg"
        path.write_text(picture)
        written.append(path)
    return written


def ahead(outcome: Outcome, peer: str, metric: Metric) -> bool:
    """Whether the median of the ratios says that the peer is ahead of us."""
    ratio = outcome.ratio(peer, metric.key)
    return ratio is not None and (ratio.median < 1 if metric.more_is_better else ratio.median > 1)


# --- bars -----------------------------------------------------------------------------------------


def _bars(outcomes: Sequence[Outcome], where: str) -> str:
    """Two panels a row, one a table."""
    scenario = outcomes[0].case.scenario
    metric = scenario.metrics[0]
    heights = [len(outcome.samples) * (BAR + GAP) + 44 for outcome in outcomes]
    direction = "more is better" if metric.more_is_better else "less is better"
    shapes = [
        svg.text(20, 28, f"{scenario.name}: {scenario.summary}", "big"),
        svg.text(20, 48, f"{metric.title}, {direction}.  Blue: asyncnet.  Orange: ahead of asyncnet.  Pale: not a "
                 "library, but what the machine can do.  Lines: from least to most", "faint"),
        svg.text(20, 64, where, "faint"),
    ]  # fmt: skip
    y = TOP
    for row in range(0, len(outcomes), 2):
        for column, outcome in enumerate(outcomes[row : row + 2]):
            shapes += _panel(outcome, metric, 20 + column * (PANEL + 20), y)
        y += max(heights[row : row + 2])
    width = 40 + PANEL * min(2, len(outcomes)) + 20 * (len(outcomes) > 1)
    width = max(width, 40 + len(f"{scenario.name}: {scenario.summary}") * 10.2, 900)
    return svg.document(width, y, f"{scenario.name}: {scenario.summary}", shapes)


def _panel(outcome: Outcome, metric: Metric, x: float, y: float) -> list[str]:
    title = outcome.case.title.removeprefix(outcome.case.scenario.name).removeprefix(" · ")
    shapes = [svg.text(x, y + 14, title or outcome.case.scenario.operation, "head")]
    y += 24
    names = max(map(len, outcome.samples), default=0) * LETTER + 20
    limits = {one.name for one in outcome.case.contenders if one.limit}
    # What the machine can do may be a hundred times more: its bar is cut where it would make all others tiny.
    most = LONGER * max((value for name in outcome.samples if name not in limits
                         for value in outcome.values(name, metric.key)), default=0) or 1.0  # fmt: skip
    most = min(
        most, max((value for name in outcome.samples for value in outcome.values(name, metric.key)), default=most)
    )
    scale = (PANEL - names - WORDS) / (most or 1.0)
    for name in outcome.samples:
        values = outcome.values(name, metric.key)
        middle = outcome.middle(name, metric)
        if middle is None:
            continue
        start, half = x + names, y + BAR / 2
        first = ahead(outcome, name, metric)
        style = "limit" if name in limits else _style(name, first)
        shapes.append(svg.text(start - 8, y + 13, name, "head" if name == OURS else "", "end"))
        cut = max(values) > most
        shapes.append(svg.rectangle(start, y, min(middle, most) * scale, BAR, style))
        if not cut:
            shapes.append(svg.line(start + min(values) * scale, half, start + max(values) * scale, half, "range"))
        ratio = None if name == OURS else outcome.ratio(name, metric.key)
        words = (
            ("… " if cut else "") + metric.show(middle) + (f"  (asyncnet: {ratio.median:.2g} × it)" if ratio else "")
        )
        shapes.append(svg.text(start + min(most, max(values)) * scale + 6, y + 13, words, "faint"))
        y += BAR + GAP
    return shapes


def _style(name: str, first: bool) -> str:
    if name.startswith(OURS):
        return "ours" if name == OURS else "also"
    return "ahead" if first else "peer"


# --- growth ---------------------------------------------------------------------------------------

GROWTH = Metric("cpu_connection", "µs", 1e6)
WIDTH, HEIGHT, LEFT, RIGHT, BOTTOM = 900.0, 420.0, 80.0, 190.0, 370.0


def _growths(outcomes: Sequence[Outcome], where: str) -> dict[str, str]:
    """For each role, loop and heap with several numbers of connections: CPU time a connection."""
    groups: dict[str, dict[int, Outcome]] = {}
    for outcome in outcomes:
        case = outcome.case
        if case.settings.get("tls"):
            continue
        if any("cpu_connection" in sample for samples in outcome.samples.values() for sample in samples):
            name = "-".join(filter(None, ("tcp-growth", case.role, case.loop, case.heap)))
            groups.setdefault(name, {})[case.number("connections")] = outcome
    return {name: _growth(group, where) for name, group in groups.items() if len(group) > 1}


def _tick(most: float) -> float:
    """A round distance of the lines of an axis: four to nine of them."""
    power = 10.0 ** math.floor(math.log10(most))
    return next(power * part for part in (1, 0.5, 0.2) if most / (power * part) >= 3)


def _growth(group: dict[int, Outcome], where: str) -> str:
    """Lines over the number of connections, each step as wide as the next."""
    numbers = sorted(group)
    case = group[numbers[0]].case
    title = f"How cost grows: CPU time a connection, as {case.role}, {case.loop} loop, {case.heap} heap"
    lines: list[tuple[Contender, int, list[float | None]]] = [
        (contender, number, [group[count].middle(contender.name, GROWTH) for count in numbers])
        for number, contender in enumerate(case.contenders)
    ]
    most = max((value for _, _, values in lines for value in values if value is not None), default=1.0) or 1.0
    step = (WIDTH - LEFT - RIGHT) / (len(numbers) - 1)

    def height(value: float) -> float:
        return BOTTOM - value / most * (BOTTOM - TOP)

    shapes = [svg.text(20, 28, title, "big"), svg.text(20, 48, "A connection: opened, ten echoes, closed.  Less is "
              "better, flat is good", "faint"), svg.text(20, 64, where, "faint")]  # fmt: skip
    tick = _tick(most)
    for number in range(int(most / tick) + 1):
        value = number * tick
        shapes.append(svg.line(LEFT, height(value), WIDTH - RIGHT, height(value), "axis"))
        shapes.append(svg.text(LEFT - 8, height(value) + 4, f"{value * GROWTH.scale:,.0f} µs", "faint", "end"))
    for index, count in enumerate(numbers):
        shapes.append(svg.text(LEFT + index * step, BOTTOM + 20, f"{count:,} connections", "faint", "middle"))
    ends: list[float] = []
    for contender, number, values in sorted(lines, key=lambda one: -(one[2][-1] or 0)):
        points = [(LEFT + index * step, height(value)) for index, value in enumerate(values) if value is not None]
        if not points:
            continue
        style = "limit" if contender.limit else f"c{number % 7}"
        shapes.append(svg.polyline(points, style))
        label = max(points[-1][1] + 4, ends[-1] + 15 if ends else 0)  # names below each other, never over each other
        ends.append(label)
        shapes.append(svg.text(points[-1][0] + 10, label, contender.name, "head" if contender.name == OURS else ""))
    return svg.document(WIDTH, max(HEIGHT, ends[-1] + 20 if ends else 0), title, shapes)

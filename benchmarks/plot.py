"""Pictures of a run: bars for each scenario, and lines that show how cost grows with the number of connections."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from . import machine, svg
from .model import OURS, Contender, Metric
from .rounds import Outcome

__all__ = ["FOLDER", "draw_all"]

FOLDER = Path("build/benchmarks/plots")
PANEL, NAMES, BAR, GAP, TOP = 520.0, 150.0, 18.0, 6.0, 88.0


def draw_all(outcomes: Sequence[Outcome], folder: Path) -> list[Path]:
    """Write an SVG for each scenario, loop and heap, and one for growth where there is any; returns their paths."""
    groups: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        case = outcome.case
        name = "-".join(filter(None, (case.scenario.name, case.loop, case.heap)))
        groups.setdefault(name, []).append(outcome)
    pictures = {name: _bars(group) for name, group in groups.items()}
    pictures |= _growths(outcomes)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, picture in pictures.items():
        path = folder / f"{name}.svg"
        path.write_text(picture)
        written.append(path)
    return written


def _style(contender: Contender, number: int) -> str:
    """One colour a contender in all pictures: ours first, the limit of the machine pale."""
    return "limit" if contender.limit else f"c{number % 7}"


# --- bars -----------------------------------------------------------------------------------------


def _bars(outcomes: Sequence[Outcome]) -> str:
    """Two panels a row, one a table."""
    first = outcomes[0].case
    scenario = first.scenario
    metric = scenario.metrics[0]
    heights = [len(outcome.samples) * (BAR + GAP) + 40 for outcome in outcomes]
    shapes = [
        svg.text(20, 28, f"{scenario.name}: {scenario.summary}", "big"),
        svg.text(20, 48, f"{metric.title}, {'more' if metric.more_is_better else 'less'} is better; bars: median of "
                 "the rounds, lines: least to most", "faint"),
        svg.text(20, 64, machine.one_line(), "faint"),
    ]  # fmt: skip
    y = TOP
    for row in range(0, len(outcomes), 2):
        for column, outcome in enumerate(outcomes[row : row + 2]):
            shapes += _panel(outcome, metric, 20 + column * (PANEL + 20), y)
        y += max(heights[row : row + 2])
    width = 40 + PANEL * min(2, len(outcomes)) + 20 * (len(outcomes) > 1)
    return svg.document(max(width, 900), y, f"{scenario.name}: {scenario.summary}", shapes)


def _panel(outcome: Outcome, metric: Metric, x: float, y: float) -> list[str]:
    title = outcome.case.title.removeprefix(outcome.case.scenario.name).removeprefix(" · ")
    shapes = [svg.text(x, y + 14, title or outcome.case.scenario.operation, "head")]
    y += 24
    most = max((value for name in outcome.samples for value in outcome.values(name, metric.key)), default=0) or 1.0
    scale = (PANEL - NAMES - 150) / most
    for number, contender in enumerate(outcome.case.contenders):
        values = outcome.values(contender.name, metric.key)
        middle = outcome.middle(contender.name, metric)
        if middle is None:
            continue
        start, half = x + NAMES, y + BAR / 2
        shapes.append(svg.text(start - 8, y + 13, contender.name, "head" if contender.name == OURS else "", "end"))
        shapes.append(svg.rectangle(start, y, middle * scale, BAR, _style(contender, number)))
        shapes.append(svg.line(start + min(values) * scale, half, start + max(values) * scale, half, "range"))
        ratio = None if contender.name == OURS else outcome.ratio(contender.name, metric.key)
        words = metric.show(middle) + (f"  (asyncnet: {ratio.median:.2g} × it)" if ratio else "")
        shapes.append(svg.text(start + max(middle, *values) * scale + 6, y + 13, words, "faint"))
        y += BAR + GAP
    return shapes


# --- growth ---------------------------------------------------------------------------------------


def _growths(outcomes: Sequence[Outcome]) -> dict[str, str]:
    """For each role, loop and heap with several numbers of connections: CPU time a connection."""
    groups: dict[str, dict[int, Outcome]] = {}
    for outcome in outcomes:
        case = outcome.case
        if any("cpu_connection" in sample for samples in outcome.samples.values() for sample in samples):
            name = "-".join(filter(None, ("tcp-growth", case.role, case.loop, case.heap)))
            groups.setdefault(name, {})[case.number("connections")] = outcome
    return {name: _growth(group) for name, group in groups.items() if len(group) > 1}


GROWTH = Metric("cpu_connection", "µs", 1e6)
WIDTH, HEIGHT, LEFT, BOTTOM = 900.0, 420.0, 80.0, 370.0


def _growth(group: dict[int, Outcome]) -> str:
    """Lines over the number of connections, each step as wide as the next."""
    numbers = sorted(group)
    case = group[numbers[0]].case
    title = f"CPU time a connection (opened, echoed on, closed): {case.role}, {case.loop} loop, {case.heap} heap"
    lines: list[tuple[Contender, int, list[float | None]]] = [
        (contender, number, [group[count].middle(contender.name, GROWTH) for count in numbers])
        for number, contender in enumerate(case.contenders)
    ]
    most = max((value for _, _, values in lines for value in values if value is not None), default=1.0)
    step = (WIDTH - LEFT - 220) / (len(numbers) - 1)

    def height(value: float) -> float:
        return BOTTOM - value / most * (BOTTOM - TOP)

    shapes = [svg.text(20, 28, title, "big"), svg.text(20, 48, "flat is good", "faint"),
              svg.text(20, 64, machine.one_line(), "faint")]  # fmt: skip
    for quarter in range(5):
        value = most * quarter / 4
        shapes.append(svg.line(LEFT, height(value), WIDTH - 220, height(value), "axis"))
        shapes.append(svg.text(LEFT - 8, height(value) + 4, f"{GROWTH.show(value)} µs", "faint", "end"))
    for index, count in enumerate(numbers):
        shapes.append(svg.text(LEFT + index * step, BOTTOM + 20, f"{count:,} connections", "faint", "middle"))
    ends: list[float] = []
    for contender, number, values in sorted(lines, key=lambda one: -(one[2][-1] or 0)):
        points = [(LEFT + index * step, height(value)) for index, value in enumerate(values) if value is not None]
        if not points:
            continue
        shapes.append(svg.polyline(points, _style(contender, number)))
        label = max(points[-1][1] + 4, ends[-1] + 15 if ends else 0)  # names below each other, never over each other
        ends.append(label)
        shapes.append(svg.text(points[-1][0] + 10, label, contender.name, "head" if contender.name == OURS else ""))
    return svg.document(WIDTH, max(HEIGHT, ends[-1] + 20 if ends else 0), title, shapes)

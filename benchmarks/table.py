"""Text: the table of a case, the goals, the list of scenarios."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .model import OURS, Goal, Metric, Scenario
from .rounds import Outcome

__all__ = ["GoalParts", "goal_lines", "goal_parts", "listing", "met", "table"]

DISTURBED = 0.05  # the share of a process's life spent waiting for its core from which a run is called so


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Aligned: the first column to the left, the others to the right."""
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    lines = []
    for row in rows:
        first, *others = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        lines.append("  ".join([first.strip().ljust(widths[0]), *others]).rstrip())
    return lines


def table(outcome: Outcome) -> str:
    """What a person reads: ratios to ours with their range, then medians for orientation."""
    case = outcome.case
    metrics = case.scenario.metrics
    compared = [metric for number, metric in enumerate(metrics) if number == 0 or metric.compared]
    rows = [["", *(f"{OURS} ÷ it: {metric.title}" for metric in compared), *(metric.title for metric in metrics)]]
    for name in outcome.samples:
        ratios = [_ratio(outcome, name, metric) for metric in compared]
        rows.append([name, *ratios, *(_cell(outcome, name, metric) for metric in metrics)])
    lines = [case.title, *("  " + line for line in _columns(rows))]
    lines += [f"  skipped: {name} ({missing} is not installed)" for name, missing in outcome.skipped.items()]
    lines += ["  " + line for line in goal_lines(outcome)]
    runs = [sample.get("waited", 0.0) for samples in outcome.samples.values() for sample in samples]
    if disturbed := sum(waited > DISTURBED for waited in runs):
        lines.append(f"  disturbed: in {disturbed} of {len(runs)} runs other work had the core for more than "
                     f"{DISTURBED:.0%} of the time; CPU time is the better guide")  # fmt: skip
    return "\n".join(lines)


def _ratio(outcome: Outcome, name: str, metric: Metric) -> str:
    ratio = None if name == OURS else outcome.ratio(name, metric.key)
    return str(ratio) if ratio else ""


def _cell(outcome: Outcome, name: str, metric: Metric) -> str:
    value = outcome.middle(name, metric)
    return "-" if value is None else metric.show(value)


def met(outcome: Outcome, goal: Goal) -> tuple[float, bool | None, bool | None] | None:
    """The value, whether it is within the bound, whether the aim is reached; `None` when it was not measured."""
    metric = next(one for one in outcome.case.scenario.metrics if one.key == goal.metric)
    if goal.peer is None:
        value = outcome.middle(goal.ours, metric)
    else:
        ratio = outcome.ratio(goal.peer, goal.metric, goal.ours)
        value = ratio.median if ratio else None
    if value is None:
        return None

    def reached(wanted: float | None) -> bool | None:
        return None if wanted is None else (value >= wanted if metric.more_is_better else value <= wanted)

    return value, reached(goal.bound), reached(goal.aim)


class GoalParts(NamedTuple):
    """A goal and what became of it, in words."""

    metric: str
    value: str
    wanted: str
    verdict: str


def goal_parts(outcome: Outcome, goal: Goal, result: tuple[float, bool | None, bool | None]) -> GoalParts:
    """The words for what `met` has found."""
    value, within, aimed = result
    metric = next(one for one in outcome.case.scenario.metrics if one.key == goal.metric)
    sign = "≥" if metric.more_is_better else "≤"

    def show(number: float) -> str:
        return f"{number:.3g} × {goal.peer}" if goal.peer else f"{metric.show(number)} ({metric.title})"

    bounds = (("goal", goal.bound), ("aim", goal.aim))
    wanted = [f"{word} {sign} {show(number)}" for word, number in bounds if number is not None]
    verdict = "SHORT" if within is False else "aim reached" if aimed else "met" if within else "below the aim"
    # Over a long link everybody waits, and CPU time says nothing about the rate.
    bound_by_cpu = goal.metric == "rate" and "rtt" not in outcome.case.settings
    by_cpu = outcome.ratio(goal.peer, "cpu", goal.ours) if goal.peer and bound_by_cpu else None
    note = f" (by CPU time {1 / by_cpu.median:.3g} ×)" if by_cpu else ""
    return GoalParts(metric.title, show(value) + note, ", ".join(wanted), verdict)


def goal_lines(outcome: Outcome) -> Iterable[str]:
    """One line for each goal that this case has measured."""
    for goal in outcome.case.goals:
        if (result := met(outcome, goal)) is not None:
            parts = goal_parts(outcome, goal, result)
            yield f"{goal.ours}, {parts.metric}: {parts.value}; {parts.wanted}: {parts.verdict}"


def listing(scenarios: Iterable[Scenario]) -> str:
    """The scenarios, what they do, who takes part."""
    lines = []
    for scenario in scenarios:
        lines.append(f"{scenario.name}: {scenario.summary}")
        choices = [", ".join(filter(None, scenario.roles)), ", ".join(scenario.loops), ", ".join(scenario.heaps)]
        lines.append("    " + "; ".join(filter(None, choices)) if any(choices) else "    one role")
        names = [one.name + (f" (skipped: no {one.missing})" if one.missing else "") for one in scenario.contenders]
        lines.append("    " + ", ".join(names))
    return "\n".join(lines)

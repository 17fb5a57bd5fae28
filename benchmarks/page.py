"""The page `docs/explanation/benchmarks.md`, with its pictures, from the JSON of a run: same file, same page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from . import glance, machine, plot
from .model import OURS, Metric
from .process import ROOT
from .ratios import Ratio
from .results import Run, read
from .rounds import Outcome
from .table import goal_parts, met

__all__ = ["PAGE", "PICTURES", "build", "write"]

PAGE = ROOT / "docs" / "explanation" / "benchmarks.md"
PICTURES = ROOT / "docs" / "images" / "benchmarks"
FROM_PAGE = "../images/benchmarks"

NOT_MEASURED = """\
* Real networks: everything ran over loopback of one machine. Loss and long links change what matters; where a delay is
  part of the work, a relay between the two sides makes it.
* Other machines, other systems: Linux on one processor, no macOS, no Windows, no ARM.
* Several processes: each contender has one process on one core, and its other side another core.
* Disks: what is downloaded is written to memory where there is such a place.
* HTTP/2 and HTTP/3, resumed TLS sessions, other certificates than ECDSA P-256.
* Features. Some peers do less (no limits, no deadlines, no policy), some do more; a ratio says nothing about that."""


class Lead(NamedTuple):
    """A peer that is ahead of asyncnet in a table."""

    title: str
    peer: str
    metric: Metric
    ratio: Ratio

    @property
    def far(self) -> float:
        """How many times."""
        return 1 / self.ratio.median if self.metric.more_is_better else self.ratio.median

    @property
    def doubtful(self) -> bool:
        """Whether asyncnet was ahead in some of the rounds."""
        return self.ratio.low <= 1 <= self.ratio.high


def write(source: Path) -> list[Path]:
    """Write page and pictures; pictures of an earlier run go.  Returns the paths."""
    page, pictures = build(source)
    PAGE.write_text(page)
    PICTURES.mkdir(parents=True, exist_ok=True)
    for old in PICTURES.glob("*.svg"):
        old.unlink()
    return [PAGE, *plot.write_all(pictures, PICTURES)]


def build(source: Path) -> tuple[str, dict[str, str]]:
    """The text of the page, and the pictures by name."""
    run = read(source)
    where = f"{machine.one_line(run.facts)}, {run.made[:10]}"
    pictures = plot.draw_all(run.outcomes, where)
    for loop, name in (("asyncio", "the stock loop"), ("uvloop", "uvloop")):
        some = [one for one in run.outcomes if one.case.loop == loop]
        if some:
            pictures[f"at-a-glance-{loop}"] = glance.draw(some, f"asyncnet beside its peers, on {name}", where)
    parts = [
        _head(run, source), _glance(pictures), _connections(pictures), _behind(run.outcomes), _goals(run.outcomes),
        _limits(run), _not_measured(run.outcomes), *_scenarios(run.outcomes, pictures),
    ]  # fmt: skip
    return "\n\n".join(filter(None, parts)) + "\n", pictures


def _picture(pictures: dict[str, str], name: str, words: str) -> list[str]:
    return [f"![{words}]({FROM_PAGE}/{name}.svg)"] if name in pictures else []


def _head(run: Run, source: Path) -> str:
    facts = run.facts
    rounds = [len(samples) for one in run.outcomes for samples in one.samples.values()]
    least, most = min(rounds), max(rounds)
    minutes = sum(one.seconds for one in run.outcomes) / 60
    versions = ", ".join(f"{name} {version}" for name, version in facts["packages"].items() if name != OURS)
    disturbed, runs = _disturbed(run.outcomes)
    return f"""# How asyncnet compares

Made from `{source.name}` by `python -m benchmarks --page`; edit neither.
[Measure it on your machine](../howto/benchmarks.md) says how to run it yourself and how it is done.

* **When and what**: {run.made[:16].replace("T", " ")} UTC, commit `{facts["commit"]}`, {len(run.outcomes)} tables of \
{least if least == most else f"{least} to {most}"} rounds, {minutes:.0f} minutes.
* **Where**: {machine.one_line(facts)}.
* **Against**: {versions}.
* **How**: every run of every contender is a fresh process, contenders take turns, results are checked, the other side
  is a process of its own. asyncnet has its defaults.
* **How quiet**: in {disturbed} of {runs} runs other work had the core for more than 5 % of the time.

A ratio is asyncnet's number divided by the peer's in the same round; shown is the median, in brackets the least and the
most."""


def _disturbed(outcomes: Sequence[Outcome]) -> tuple[int, int]:
    runs = [sample for one in outcomes for samples in one.samples.values() for sample in samples]
    return sum(sample.get("waited", 0) > 0.05 for sample in runs), len(runs)


def _glance(pictures: dict[str, str]) -> str:
    lines = ["## At a glance"]
    lines += _picture(pictures, "at-a-glance-asyncio", "Every table a line, every peer a dot, on the stock loop")
    lines += _picture(pictures, "at-a-glance-uvloop", "The same on uvloop")
    return "\n\n".join(lines)


def _connections(pictures: dict[str, str]) -> str:
    lines = ["## Concurrent connections", "Opened all at once, each echoed on ten times, all closed; and what a "
             "connection costs when there are 100, 1,000 or 10,000 of them."]  # fmt: skip
    for loop in ("asyncio", "uvloop"):
        lines += _picture(pictures, f"tcp-connections-{loop}", f"Connections a second on {loop}")
        for role in ("client", "server"):
            words = f"CPU time of a connection by their number, as {role}, {loop}"
            lines += _picture(pictures, f"tcp-growth-{role}-{loop}-used", words)
    return "\n\n".join(lines) if len(lines) > 2 else ""


# --- where asyncnet is behind ---------------------------------------------------------------------


def leads(outcomes: Iterable[Outcome]) -> Iterator[Lead]:
    """Every peer that the median says is ahead, at every number that the tables compare."""
    for outcome in outcomes:
        limits = {one.name for one in outcome.case.contenders if one.limit}
        for metric in _compared(outcome):
            for peer in outcome.samples:
                ratio = outcome.ratio(peer, metric.key)
                if ratio and not peer.startswith(OURS) and peer not in limits and plot.ahead(outcome, peer, metric):
                    yield Lead(outcome.case.title, peer, metric, ratio)


def _compared(outcome: Outcome) -> list[Metric]:
    metrics = outcome.case.scenario.metrics
    return [metric for number, metric in enumerate(metrics) if number == 0 or metric.compared]


def _behind(outcomes: Sequence[Outcome]) -> str:
    found = sorted(leads(outcomes), key=lambda lead: -lead.far)
    clear, doubtful = [one for one in found if not one.doubtful], [one for one in found if one.doubtful]
    whole = sum(_comparisons(one) for one in outcomes)
    text = (f"## Where asyncnet is behind\n\nOf {whole} comparisons, at the first number of a table and at CPU time, "
            f"{len(clear)} are won by the peer in every round")  # fmt: skip
    parts = [text + (", in short:" if clear else "."), _in_short(clear), _leads(clear)]
    if doubtful:
        parts += [
            f"In {len(doubtful)} more the peer's median is ahead, but asyncnet was in some rounds:",
            _leads(doubtful),
        ]
    return "\n\n".join(filter(None, parts))


def _in_short(found: Sequence[Lead]) -> str:
    """A line for each scenario: who is ahead, and how far at most."""
    worst: dict[str, dict[str, float]] = {}
    for lead in found:
        peers = worst.setdefault(lead.title.partition(" ")[0], {})
        peers[lead.peer] = max(lead.far, peers.get(lead.peer, 0))
    lines = []
    for scenario, peers in worst.items():
        said = ", ".join(f"{peer} ({far:.2g} ×)" for peer, far in sorted(peers.items(), key=lambda one: -one[1]))
        lines.append(f"* **{scenario}**: {said}")
    return "\n".join(lines)


def _leads(found: Sequence[Lead]) -> str:
    """A row for each table and peer, with all numbers at which it is ahead."""
    rows: dict[tuple[str, str], list[str]] = {}
    for lead in found:
        rows.setdefault((lead.title, lead.peer), []).append(f"{lead.metric.title}: {lead.ratio}")
    return _table(("table", "ahead", "asyncnet ÷ it"), [(*key, "; ".join(numbers)) for key, numbers in rows.items()])


def _comparisons(outcome: Outcome) -> int:
    limits = {one.name for one in outcome.case.contenders if one.limit}
    peers = [name for name in outcome.samples if not name.startswith(OURS) and name not in limits]
    return sum(outcome.ratio(name, metric.key) is not None for metric in _compared(outcome) for name in peers)


# --- goals, limits, what is missing ---------------------------------------------------------------


def _goals(outcomes: Sequence[Outcome]) -> str:
    rows = []
    for outcome in outcomes:
        for goal in outcome.case.goals:
            if (result := met(outcome, goal)) is not None:
                parts = goal_parts(outcome, goal, result)
                verdict = f"**{parts.verdict}**" if result[1] is False else parts.verdict
                rows.append((outcome.case.title, f"{goal.ours}, {parts.metric}", parts.value, parts.wanted, verdict))
    short = sum("SHORT" in row[-1] for row in rows)
    if not rows:
        return ""
    return (f"## Goals\n\nWhat we want of ourselves; {short} of {len(rows)} fall short.\n\n"
            + _table(("table", "what", "is", "wanted", ""), rows))  # fmt: skip


def _limits(run: Run) -> str:
    lines = "\n".join(f"* {line}" for line in run.limits)
    return f"## How fast the other sides are by themselves\n\n{lines}" if lines else ""


def _not_measured(outcomes: Sequence[Outcome]) -> str:
    skipped = {f"{name} ({missing})" for one in outcomes for name, missing in one.skipped.items()}
    absent = f"\n* Not installed here, so left out: {', '.join(sorted(skipped))}." if skipped else ""
    return f"## What was not measured\n\n{NOT_MEASURED}{absent}"


# --- the scenarios --------------------------------------------------------------------------------


def _scenarios(outcomes: Sequence[Outcome], pictures: dict[str, str]) -> Iterator[str]:
    names = list(dict.fromkeys(one.case.scenario.name for one in outcomes))
    yield "## Every table"
    for name in names:
        some = [one for one in outcomes if one.case.scenario.name == name]
        scenario = some[0].case.scenario
        lines = [f"### {name}", _sentence(f"{scenario.summary[0].upper()}{scenario.summary[1:]}. {scenario.notes}")]
        for loop in dict.fromkeys(one.case.loop for one in some):
            lines += _picture(pictures, "-".join(filter(None, (name, loop))), f"{name} {loop}".strip())
        for outcome in some:
            lines += [f"**{outcome.case.title}**", _numbers(outcome)]
        yield "\n\n".join(lines)


def _sentence(text: str) -> str:
    return " ".join(text.split())


def _numbers(outcome: Outcome) -> str:
    metrics, compared = outcome.case.scenario.metrics, _compared(outcome)
    head = ("", *(f"asyncnet ÷ it: {metric.title}" for metric in compared), *(metric.title for metric in metrics))
    rows = []
    for name in outcome.samples:
        ratios = [None if name == OURS else outcome.ratio(name, metric.key) for metric in compared]
        values = [outcome.middle(name, metric) for metric in metrics]
        shown = ["-" if value is None else metric.show(value) for value, metric in zip(values, metrics, strict=True)]
        rows.append((name, *(str(ratio or "") for ratio in ratios), *shown))
    return _table(head, rows, right=True)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], *, right: bool = False) -> str:
    if not rows:
        return ""
    rule = ["---", *("---:" if right else "---" for _ in head[1:])]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in (head, rule, *rows))

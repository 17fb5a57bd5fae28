"""JSON of one run: machine, versions, commit, every sample; and the run again from its JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from . import machine
from .model import Case, Contender, Goal, Metric, Scenario
from .rounds import Outcome

__all__ = ["Run", "as_dict", "read", "write"]


@dataclass(frozen=True, slots=True)
class Run:
    """What a file says.

    Attributes:
        made: when, in UTC.
        facts: machine, versions, commit, as `machine.describe` gives them.
        outcomes: one for each table, with as much of its scenario as text and pictures need.
        limits: how fast the other sides are by themselves, in words.
    """

    made: str
    facts: Mapping[str, Any]
    outcomes: Sequence[Outcome]
    limits: Sequence[str] = ()


def as_dict(outcome: Outcome) -> dict[str, object]:
    """One table: choices, every sample of every round, ratios of the first metric, what its text says."""
    case, scenario = outcome.case, outcome.case.scenario
    headline = scenario.metrics[0].key
    ratios = {name: ratio._asdict() for name in outcome.samples if (ratio := outcome.ratio(name, headline))}
    return {
        "scenario": scenario.name,
        "summary": scenario.summary,
        "operation": scenario.operation,
        "notes": scenario.notes,
        "role": case.role,
        "loop": case.loop,
        "heap": case.heap,
        "settings": dict(case.settings),
        "metrics": [asdict(metric) for metric in scenario.metrics],
        "goals": [asdict(goal) for goal in case.goals],
        "machine_limits": [one.name for one in case.contenders if one.limit],
        "ratios": ratios,
        "samples": {name: [_short(sample) for sample in samples] for name, samples in outcome.samples.items()},
        "skipped": outcome.skipped,
        "seconds": round(outcome.seconds, 1),
    }


def _short(sample: Mapping[str, float]) -> dict[str, float]:
    """Six digits: more was never measured."""
    return {name: float(f"{value:.6g}") for name, value in sample.items()}


def write(path: Path, outcomes: Sequence[Outcome], limits: Sequence[str] = ()) -> None:
    """Write the file, replacing one that is there."""
    whole = {
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine.describe(),
        "limits": list(limits),
        "tables": [as_dict(outcome) for outcome in outcomes],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n")


def read(path: Path) -> Run:
    """What `write` has written.  The scenarios are those of the file, not of today."""
    whole = json.loads(path.read_text())
    outcomes = [_outcome(table) for table in whole["tables"]]
    return Run(whole["made"], whole["machine"], outcomes, whole.get("limits", []))


def _outcome(table: Mapping[str, Any]) -> Outcome:
    names = [*table["samples"], *table["skipped"]]
    role, limits = table["role"], table["machine_limits"]
    scenario = Scenario(
        name=table["scenario"],
        summary=table["summary"],
        operation=table["operation"],
        roles={},
        grid=(table["settings"],),
        contenders=tuple(Contender(name, {role: ""}, limit=name in limits) for name in names),
        metrics=tuple(Metric(**metric) for metric in table["metrics"]),
        loops=(table["loop"],) if table["loop"] else (),
        heaps=(table["heap"],) if table["heap"] else (),
        goals=tuple(Goal(**goal) for goal in table["goals"]),
        notes=table["notes"],
    )
    case = Case(scenario, role, table["loop"], table["heap"], table["settings"])
    return Outcome(case, table["samples"], table["skipped"], table["seconds"])

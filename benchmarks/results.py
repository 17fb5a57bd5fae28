"""JSON of one run: machine, versions, commit, every sample."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from . import machine
from .rounds import Outcome

__all__ = ["as_dict", "write"]


def as_dict(outcome: Outcome) -> dict[str, object]:
    """One table: choices, every sample of every round, ratios of the first metric."""
    case = outcome.case
    headline = case.scenario.metrics[0].key
    ratios = {name: ratio._asdict() for name in outcome.samples if (ratio := outcome.ratio(name, headline))}
    return {
        "scenario": case.scenario.name,
        "role": case.role,
        "loop": case.loop,
        "heap": case.heap,
        "settings": dict(case.settings),
        "metric": headline,
        "ratios": ratios,
        "samples": {name: [dict(sample) for sample in samples] for name, samples in outcome.samples.items()},
        "skipped": outcome.skipped,
    }


def write(path: Path, outcomes: Sequence[Outcome]) -> None:
    """Write the file, replacing one that is there."""
    whole = {
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine.describe(),
        "tables": [as_dict(outcome) for outcome in outcomes],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(whole, indent=1) + "\n")

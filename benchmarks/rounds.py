"""How a case is conducted: a warm-up, then contenders in turn, A B C, A B C, …; nobody twice in a row."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median

from .model import OURS, Case, Contender, Metric, Missing, Sample
from .ratios import Ratio, compare

__all__ = ["Outcome", "conduct"]


@dataclass(slots=True)
class Outcome:
    """What all rounds of a case gave.

    Attributes:
        case: what was run.
        samples: for each contender one sample a round.
        skipped: contenders that could not take part, and what is missing.
        seconds: how long all of it took.
    """

    case: Case
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    def values(self, contender: str, metric: str) -> list[float]:
        """One value a round; empty when the contender has none."""
        return [sample[metric] for sample in self.samples.get(contender, ()) if metric in sample]

    def middle(self, contender: str, metric: Metric) -> float | None:
        """The median over the rounds."""
        values = self.values(contender, metric.key)
        return median(values) if values else None

    def ratio(self, peer: str, metric: str, ours: str = OURS) -> Ratio | None:
        """Ours divided by the peer's, in the same round; `None` when one of them has no values."""
        mine, theirs = self.values(ours, metric), self.values(peer, metric)
        return compare(mine, theirs) if mine and len(mine) == len(theirs) else None


def conduct(
    case: Case, contenders: Sequence[Contender], rounds: int, progress: Callable[[str], None] = lambda _: None
) -> Outcome:
    """Run a case: each contender once to warm up, then `rounds` times in turn.

    Raises:
        WrongResult: a contender failed; nothing is printed about the others then.
    """
    outcome = Outcome(case)
    rounds = min(rounds, case.scenario.most_rounds or rounds)
    start = time.monotonic()
    present = []
    for contender in contenders:
        if missing := contender.missing:
            outcome.skipped[contender.name] = missing
        else:
            present.append(contender)
    for number in range(rounds + 1):
        for contender in [one for one in present if one.name not in outcome.skipped]:
            progress(f"{case.title}: {'warm-up' if number == 0 else f'round {number} of {rounds}'}, {contender.name}")
            try:
                sample = case.scenario.roles[case.role].run(case, contender)
            except Missing as missing:  # something that a peer needs, found out only when it is imported
                outcome.skipped[contender.name] = str(missing)
                continue
            if number:
                outcome.samples.setdefault(contender.name, []).append(sample)
    outcome.seconds = time.monotonic() - start
    return outcome

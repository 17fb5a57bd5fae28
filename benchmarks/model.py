"""The nouns: scenario, case, contender, metric, goal.

A *scenario* is one piece of work.  It makes one *case* for each combination of role, settings, loop and heap; a case is
one printed table.  A *contender* does the work in a process of its own; what one such process measured is a *sample*, a
plain mapping of metric keys to numbers.  Samples of the same *round* are compared with each other, never across rounds.
"""

from __future__ import annotations

import importlib.util
import math
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

__all__ = [
    "OURS",
    "Case",
    "Contender",
    "Goal",
    "Metric",
    "Missing",
    "Role",
    "Sample",
    "Scenario",
    "Settings",
    "WrongResult",
    "program_path",
]

OURS = "asyncnet"  # the contender that the others are compared with

Settings = Mapping[str, int | str]
Sample = Mapping[str, float]


class WrongResult(Exception):
    """A contender's result is not what the work should give, or it gave none in time."""


class Missing(Exception):
    """A peer cannot take part: the module that the message names is not installed."""


def program_path(name: str) -> str | None:
    """Where a program is; servers are often where only root looks."""
    return shutil.which(name) or shutil.which(name, path="/usr/local/sbin:/usr/sbin:/sbin")


@dataclass(frozen=True, slots=True)
class Contender:
    """Somebody who does the work of a scenario.

    Args:
        name: what the tables call it.
        functions: for each role that it plays, the function as `module:name`.
        needs: what must be importable, or found as a program if it begins with "$"; without it the contender is
            skipped by name.
        on_asyncio: whether the choice of the event loop concerns it.
        limit: it shows what the machine can do (C), and nobody is measured against it.
    """

    name: str
    functions: Mapping[str, str]
    needs: tuple[str, ...] = ()
    on_asyncio: bool = True
    limit: bool = False

    @property
    def missing(self) -> str | None:
        """The first needed module or program that is not installed, or `None`."""
        for name in self.needs:
            try:
                if (program_path(name[1:]) if name.startswith("$") else importlib.util.find_spec(name)) is None:
                    return name.removeprefix("$")
            except ModuleNotFoundError:
                return name
        return None


@dataclass(frozen=True, slots=True)
class Metric:
    """One number of a sample, and how a table shows it.

    Args:
        key: its name in a sample.
        title: the heading of its column, with the unit.
        scale: what the stored value (seconds, bytes, one) is multiplied with for showing.
        more_is_better: the direction; ratios are always ours divided by theirs.
        compared: whether the table shows its ratios too; those of the first metric it always shows.
    """

    key: str
    title: str
    scale: float = 1.0
    more_is_better: bool = False
    compared: bool = False

    def show(self, value: float) -> str:
        """The value in the unit of the title, three significant digits, at least whole numbers."""
        value *= self.scale
        if not math.isfinite(value):
            return "-"
        digits = 0 if value == 0 else max(0, 2 - math.floor(math.log10(abs(value))))
        return f"{value:,.{digits}f}"


@dataclass(frozen=True, slots=True)
class Goal:
    """A ratio that we want to reach: ours divided by the named contender's.

    Args:
        peer: the contender it is measured against; `None` = the bound is our own value, in the unit of the sample.
        bound: the least ratio wanted, or the largest one where less is better; `None` = there is only an aim.
        aim: where we would like to be.
        metric: key of the metric.
        ours: our contender; scenarios with two ways of ours name it.
        when: the case values it holds for, such as `{"loop": "asyncio"}`; absent = any, `None` = not set.
    """

    peer: str | None
    bound: float | None
    aim: float | None = None
    metric: str = "rate"
    ours: str = OURS
    when: Mapping[str, str | int | None] = field(default_factory=dict)

    def concerns(self, case: Case) -> bool:
        """Whether the case is one that this goal is about."""
        values = {"role": case.role, "loop": case.loop, "heap": case.heap, **case.settings}
        return all(values.get(name) == wanted for name, wanted in self.when.items())


class Role(Protocol):
    """How one contender is run in a role: which processes, who measures, who checks."""

    def run(self, case: Case, contender: Contender) -> Sample:
        """Run it once in fresh processes and return what was measured."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One piece of work that contenders are compared at.

    Args:
        name: as `--scenario` takes it.
        summary: what is done, in one line.
        operation: what is counted, in one word: "echo", "datagram", "import".
        roles: the sides a contender can play, and how each is run.
        grid: the settings, one mapping for each table.
        contenders: who takes part, ours first.
        metrics: the columns; the first one is compared.
        loops: the event loops it makes sense on.
        heaps: the states of the heap it is run in unless `--heap` says otherwise.
        goals: the ratios wanted.
        most_rounds: as many as are worth their time, however many are asked for; `None` = all.
        notes: what a reader of the table must know.
    """

    name: str
    summary: str
    operation: str
    roles: Mapping[str, Role]
    grid: tuple[Settings, ...]
    contenders: tuple[Contender, ...]
    metrics: tuple[Metric, ...]
    loops: tuple[str, ...] = ("asyncio", "uvloop")
    heaps: tuple[str, ...] = ("used",)
    goals: tuple[Goal, ...] = ()
    most_rounds: int | None = None
    notes: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """A scenario with all choices made: one table."""

    scenario: Scenario
    role: str
    loop: str
    heap: str
    settings: Settings

    @property
    def title(self) -> str:
        """Name and choices in one line."""
        chosen = [SHOWN[name].format(value) for name, value in self.settings.items() if name in SHOWN and value]
        parts = [self.scenario.name, self.role, *chosen]
        if self.scenario.loops:
            parts.append(f"{self.loop} loop")
        if self.scenario.heaps:
            parts.append(f"{self.heap} heap")
        return " · ".join(part for part in parts if part)

    @property
    def contenders(self) -> tuple[Contender, ...]:
        """Those who can play the role."""
        return tuple(one for one in self.scenario.contenders if self.role in one.functions)

    @property
    def goals(self) -> tuple[Goal, ...]:
        """Those that concern this case."""
        return tuple(goal for goal in self.scenario.goals if goal.concerns(self))

    def number(self, name: str) -> int:
        """A setting that is a number."""
        return int(self.settings[name])

    def scaled(self, factor: float) -> Case:
        """The same case with more or less of what is only an amount: cycles where there are several, else the rest."""
        names = ("cycles",) if int(self.settings.get("cycles", 1)) > 1 else AMOUNTS
        changed = {name: _amount(self.number(name) * factor) for name in names if name in self.settings}
        return replace(self, settings={**self.settings, **changed})


AMOUNTS = ("messages", "total", "count", "requests", "images", "turns")


def _amount(wanted: float) -> int:
    """Whole, at least one, and whole thousands where it is more: some things go by the thousand."""
    return max(1, round(wanted)) if wanted <= 1000 else round(wanted / 1000) * 1000


# Settings that tell the cases of a scenario apart, and how a title says them.
SHOWN = {
    "connections": "{:,} connections",
    "names": "{:,} names",
    "hanging": "{} hanging",
    "size": "{:,} B",
    "to": "to {}",
    "sender": "{}",
    "kind": "{}",
    "rtt": "{} ms round trip",
}

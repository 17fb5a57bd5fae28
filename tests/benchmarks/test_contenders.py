"""Our own contenders do the work of every scenario, a small part of it: they follow the library as it is."""

from __future__ import annotations

import pytest

from benchmarks import catalogue
from benchmarks.model import OURS, Case, Scenario
from benchmarks.rounds import conduct

RUNS = [(scenario, role) for scenario in catalogue.scenarios() for role in scenario.roles]


def smallest(scenario: Scenario, role: str) -> Case:
    settings = dict(scenario.grid[0])
    if int(settings.get("connections", 0)) >= 100:
        settings["connections"] = 10
    loop, heap = (*scenario.loops, "")[0], (*scenario.heaps, "")[0]
    return Case(scenario, role, loop, heap, settings).scaled(0.02)


@pytest.mark.slow
@pytest.mark.parametrize(("scenario", "role"), RUNS, ids=[f"{scenario.name}-{role}" for scenario, role in RUNS])
def test_our_contenders_do_the_work(scenario: Scenario, role: str) -> None:
    case = smallest(scenario, role)
    ours = [contender for contender in case.contenders if contender.name.startswith(OURS) and not contender.missing]
    if not ours:
        pytest.skip(f"{scenario.contenders[0].missing} is not there yet")
    made = conduct(case, ours, rounds=1)
    if made.skipped:
        pytest.skip(f"needs {', '.join(made.skipped.values())}")
    for contender in ours:
        (sample,) = made.samples[contender.name]
        assert sample[scenario.metrics[0].key] >= 0

"""What the protocol modules list: contenders that exist, goals that can be checked, names that are unique."""

from __future__ import annotations

import ast

import pytest

from benchmarks import catalogue
from benchmarks.model import OURS, Case, Contender, Scenario
from benchmarks.process import ROOT

SCENARIOS = catalogue.scenarios()
FUNCTIONS = sorted(
    {
        (contender.name, function)
        for scenario in SCENARIOS
        for contender in scenario.contenders
        for function in contender.functions.values()
        if ":" in function
    }
)


def test_names_are_unique() -> None:
    names = [scenario.name for scenario in SCENARIOS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(("contender", "function"), FUNCTIONS)
def test_contenders_are_functions_of_one_job(contender: str, function: str) -> None:
    module, _, name = function.partition(":")
    tree = ast.parse((ROOT / f"{module.replace('.', '/')}.py").read_text())
    found = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name]
    assert len(found) == 1, f"{contender}: {function} is not a plain function"
    assert [argument.arg for argument in found[0].args.args] == ["job"]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_scenario_is_whole(scenario: Scenario) -> None:
    contenders = [contender.name for contender in scenario.contenders]
    assert contenders[0] == OURS
    assert len(set(contenders)) == len(contenders)
    assert all(set(contender.functions) <= set(scenario.roles) for contender in scenario.contenders)
    metrics = {metric.key for metric in scenario.metrics}
    for goal in scenario.goals:
        assert goal.metric in metrics
        assert goal.ours in contenders
        assert goal.peer is None or goal.peer in contenders or goal.peer.startswith("C "), goal
        assert goal.bound is not None or goal.aim is not None
        assert any(goal.concerns(case) for case in _all_cases(scenario)), f"{goal} concerns no case"


def _all_cases(scenario: Scenario) -> list[Case]:
    return [
        Case(scenario, role, loop, heap, settings)
        for role in scenario.roles
        for loop in scenario.loops or ("",)
        for heap in scenario.heaps or ("",)
        for settings in scenario.grid
    ]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_every_role_has_peers(scenario: Scenario) -> None:
    for role in scenario.roles:
        assert sum(role in contender.functions for contender in scenario.contenders) >= 2


def test_missing_packages_are_named() -> None:
    assert Contender("x", {}, ("json", "no_such_package.inside")).missing == "no_such_package.inside"
    assert Contender("x", {}, ("json.decoder",)).missing is None

"""The printed table, the goals, the JSON and the pictures, from outcomes made by hand."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks import plot, results
from benchmarks.model import Case, Contender, Goal, Metric, Sample, Scenario
from benchmarks.rounds import Outcome
from benchmarks.table import listing, met, table


class Nobody:
    """A role that is never run."""

    def run(self, case: Case, contender: Contender) -> Sample:
        raise NotImplementedError


SCENARIO = Scenario(
    name="apples",
    summary="apples <counted> & sorted",
    operation="apple",
    roles={"client": Nobody()},
    grid=({"connections": 100},),
    contenders=tuple(Contender(name, {"client": "a:b"}) for name in ("asyncnet", "pears", "plums")),
    metrics=(
        Metric("rate", "apples/s", more_is_better=True),
        Metric("cpu", "CPU µs", 1e6, compared=True),
        Metric("held", "KiB", 1 / 1024),
    ),
    loops=("asyncio",),
    goals=(
        Goal("pears", 2.0, 3.0),
        Goal("plums", 1.0, 1.5),
        Goal("pears", None, 5.0),
        Goal("pears", 0.3, metric="cpu"),
        Goal(None, 2048, 1024, "held"),
        Goal("pears", 9.0, when={"loop": "uvloop"}),
    ),
)


def outcome(connections: int = 100, **samples: list[Sample]) -> Outcome:
    case = Case(SCENARIO, "client", "asyncio", "used", {"connections": connections})
    return Outcome(case, samples)


OURS: list[Sample] = [{"rate": 250, "cpu": 4e-6, "held": 1536}, {"rate": 270, "cpu": 4e-6, "held": 1536}]
PEARS: list[Sample] = [{"rate": 100, "cpu": 10e-6}, {"rate": 100, "cpu": 10e-6, "waited": 0.5}]


def test_table_shows_ratios_medians_and_who_was_skipped() -> None:
    made = outcome(asyncnet=OURS, pears=PEARS)
    made.skipped["plums"] = "plum"
    lines = table(made).splitlines()
    assert lines[0] == "apples · client · 100 connections · asyncio loop · used heap"
    assert lines[1].split("  ")[-3:] == ["apples/s", "CPU µs", " KiB"]
    ours, pears = (next(line for line in lines if line.startswith(f"  {name}")) for name in ("asyncnet", "pears"))
    assert ours.split() == ["asyncnet", "260", "4.00", "1.50"]
    assert pears.split() == ["pears", "2.60", "(2.50", "…", "2.70)", "0.40", "(0.40", "…", "0.40)", "100", "10.0", "-"]
    assert "  skipped: plums (plum is not installed)" in lines
    assert any(line.startswith("  disturbed: in 1 of 4 runs") for line in lines)


def test_goals_of_the_case_are_judged() -> None:
    made = outcome(asyncnet=OURS, pears=PEARS)
    goals = made.case.goals
    assert len(goals) == 5  # not the one of uvloop
    judged = [met(made, goal) for goal in goals]
    assert judged[1] is None  # plums were not measured
    assert [(round(one[0], 6), *one[1:]) for one in judged if one] == [
        (2.6, True, False),
        (2.6, None, False),
        (0.4, False, None),
        (1536, True, False),
    ]
    text = table(made)
    assert "asyncnet, apples/s: 2.6 × pears (by CPU time 2.5 ×); goal ≥ 2 × pears, aim ≥ 3 × pears: met" in text
    assert "aim ≥ 5 × pears: below the aim" in text
    assert "asyncnet, CPU µs: 0.4 × pears; goal ≤ 0.3 × pears: SHORT" in text
    assert "asyncnet, KiB: 1.50 (KiB); goal ≤ 2.00 (KiB), aim ≤ 1.00 (KiB): met" in text


def test_without_ours_there_are_no_ratios() -> None:
    assert "pears" in table(outcome(pears=PEARS))
    assert outcome(pears=PEARS).ratio("pears", "rate") is None


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0"), (0.00123, "0.00123"), (9.87654, "9.88"), (1234567.8, "1,234,568"), (float("nan"), "-")],
)
def test_numbers_are_shown_with_three_digits(value: float, shown: str) -> None:
    assert Metric("x", "x").show(value) == shown


def test_listing_names_scenarios_and_contenders() -> None:
    text = listing([SCENARIO])
    assert text.startswith("apples: apples <counted> & sorted\n    client; asyncio; used\n")
    assert text.endswith("asyncnet, pears, plums")


def test_json_has_every_sample(tmp_path: Path) -> None:
    path = tmp_path / "new" / "run.json"
    results.write(path, [outcome(asyncnet=OURS, pears=PEARS)])
    whole = json.loads(path.read_text())
    (made,) = whole["tables"]
    assert made["samples"]["pears"] == PEARS
    assert made["ratios"] == {
        "asyncnet": {"median": 1, "low": 1, "high": 1},
        "pears": {"median": pytest.approx(2.6), "low": 2.5, "high": pytest.approx(2.7)},
    }
    assert made["settings"] == {"connections": 100}
    assert whole["machine"]["python"]


def words(path: Path) -> list[str]:
    """All text of a picture that is well-formed XML."""
    return [node.text or "" for node in ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}text")]


def test_bars_are_drawn_for_each_table(tmp_path: Path) -> None:
    outcomes = [outcome(asyncnet=OURS, pears=PEARS), outcome(1000, pears=PEARS)]
    (path,) = plot.write_all(plot.draw_all(outcomes, "here"), tmp_path)
    assert path.name == "apples-asyncio.svg"
    said = words(path)
    assert "apples: apples <counted> & sorted" in said
    assert said.count("pears") == 2
    assert said.count("asyncnet") == 1
    assert "100  (asyncnet: 2.6 × it)" in said


def test_growth_is_drawn_where_connections_grow(tmp_path: Path) -> None:
    grown: list[Sample] = [{"rate": 1, "cpu_connection": 2e-4}]
    outcomes = [outcome(count, asyncnet=grown, pears=grown) for count in (1000, 100)]
    pictures = plot.write_all(plot.draw_all(outcomes, "here"), tmp_path)
    assert [path.name for path in pictures] == ["apples-asyncio.svg", "tcp-growth-client-asyncio-used.svg"]
    said = words(pictures[1])
    assert said.index("100 connections") < said.index("1,000 connections")
    assert "200 µs" in said

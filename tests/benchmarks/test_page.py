"""The page made from a run: what it says of who is ahead, and that the committed one is what the generator writes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks import glance, page, results
from benchmarks.process import ROOT
from benchmarks.rounds import Outcome
from tests.benchmarks.test_table import OURS, PEARS, SCENARIO, outcome

RESULTS = sorted((ROOT / "benchmarks" / "results").glob("*.json"))
PLUMS = [{"rate": 500, "cpu": 2e-6}, {"rate": 260, "cpu": 5e-6}]  # ahead, but not in every round


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run in which pears are behind, and plums ahead in one round."""
    path = tmp_path / "2026-01-01.json"
    made = outcome(asyncnet=OURS, pears=PEARS, plums=PLUMS)
    made.skipped["cherries"] = "cherry"
    results.write(path, [made], ["apples: 1,000 a second, by hand"])
    return path


def test_run_is_read_as_it_was_written(run: Path) -> None:
    (read,) = results.read(run).outcomes
    written = outcome(asyncnet=OURS, pears=PEARS, plums=PLUMS)
    assert read.case.title == written.case.title
    assert read.case.scenario.metrics == SCENARIO.metrics
    assert read.case.goals == written.case.goals
    assert read.samples == written.samples
    assert read.ratio("pears", "rate") == written.ratio("pears", "rate")


def test_page_lists_who_is_ahead_and_what_was_left_out(run: Path) -> None:
    text, _ = page.build(run)
    behind = text.partition("## Where asyncnet is behind")[2].partition("\n## ")[0]
    assert re.search(r"\| apples .* \| plums \| .*apples/s: 0\.7\d \(0\.50 … 1\.04\)", behind)
    assert "pears" not in behind
    assert "cherries (cherry)" in text
    assert "apples: 1,000 a second, by hand" in text
    assert "**SHORT**" in text


def test_peer_ahead_in_every_round_is_said_first(tmp_path: Path) -> None:
    ahead = [{"rate": 1000, "cpu": 1e-6}] * 2
    results.write(tmp_path / "run.json", [outcome(asyncnet=OURS, plums=ahead)])
    text, _ = page.build(tmp_path / "run.json")
    assert "2 are won by the peer in every round, in short:\n\n* **apples**: plums (4 ×)" in text
    assert "In 1 more" not in text


def test_limit_of_the_machine_is_no_peer(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    results.write(path, [outcome(asyncnet=OURS, plums=[{"rate": 9000, "cpu": 1e-7}] * 2)])
    whole = json.loads(path.read_text())
    whole["tables"][0]["machine_limits"] = ["plums"]
    path.write_text(json.dumps(whole))
    text, _ = page.build(path)
    assert (
        "Of 0 comparisons, at the first number of a table and at CPU time, 0 are won by the peer in every round."
        in text
    )


def test_glance_has_a_dot_for_each_peer() -> None:
    made: Outcome = outcome(asyncnet=OURS, pears=PEARS, plums=PLUMS)
    picture = ElementTree.fromstring(glance.draw([made], "title", "here"))
    dots = picture.findall("{http://www.w3.org/2000/svg}circle")
    assert sorted(dot.get("class") or "" for dot in dots) == ["ahead", "ours"]
    assert [one.peer for one in glance.advantages(made)] == ["plums", "pears"]


def test_pictures_are_well_formed_and_linked(run: Path) -> None:
    text, pictures = page.build(run)
    for name, picture in pictures.items():
        ElementTree.fromstring(picture)
        assert f"images/benchmarks/{name}.svg" in text


@pytest.mark.skipif(not RESULTS, reason="no run is committed")
def test_committed_page_is_what_the_generator_writes() -> None:
    text, pictures = page.build(RESULTS[-1])
    assert page.PAGE.read_text() == text, "run python -m benchmarks --page benchmarks/results/<newest>.json"
    committed = {path.stem: path.read_text() for path in page.PICTURES.glob("*.svg")}
    assert committed == pictures

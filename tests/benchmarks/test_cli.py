"""The command line, as people use it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import catalogue
from benchmarks.cli import main

QUICK = ["--rounds", "1", "--scale", "0.02"]


def test_list_names_every_scenario(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    said = capsys.readouterr().out
    assert all(f"{scenario.name}: " in said for scenario in catalogue.scenarios())


def test_unknown_scenario_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--scenario", "no-such-thing"]) == 2
    assert "no scenario is called no-such-thing" in capsys.readouterr().err


def test_run_prints_tables_writes_json_and_draws(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chosen = ["--scenario", "tcp-conn*", "--concurrency", "5", "--concurrency", "10", "--against", "asyncio *"]
    files = ["--json", str(tmp_path / "run.json"), "--plot", str(tmp_path / "plots")]
    assert main([*chosen, *files, *QUICK]) == 0
    said = capsys.readouterr().out
    for role in ("client", "server"):
        for connections in (5, 10):
            assert f"tcp-connections · {role} · {connections} connections" in said
    assert "asyncio streams" in said
    assert "trio" not in said
    tables = json.loads((tmp_path / "run.json").read_text())["tables"]
    assert [(one["role"], one["settings"]["connections"]) for one in tables] == [
        ("client", 5), ("server", 5), ("client", 10), ("server", 10),
    ]  # fmt: skip
    names = {path.name for path in (tmp_path / "plots").iterdir()}
    assert names == {
        "tcp-connections-asyncio.svg", "tcp-growth-client-asyncio-used.svg", "tcp-growth-server-asyncio-used.svg",
    }  # fmt: skip


def test_both_loops_and_both_heaps_make_four_tables(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("uvloop")
    chosen = ["--scenario", "tcp-echo", "--role", "server", "--against", "asyncio streams", "--concurrency", "4"]
    assert main([*chosen, "--loop", "both", "--heap", "both", *QUICK]) == 0
    said = capsys.readouterr().out
    for loop in ("asyncio", "uvloop"):
        for heap in ("fresh", "used"):
            assert f"tcp-echo · server · 4 connections · 64 B · {loop} loop · {heap} heap" in said


def test_check_counts_goals(capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["--scenario", "import-time", "--against", "aiohttp", "--check", "--rounds", "1"])
    said = capsys.readouterr().out
    assert "1 goals checked" in said
    assert status == (0 if "0 short" in said else 1)

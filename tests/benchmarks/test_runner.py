"""Real runs, small: right results are measured, wrong ones are an error, nothing lives on."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from benchmarks import peers, tcp
from benchmarks.model import Case, Contender, Scenario, WrongResult
from benchmarks.process import Child, choose_cores, environment, python
from benchmarks.rounds import conduct

HERE = "tests.benchmarks.echo_clients"
SETTINGS = {"connections": 3, "messages": 4, "size": 64, "warm": 2, "cycles": 2}


def contender(function: str, role: str = "client", name: str = "") -> Contender:
    return Contender(name or function, {role: f"{HERE}:{function}"})


def case(scenario: Scenario = tcp.ECHO, role: str = "client", **more: int) -> Case:
    return Case(scenario, role, "asyncio", "used", SETTINGS | more)


@pytest.mark.parametrize("scenario", [tcp.CONNECTIONS, tcp.ECHO, tcp.MANY], ids=lambda one: one.name)
@pytest.mark.parametrize(("role", "function"), [("client", "honest"), ("server", "honest_server")])
def test_right_results_are_measured(scenario: Scenario, role: str, function: str) -> None:
    # The test's server serves one connection at a time; clients hold several, which wait in its backlog.
    holds = int(scenario is tcp.MANY)
    amounts = {"memory": holds, "hold": holds, "batch": holds, "cycles": 2 - holds}
    chosen = case(scenario, role, **amounts, connections=1 if role == "server" else 3)
    made = conduct(chosen, [contender(function, role)], rounds=2)
    first, second = made.samples[function]
    assert first.keys() == second.keys()
    shown = {metric.key for metric in scenario.metrics}
    assert shown - {"held"} <= first.keys()
    assert first["rate"] > 0
    assert first["cpu"] > 0
    assert first["peak"] > 1 << 20


def test_warm_up_is_not_counted_and_contenders_take_turns() -> None:
    order: list[str] = []
    names = ["a", "b"]
    made = conduct(case(), [contender("honest", name=name) for name in names], rounds=2, progress=order.append)
    assert [line.rpartition(", ")[2] for line in order] == ["a", "b"] * 3
    assert {name: len(samples) for name, samples in made.samples.items()} == {"a": 2, "b": 2}


def test_absent_peers_are_skipped_by_name() -> None:
    absent = Contender("absent", {"client": "absent:client"}, ("no_such_package",))
    made = conduct(case(), [contender("honest"), absent], rounds=1)
    assert made.skipped == {"absent": "no_such_package"}
    assert list(made.samples) == ["honest"]


def test_peers_that_lack_something_are_skipped_by_name() -> None:
    lacking = Contender("lacking", {"client": "tests.benchmarks.lacking:client"})
    made = conduct(case(), [contender("honest"), lacking], rounds=1)
    assert made.skipped == {"lacking": "no_such_package"}
    assert list(made.samples) == ["honest"]


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("mixed_up", "echo: connection 0 got 8 replies that are not its messages"),
        ("lazy", r"not its messages|the server counted"),
        ("crashing", "RuntimeError: not today"),
    ],
)
def test_wrong_clients_are_an_error(function: str, words: str) -> None:
    with pytest.raises(WrongResult, match=words):
        conduct(case(), [contender(function)], rounds=1)


def test_lazy_client_is_caught_by_the_server_that_counts() -> None:
    # With one cycle what it makes up looks right to the check in its own process.
    with pytest.raises(WrongResult, match="the server counted"):
        conduct(case(cycles=1), [contender("lazy")], rounds=1)


def test_wrong_servers_are_an_error() -> None:
    with pytest.raises(WrongResult, match="the load on altering_server ended"):
        conduct(case(role="server", connections=1), [contender("altering_server", "server")], rounds=1)


def test_children_are_ended_at_their_deadline() -> None:
    hanging = 'import os, sys; print(\'{"event": "ready"}\', flush=True); sys.stdin.read()'
    with pytest.raises(WrongResult, match=r"the child gave no result within 0\.5 s"):
        with Child(python("-c", hanging), name="the child", deadline=0.5) as child:
            child.message("ready")
            child.message("result")
    with pytest.raises(ProcessLookupError):
        os.kill(child.pid, 0)


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("print('hello')", r"printed b'hello' instead of ready"),
        ('print(\'{"event": "held"}\')', r"said \{'event': 'held'\} instead of ready"),
        ("pass", "ended without ready: it said nothing, exit status 0"),
        ("raise SystemExit('no more')", "ended without ready: no more"),
    ],
)
def test_children_that_say_something_else_are_an_error(program: str, words: str) -> None:
    with Child(python("-c", program), name="the child") as child, pytest.raises(WrongResult, match=words):
        child.message("ready")


def test_children_are_pinned_to_their_core() -> None:
    cores = choose_cores()
    if cores.contender is None:
        pytest.skip("there is one core, or no way to choose it")
    assert cores.contender != cores.other
    with Child(python("-c", "import sys; sys.stdin.read()"), core=cores.other, name="the child") as child:
        assert os.sched_getaffinity(child.pid) == {cores.other}


def test_children_get_no_setting_that_changes_the_measurement() -> None:
    kept = environment()
    assert kept["PATH"] == os.environ["PATH"]
    assert [name for name in kept if name.startswith(("PYTHON", "COVERAGE", "MALLOC"))] == ["PYTHONPATH"]


@pytest.mark.skipif(not peers.HAVE_COMPILER, reason="no C compiler: the C programs are not used")
def test_programs_are_compiled_once() -> None:
    (path,) = peers.program("serve")
    assert os.access(path, os.X_OK)
    changed = Path(path).stat().st_mtime_ns
    assert peers.program("serve", "echo", 0) == [path, "echo", "0"]
    assert Path(path).stat().st_mtime_ns == changed


def test_scale_changes_amounts_only() -> None:
    whole = Case(tcp.CONNECTIONS, "client", "asyncio", "used", tcp.CONNECTIONS.grid[0])
    assert whole.scaled(0.5).settings == {**whole.settings, "cycles": 5}
    assert dataclasses.replace(whole, settings=SETTINGS | {"cycles": 1}).scaled(0.1).number("messages") == 1

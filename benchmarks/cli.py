"""The command line."""

from __future__ import annotations

import argparse
import fnmatch
import importlib.util
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from . import catalogue, limits, machine, page, peers, plot, results
from .model import OURS, Case, Contender, Scenario, WrongResult
from .rounds import Outcome, conduct
from .table import listing, met, table

__all__ = ["main"]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks", description="asyncnet beside its peers, in one run.")
    parser.add_argument("--list", action="store_true", help="show the scenarios and who takes part")
    parser.add_argument("--scenario", action="append", metavar="NAME", help="which; * and ? match, may be repeated")
    parser.add_argument("--against", action="append", metavar="PEER", help="only these peers; * and ? match")
    parser.add_argument("--role", metavar="ROLE", help='only as "client" or as "server"')
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="after one warm-up (default 5)")
    parser.add_argument("--loop", choices=("asyncio", "uvloop", "both"), default="asyncio")
    parser.add_argument("--heap", choices=("fresh", "used", "both"), help="default: what the scenario asks for")
    parser.add_argument("--concurrency", type=int, action="append", metavar="N", help="connections; may be repeated")
    parser.add_argument("--scale", type=float, default=1.0, metavar="F", help="this much of the work (default 1)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything that was measured")
    parser.add_argument(
        "--limits", action="store_true", help="measure the other sides too, by wrk, dnsperf and the like"
    )
    parser.add_argument("--page", type=Path, metavar="FILE", help="run nothing; write the page of the docs from a JSON")
    parser.add_argument("--plot", type=Path, nargs="?", const=plot.FOLDER, metavar="FOLDER",
                        help="draw an SVG for each table (default folder: build/benchmarks/plots)")  # fmt: skip
    parser.add_argument(
        "--check",
        action="store_true",
        help="only what goals are about; print those that fall short; exit 1 if there are any",
    )
    return parser


def _matches(name: str, patterns: Sequence[str] | None) -> bool:
    return not patterns or any(fnmatch.fnmatch(name.lower(), pattern.lower()) for pattern in patterns)


def cases(scenario: Scenario, options: argparse.Namespace) -> Iterator[Case]:
    """The cases of a scenario that the options ask for."""
    loops = [one for one in scenario.loops if options.loop in (one, "both")] if scenario.loops else [""]
    for loop in loops:
        heaps = _heaps(scenario, loop, options.heap)
        if loop == "uvloop" and importlib.util.find_spec("uvloop") is None:
            print(f"{scenario.name}: uvloop is not installed, its tables are skipped")
            continue
        for settings in _grid(scenario, options.concurrency):
            for role in scenario.roles:
                if options.role in (None, role):
                    yield from (Case(scenario, role, loop, heap, settings).scaled(options.scale) for heap in heaps)


def _heaps(scenario: Scenario, loop: str, wanted: str | None) -> tuple[str, ...]:
    """The states of the heap to measure."""
    if not scenario.heaps or wanted is None:
        # uvloop does not depend on it.
        return ("used",) if loop == "uvloop" and "used" in scenario.heaps else scenario.heaps or ("",)
    return ("fresh", "used") if wanted == "both" else (wanted,)


def _grid(scenario: Scenario, concurrency: Sequence[int] | None) -> list[dict[str, int | str]]:
    """The settings, with the wanted numbers of connections instead of its own; the amount of work stays."""
    if not concurrency or not all({"connections", "cycles"} <= settings.keys() for settings in scenario.grid):
        return [dict(settings) for settings in scenario.grid]
    first = scenario.grid[0]
    amount = "cycles" if int(first["cycles"]) > 1 else "messages"
    work = int(first["connections"]) * int(first[amount])
    grid: list[dict[str, int | str]] = [{**first, "connections": wanted} for wanted in concurrency]
    for wanted, settings in zip(concurrency, grid, strict=True):
        if not settings.get("hold"):  # there it is the connections that are the work
            settings[amount] = max(1, round(work / wanted))
    return grid


def chosen(case: Case, options: argparse.Namespace) -> list[Contender]:
    """Ours and the peers asked for: with --check those that goals name; none with its own loop a second time."""
    peers = [one for one in case.contenders if not one.name.startswith(OURS) and _matches(one.name, options.against)]
    if options.check and not options.against:
        peers = [one for one in peers if any(goal.peer == one.name for goal in case.goals)]
    elif options.loop == "both" and case.loop == "uvloop":  # they stand in the table of the other loop
        peers = [one for one in peers if one.on_asyncio]
    return [one for one in case.contenders if one.name.startswith(OURS) or one in peers]


def _progress(line: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)


def _run(
    options: argparse.Namespace, scenarios: Sequence[Scenario], reached: Sequence[str]
) -> tuple[list[Outcome], list[str]]:
    outcomes: list[Outcome] = []
    failures: list[str] = []
    start = time.monotonic()
    wanted = [(scenario, list(cases(scenario, options))) for scenario in scenarios]
    if options.check:
        wanted = [(one, [case for case in some if any(goal.bound is not None for goal in case.goals)])
                  for one, some in wanted]  # fmt: skip
    whole = sum(len(some) for _, some in wanted)
    done = 0
    for scenario, its_cases in wanted:
        for case in its_cases:
            done += 1
            if not sys.stderr.isatty():  # somebody follows a log
                print(f"{time.monotonic() - start:5.0f} s: table {done} of {whole}", file=sys.stderr, flush=True)
            try:
                outcome = conduct(case, chosen(case, options), options.rounds, _progress)
            except WrongResult as error:
                _progress("")
                failures.append(f"{case.title}: {error}")
                print(f"\nFAILED: {failures[-1]}", flush=True)
                continue
            _progress("")
            outcomes.append(outcome)
            print(f"\n{table(outcome)}", flush=True)
            if options.json:  # after each table: who is interrupted keeps the rest
                results.write(options.json, outcomes, reached)
        if scenario.notes and its_cases:
            print(f"  {scenario.notes}")
    return outcomes, failures


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; the exit status is 0 when every result was right."""
    options = _parser().parse_args(arguments)
    if options.page:
        print(f"written: {len(page.write(options.page))} files, {page.PAGE}")
        return 0
    scenarios = [one for one in catalogue.scenarios() if _matches(one.name, options.scenario)]
    if not scenarios:
        print(f"no scenario is called {' or '.join(options.scenario)}; --list shows them", file=sys.stderr)
        return 2
    if options.list:
        print(listing(scenarios))
        return 0
    print(machine.one_line())
    print(f"{peers.described()}; medians of {options.rounds} rounds; each run in a fresh process")
    start = time.monotonic()
    reached = limits.measure() if options.limits else []
    for line in reached:
        print(f"the other side by itself: {line}", flush=True)
    outcomes, failures = _run(options, scenarios, reached)
    print(f"\n{len(outcomes)} tables in {time.monotonic() - start:.0f} s")
    if options.plot:
        for path in plot.write_all(plot.draw_all(outcomes, machine.one_line()), options.plot):
            print(f"drawn: {path}")
    if failures:
        print(f"{len(failures)} tables FAILED")
    return 1 if failures or (options.check and _short(outcomes)) else 0


def _short(outcomes: Sequence[Outcome]) -> int:
    """Print the goals that were missed and how many were checked."""
    checked = [(outcome, goal, result) for outcome in outcomes for goal in outcome.case.goals
               if (result := met(outcome, goal)) is not None and goal.bound is not None]  # fmt: skip
    short = [one for one in checked if not one[2][1]]
    for outcome, goal, (value, _, _) in short:
        print(f"short: {outcome.case.title}: {goal.ours}, {goal.metric} {value:.2f} against "
              f"{goal.peer or 'the bound'}, wanted {goal.bound:.2f}")  # fmt: skip
    print(f"{len(checked)} goals checked, {len(short)} short")
    return len(short)

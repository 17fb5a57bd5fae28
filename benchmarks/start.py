"""Import time: what a program pays before its first line."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from .model import Case, Contender, Goal, Metric, Sample, Scenario
from .process import Child, choose_cores, python

__all__ = ["SCENARIOS"]

# Imports nothing before the clock runs that an interpreter has not imported already.
PROGRAM = """
import sys, time
before = set(sys.modules)
wall, cpu = time.perf_counter(), time.process_time()
{statement}
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
modules = len(set(sys.modules) - before)
assert {expected!r} in sys.modules
from benchmarks.memory import peak_bytes
peak = peak_bytes()
import json
print(json.dumps({{"event": "result", "wall": wall, "cpu": cpu, "modules": modules, "peak": peak}}))
"""


@dataclass(frozen=True, slots=True)
class Alone:
    """Imports in several fresh interpreters, one after the other; the sample is their median."""

    times: int

    def run(self, case: Case, contender: Contender) -> Sample:
        """One run; the contender's "function" is a statement and the module it must have loaded."""
        statement, _, expected = contender.functions[case.role].rpartition(" -> ")
        command = python("-c", PROGRAM.format(statement=statement, expected=expected))
        reports = []
        for _ in range(self.times):
            with Child(command, core=choose_cores().contender, name=contender.name) as child:
                report = child.message("result")
            reports.append(report | {"waited": child.waited})
        values = {name: median(report[name] for report in reports) for name in ("wall", "cpu", "modules", "waited")}
        return values | {"peak": float(max(report["peak"] or 0 for report in reports))}


def _imports(name: str, statement: str, expected: str, needs: str) -> Contender:
    return Contender(name, {"": f"{statement} -> {expected}"}, (needs,), on_asyncio=False)


EIGHT = "import asyncnet; " + "; ".join(
    f"asyncnet.{name}" for name in ("dns", "http", "tcp", "udp", "smtp", "ftp", "pop3", "nntp")
)

IMPORT = Scenario(
    name="import-time",
    summary="one import in a fresh interpreter",
    operation="import",
    roles={"": Alone(times=5)},
    grid=({},),
    contenders=(
        _imports("asyncnet", "import asyncnet", "asyncnet", "asyncnet"),
        _imports("asyncnet, tcp used", "import asyncnet; asyncnet.tcp.Client", "asyncnet.tcp", "asyncnet.tcp"),
        _imports("asyncnet, all eight used", EIGHT, "asyncnet.nntp", "asyncnet.nntp"),
        _imports("aiohttp", "import aiohttp", "aiohttp", "aiohttp"),
        _imports("asyncio alone", "import asyncio", "asyncio", "asyncio"),
        _imports("anyio", "import anyio", "anyio", "anyio"),
        _imports("trio", "import trio", "trio", "trio"),
        _imports("Twisted reactor", "from twisted.internet import reactor", "twisted.internet.reactor", "twisted"),
        _imports("httpx", "import httpx", "httpx", "httpx"),
    ),
    metrics=(
        Metric("wall", "ms", 1e3),
        Metric("cpu", "CPU ms", 1e3),
        Metric("modules", "modules"),
        Metric("peak", "peak MiB", 1 / 2**20),
    ),
    loops=(),
    heaps=(),
    goals=(
        Goal("aiohttp", 0.35, metric="wall"),
        Goal("aiohttp", None, 0.35, metric="wall", ours="asyncnet, tcp used"),
    ),
    notes="Less is better.  `import asyncnet` loads a namespace when it is first used.  A sample is the median of five "
    "fresh interpreters, with compiled files in place.",
)

SCENARIOS = (IMPORT,)

"""How one run is conducted: alone, against a fixed server, or under a fixed load."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from . import certificates
from .memory import peak_bytes, user_bytes
from .model import Case, Contender, Sample, WrongResult
from .peers import program
from .process import Child, Cores, choose_cores, python

__all__ = ["AgainstServer", "Message", "UnderFlood", "UnderLoad", "task"]

Message = dict[str, Any]


def task(case: Case, contender: Contender, job: str, port: int, *, reports: bool = True) -> list[str]:
    """The command of the process that runs the contender; with `reports` it ends and says what it measured."""
    given = {
        "job": job,
        "function": contender.functions[case.role],
        "reports": reports,
        "heap": case.heap,
        "loop": case.loop,
        "port": port,
        "settings": dict(case.settings),
    }
    return python("-m", "benchmarks.worker", json.dumps(given))


def _prepare(case: Case) -> Cores:
    """What both sides need before they start; where they run."""
    if case.settings.get("tls"):
        certificates.make()
    return choose_cores()


@dataclass(frozen=True, slots=True)
class AgainstServer:
    """The contender is the client; it measures itself.  The setting "rtt" puts a link with a delay between the two.

    Args:
        job: the class of its job, as `module:name`.
        serve: the command of the fixed server, which says when it is ready and, at the end, what it has counted.
        judge: checks the two reports against the case and makes the sample.
    """

    job: str
    serve: Callable[[Case], list[str]]
    judge: Callable[[Case, Message, Message], Sample]

    def run(self, case: Case, contender: Contender) -> Sample:
        """One run in fresh processes."""
        cores = _prepare(case)
        with ExitStack() as stack:
            server = stack.enter_context(Child(self.serve(case), core=cores.other, name="the server"))
            port = server.message("ready")["port"]
            if "rtt" in case.settings:
                delayed = program("relay", port, case.number("rtt") * 500)  # half of it each way, in microseconds
                relay = stack.enter_context(Child(delayed, core=cores.other, name="the relay"))
                port = relay.message("ready")["port"]
            command = task(case, contender, self.job, port)
            with Child(command, core=cores.contender, name=contender.name) as child:
                report = child.message("result")
            server.finish()
            counted = server.message("result")
        return {**self.judge(case, report, counted), "waited": max(child.waited, server.waited)}


@dataclass(frozen=True, slots=True)
class UnderLoad:
    """The contender is the server; the load measures it, its CPU time included.

    Args:
        job: the class of its job, as `module:name`.
        load: the command of the fixed load, for the port and the process id of the contender.
        judge: checks the report of the load against the case and makes the sample.
    """

    job: str
    load: Callable[[Case, int, int], list[str]]
    judge: Callable[[Case, Message], Sample]

    def run(self, case: Case, contender: Contender) -> Sample:
        """One run in fresh processes."""
        cores = _prepare(case)
        command = task(case, contender, self.job, 0, reports=False)
        with Child(command, core=cores.contender, name=contender.name) as server:
            port = server.message("ready")["port"]
            before = user_bytes(server.pid)
            command = self.load(case, port, server.pid)
            with Child(command, core=cores.other, name=f"the load on {contender.name}") as load:
                held: dict[str, int | None] = {}
                if case.settings.get("hold"):
                    load.message("held")
                    held = {"open": before, "close": user_bytes(server.pid)}
                    load.go_on()
                report = load.message("result")
            if server.ended is not None:
                raise WrongResult(f"{contender.name} ended under load with status {server.ended}")
            report["held"] = held
            report["peak_kib"] = (peak_bytes(server.pid) or 0) // 1024
        return {**self.judge(case, report), "waited": max(server.waited, load.waited)}


@dataclass(frozen=True, slots=True)
class UnderFlood:
    """The contender is a server that gets more than it can take until it has had enough; it measures itself.

    Args:
        job: the class of its job, as `module:name`.
        flood: the command of the flood, for the port of the contender.
        judge: checks the report against the case and makes the sample.
    """

    job: str
    flood: Callable[[Case, int], list[str]]
    judge: Callable[[Case, Message], Sample]

    def run(self, case: Case, contender: Contender) -> Sample:
        """One run in fresh processes."""
        cores = _prepare(case)
        with Child(task(case, contender, self.job, 0), core=cores.contender, name=contender.name) as server:
            port = server.message("ready")["port"]
            with Child(self.flood(case, port), core=cores.other, name=f"the flood on {contender.name}") as flood:
                report = server.message("result")
        return {**self.judge(case, report), "waited": max(server.waited, flood.waited)}

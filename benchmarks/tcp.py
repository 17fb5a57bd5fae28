"""TCP: many connections, echoes, bulk; the contender as client and as server."""

from __future__ import annotations

from collections.abc import Callable

from .model import Case, Contender, Goal, Metric, Role, Sample, Scenario, WrongResult
from .peers import HAVE_COMPILER, program
from .roles import AgainstServer, Message, UnderLoad

__all__ = ["BULK_METRICS", "LATENCY", "PEAK", "SCENARIOS", "bulk_roles", "connections_sample", "echo_roles"]

CONTENDERS = "benchmarks.contenders.tcp_"
BOTH = ("client", "server")
STOCK, UVLOOP = {"loop": "asyncio"}, {"loop": "uvloop"}
USED, FRESH = STOCK | {"heap": "used"}, STOCK | {"heap": "fresh"}

RATE = Metric("rate", "echoes/s", more_is_better=True)
PEAK = Metric("peak", "peak MiB", 1 / 2**20)
LATENCY = (Metric("p50", "p50 ms", 1e3), Metric("p99", "p99 ms", 1e3))


def _contenders(*extra: Contender, work: str = "", callbacks: bool = True) -> tuple[Contender, ...]:
    """Everybody who plays both roles; `work` begins the names of the functions ("", "bulk_" or "send_")."""

    def one(name: str, module: str, *needs: str, on_asyncio: bool = True, limit: bool = False) -> Contender:
        functions = {role: f"{CONTENDERS}{module}:{work}{role}" for role in BOTH}
        return Contender(name, functions, needs, on_asyncio, limit)

    return (
        one("asyncnet", "asyncnet", "asyncnet.tcp"),
        *extra,
        one("asyncio streams", "asyncio"),
        *((one("asyncio Protocol", "protocol"),) if callbacks else ()),
        one("anyio", "anyio", "anyio"),
        one("trio", "trio", "trio", on_asyncio=False),
        one("Twisted", "twisted", "twisted", on_asyncio=False),
        *((one("C epoll", "c", on_asyncio=False, limit=True),) if HAVE_COMPILER else ()),
    )


def _side(case: Case, name: str, *arguments: object) -> list[str]:
    """The other side's program, or its counterpart that speaks TLS."""
    if not case.settings.get("tls"):
        return program(name, *arguments)
    words = ("serve",) if name == "serve" else ()
    return program("tls", *words, *arguments, compiled=False)


# --- echoes: opened, echoed on, closed ------------------------------------------------------------


def echo_roles(sample: Callable[[Case, Message], Sample]) -> dict[str, Role]:
    """Both roles of the echo scenarios, for a function that makes the sample of a report."""

    def serve(case: Case) -> list[str]:
        return _side(case, "serve", "echo", 0)

    def load(case: Case, port: int, pid: int) -> list[str]:
        names = ("connections", "messages", "warm", "size", "cycles", "batch", "hold")
        return _side(case, "load", "echo", port, pid, *(case.settings.get(name, 0) for name in names))

    def judge(case: Case, report: Message, counted: Message) -> Sample:
        number = case.number
        connections = number("connections") * number("cycles")
        size = connections * (number("messages") + number("warm")) * number("size")
        if (counted["connections"], counted["bytes"]) != (connections, size):
            raise WrongResult(f"the server counted {counted} instead of {connections} connections and {size} bytes")
        return sample(case, report)

    job = "benchmarks.job:EchoJob"
    return {"client": AgainstServer(job, serve, judge), "server": UnderLoad(job, load, sample)}


def _sample(report: Message, timed: tuple[str, ...], operations: int) -> dict[str, float]:
    phases = [report["phases"][name] for name in timed]
    wall = sum(phase["wall"] for phase in phases)
    cpu = sum(phase["cpu"] for phase in phases)
    sample = {"rate": operations / wall, "cpu": cpu / operations, "peak": report["peak_kib"] * 1024.0}
    return sample | {name: report[name] for name in ("p50", "p99") if name in report}


def connections_sample(case: Case, report: Message) -> Sample:
    opened = case.number("connections") * case.number("cycles")
    sample = _sample(report, ("open", "echo", "close"), opened)
    sample["echo_rate"] = opened * case.number("messages") / report["phases"]["echo"]["wall"]
    sample["cpu_connection"] = sample["cpu"]
    return sample


def _echoes(case: Case, report: Message) -> Sample:
    number = case.number
    return _sample(report, ("echo",), number("connections") * number("messages") * number("cycles"))


def _many(case: Case, report: Message) -> Sample:
    connections = case.number("connections")
    sample = dict(_echoes(case, report))
    if (cpu := report["phases"]["open"]["cpu"]) > 0:  # else it is not known here
        sample["opens_per_cpu"] = connections / cpu
    sample["cpu_connection"] = sum(report["phases"][name]["cpu"] for name in ("open", "echo", "close")) / connections
    held = report.get("held", {})
    if held.get("open") is not None and held.get("close") is not None:
        sample["held"] = (held["close"] - held["open"]) / connections
    return sample


CONNECTIONS = Scenario(
    name="tcp-connections",
    summary="connections opened all at once, each echoed on ten times (64 B), all closed",
    operation="connection",
    roles=echo_roles(connections_sample),
    grid=(
        {"connections": 100, "messages": 10, "size": 64, "warm": 0, "cycles": 10},
        {"connections": 1000, "messages": 10, "size": 64, "warm": 0, "cycles": 2},
    ),
    contenders=_contenders(),
    metrics=(
        Metric("rate", "connections/s", more_is_better=True),
        Metric("echo_rate", "echoes/s", more_is_better=True),
        Metric("cpu", "CPU µs/conn.", 1e6, compared=True),
        *LATENCY,
        PEAK,
    ),
    notes="A connection: opened, ten echoes, closed.  asyncio Protocol: callbacks, no coroutine.  "
    "Latency: one echo while all other connections echo too.",
)

ECHO = Scenario(
    name="tcp-echo",
    summary="64 B echoes on 100 connections that are open already",
    operation="echo",
    roles=echo_roles(_echoes),
    grid=({"connections": 100, "messages": 200, "size": 64, "warm": 20, "cycles": 1},),
    contenders=_contenders(),
    metrics=(RATE, Metric("cpu", "CPU µs/echo", 1e6, compared=True), *LATENCY, PEAK),
    heaps=("fresh", "used"),
    goals=(
        Goal("asyncio streams", 2.0, when=FRESH),
        Goal("asyncio streams", 1.0, 1.3, when=USED),
        Goal("Twisted", 1.1, 1.7, when=USED),
        Goal("trio", 1.2, when=USED),
        Goal("anyio", 2.0, when=USED),
        Goal("C epoll", None, 0.6, when=USED),
        Goal("asyncio streams", 1.0, 1.25, when=UVLOOP),
    ),
    notes="fresh: asyncio's own transports pay for a new 256 KiB block at each receive; used: they hardly do.",
)

MANY = Scenario(
    name="tcp-10k",
    summary="10,000 connections: what opening costs, what holding costs, echoes on all of them",
    operation="echo",
    roles=echo_roles(_many),
    grid=(
        {"connections": 10_000, "messages": 10, "size": 64, "warm": 0, "cycles": 1}
        | {"batch": 500, "hold": 1, "memory": 1},
    ),
    contenders=_contenders(),
    metrics=(
        Metric("opens_per_cpu", "opens/CPU s", more_is_better=True),
        Metric("held", "KiB each", 1 / 1024),
        RATE,
        Metric("cpu", "CPU µs/echo", 1e6, compared=True),
        Metric("cpu_connection", "CPU µs/conn.", 1e6),
        *LATENCY,
        PEAK,
    ),
    goals=(
        Goal("asyncio streams", 1.3, 2.0, "opens_per_cpu", when=STOCK | {"role": "server"}),
        Goal("asyncio streams", 1.0, 2.0, "opens_per_cpu", when=UVLOOP | {"role": "server"}),
        Goal(None, 4096, 3072, "held", when={"role": "server"}),
    ),
    most_rounds=3,
    notes="opens/CPU s: connections accepted (server) or opened (client) in a second of the contender's own CPU time.  "
    "KiB each: anonymous memory; a client's includes what the 10,000 tasks that opened them have left of the heap.",
)


PING_PONG = Scenario(
    name="tcp-ping-pong",
    summary="64 B echoes on one connection",
    operation="echo",
    roles=echo_roles(_echoes),
    grid=({"connections": 1, "messages": 2000, "size": 64, "warm": 100, "cycles": 1},),
    contenders=_contenders(),
    metrics=(Metric("cpu", "CPU µs/echo", 1e6), RATE, *LATENCY, PEAK),
    loops=("asyncio",),
    most_rounds=3,
    notes="The two sides wait for each other: what differs is the CPU time, not the rate.  On one loop only.",
)

# --- bulk -----------------------------------------------------------------------------------------

RECEIVING, SENDING = "receive", "send"


def bulk_roles(way: str) -> dict[str, Role]:
    """One connection full of the pattern; which way is seen from the contender."""

    def serve(case: Case) -> list[str]:
        return _side(case, "serve", "source" if way == RECEIVING else "sink", case.number("total"))

    def load(case: Case, port: int, pid: int) -> list[str]:
        return _side(case, "load", "push" if way == RECEIVING else "pull", port, pid, case.number("total"))

    def sample(case: Case, report: Message) -> Sample:
        return _sample(report, ("bulk",), case.number("total"))

    def judge(case: Case, report: Message, counted: Message) -> Sample:
        if counted["bytes"] != case.number("total"):
            raise WrongResult(f"the server counted {counted['bytes']} bytes instead of {case.number('total')}")
        return sample(case, report)

    job = "benchmarks.job:BulkJob" if way == RECEIVING else "benchmarks.job:SendJob"
    return {"client": AgainstServer(job, serve, judge), "server": UnderLoad(job, load, sample)}


BULK_METRICS = (
    Metric("rate", "GB/s", 1e-9, more_is_better=True),
    Metric("cpu", "CPU ms/GB", 1e12, compared=True),
    PEAK,
)

RECEIVE = Scenario(
    name="tcp-bulk-receive",
    summary="512 MiB received on one connection",
    operation="byte",
    roles=bulk_roles(RECEIVING),
    grid=({"total": 512 << 20},),
    contenders=_contenders(
        Contender("asyncnet receive_into", {"client": f"{CONTENDERS}asyncnet:bulk_client_into"}, ("asyncnet.tcp",)),
        work="bulk_",
    ),
    metrics=BULK_METRICS,
    heaps=("fresh", "used"),
    goals=(
        Goal("asyncio streams", 1.1, 1.5, when=USED),
        Goal("asyncio streams", 4.0, when=FRESH | {"role": "client"}),
        Goal("C epoll", None, 0.8, when=STOCK),
        Goal("asyncio streams", 1.5, 5.0, when=UVLOOP | {"role": "client"}),
        Goal("asyncio streams", 2.0, 5.0, when=UVLOOP | {"role": "server"}),
    ),
)

SEND = Scenario(
    name="tcp-bulk-send",
    summary="512 MiB sent on one connection, 64 KiB a call",
    operation="byte",
    roles=bulk_roles(SENDING),
    grid=({"total": 512 << 20},),
    contenders=_contenders(work="send_", callbacks=False),
    metrics=(*BULK_METRICS[1::-1], PEAK),
    loops=("asyncio",),
    most_rounds=3,
    notes="The kernel's copying takes most of it: what differs is the CPU time, hardly the rate.  On one loop only.",
)

SCENARIOS = (CONNECTIONS, ECHO, PING_PONG, MANY, RECEIVE, SEND)

"""SMTP: one connection over a long link, a pool on loopback, a connection for each message."""

from __future__ import annotations

from .model import Case, Contender, Goal, Metric, Sample, Scenario, WrongResult
from .peers import program
from .roles import AgainstServer, Message

__all__ = ["SCENARIOS"]

CONTENDERS = "benchmarks.contenders.smtp_"
RATE = Metric("rate", "messages/s", more_is_better=True)
CPU = Metric("cpu", "CPU µs each", 1e6, compared=True)
PEAK = Metric("peak", "peak MiB", 1 / 2**20)
MESSAGE, BYTES = "EmailMessage", "serialised bytes"


def _contender(name: str, module: str, work: str, *needs: str, on_asyncio: bool = True) -> Contender:
    return Contender(name, {"client": f"{CONTENDERS}{module}:{work}"}, needs, on_asyncio)


RAW = Contender("raw sockets", {"client": f"{CONTENDERS}raw:pool"}, on_asyncio=False, limit=True)


def _everybody(work: str) -> tuple[Contender, ...]:
    return (
        _contender("asyncnet", "asyncnet", work, "asyncnet.smtp"),
        _contender("aiosmtplib", "aiosmtplib", work, "aiosmtplib"),
        _contender("smtplib in threads", "smtplib", work, on_asyncio=False),
        *([RAW] if work == "pool" else []),
    )


def _serve(case: Case) -> list[str]:
    return program("lines", "smtp", case.number("count"))


def _judge(case: Case, report: Message, counted: Message) -> Sample:
    count = case.number("count")
    if (counted["messages"], counted["distinct"]) != (count, count):
        raise WrongResult(f"the server counted {counted} where {count} different messages were sent")
    phase = report["phases"]["send"]
    return {
        "rate": count / phase["wall"],
        "cpu": phase["cpu"] / count,
        "connections": float(counted["connections"]),
        "peak": report["peak_kib"] * 1024.0,
    }


ROLES = {"client": AgainstServer("benchmarks.jobs_mail:MailJob", _serve, _judge)}

PERSISTENT = Scenario(
    name="smtp-one-connection",
    summary="messages of 2 KiB over one connection, one after the other",
    operation="message",
    roles=ROLES,
    grid=({"count": 50, "rtt": 20, "kind": MESSAGE}, {"count": 300, "kind": MESSAGE}),
    contenders=(
        *_everybody("pool"),
        _contender("asyncnet, one by one", "asyncnet", "one_by_one", "asyncnet.smtp"),
    ),
    metrics=(RATE, CPU, PEAK),
    loops=("asyncio",),
    goals=(Goal("aiosmtplib", 3.0, 4.0, when={"rtt": 20}),),
    most_rounds=3,
    notes="asyncnet: send_many of a pool of one, where the next envelope travels with a body.  On one loop only: round "
    "trips decide, not the loop.",
)

POOL = Scenario(
    name="smtp-pool",
    summary="messages of 2 KiB over ten connections: 1,000 on loopback, 300 over a link with a round trip of 20 ms",
    operation="message",
    roles=ROLES,
    grid=(
        {"count": 1000, "connections": 10, "kind": MESSAGE},
        {"count": 1000, "connections": 10, "kind": BYTES},
        {"count": 300, "connections": 10, "kind": MESSAGE, "rtt": 20},
    ),
    contenders=_everybody("pool"),
    metrics=(RATE, CPU, PEAK),
    goals=(
        Goal("aiosmtplib", 1.6, 2.4, when={"kind": MESSAGE, "rtt": None}),
        Goal("aiosmtplib", 4.0, 8.0, when={"kind": BYTES}),
    ),
)

FRESH = Scenario(
    name="smtp-new-connection",
    summary="messages of 2 KiB, ten at once, a connection for each",
    operation="message",
    roles=ROLES,
    grid=(
        {"count": 300, "connections": 10, "kind": MESSAGE},
        {"count": 100, "connections": 10, "kind": MESSAGE, "rtt": 20},
    ),
    contenders=_everybody("one_shots"),
    metrics=(RATE, CPU, PEAK),
)

SCENARIOS = (PERSISTENT, POOL, FRESH)

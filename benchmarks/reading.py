"""What the scenarios of reading many messages over one connection share."""

from __future__ import annotations

from collections.abc import Callable

from .model import Case, Contender, Metric, Role, Sample, WrongResult
from .peers import program
from .roles import AgainstServer, Message

__all__ = ["METRICS", "raw", "roles"]

METRICS = (
    Metric("rate", "messages/s", more_is_better=True),
    Metric("cpu", "CPU µs each", 1e6, compared=True),
    Metric("peak", "peak MiB", 1 / 2**20),
)


def raw(work: str) -> Contender:
    """How fast the other side is over that link."""
    function = f"benchmarks.contenders.reading_raw:{work}"
    return Contender("raw socket, all at once", {"client": function}, on_asyncio=False, limit=True)


def roles(protocol: str) -> dict[str, Role]:
    """The client's role, against the server of that protocol."""
    return {"client": AgainstServer("benchmarks.jobs_mail:ReadJob", _server_of(protocol), _judge)}


def _server_of(protocol: str) -> Callable[[Case], list[str]]:
    def serve(case: Case) -> list[str]:
        return program("lines", protocol, case.number("count"))

    return serve


def _judge(case: Case, report: Message, counted: Message) -> Sample:
    count = case.number("count")
    if (counted["served"], counted["connections"]) != (count, 1):
        raise WrongResult(f"the server counted {counted} where {count} messages were read over one connection")
    phase = report["phases"]["fetch"]
    return {
        "rate": count / phase["wall"],
        "cpu": phase["cpu"] / count,
        "peak": report["peak_kib"] * 1024.0,
    }

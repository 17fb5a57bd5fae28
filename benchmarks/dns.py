"""DNS: cached names, distinct names, names behind hanging ones, one name asked for by everybody."""

from __future__ import annotations

from .model import Case, Contender, Goal, Metric, Sample, Scenario, WrongResult
from .peers import program
from .roles import AgainstServer, Message

__all__ = ["SCENARIOS"]

CONTENDERS = "benchmarks.contenders.dns_"
JOB = "benchmarks.jobs_dns:NamesJob"

CPU = Metric("cpu", "CPU µs each", 1e6, compared=True)
PEAK = Metric("peak", "peak MiB", 1 / 2**20)
LATENCY = (Metric("p50", "p50 ms", 1e3), Metric("p99", "p99 ms", 1e3))
QUESTIONS = Metric("questions", "questions asked")


def _contender(name: str, module: str, work: str, *needs: str) -> Contender:
    return Contender(name, {"client": f"{CONTENDERS}{module}:{work}"}, needs)


def _asyncnet(work: str) -> Contender:
    return _contender("asyncnet", "asyncnet", work, "asyncnet.dns")


def _aiodns(work: str) -> Contender:
    return _contender("aiodns", "aiodns", work, "aiodns")


def _serve(case: Case) -> list[str]:
    return program("names", 300)


def _sample(case: Case, report: Message, counted: Message, operations: int) -> dict[str, float]:
    phase = report["phases"]["resolve"]
    if counted["silent"] < case.settings.get("hanging", 0):
        raise WrongResult(f"only {counted['silent']} names hang")
    sample = {
        "rate": operations / phase["wall"],
        "cpu": phase["cpu"] / operations,
        "questions": float(counted["questions"]),
        "peak": report["peak_kib"] * 1024.0,
    }
    return sample | {name: report[name] for name in ("p50", "p99", "worst") if name in report}


def _cached(case: Case, report: Message, counted: Message) -> Sample:
    return _sample(case, report, counted, case.number("names") * case.number("turns"))


def _distinct(case: Case, report: Message, counted: Message) -> Sample:
    if counted["questions"] < case.number("names"):
        raise WrongResult(f"{counted['questions']} questions were asked for {case.number('names')} distinct names")
    return _sample(case, report, counted, case.number("names"))


def _turns(case: Case, report: Message, counted: Message) -> Sample:
    return _sample(case, report, counted, case.number("turns"))


CACHED = Scenario(
    name="dns-cached",
    summary="100 names that are known already, one after the other",
    operation="name",
    roles={"client": AgainstServer(JOB, _serve, _cached)},
    grid=({"names": 100, "turns": 100},),
    contenders=(
        _asyncnet("cached"),
        _aiodns("cached"),
        _contender("dnspython", "dnspython", "cached", "dns.asyncresolver"),
    ),
    metrics=(Metric("rate", "names/s", more_is_better=True), CPU, QUESTIONS, PEAK),
    goals=(Goal("aiodns", 8.0, 30.0),),
    notes="asyncnet resolves both families, the others one.  getaddrinfo cannot be told whom to ask.",
)

DISTINCT = Scenario(
    name="dns-distinct",
    summary="names nobody knows yet, all at once, type A",
    operation="name",
    roles={"client": AgainstServer(JOB, _serve, _distinct)},
    grid=({"names": 100}, {"names": 1000}),
    contenders=(
        _asyncnet("distinct"),
        _aiodns("distinct"),
        _contender("pycares", "pycares", "distinct", "pycares"),
        _contender("dnspython", "dnspython", "distinct", "dns.asyncresolver"),
        Contender("raw socket", {"client": f"{CONTENDERS}raw:distinct"}, on_asyncio=False, limit=True),
    ),
    metrics=(Metric("rate", "names/s", more_is_better=True), CPU, *LATENCY, QUESTIONS, PEAK),
    goals=(Goal("aiodns", 0.7, 1.0),),
)

BEHIND = Scenario(
    name="dns-behind-hanging",
    summary="localhost, 100 times, while 500 other names get no answer",
    operation="name",
    roles={"client": AgainstServer(JOB, _serve, _turns)},
    grid=({"names": 0, "hanging": 500, "turns": 100},),
    contenders=(_asyncnet("behind"), _aiodns("behind")),
    metrics=(Metric("worst", "worst ms", 1e3), *LATENCY, CPU, PEAK),
    loops=("asyncio",),
    goals=(Goal(None, 0.010, metric="worst"),),
    notes="getaddrinfo in the default thread pool cannot be told whom to ask: it is not measured here.",
)

SAME = Scenario(
    name="dns-same-name",
    summary="one name asked for by 1,000 tasks at once",
    operation="name",
    roles={"client": AgainstServer(JOB, _serve, _turns)},
    grid=({"names": 1, "turns": 1000},),
    contenders=(_asyncnet("same"), _aiodns("same")),
    metrics=(QUESTIONS, Metric("rate", "names/s", more_is_better=True), CPU, PEAK),
    loops=("asyncio",),
    goals=(Goal(None, 1, metric="questions"),),
)

SCENARIOS = (CACHED, DISTINCT, BEHIND, SAME)

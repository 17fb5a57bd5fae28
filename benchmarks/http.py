"""HTTP: small pages, new connections, a large file, many hosts, cancelled requests, the cost of tracing."""

from __future__ import annotations

from collections.abc import Callable

from .model import Case, Contender, Goal, Metric, Role, Sample, Scenario, WrongResult
from .peers import program
from .roles import AgainstServer, Message

__all__ = ["SCENARIOS"]

CONTENDERS = "benchmarks.contenders.http_"
JOBS = "benchmarks.jobs_http:"

RATE = Metric("rate", "requests/s", more_is_better=True)
CPU = Metric("cpu", "CPU µs each", 1e6, compared=True)
PEAK = Metric("peak", "peak MiB", 1 / 2**20)
LATENCY = (Metric("p50", "p50 ms", 1e3), Metric("p99", "p99 ms", 1e3))
CONNECTIONS = Metric("connections", "connections")


def _contender(
    name: str, module: str, work: str, *needs: str, on_asyncio: bool = True, limit: bool = False
) -> Contender:
    return Contender(name, {"client": f"{CONTENDERS}{module}:{work}"}, needs, on_asyncio, limit)


def _asyncnet(work: str, name: str = "asyncnet") -> Contender:
    return _contender(name, "asyncnet", work, "asyncnet.http")


def _everybody(work: str) -> tuple[Contender, ...]:
    return (
        _asyncnet(work),
        _contender("aiohttp", "aiohttp", work, "aiohttp"),
        _contender("httpx", "httpx", work, "httpx"),
        _contender("niquests", "niquests", work, "niquests"),
        _contender("pyreqwest", "pyreqwest", work, "pyreqwest"),
        _contender("urllib in threads", "urllib", work, on_asyncio=False),
        *([_contender("raw sockets", "raw", work, on_asyncio=False, limit=True)] if work == "pages" else []),
    )


def _serve(case: Case) -> list[str]:
    return program("web", case.settings.get("hosts", 1), case.settings.get("dead", 0))


def _role(job: str, judge: Callable[[Case, Message, Message], Sample]) -> dict[str, Role]:
    return {"client": AgainstServer(job if ":" in job else JOBS + job, _serve, judge)}


def _sample(report: Message, phase: str, operations: int) -> dict[str, float]:
    measured = report["phases"][phase]
    sample = {
        "rate": operations / measured["wall"],
        "cpu": measured["cpu"] / operations,
        "peak": report["peak_kib"] * 1024.0,
    }
    return sample | {name: report[name] for name in ("p50", "p99") if name in report}


def _pages(case: Case, report: Message, counted: Message) -> Sample:
    requests = case.number("requests")
    if counted["requests"] != requests:
        raise WrongResult(f"the server counted {counted['requests']} requests instead of {requests}")
    if case.settings.get("fresh") and counted["connections"] != requests:
        raise WrongResult(f"the server counted {counted['connections']} connections instead of {requests}")
    return {**_sample(report, "fetch", requests), "connections": float(counted["connections"])}


SMALL = Scenario(
    name="http-small",
    summary="pages of 1 KiB, 64 requests in flight, connections kept",
    operation="request",
    roles=_role("PagesJob", _pages),
    grid=({"requests": 3000, "in_flight": 64},),
    contenders=_everybody("pages"),
    metrics=(RATE, CPU, *LATENCY, CONNECTIONS, PEAK),
    goals=(Goal("aiohttp", 0.85, 1.2),),
    notes="urllib cannot keep connections.",
)

FRESH = Scenario(
    name="http-new-connection",
    summary="pages of 1 KiB, 64 requests in flight, a connection for each",
    operation="request",
    roles=_role("PagesJob", _pages),
    grid=({"requests": 1500, "in_flight": 64, "fresh": 1},),
    contenders=_everybody("pages"),
    metrics=(RATE, CPU, *LATENCY, PEAK),
)

TRACE = Scenario(
    name="http-trace",
    summary="1,000 small pages with and without tracing",
    operation="request",
    roles=_role("PagesJob", _pages),
    grid=({"requests": 1000, "in_flight": 64},),
    contenders=(_asyncnet("pages"), _asyncnet("traced", "asyncnet traced")),
    metrics=(CPU, RATE, PEAK),
    loops=("asyncio",),
    goals=(Goal("asyncnet", 1.10, 1.05, "cpu", ours="asyncnet traced"),),
)


def _download(case: Case, report: Message, counted: Message) -> Sample:
    return _sample(report, "download", case.number("total"))


DOWNLOAD = Scenario(
    name="http-download",
    summary="256 MiB into a file in memory",
    operation="byte",
    roles=_role("benchmarks.jobs_files:DownloadJob", _download),
    grid=({"total": 256 << 20},),
    contenders=(
        *_everybody("download"),
        _contender("curl", "curl", "download", "$curl", on_asyncio=False, limit=True),
    ),
    metrics=(
        Metric("rate", "MB/s", 1e-6, more_is_better=True),
        Metric("cpu", "CPU ms/GB", 1e12, compared=True),
        PEAK,
    ),
    heaps=("fresh", "used"),
    goals=(Goal("aiohttp", 2.2, 3.0), Goal("urllib in threads", None, 1.0), Goal(None, 60 << 20, metric="peak")),
    notes="Into memory (/dev/shm) where there is such a place, so that no disk is measured and fsync costs nothing.",
)


def _images(case: Case, report: Message, counted: Message) -> Sample:
    sample = _sample(report, "fetch", case.number("images"))
    return {**sample, "obtained": report["obtained"] / report["live"]}


IMAGES = Scenario(
    name="http-many-hosts",
    summary="10,000 images of 4 KiB from 200 hosts, 10 of them dead and 10 stalling; 256 at once, 2 s for each",
    operation="image",
    roles=_role("ImagesJob", _images),
    grid=({"images": 10_000, "hosts": 200, "dead": 10, "stalling": 10, "concurrency": 256, "timeout": 2},),
    contenders=(
        _asyncnet("images"),
        _asyncnet("images_all", "asyncnet, giving up no host"),
        _contender("aiohttp gather", "aiohttp", "images", "aiohttp"),
        _contender("img2dataset's loop", "urllib", "images", on_asyncio=False),
    ),
    metrics=(
        Metric("rate", "URLs/s", more_is_better=True),
        Metric("cpu", "CPU µs each", 1e6, compared=True),
        Metric("obtained", "live obtained %", 100.0, more_is_better=True),
        PEAK,
    ),
    loops=("asyncio",),
    goals=(Goal("img2dataset's loop", 3.0, 6.0), Goal(None, 1.0, metric="obtained")),
    most_rounds=3,
    notes="A dead host never accepts, a stalling one never answers.  asyncnet gives up a host after five timeouts.  On "
    "one loop only: timeouts decide, not the loop.",
)


def _cancelled(case: Case, report: Message, counted: Message) -> Sample:
    return {**_sample(report, "cancel", case.number("requests")), "left": float(report["left"])}


CANCELLED = Scenario(
    name="http-cancelled",
    summary="10,000 requests cancelled at different moments: what is left open with the client still there",
    operation="request",
    roles=_role("CancelJob", _cancelled),
    grid=({"requests": 10_000},),
    contenders=(_asyncnet("cancelled"), _contender("aiohttp", "aiohttp", "cancelled", "aiohttp")),
    metrics=(Metric("left", "sockets left"), RATE, CPU, PEAK),
    loops=("asyncio",),
    goals=(Goal(None, 0, metric="left"),),
)

SCENARIOS = (SMALL, FRESH, DOWNLOAD, IMAGES, CANCELLED, TRACE)

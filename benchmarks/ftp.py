"""FTP: a large file."""

from __future__ import annotations

from .model import Case, Contender, Goal, Metric, Sample, Scenario, WrongResult
from .peers import program
from .roles import AgainstServer, Message

__all__ = ["SCENARIOS"]

CONTENDERS = "benchmarks.contenders.ftp_"


def _serve(case: Case) -> list[str]:
    return program("ftp", case.number("total"))


def _judge(case: Case, report: Message, counted: Message) -> Sample:
    total = case.number("total")
    if counted["bytes"] != total:
        raise WrongResult(f"the server sent {counted['bytes']} bytes instead of {total}")
    phase = report["phases"]["download"]
    return {"rate": total / phase["wall"], "cpu": phase["cpu"] / total, "peak": report["peak_kib"] * 1024.0}


DOWNLOAD = Scenario(
    name="ftp-download",
    summary="256 MiB into a file in memory, on an open connection",
    operation="byte",
    roles={"client": AgainstServer("benchmarks.jobs_files:DownloadJob", _serve, _judge)},
    grid=({"total": 256 << 20},),
    contenders=(
        Contender("asyncnet", {"client": f"{CONTENDERS}asyncnet:download"}, ("asyncnet.ftp",)),
        Contender("aioftp", {"client": f"{CONTENDERS}aioftp:download"}, ("aioftp",)),
        Contender("ftplib", {"client": f"{CONTENDERS}ftplib:download"}, on_asyncio=False),
    ),
    metrics=(
        Metric("rate", "MB/s", 1e-6, more_is_better=True),
        Metric("cpu", "CPU ms/GB", 1e12, compared=True),
        Metric("peak", "peak MiB", 1 / 2**20),
    ),
    heaps=("fresh", "used"),
    goals=(Goal("aioftp", 2.0, 3.5), Goal("ftplib", 1.0)),
    notes="Into memory (/dev/shm) where there is such a place, so that no disk is measured and fsync costs nothing.",
)

SCENARIOS = (DOWNLOAD,)

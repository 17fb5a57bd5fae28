"""FTP: a large file."""

from __future__ import annotations

from dataclasses import replace

from .model import Case, Contender, Goal, Metric, Sample, Scenario, WrongResult
from .peers import program
from .roles import AgainstServer, Message

__all__ = ["SCENARIOS"]

CONTENDERS = "benchmarks.contenders.ftp_"


def _serve(case: Case) -> list[str]:
    return program("ftp", case.number("total"))


def _judge(case: Case, report: Message, counted: Message) -> Sample:
    total = case.number("total")
    if counted["bytes"] not in (total, None):
        raise WrongResult(f"the server sent {counted['bytes']} bytes instead of {total}")
    phase = report["phases"]["download"]
    return {"rate": total / phase["wall"], "cpu": phase["cpu"] / total, "peak": report["peak_kib"] * 1024.0}


def _real(case: Case) -> list[str]:
    return program("vsftpd", case.number("total"), compiled=False)


def _contenders(*needs: str) -> tuple[Contender, ...]:
    return (
        Contender("asyncnet", {"client": f"{CONTENDERS}asyncnet:download"}, ("asyncnet.ftp", *needs)),
        Contender("aioftp", {"client": f"{CONTENDERS}aioftp:download"}, ("aioftp", *needs)),
        Contender("ftplib", {"client": f"{CONTENDERS}ftplib:download"}, needs, on_asyncio=False),
        Contender("raw sockets", {"client": f"{CONTENDERS}raw:download"}, needs, on_asyncio=False, limit=True),
    )


JOB = "benchmarks.jobs_files:DownloadJob"
VSFTPD = Scenario(
    name="ftp-download-vsftpd",
    summary="256 MiB from vsftpd into a file in memory, on an open connection",
    operation="byte",
    roles={"client": AgainstServer(JOB, _real, _judge)},
    grid=({"total": 256 << 20},),
    contenders=_contenders("$vsftpd"),
    metrics=(
        Metric("rate", "MB/s", 1e-6, more_is_better=True),
        Metric("cpu", "CPU ms/GB", 1e12, compared=True),
        Metric("peak", "peak MiB", 1 / 2**20),
    ),
    goals=(Goal("aioftp", 2.0, 3.5), Goal("ftplib", 1.0)),
    most_rounds=3,
    notes="Into memory (/dev/shm) where there is such a place, so that no disk is measured and fsync costs nothing.  "
    "ftplib: blocks of 64 KiB.",
)

DOWNLOAD = replace(
    VSFTPD,
    name="ftp-download",
    summary="256 MiB into a file in memory, on an open connection",
    roles={"client": AgainstServer(JOB, _serve, _judge)},
    contenders=_contenders(),
    heaps=("fresh", "used"),
)

SCENARIOS = (DOWNLOAD, VSFTPD)

"""How fast the other sides are by themselves: by tools that say what these say."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import limits

SCRIPTS = {
    "wrk": "echo 'Requests/sec:  91234.56'",
    "dnsperf": "echo '  Queries per second:   301234.56'",
    "smtp-source": "exit 1",
}


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder with tools that only talk."""
    for name, script in SCRIPTS.items():
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
    return tmp_path


def test_what_tools_reach_is_said_and_who_is_missing(tools: Path) -> None:
    def find(name: str) -> str | None:
        return str(tools / name) if name in SCRIPTS else None

    assert limits.measure(find) == [
        "HTTP: 91,235 pages of 1 KiB a second over 64 connections, by wrk",
        "DNS: 301,235 questions a second, by dnsperf",
        "smtp-source did not work here (CalledProcessError): the limit of the SMTP server is not measured",
        "iperf3 is not installed: loopback is not measured",
    ]

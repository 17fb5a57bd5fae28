"""How fast the other sides are by themselves, by tools made for that: wrk, dnsperf, smtp-source, iperf3.

Where a table's fastest contender comes near to one of these, it is the other side that was measured.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from .model import program_path
from .peers import program
from .process import Child, choose_cores

__all__ = ["measure"]

SECONDS = 2
LONGEST = 30.0
MESSAGES = 5000


def measure(find: Callable[[str], str | None] = program_path) -> list[str]:
    """One line for each tool: what it reached, or that it is not installed.  Takes some ten seconds.

    Args:
        find: where a tool is.
    """
    lines = []
    for tool, work in TOOLS.items():
        path = find(tool)
        try:
            lines.append(f"{tool} is not installed: {UNKNOWN[tool]} not measured" if path is None else work(path))
        except (subprocess.SubprocessError, OSError, ValueError, AttributeError) as error:
            lines.append(f"{tool} did not work here ({type(error).__name__}): {UNKNOWN[tool]} not measured")
    return lines


UNKNOWN = {
    "wrk": "the limit of the HTTP server is",
    "dnsperf": "the limit of the DNS responder is",
    "smtp-source": "the limit of the SMTP server is",
    "iperf3": "loopback is",
}


def _against(name: str, *arguments: object, command: Callable[[int], list[str]]) -> tuple[str, float]:
    """Run a tool on the contender's core against one of our programs; its output, and how long it took."""
    cores = choose_cores()
    with Child(program(name, *arguments), core=cores.other, name=name) as server:
        start = time.perf_counter()
        output = _run(command(server.message("ready")["port"]), cores.contender)
        return output, time.perf_counter() - start


def _run(command: list[str], core: int | None) -> str:
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        if core is not None:
            os.sched_setaffinity(process.pid, {core})
        try:
            output, _ = process.communicate(timeout=LONGEST)
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, output)
    return output


def _number(pattern: str, output: str) -> float:
    found = re.search(pattern, output)
    if found is None:
        raise ValueError(output)
    return float(found[1])


def _wrk(path: str) -> str:
    def command(port: int) -> list[str]:
        return [path, "-t1", "-c64", f"-d{SECONDS}", f"http://127.0.0.1:{port}/page/1"]

    output, _ = _against("web", 1, 0, command=command)
    return (
        f"HTTP: {_number(r'Requests/sec: *([0-9.]+)', output):,.0f} pages of 1 KiB a second over 64 connections, by wrk"
    )


def _dnsperf(path: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        names = Path(folder) / "names"
        names.write_text("".join(f"n{number}.example.org A\n" for number in range(1000)))

        def command(port: int) -> list[str]:
            return [path, "-s", "127.0.0.1", "-p", str(port), "-d", str(names), "-l", str(SECONDS)]

        output, _ = _against("names", 300, command=command)
    return f"DNS: {_number(r'Queries per second: *([0-9.]+)', output):,.0f} questions a second, by dnsperf"


def _smtp_source(path: str) -> str:
    def command(port: int) -> list[str]:
        return [path, "-d", "-s", "10", "-m", str(MESSAGES), "-l", "2048", f"127.0.0.1:{port}"]

    _, seconds = _against("lines", "smtp", MESSAGES, command=command)
    return f"SMTP: {MESSAGES / seconds:,.0f} messages of 2 KiB a second over ten connections, by smtp-source"


def _iperf3(path: str) -> str:
    cores = choose_cores()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    with subprocess.Popen([path, "-s", "-1", "-p", port], stdout=subprocess.DEVNULL) as server:
        try:
            if cores.other is not None:
                os.sched_setaffinity(server.pid, {cores.other})
            time.sleep(0.5)  # it says nothing when it listens
            output = _run([path, "-c", "127.0.0.1", "-p", port, "-t", str(SECONDS), "-J"], cores.contender)
        finally:
            server.kill()
    rate = json.loads(output)["end"]["sum_received"]["bits_per_second"] / 8e9
    return f"TCP: {rate:.2f} GB/s over one connection on loopback, by iperf3"


TOOLS = {"wrk": _wrk, "dnsperf": _dnsperf, "smtp-source": _smtp_source, "iperf3": _iperf3}

"""Nothing that the runner has started outlives it, be the runner killed."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from benchmarks import peers
from benchmarks.process import ROOT, environment

# Starts the processes whose commands it is given, says who they are once they are at work, and hangs.
RUNNER = """
import sys, contextlib
from benchmarks import certificates, peers, roles
from benchmarks.model import Case, Contender
from benchmarks.process import Child
from benchmarks import tcp
what, compiled = sys.argv[1], sys.argv[2] == "c"
def contender(function, role):
    case = Case(tcp.ECHO, role, "asyncio", "used", tcp.ECHO.grid[0])
    return roles.task(case, Contender("x", {role: function}), "benchmarks.job:EchoJob", 0)
programs = {
    "server": ("serve", "echo", 0), "lines": ("lines", "smtp", 1), "web": ("web", 1, 0), "ftp": ("ftp", 1),
    "names": ("names", 300), "sink": ("datagrams", "sink", 0), "answer": ("datagrams", "answer", 200, 0),
    "relay": ("relay", 1, 1000), "tls": ("tls", "serve", "echo", 0),
}
if what == "tls":
    certificates.make()
with contextlib.ExitStack() as stack:
    if what in programs:
        command = peers.program(*programs[what], compiled=compiled)
    else:
        command = contender(what, "server")
    child = stack.enter_context(Child(command, name="the child"))
    child.message("ready")
    print(child.pid, flush=True)
    sys.stdin.read()
"""
PROGRAMS = ("server", "lines", "web", "ftp", "names", "sink", "answer", "relay")
CONTENDERS = ("benchmarks.contenders.tcp_asyncio:server", "benchmarks.contenders.tcp_asyncnet:server")
KINDS = [
    *((name, kind) for name in PROGRAMS for kind in ("c", "python")),
    *((name, "python") for name in ("tls", *CONTENDERS)),
    ("benchmarks.contenders.tcp_c:server", "c"),
]


@pytest.fixture
def runner(what: str, kind: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A runner with one child, and that child's process id."""
    if kind == "c" and not peers.HAVE_COMPILER:
        pytest.skip("no C compiler: the C programs are not used")
    command = [sys.executable, "-c", RUNNER, what, kind]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, env=environment()
    ) as process:
        assert process.stdout is not None
        yield process, int(process.stdout.readline())
        process.kill()


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="waiting for somebody else's child needs pidfd_open")
@pytest.mark.parametrize(("what", "kind"), KINDS)
def test_killed_runner_takes_its_children_with_it(runner: tuple[subprocess.Popen[bytes], int]) -> None:
    process, child = runner
    handle = os.pidfd_open(child)
    try:
        process.kill()
        assert select.select([handle], [], [], 10)[0], "the child lives on"
    finally:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(handle, signal.SIGKILL)
        os.close(handle)

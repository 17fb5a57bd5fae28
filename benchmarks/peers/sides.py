"""What the Python stand-ins for the C programs share: messages, clocks, the pattern."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import os
import select
import signal
import sys
import time
from collections.abc import Callable

from ..job import PATTERN_PERIOD, pattern

__all__ = [
    "BLOCK",
    "PATTERN_PERIOD",
    "cpu_of",
    "end_with_runner",
    "pattern_block",
    "say",
    "serve",
    "stopped",
    "wait_until_quiet",
]

BLOCK = 262144
PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG
LONGEST = 120  # seconds; the runner's own deadline comes earlier


def end_with_runner(with_signal: int = signal.SIGKILL) -> None:
    """End this process when the runner ends, be that killed; without prctl, some time after any deadline."""
    signal.alarm(LONGEST)
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PARENT_DEATH_SIGNAL, with_signal)


def say(event: str, **values: object) -> None:
    """Print one message for the runner."""
    print(json.dumps({"event": event, **values}), flush=True)


def stopped() -> bool:
    """Whether the runner has closed our standard input."""
    return bool(select.select([sys.stdin], [], [], 0)[0])


def cpu_of(pid: int) -> float:
    """CPU seconds of another process; -1 where that cannot be known."""
    if pid <= 0 or not hasattr(time, "clock_gettime"):
        return -1.0
    try:
        return time.clock_gettime((~pid << 3) | 2)  # what clock_getcpuclockid(3) computes on Linux
    except OSError:
        return -1.0


def wait_until_quiet(pid: int) -> None:
    """Wait until the process has had nothing to do for some 6 ms."""
    last = cpu_of(pid)
    quiet = turns = 0
    while last >= 0 and quiet < 3 and turns < 10_000:
        time.sleep(0.002)
        cpu = cpu_of(pid)
        quiet = quiet + 1 if (pid == os.getpid() or _asleep(pid)) and cpu - last < 50e-6 else 0
        last = cpu
        turns += 1


def _asleep(pid: int) -> bool:
    """Whether it waits for something, not for its core."""
    try:
        with open(f"/proc/{pid}/stat") as status:
            return status.read().rpartition(")")[2].split()[0] == "S"
    except OSError:
        return True


def pattern_block() -> memoryview:
    """A period of the pattern and a block more, so that any block of it is one slice."""
    period = pattern(0, PATTERN_PERIOD)
    return memoryview(period + period[:BLOCK])


def serve(protocol: Callable[[], asyncio.Protocol], report: Callable[[], dict[str, int]]) -> None:
    """Serve TCP on a port of loopback until standard input ends; then say what was counted."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        over = asyncio.Event()
        loop.add_reader(sys.stdin, over.set)
        server = await loop.create_server(protocol, "127.0.0.1", 0, backlog=4096)
        say("ready", port=server.sockets[0].getsockname()[1])
        await over.wait()
        say("result", **report())

    asyncio.run(main())

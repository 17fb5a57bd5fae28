"""Nothing left behind: a snapshot before, a comparison after."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import socket
import sys
import threading
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from .server import owned_descriptors

__all__ = ["no_leaks"]

# pycares keeps one daemon of its own for the whole process: it ends channels that were closed.
_SHARED_THREAD = "_run_safe_shutdown_loop"


@dataclass
class _Snapshot:
    """What exists at one moment."""

    descriptors: dict[tuple[int, str], str] = field(default_factory=dict)
    threads: set[threading.Thread] = field(default_factory=set)
    tasks: set[asyncio.Task[Any]] = field(default_factory=set)
    timers: dict[int, asyncio.TimerHandle] = field(default_factory=dict)


class no_leaks:  # reads as the verb that it is: `async with no_leaks():`
    """Fails when the block leaves a task, a socket or another descriptor, a thread or a timer.

    ``async with`` looks at the running loop, too, after ``await
    asyncnet.close()``; ``with`` looks at the process only.  What is on its way
    out gets ``grace`` seconds.  The sockets of running test servers are not counted.
    Timers are seen on the stock loop, descriptors where there is ``/proc``;
    elsewhere open sockets are found among the objects of the process.

    Example:
        ```python
        async with testing.no_leaks():
            await asyncnet.tcp.exchange(*server.address, b"ping")
        ```
    """

    def __init__(self, *, grace: float = 1.0) -> None:
        """Store the settings.

        Args:
            grace: seconds in which what was told to end may end.
        """
        self._grace = grace
        self._before = _Snapshot()

    def __enter__(self) -> None:
        gc.collect()
        self._before = _look(None)

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        if exc is not None:
            return
        end = time.monotonic() + self._grace
        while left := _compare(self._before, _look(None)):
            if time.monotonic() > end:
                raise AssertionError("left behind: " + "; ".join(left))
            time.sleep(0.005)
            gc.collect()

    async def __aenter__(self) -> None:
        gc.collect()
        self._before = _look(asyncio.get_running_loop())

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        if "asyncnet.core.loop_scope" in sys.modules:
            await sys.modules["asyncnet.core.loop_scope"].close()
        if exc is not None:
            return
        loop = asyncio.get_running_loop()
        for _ in range(5):  # transports and cancelled tasks need a turn or two to end
            await asyncio.sleep(0)
        end = time.monotonic() + self._grace
        while left := _compare(self._before, _look(loop)):
            if time.monotonic() > end:
                raise AssertionError("left behind: " + "; ".join(left))
            await asyncio.sleep(0.005)
            gc.collect()


def _look(loop: asyncio.AbstractEventLoop | None) -> _Snapshot:
    found = _Snapshot(_descriptors())
    found.threads = {t for t in threading.enumerate() if _SHARED_THREAD not in t.name}
    if loop is not None:
        found.tasks = {task for task in asyncio.all_tasks(loop) if task is not asyncio.current_task()}
        # asyncio has no public list of its timers, uvloop none at all.
        scheduled = [handle for handle in list(getattr(loop, "_scheduled", ())) if not handle.cancelled()]
        found.timers = {id(handle): handle for handle in scheduled}
    return found


def _descriptors() -> dict[tuple[int, str], str]:
    owned = owned_descriptors()
    found: dict[tuple[int, str], str] = {}
    try:
        numbers = [int(name) for name in os.listdir("/proc/self/fd")]
    except FileNotFoundError:
        return _socket_objects(owned)
    for number in numbers:
        with contextlib.suppress(OSError):  # the one that listed the directory has gone
            target = os.readlink(f"/proc/self/fd/{number}")
            if number not in owned and not target.startswith(("/dev/", "/proc/")):
                found[number, target] = target
    return found


def _socket_objects(owned: set[int]) -> dict[tuple[int, str], str]:
    found: dict[tuple[int, str], str] = {}
    for thing in gc.get_objects():
        if isinstance(thing, socket.socket) and (number := thing.fileno()) >= 0 and number not in owned:
            found[number, f"object {id(thing)}"] = "socket"
    return found


def _compare(before: _Snapshot, after: _Snapshot) -> list[str]:
    left = [f"task {task!r}" for task in after.tasks - before.tasks]
    left += [f"timer {handle!r}" for key, handle in after.timers.items() if key not in before.timers]
    left += [f"thread {thread.name!r}" for thread in after.threads - before.threads]
    new = [key for key in after.descriptors if key not in before.descriptors]
    left += [_describe(number, after.descriptors[number, target]) for number, target in sorted(new)]
    return left


def _describe(number: int, target: str) -> str:
    """A socket by its addresses, which say whose it is; anything else by its name."""
    if not target.startswith("socket"):
        return f"descriptor {number} ({target})"
    with contextlib.suppress(OSError):
        with socket.socket(fileno=os.dup(number)) as sock:
            try:
                peer = f" -> {sock.getpeername()}"
            except OSError:
                peer = ""
            kind = {socket.SOCK_STREAM: "TCP", socket.SOCK_DGRAM: "UDP"}.get(sock.type, "")
            return f"{kind} socket {number} {sock.getsockname()}{peer}".strip()
    return f"socket {number}"

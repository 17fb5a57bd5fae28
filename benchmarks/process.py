"""Child processes: started fresh, pinned, spoken to by JSON lines, ended by their own id at a deadline."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

from .model import Missing, WrongResult

__all__ = ["ROOT", "Child", "Cores", "choose_cores", "environment", "python"]

ROOT = Path(__file__).resolve().parent.parent
DEADLINE = 60.0  # seconds a child may live
Message = dict[str, Any]


class Cores(NamedTuple):
    """Where the two sides of a scenario run; `None` = anywhere."""

    contender: int | None
    other: int | None


def choose_cores() -> Cores:
    """One core for the contender and another for its other side, no hyperthread siblings where that can be had."""
    if not hasattr(os, "sched_getaffinity"):
        return Cores(None, None)
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        return Cores(None, None)
    last = cores[-1]
    path = Path(f"/sys/devices/system/cpu/cpu{last}/topology/thread_siblings_list")
    siblings = {last}
    if path.exists():
        for part in path.read_text().strip().split(","):
            first, _, end = part.partition("-")
            siblings.update(range(int(first), int(end or first) + 1))
    apart = [core for core in cores if core not in siblings]
    return Cores(last, apart[0] if apart else cores[0])


def environment() -> dict[str, str]:
    """Ours without what would change the measurement, and with this checkout first on the path."""
    # An interpreter in development mode, a debugging loop or another allocator would measure something else.
    unwanted = ("PYTHON", "COVERAGE", "MALLOC_", "GLIBC_TUNABLES", "LD_PRELOAD")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    kept["PYTHONPATH"] = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    return kept


class Child:
    """A process that prints JSON lines; `with` ends it whatever happens.

    Args:
        command: program and arguments.
        core: the core it is pinned to; `None` = anywhere.
        name: for messages.
        deadline: seconds after which it is killed and the scenario fails.
    """

    def __init__(
        self, command: Sequence[str], *, core: int | None = None, name: str, deadline: float = DEADLINE
    ) -> None:
        self.command = list(command)
        self.core = core
        self.name = name
        self.deadline = deadline
        self.waited = 0.0  # known at the end
        self._unread = b""

    def __enter__(self) -> Self:
        self._started = time.monotonic()
        self._ends = self._started + self.deadline
        self._errors = tempfile.TemporaryFile()
        try:
            self._process = subprocess.Popen(
                self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors,
                cwd=ROOT, env=environment())  # fmt: skip
        except BaseException:
            self._errors.close()
            raise
        if self.core is not None:
            with contextlib.suppress(ProcessLookupError):  # it has ended already; its messages tell
                os.sched_setaffinity(self._process.pid, {self.core})
        return self

    def __exit__(self, *_: object) -> None:
        self.waited = self._waited()
        self._process.kill()  # does nothing when it has ended
        for pipe in (self._process.stdin, self._process.stdout, self._errors):
            assert pipe is not None
            with contextlib.suppress(OSError):
                pipe.close()
        self._process.wait()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def ended(self) -> int | None:
        """Its exit status; `None` while it runs."""
        return self._process.poll()

    def message(self, event: str) -> Message:
        """The next message, which must be of that kind.

        Raises:
            Missing: it said that a module is not there.
            WrongResult: it ended, said something else, or said nothing before its deadline.
        """
        line = self._line(event)
        if not line:
            raise WrongResult(f"{self.name} ended without {event}: {self._last_words()}")
        try:
            message: Message = json.loads(line)
        except ValueError:
            raise WrongResult(f"{self.name} printed {line!r} instead of {event}") from None
        if message.get("event") == "missing":
            raise Missing(message["name"])
        if message.get("event") != event:
            raise WrongResult(f"{self.name} said {message} instead of {event}")
        return message

    def _waited(self) -> float:
        """The share of its life that it was held up because somebody else's work had its core."""
        try:
            waited = int(Path(f"/proc/{self.pid}/schedstat").read_text().split()[1])
        except (OSError, IndexError):
            return 0.0
        return waited / 1e9 / (time.monotonic() - self._started)

    def _line(self, event: str) -> bytes:
        """The next line of its output; empty at the end."""
        assert self._process.stdout is not None
        output = self._process.stdout.fileno()
        while b"\n" not in self._unread:
            left = self._ends - time.monotonic()
            if left <= 0 or not select.select([output], [], [], left)[0]:
                raise WrongResult(f"{self.name} gave no {event} within {self.deadline:g} s")
            if not (read := os.read(output, 65536)):
                break
            self._unread += read
        line, _, self._unread = self._unread.partition(b"\n")
        return line

    def go_on(self) -> None:
        """Give it the byte that it waits for."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()

    def finish(self) -> None:
        """Tell it to end: its standard input is closed."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    def _last_words(self) -> str:
        """Why it ended: the last line of its error output, after where that came from."""
        self._process.wait(5)
        self._errors.seek(0)
        said = [line.strip() for line in self._errors.read().decode(errors="replace").splitlines() if line.strip()]
        places = [line for line in said if line.startswith("File ")]
        return " <- ".join([said[-1], *places[-2:]]) if said else f"it said nothing, exit status {self.ended}"


def python(*arguments: str) -> list[str]:
    """The command of a fresh interpreter like this one."""
    return [sys.executable, *arguments]

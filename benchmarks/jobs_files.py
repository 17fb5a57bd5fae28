"""The task of the scenarios that download one large file."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from .job import PATTERN_PERIOD, Job, pattern

__all__ = ["DownloadJob", "memory_folder"]


PREFIX = "benchmarks-"


def memory_folder() -> tempfile.TemporaryDirectory[str]:
    """A folder in memory where there is such a place; those of processes that were killed go."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else tempfile.gettempdir()
    for left in Path(memory).glob(f"{PREFIX}*"):
        owner = left.name.split("-")[1]
        if owner.isdecimal() and not _lives(int(owner)):
            shutil.rmtree(left, ignore_errors=True)
    return tempfile.TemporaryDirectory(prefix=f"{PREFIX}{os.getpid()}-", dir=memory)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


class DownloadJob(Job):
    """Write the file `/big` to `path`; phase: download.

    The file is in memory where there is such a place: a disk's speed, and waiting for it, would measure the disk.
    """

    def __init__(self, settings: Mapping[str, int | str], loop: str, port: int) -> None:
        super().__init__(settings, loop, port)
        self._folder = memory_folder()
        self.path = Path(self._folder.name) / "big"

    @property
    def http_url(self) -> str:
        """The file on the HTTP server, which makes it as large as it is asked for."""
        return f"http://{self.host}:{self.port}/big/{self.number('total')}"

    def check(self) -> None:
        period = pattern(0, PATTERN_PERIOD)
        size = 0
        with self._folder, self.path.open("rb") as file:
            while block := file.read(PATTERN_PERIOD):
                if block != period[: len(block)]:
                    raise ValueError(f"what was written is not what was sent, somewhere after byte {size}")
                size += len(block)
        if size != self.number("total"):
            raise ValueError(f"{size} bytes were written")

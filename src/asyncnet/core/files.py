"""Blocking file work, on one private worker thread a loop.

The default executor belongs to the application (and to `getaddrinfo`); a slow
disk behind it must not stop name lookups, nor the other way round.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import BinaryIO, ParamSpec, TypeVar

from .loop_scope import current_scope

__all__ = [
    "acquire_in_file_thread", "finish_in_file_thread", "open_for_reading", "run_in_file_thread", "save_bytes",
    "start_in_file_thread",
]  # fmt: skip

P = ParamSpec("P")
R = TypeVar("R")

_CLOSE_TIMEOUT = 5.0  # seconds to wait for the jobs in hand when the loop's scope closes
_PATIENCE = 1.0  # seconds that a cleanup waits for a disk that hangs


class _FileThread:
    """The worker, held by the loop's scope."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="asyncnet-files")

    def start(self, job: Callable[[], R]) -> asyncio.Future[R]:
        return asyncio.get_running_loop().run_in_executor(self._executor, job)

    async def close(self) -> None:
        self.abort()
        # A worker that hangs on its disk is left to itself; one that does not has ended before the joins.
        for worker in list(self._executor._threads):
            await _joined(worker.join, worker.is_alive)

    def abort(self) -> None:
        self._executor.shutdown(wait=False)  # it ends behind the jobs it has: files are to be closed


async def _joined(join: Callable[[float], None], alive: Callable[[], bool]) -> None:
    deadline = asyncio.get_running_loop().time() + _CLOSE_TIMEOUT
    pause = 0.0
    while alive() and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(pause)
        pause = min(0.05, pause + 0.001)
    join(0.0)


def start_in_file_thread(function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[R]:
    """Give the file thread a job, behind those it has; it is done unless the future is cancelled before its turn."""
    return current_scope().get("files", _FileThread).start(partial(function, *args, **kwargs))


async def finish_in_file_thread(function: Callable[P, object], /, *args: P.args, **kwargs: P.kwargs) -> None:
    """Run what has to be done in the end, such as closing a file, behind all that was begun before.

    It will be done whatever happens.  Who is cancelled does not wait for it, and
    nobody waits long for a disk that hangs.
    """
    done, _ = await asyncio.wait([start_in_file_thread(function, *args, **kwargs)], timeout=_PATIENCE)
    for finished in done:
        finished.result()


async def run_in_file_thread(function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Run blocking file work outside of the event loop.

    Jobs of one loop run one after the other.  A job that has begun cannot be
    cancelled: the caller stops waiting, the job ends by itself.
    """
    return await acquire_in_file_thread(lambda: function(*args, **kwargs), lambda result: None)


async def acquire_in_file_thread(acquire: Callable[[], R], release: Callable[[R], object]) -> R:
    """Run a job whose result has to be released, such as an open file.

    When the caller is cancelled while the job runs, the job releases its result itself.
    """
    lock = threading.Lock()
    abandoned = False
    results: list[R] = []

    def job() -> None:
        if abandoned:
            return
        result = acquire()
        with lock:
            if not abandoned:
                results.append(result)
                return
        release(result)

    try:
        await start_in_file_thread(job)
    except BaseException:
        with lock:
            abandoned = True
        while results:
            release(results.pop())
        raise
    return results[0]


async def save_bytes(path: str | os.PathLike[str], data: bytes) -> Path:
    """Write a file so that it is there whole or not at all: a temporary file, fsync, rename."""
    return await run_in_file_thread(_save_bytes, Path(path), data)


def _save_bytes(path: Path, data: bytes) -> Path:
    # A part of the name: all of it and more may be longer than a name can be.
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name[:40]}.", suffix=".part", dir=path.parent)
    try:
        with open(descriptor, "wb") as file:
            # mkstemp makes it private; the result gets what any new file of the user gets.
            os.chmod(temporary, 0o666 & ~_umask())
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    return path


def _umask() -> int:
    # Reading the umask means setting it; /proc has it without that race.
    with contextlib.suppress(OSError, ValueError), open("/proc/self/status", errors="replace") as status:
        for line in status:
            if line.startswith("Umask:"):
                return int(line.split()[1], 8)
    return 0o022


@contextlib.asynccontextmanager
async def open_for_reading(
    path: str | os.PathLike[str], offset: int = 0
) -> AsyncIterator[Callable[[int], Awaitable[bytes]]]:
    """Open a file; the block gets a coroutine function that reads up to so many bytes."""
    file = await acquire_in_file_thread(lambda: _open_at(path, offset), lambda opened: opened.close())
    try:
        yield lambda count: run_in_file_thread(file.read, count)
    except BaseException:
        await finish_in_file_thread(file.close)  # a read may be under way, which closing would wait for
        raise
    file.close()  # nothing is written back, so this does not block


def _open_at(path: str | os.PathLike[str], offset: int) -> BinaryIO:
    file = open(path, "rb")  # noqa: SIM115 - the caller closes it
    try:
        if offset:  # what cannot be sought can be read from its beginning
            file.seek(offset)
    except BaseException:
        file.close()
        raise
    return file

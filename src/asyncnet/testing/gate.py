"""An event that any thread can set and any event loop can await."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable

__all__ = ["Gate", "Signal"]

_LOOK_AGAIN = 0.05  # seconds; a predicate may speak of what only the script of a test knows


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class Signal:
    """Says "something changed" to blocked threads and to coroutines of any loop.

    ``lock`` is what the predicates are checked under; hold it while changing
    what they look at, or change it before calling `notify`.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._condition = threading.Condition(self.lock)
        self._waiters: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = []

    def notify(self) -> None:
        """Make everybody who waits look again."""
        with self.lock:
            waiters, self._waiters = self._waiters, []
            self._condition.notify_all()
        for loop, future in waiters:
            with contextlib.suppress(RuntimeError):  # that loop is closed: nobody waits there any more
                loop.call_soon_threadsafe(_wake, future)

    async def wait(self, predicate: Callable[[], bool], timeout: float, what: str) -> None:
        """Wait on the running loop until the predicate holds; AssertionError after ``timeout`` seconds."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout):
                while True:
                    with self.lock:
                        if predicate():
                            return
                        future: asyncio.Future[None] = loop.create_future()
                        entry = (loop, future)
                        self._waiters.append(entry)
                    try:
                        await asyncio.wait({future}, timeout=_LOOK_AGAIN)
                    finally:
                        with self.lock, contextlib.suppress(ValueError):
                            self._waiters.remove(entry)
        except TimeoutError:
            raise AssertionError(f"{what} within {timeout} s") from None

    def block(self, predicate: Callable[[], bool], timeout: float, what: str) -> None:
        """Block this thread until the predicate holds; AssertionError after ``timeout`` seconds."""
        end = time.monotonic() + timeout
        with self._condition:
            while not predicate():
                if (left := end - time.monotonic()) <= 0:
                    raise AssertionError(f"{what} within {timeout} s")
                self._condition.wait(min(left, _LOOK_AGAIN))


class Gate:
    """An event for tests: set in one thread or loop, awaited in another.

    The servers of this package run their scripts in a thread of their own,
    where an `asyncio.Event` of the test's loop must not be touched.

    Example:
        ```python
        gate = testing.Gate()

        async def slow(request):
            await gate.wait()
            return b"at last"

        with testing.HTTPServer({"/": slow}) as server:
            task = asyncio.create_task(asyncnet.http.fetch(server.url("/")))
            await server.wait_until(lambda: len(server.requests) == 1)
            gate.set()
            assert (await task).content == b"at last"
        ```
    """

    def __init__(self) -> None:
        self._signal = Signal()
        self._is_set = False

    def set(self) -> None:
        """Open the gate, for good."""
        self._is_set = True
        self._signal.notify()

    def is_set(self) -> bool:
        """Whether the gate is open."""
        return self._is_set

    async def wait(self, timeout: float = 10.0) -> None:
        """Wait until the gate is open.

        Args:
            timeout: seconds.

        Raises:
            AssertionError: it stayed closed that long.
        """
        await self._signal.wait(self.is_set, timeout, "the gate was not opened")

    def block(self, timeout: float = 10.0) -> None:
        """Block the calling thread until the gate is open.

        Args:
            timeout: seconds.

        Raises:
            AssertionError: it stayed closed that long.
        """
        self._signal.block(self.is_set, timeout, "the gate was not opened")

"""One timer for all who wait equally long.

``loop.call_at`` costs as much as the rest of a lookup, and most lookups have
the same time limit: then who came first is over first, and one timer for the
first of the queue will do.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["SharedTimeout"]

K = TypeVar("K")


class SharedTimeout(Generic[K]):
    """Tells of each that it has waited too long.

    Args:
        loop: the running loop.
        seconds: how long each may wait.
        over: called with one that has; it is no longer in the queue then.

    Attributes:
        latest: since when the last one waits; nobody can be added who waits longer.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float, over: Callable[[K], None]) -> None:
        self._loop = loop
        self._seconds = seconds
        self._over = over
        self._queue: dict[K, float] = {}  # since when (loop.time()), the first in front
        self._timer: asyncio.TimerHandle | None = None
        self.latest = 0.0

    def __len__(self) -> int:
        return len(self._queue)

    def add(self, one: K, since: float) -> None:
        """Begin to wait; ``since`` must not be earlier than `latest`."""
        self._queue[one] = self.latest = since
        if self._timer is None:
            self._arm(since)

    def discard(self, one: K) -> None:
        """It waits no more.  The timer stays: it costs more to take it back than to let it ring once for nobody."""
        self._queue.pop(one, None)

    def clear(self) -> None:
        """Nobody waits any more."""
        self._queue.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self, since: float) -> None:
        self._timer = self._loop.call_at(since + self._seconds, self._ring, context=contextvars.Context())

    def _ring(self) -> None:
        self._timer = None
        now = self._loop.time()
        while self._queue:
            one, since = next(iter(self._queue.items()))
            if since + self._seconds > now:
                if self._timer is None:  # else whoever was told just now has added another
                    self._arm(since)
                break
            del self._queue[one]
            self._over(one)

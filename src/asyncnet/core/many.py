"""Bounded fan-out: many items, few at once, each with its own outcome."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

from .outcome import Outcome
from .tasks import cancel_all

__all__ = ["fan_out"]

T = TypeVar("T")
V = TypeVar("V")

_END: Any = object()


async def fan_out(
    items: Iterable[T] | AsyncIterable[T],
    work: Callable[[T], Awaitable[V]],
    *,
    concurrency: int,
) -> AsyncGenerator[Outcome[V], None]:
    """Do ``work`` for each item, at most ``concurrency`` at once; yield outcomes as they complete.

    Memory is bounded for an endless iterable: an item is taken only when there
    is a place for it, and at most ``concurrency`` outcomes wait for the
    consumer.  Leaving the loop early cancels what is still under way.
    """
    if isinstance(concurrency, bool) or not isinstance(concurrency, int):
        raise TypeError(f"concurrency must be an int, not {type(concurrency).__name__}")
    if concurrency < 1:
        raise ValueError(f"concurrency must be at least 1, not {concurrency}")
    source = aiter(items) if isinstance(items, AsyncIterable) else iter(items)
    places = _Places(source, work, concurrency)
    try:
        while await places.wait():
            yield places.take()
    finally:
        await places.clear()


class _Places(Generic[T, V]):
    """The items under way: each holds a place until its outcome has been taken.

    Not a TaskGroup: its scope would lie across a yield and cancel the consumer's
    own body.  Not `asyncio.wait` either: it looks at every task for every one that ends.
    """

    def __init__(
        self, source: Iterator[T] | AsyncIterator[T], work: Callable[[T], Awaitable[V]], concurrency: int
    ) -> None:
        self._source = source
        self._work = work
        self._concurrency = concurrency
        self._loop = asyncio.get_running_loop()
        self._running: set[asyncio.Task[Outcome[V]]] = set()
        self._finished: deque[asyncio.Task[Outcome[V]]] = deque()
        self._fetching: asyncio.Task[None] | None = None
        self._exhausted = False
        self._waiter: asyncio.Future[None] | None = None

    async def wait(self) -> bool:
        """Fill the places and wait for an outcome; False when there will be none."""
        while True:
            self._fill()
            if self._finished:
                return True
            if not self._running and self._fetching is None:
                return False
            self._waiter = self._loop.create_future()
            await self._waiter
            if self._fetching is not None and self._fetching.done():
                fetching, self._fetching = self._fetching, None
                fetching.result()  # what the caller's iterable raised is raised here

    def take(self) -> Outcome[V]:
        """The outcome that came first."""
        task = self._finished.popleft()
        self._running.discard(task)
        return task.result()

    async def clear(self) -> None:
        """Cancel what is under way and wait for its end."""
        await cancel_all([*self._running, *([self._fetching] if self._fetching is not None else [])])

    def _fill(self) -> None:
        while not self._exhausted and self._fetching is None and len(self._running) < self._concurrency:
            if isinstance(self._source, AsyncIterator):
                self._fetching = self._loop.create_task(self._fetch(self._source))
                self._fetching.add_done_callback(lambda _: self._wake())
            else:
                self._start(next(self._source, _END))

    async def _fetch(self, source: AsyncIterator[T]) -> None:
        try:
            self._start(await anext(source, _END))
        except BaseException:
            self._exhausted = True
            raise

    def _start(self, item: T) -> None:
        if item is _END:
            self._exhausted = True
            return
        task = self._loop.create_task(_one(item, self._work))
        self._running.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Outcome[V]]) -> None:
        self._finished.append(task)
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


async def _one(item: T, work: Callable[[T], Awaitable[V]]) -> Outcome[V]:
    loop = asyncio.get_running_loop()
    started = loop.time()
    try:
        value = await work(item)
    except Exception as error:
        return Outcome(item, None, error, loop.time() - started)
    return Outcome(item, value, None, loop.time() - started)

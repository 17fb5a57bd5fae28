"""Many URLs: bounded memory, fair between hosts, an outcome for each."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, Hashable, Iterable, Sized
from typing import Generic, TypeAlias, TypeVar

from ..core.outcome import Outcome
from ..core.progress import Progress, Reporter
from ..core.tasks import cancel_all
from ..errors import OperationTimeout
from .fairness import Fairness
from .urls import parse_http_url

__all__ = ["CONCURRENCY", "GIVE_UP_AFTER", "PER_HOST", "Spread", "URLs"]

V = TypeVar("V")
URLs: TypeAlias = "Iterable[str] | AsyncIterable[str]"

CONCURRENCY = 64
PER_HOST = 8
GIVE_UP_AFTER = 5
LOOK_AHEAD = 10_000  # items that may wait for their host, so that one host's run of URLs does not hide the others
_TURN = 500  # items taken from a synchronous input before the loop has a turn


class Spread(Generic[V]):
    """Does ``work`` for each URL: few at once, fair between hosts, outcomes as they complete.

    An item is taken from the input only when there is a free place and no
    host at hand may use it, so memory is bounded for an endless input.

    Args:
        name: the operation, for the errors of what was not tried.
        items: URLs.
        work: what to do for one.
        concurrency: how many at once.
        per_host: how many at once with one host.
        give_up_after: a host with so many timeouts in a row is not tried any more; ``None``: never.
        progress: of completed items.
    """

    def __init__(
        self,
        name: str,
        items: URLs,
        work: Callable[[str], Awaitable[V]],
        *,
        concurrency: int,
        per_host: int,
        give_up_after: int | None,
        progress: Progress = None,
    ) -> None:
        self._name = name
        self._work = work
        self._concurrency = concurrency
        self._turns = Fairness(per_host=per_host, give_up_after=give_up_after)
        self._total = len(items) if isinstance(items, Sized) else None
        self._reporter = Reporter(progress, name, "URL")
        self._source: AsyncIterator[str] | None = aiter(items) if isinstance(items, AsyncIterable) else None
        self._iterator = iter(()) if isinstance(items, AsyncIterable) else iter(items)
        self._exhausted = False
        self._running: set[asyncio.Task[None]] = set()
        self._reading: asyncio.Task[None] | None = None
        self._done: deque[Outcome[V]] = deque()
        self._changed = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    async def run(self) -> AsyncGenerator[Outcome[V], None]:
        """Yield the outcomes; leaving early cancels what is under way."""
        count = 0
        try:
            while True:
                impatient = self._begin()
                if self._done:
                    count += 1
                    self._reporter.report(count, self._total)
                    yield self._done.popleft()
                elif self._exhausted and not self._running and not self._turns.waiting:
                    self._reporter.report(count, self._total, final=True)
                    return
                elif impatient:
                    await asyncio.sleep(0)
                else:
                    self._changed.clear()
                    await self._changed.wait()
                    if self._reading is not None and self._reading.done():
                        self._reading.result()  # what the caller's iterable raised
        finally:
            self._reporter.close()
            await cancel_all([*self._running, *([self._reading] if self._reading is not None else [])])

    def _begin(self) -> bool:
        """Begin what can begin, taking items as needed; return whether more could be taken at once.

        Outcomes that the consumer has not taken yet occupy places too.
        """
        taken = 0
        while len(self._running) + len(self._done) < self._concurrency:
            turn = self._turns.next()
            if turn is not None:
                task = self._loop.create_task(self._one(*turn))
                self._running.add(task)
                task.add_done_callback(self._ended)
            elif self._exhausted or self._turns.waiting >= LOOK_AHEAD:
                return False
            elif self._source is not None:
                self._read()
                return False
            elif taken >= _TURN:
                return True
            else:
                taken += 1
                try:
                    self._add(next(self._iterator))
                except StopIteration:
                    self._exhausted = True
        return False

    def _read(self) -> None:
        if self._reading is None or self._reading.done():
            self._reading = self._loop.create_task(self._take())
            self._reading.add_done_callback(lambda _: self._changed.set())

    async def _take(self) -> None:
        assert self._source is not None
        try:
            item = await anext(self._source)
        except StopAsyncIteration:
            self._exhausted = True
        else:
            self._add(item)

    def _add(self, item: str) -> None:
        try:
            url = parse_http_url(item)
        except (ValueError, TypeError) as error:
            self._done.append(Outcome(item, error=error))
            return
        host = (url.host, url.port)
        if self._turns.is_given_up(host):
            self._done.append(self._given_up(item, host))
        else:
            self._turns.add(host, item)

    async def _one(self, host: Hashable, item: str) -> None:
        started = self._loop.time()
        ok = timed_out = False
        try:
            value = await self._work(item)
            outcome: Outcome[V] = Outcome(item, value, None, self._loop.time() - started)
            ok = True
        except Exception as error:
            outcome = Outcome(item, None, error, self._loop.time() - started)
            timed_out = isinstance(error, OperationTimeout)
        finally:
            ended = self._turns.finished(host, ok=ok, timed_out=timed_out)
        self._done.append(outcome)
        self._done.extend(self._given_up(other, host) for other in ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._changed.set()

    def _given_up(self, item: str, host: Hashable) -> Outcome[V]:
        name = host[0] if isinstance(host, tuple) else str(host)
        error = OperationTimeout(
            f"not tried: {self._turns.timeouts(host)} timeouts in a row",
            protocol="http",
            operation=self._name,
            peer=name,
            phase="given up",
        )
        return Outcome(item, None, error)

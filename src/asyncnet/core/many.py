"""Bounded fan-out: many items, few at once, each with its own outcome."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from typing import Any, TypeVar

from .outcome import Outcome

__all__ = ["fan_out"]

T = TypeVar("T")
V = TypeVar("V")


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
    if concurrency < 1:
        raise ValueError(f"concurrency must be at least 1, not {concurrency}")
    loop = asyncio.get_running_loop()
    # Not a TaskGroup: its scope would lie across a yield and cancel the consumer's own body.
    running: set[asyncio.Task[Outcome[V]]] = set()
    source = _iterate(items)
    fetching: asyncio.Task[Any] | None = None
    exhausted = False
    try:
        while True:
            while not exhausted and fetching is None and len(running) < concurrency:
                if isinstance(items, AsyncIterable):
                    fetching = loop.create_task(_next(source))
                else:
                    item = await _next(source)
                    if item is _END:
                        exhausted = True
                    else:
                        running.add(loop.create_task(_one(item, work)))
            if not running and fetching is None:
                return
            done, _ = await asyncio.wait(
                running | ({fetching} if fetching is not None else set()), return_when=asyncio.FIRST_COMPLETED
            )
            if fetching in done:
                item = fetching.result()
                fetching = None
                if item is _END:
                    exhausted = True
                else:
                    running.add(loop.create_task(_one(item, work)))
            for task in done & running:
                running.discard(task)
                yield task.result()
    finally:
        left = running | ({fetching} if fetching is not None else set())
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)
            for task in left:
                if not task.cancelled():
                    task.exception()  # seen: an error nobody waits for any more is not reported as lost
        with contextlib.suppress(RuntimeError):
            await source.aclose()


_END: Any = object()


async def _iterate(items: Iterable[T] | AsyncIterable[T]) -> AsyncGenerator[T, None]:
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item


async def _next(source: AsyncIterator[T]) -> T:
    return await anext(source, _END)


async def _one(item: T, work: Callable[[T], Awaitable[V]]) -> Outcome[V]:
    loop = asyncio.get_running_loop()
    started = loop.time()
    try:
        value = await work(item)
    except Exception as error:
        return Outcome(item, None, error, loop.time() - started)
    return Outcome(item, value, None, loop.time() - started)

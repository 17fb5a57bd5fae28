"""The cancellation sweep: a coroutine is cancelled at its 1st, 2nd, 3rd ... suspension point."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from typing import Any

MOST_POINTS = 2_000  # a call that suspends more often than this does not end

points: dict[str, int] = {}  # by case and loop, for the terminal summary


class _CancelAt:
    """Awaits a coroutine and cancels the running task at its n-th suspension."""

    def __init__(self, coroutine: Awaitable[Any], number: int) -> None:
        self._coroutine = coroutine
        self._number = number
        self.count = 0

    def __await__(self) -> Generator[Any, Any, Any]:
        task = asyncio.current_task()
        assert task is not None
        inner = self._coroutine.__await__()
        step: Callable[[], Any] = lambda: next(inner)  # noqa: E731 - replaced in each round
        while True:
            try:
                waits_for = step()
            except StopIteration as end:
                return end.value
            self.count += 1
            if self.count == self._number:
                task.cancel()
            try:
                value = yield waits_for
            except BaseException as error:
                step = lambda error=error: inner.throw(error)  # type: ignore[misc]  # noqa: E731 - as above
            else:
                step = lambda value=value: inner.send(value)  # type: ignore[misc, attr-defined]  # noqa: E731 - as above


async def cancel_at(coroutine: Awaitable[Any], number: int) -> tuple[bool, int]:
    """Run it in a task of its own, cancelled at that point.

    Returns:
        Whether it completed before that point came, and how many points it passed.
    """
    driver = _CancelAt(coroutine, number)

    async def run() -> None:
        await driver

    task = asyncio.get_running_loop().create_task(run())
    await asyncio.wait([task])
    if task.cancelled():
        return False, driver.count
    task.result()  # an error other than the cancellation is a finding
    # A cancellation that came together with the end may be lost to it, not before.
    assert driver.count <= number, f"point {number} of {driver.count}: the cancellation was swallowed"
    return driver.count < number, driver.count

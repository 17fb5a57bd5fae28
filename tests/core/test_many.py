"""Bounded fan-out."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator

import pytest

import asyncnet
from asyncnet.core.many import fan_out

pytestmark = pytest.mark.asyncio


async def double(item: int) -> int:
    return 2 * item


async def test_each_item_has_its_outcome():
    outcomes = [outcome async for outcome in fan_out([3, 1, 2], double, concurrency=2)]
    assert {outcome.item: outcome.value for outcome in outcomes} == {1: 2, 2: 4, 3: 6}
    assert all(outcome.ok and outcome.elapsed >= 0 for outcome in outcomes)


async def test_nothing_comes_of_nothing():
    async def none() -> AsyncIterator[int]:
        return
        yield 1

    assert [outcome async for outcome in fan_out([], double, concurrency=3)] == []
    assert [outcome async for outcome in fan_out(none(), double, concurrency=3)] == []


async def test_outcomes_come_in_the_order_of_their_ends():
    events = [asyncio.Event() for _ in range(4)]
    ended: list[int] = []

    async def work(item: int) -> int:
        await events[item].wait()
        return item

    events[2].set()
    async for outcome in fan_out(range(4), work, concurrency=4):
        ended.append(outcome.item)
        for following in {2: [0], 0: [3], 3: [1]}.get(outcome.item, []):
            events[following].set()
    assert ended == [2, 0, 3, 1]


async def test_an_error_is_an_outcome_and_the_others_go_on():
    async def divide(item: int) -> float:
        return 1 / item

    outcomes = {outcome.item: outcome async for outcome in fan_out([1, 0, 2], divide, concurrency=3)}
    assert isinstance(outcomes[0].error, ZeroDivisionError)
    assert not outcomes[0].ok
    assert outcomes[2].unwrap() == 0.5


@pytest.mark.parametrize("concurrency", [1, 2, 7])
@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_no_more_than_that_many_at_once_and_none_taken_ahead(concurrency, kind):
    running, most, taken, yielded = 0, 0, 0, 0
    all_places = asyncio.Event()

    async def work(item: int) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == concurrency:
            all_places.set()
        await all_places.wait()
        for _ in range(item % 3):
            await asyncio.sleep(0)
        running -= 1
        return item

    def items() -> Iterator[int]:
        nonlocal taken
        for item in range(50):
            taken += 1
            assert taken - yielded <= concurrency + 1
            yield item

    async def async_items() -> AsyncIterator[int]:
        for item in items():
            yield item

    async for _ in fan_out(items() if kind == "sync" else async_items(), work, concurrency=concurrency):
        yielded += 1
    assert yielded == 50
    assert most == concurrency


async def test_a_slow_consumer_holds_an_endless_source_back():
    taken = 0

    def endless() -> Iterator[int]:
        nonlocal taken
        for item in itertools.count():
            taken += 1
            yield item

    outcomes = fan_out(endless(), double, concurrency=5)
    await anext(outcomes)
    for _ in range(100):  # time enough for a fan-out that would run ahead
        await asyncio.sleep(0)
    assert taken <= 6
    await outcomes.aclose()


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_leaving_early_leaves_nothing(kind):
    cancelled: list[int] = []
    begun = asyncio.Event()

    async def work(item: int) -> int:
        if item == 0:
            await begun.wait()
            return item
        try:
            if item == 3:
                begun.set()
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            cancelled.append(item)
            raise
        return item

    async def async_items() -> AsyncIterator[int]:
        for item in itertools.count():
            yield item

    outcomes = fan_out(itertools.count() if kind == "sync" else async_items(), work, concurrency=4)
    async for outcome in outcomes:
        assert outcome.item == 0
        break
    await outcomes.aclose()
    assert sorted(cancelled)[:3] == [1, 2, 3]
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_what_fails_while_it_is_cancelled_is_not_reported_as_lost():
    class Odd(BaseException):
        """Neither a cancellation nor an error."""

    async def work(item: int) -> int:
        if item == 0:
            return item
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            raise Odd from None
        return item

    outcomes = fan_out([0, 1], work, concurrency=2)
    assert (await anext(outcomes)).item == 0
    await outcomes.aclose()  # the suite fails if the loop's exception handler is called
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_what_the_source_raises_is_raised_and_nothing_left(kind):
    def items() -> Iterator[int]:
        yield 1
        raise RuntimeError("the source failed")

    async def async_items() -> AsyncIterator[int]:
        for item in items():
            yield item

    async def forever(item: int) -> int:
        await asyncio.get_running_loop().create_future()
        return item

    with pytest.raises(RuntimeError, match="the source failed"):
        async for _ in fan_out(items() if kind == "sync" else async_items(), forever, concurrency=2):
            raise AssertionError("nothing ends")
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_source_that_waits_does_not_hold_up_what_is_done():
    more = asyncio.Event()

    async def items() -> AsyncIterator[int]:
        yield 1
        await more.wait()
        yield 2

    seen = []
    async for outcome in fan_out(items(), double, concurrency=2):
        seen.append(outcome.value)
        more.set()
    assert seen == [2, 4]


async def test_a_consumer_that_is_cancelled_leaves_nothing():
    async def forever(item: int) -> int:
        await asyncio.get_running_loop().create_future()
        return item

    async def consume() -> None:
        async for _ in fan_out([1, 2, 3], forever, concurrency=3):
            raise AssertionError("nothing ends")

    task = asyncio.create_task(consume())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == 5
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_work_sees_the_callers_context():
    dialer = asyncnet.Dialer()

    async def work(item: int) -> object:
        from asyncnet.core.dialer import current_dialer

        return current_dialer()

    with asyncnet.use(dialer):
        outcomes = [outcome async for outcome in fan_out([1, 2], work, concurrency=2)]
    assert [outcome.value for outcome in outcomes] == [dialer, dialer]


@pytest.mark.parametrize(("bad", "kind"), [(0, ValueError), (-1, ValueError), (True, TypeError), (2.5, TypeError)])
async def test_a_concurrency_without_sense_is_refused(bad, kind):
    with pytest.raises(kind, match="concurrency"):
        await anext(fan_out([1], double, concurrency=bad))

"""One timer for many who wait, on a clock that is turned by hand."""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from typing import Any

from asyncnet.core.shared_timeout import SharedTimeout


class Timer:
    """What `Clock.call_at` returns."""

    def __init__(self, when: float, callback: Callable[[], None]) -> None:
        self.when = when
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Clock:
    """As much of an event loop as a timer needs."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[Timer] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], None], *, context: contextvars.Context) -> Timer:
        assert not list(context), "the timer keeps nothing of who asked"
        timer = Timer(when, callback)
        self.timers.append(timer)
        return timer

    def turn_to(self, now: float) -> None:
        self.now = now
        for timer in list(self.timers):
            if not timer.cancelled and timer.when <= now:
                self.timers.remove(timer)
                timer.callback()


def make(seconds: float = 5.0) -> tuple[Clock, SharedTimeout[Any], list[str]]:
    clock, over = Clock(), []
    return clock, SharedTimeout(clock, seconds, over.append), over


def test_each_in_its_time() -> None:
    clock, timeout, over = make()
    for since, name in enumerate("abc"):
        clock.turn_to(since)
        timeout.add(name, since)
    assert (len(clock.timers), len(timeout), timeout.latest) == (1, 3, 2)
    clock.turn_to(4.9)
    assert over == []
    clock.turn_to(5.0)
    assert over == ["a"]
    clock.turn_to(6.5)
    assert over == ["a", "b"]
    assert len(clock.timers) == 1
    clock.turn_to(100)
    assert over == ["a", "b", "c"]
    assert (clock.timers, len(timeout)) == ([], 0)


def test_several_at_once() -> None:
    clock, timeout, over = make()
    for name in "abc":
        timeout.add(name, 0.0)
    clock.turn_to(5.0)
    assert over == ["a", "b", "c"]


def test_who_waits_no_more_is_not_told() -> None:
    clock, timeout, over = make()
    timeout.add("a", 0.0)
    timeout.add("b", 1.0)
    timeout.discard("a")
    timeout.discard("a")
    clock.turn_to(5.0)
    assert (over, len(timeout)) == ([], 1)
    clock.turn_to(6.0)
    assert over == ["b"]


def test_the_timer_rings_once_for_nobody() -> None:
    clock, timeout, over = make()
    timeout.add("a", 0.0)
    timeout.discard("a")
    assert len(clock.timers) == 1
    clock.turn_to(5.0)
    assert (over, clock.timers) == ([], [])
    timeout.add("b", 7.0)
    clock.turn_to(12.0)
    assert over == ["b"]


def test_clear() -> None:
    clock, timeout, over = make()
    timeout.add("a", 0.0)
    timer = clock.timers[0]
    timeout.clear()
    timeout.clear()
    assert timer.cancelled
    clock.turn_to(9.0)
    assert (over, len(timeout)) == ([], 0)


def test_one_who_adds_another_when_told() -> None:
    clock = Clock()
    over: list[str] = []

    def told(name: str) -> None:
        over.append(name)
        if name == "a":
            timeout.add("b", clock.now)

    timeout = SharedTimeout(clock, 5.0, told)
    timeout.add("a", 0.0)
    clock.turn_to(5.0)
    assert (over, len(timeout), len(clock.timers)) == (["a"], 1, 1)
    clock.turn_to(10.0)
    assert over == ["a", "b"]

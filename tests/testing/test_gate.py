"""Gates between threads and event loops."""

from __future__ import annotations

import asyncio
import threading

import pytest

from asyncnet import testing
from asyncnet.testing.gate import Signal


@pytest.mark.asyncio
async def test_a_gate_set_in_another_thread_wakes_the_loop() -> None:
    gate = testing.Gate()
    waiting = asyncio.create_task(gate.wait())
    await asyncio.sleep(0)
    assert not waiting.done()
    assert not gate.is_set()
    thread = threading.Thread(target=gate.set)
    thread.start()
    await waiting
    thread.join()
    assert gate.is_set()
    await gate.wait(timeout=0.0)  # once open it does not wait


def test_a_gate_wakes_a_blocked_thread() -> None:
    gate = testing.Gate()
    thread = threading.Thread(target=gate.set)
    thread.start()
    gate.block(timeout=5.0)
    thread.join()


@pytest.mark.asyncio
async def test_a_gate_that_stays_closed_fails_the_test() -> None:
    gate = testing.Gate()
    with pytest.raises(AssertionError, match="the gate was not opened within"):
        await gate.wait(timeout=0.01)
    with pytest.raises(AssertionError, match="the gate was not opened within"):
        gate.block(timeout=0.01)


@pytest.mark.asyncio
async def test_a_predicate_that_nobody_announces_is_looked_at_again() -> None:
    answers = iter([False, True, False, True])
    await Signal().wait(lambda: next(answers), 5.0, "nothing came")
    Signal().block(lambda: next(answers), 5.0, "nothing came")


def test_a_signal_outlives_the_loop_of_one_who_waited() -> None:
    signal = Signal()

    async def give_up() -> None:
        asyncio.get_running_loop().stop()
        await signal.wait(lambda: False, 10.0, "nothing came")

    loop = asyncio.new_event_loop()
    task = loop.create_task(give_up())
    loop.run_forever()
    loop.close()
    signal.notify()  # that loop takes no more callbacks; nobody minds
    assert not task.done()
    task._log_destroy_pending = False  # type: ignore[attr-defined]  # left pending on purpose

"""What one-shots share goes with its loop, however that ends."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import textwrap
import threading
import warnings

import pytest

import asyncnet
from asyncnet.core.loop_scope import current_scope
from house import SOURCE

DIARY: list[str] = []


class Shared:
    """Keeps a diary."""

    def __init__(self, name: str = "shared") -> None:
        self.name = name
        self.problem: BaseException | None = None
        self.gate: asyncio.Event | None = None
        DIARY.append(f"{name} made")

    async def close(self) -> None:
        if self.gate is not None:
            await self.gate.wait()
        if self.problem is not None:
            raise self.problem
        DIARY.append(f"{self.name} closed")

    def abort(self) -> None:
        DIARY.append(f"{self.name} aborted")


def named(name: str):
    return current_scope().get(name, lambda: Shared(name))


@pytest.fixture(autouse=True)
def _empty_diary():
    DIARY.clear()


@pytest.mark.asyncio
async def test_each_key_has_one_object_a_loop():
    assert named("a") is named("a")
    assert named("b") is not named("a")
    assert DIARY == ["a made", "b made"]
    await asyncnet.close()


@pytest.mark.asyncio
async def test_closing_goes_backwards_and_can_be_done_again():
    named("a"), named("b")
    await asyncnet.close()
    await asyncnet.close()
    assert DIARY == ["a made", "b made", "b closed", "a closed"]


@pytest.mark.asyncio
async def test_what_is_used_after_a_close_is_made_anew():
    first = named("a")
    await asyncnet.close()
    assert named("a") is not first
    await asyncnet.close()
    assert DIARY == ["a made", "a closed"] * 2


@pytest.mark.asyncio
async def test_what_has_closed_by_itself_can_be_forgotten():
    named("a")
    current_scope().discard("a")
    current_scope().discard("never there")
    await asyncnet.close()
    assert DIARY == ["a made"]


@pytest.mark.asyncio
async def test_a_defect_of_one_does_not_leave_the_others_open():
    named("a")
    named("b").problem = ValueError("a defect")
    named("c")
    with pytest.raises(ValueError, match="a defect"):
        await asyncnet.close()
    assert DIARY[3:] == ["c closed", "b aborted", "a closed"]


@pytest.mark.asyncio
async def test_a_close_that_is_cancelled_aborts_what_is_left():
    named("a")
    named("b").gate = asyncio.Event()
    closing = asyncio.create_task(asyncnet.close())
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    assert DIARY[2:] == ["b aborted", "a aborted"]
    named("c")  # a new scope
    await asyncnet.close()


def test_asyncio_run_closes_it():
    async def main() -> None:
        named("a")

    asyncio.run(main())
    assert DIARY == ["a made", "a closed"]


def test_uvloop_closes_it():
    uvloop = pytest.importorskip("uvloop")

    async def main() -> None:
        named("a")

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
    assert DIARY == ["a made", "a closed"]


def test_two_loops_share_nothing():
    async def main() -> Shared:
        return named("a")

    assert asyncio.run(main()) is not asyncio.run(main())
    assert DIARY == ["a made", "a closed"] * 2


def test_use_while_the_loop_shuts_down_is_an_error():
    caught: list[asyncnet.StateError] = []

    async def late() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            with pytest.raises(asyncnet.StateError, match="the event loop is shutting down") as error:
                named("b")
            caught.append(error.value)

    async def main() -> None:
        named("a")

    loop = asyncio.new_event_loop()
    loop.run_until_complete(main())
    loop.run_until_complete(loop.shutdown_asyncgens())
    task = loop.create_task(late())
    loop.run_until_complete(asyncio.sleep(0))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(task)
    loop.run_until_complete(asyncnet.close())  # nothing to do any more, and no error
    loop.close()
    assert len(caught) == 1
    assert DIARY == ["a made", "a closed"]


def test_a_bare_close_of_the_loop_is_swept_at_the_next_use():
    async def main() -> None:
        named("a")

    loop = asyncio.new_event_loop()
    loop.run_until_complete(main())
    loop.close()
    assert DIARY == ["a made"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asyncio.run(main())
        del loop
        gc.collect()
    assert DIARY == ["a made", "a aborted", "a made", "a closed"]


def test_threads_have_scopes_of_their_own():
    barrier = threading.Barrier(8)
    failures: list[BaseException] = []

    async def main() -> None:
        named("a")

    def work() -> None:
        try:
            for _ in range(20):
                barrier.wait(10)
                loop = asyncio.new_event_loop()
                loop.run_until_complete(main())
                loop.close()  # bare: every thread sweeps what the others left
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    asyncio.run(main())
    assert not failures
    assert DIARY.count("a made") == 161
    assert DIARY.count("a aborted") == 160
    assert DIARY.count("a closed") == 1


def run_program(program: str) -> subprocess.CompletedProcess[str]:
    """Run it where every warning is an error."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-X", "dev", "-c", textwrap.dedent(program)],
        env={**os.environ, "PYTHONPATH": str(SOURCE)}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


SHARED = """
    import asyncio, asyncnet
    from asyncnet.core.loop_scope import current_scope

    class Shared:
        async def close(self):
            print("closed on", "a running loop" if asyncio.get_running_loop().is_running() else "nothing")
        def abort(self):
            print("aborted")

    async def main():
        current_scope().get("a", Shared)
"""
STOPPED = """
    loop = asyncio.new_event_loop()
    loop.run_until_complete(main())
"""


def test_a_loop_that_is_never_shut_down_is_swept_at_exit():
    # What Jupyter does: its loop is open and stopped when the interpreter ends.
    done = run_program(SHARED + STOPPED + "    import atexit; atexit._run_exitfuncs(); loop.close()\n")
    assert (done.stdout, done.stderr) == ("closed on a running loop\n", "")


def test_a_loop_that_was_only_closed_is_swept_at_exit():
    done = run_program(SHARED + STOPPED + "    loop.close()\n")
    assert (done.stdout, done.stderr) == ("aborted\n", "")


def test_nothing_is_said_at_exit_when_the_loop_has_closed_it():
    done = run_program(SHARED + "\n    asyncio.run(main())\n")
    assert (done.stdout, done.stderr) == ("closed on a running loop\n", "")

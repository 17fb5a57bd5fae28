"""asyncnet.run: with and without a running loop."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

import asyncnet

SOURCE = str(Path(asyncnet.__file__).parents[1])

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


async def answer() -> int:
    await asyncio.sleep(0)
    return 42


async def where() -> tuple[asyncio.AbstractEventLoop, threading.Thread]:
    return asyncio.get_running_loop(), threading.current_thread()


async def fail() -> None:
    raise LookupError("as asked")


def test_without_a_loop_it_runs_in_this_thread():
    assert asyncnet.run(answer()) == 42
    loop, thread = asyncnet.run(where())
    assert thread is threading.current_thread()
    assert loop.is_closed()


@pytest.mark.asyncio
async def test_inside_a_loop_it_runs_in_a_thread_and_loop_of_its_own():
    loop, thread = asyncnet.run(where())
    assert loop is not asyncio.get_running_loop()
    assert loop.is_closed()
    assert not thread.is_alive()
    assert asyncnet.run(answer()) == 42


@pytest.mark.asyncio
async def test_the_outer_loop_still_works_afterwards():
    asyncnet.run(answer())
    assert await answer() == 42


@pytest.mark.asyncio
async def test_inside_inside():
    async def outer() -> int:
        return asyncnet.run(answer()) + 1

    assert asyncnet.run(outer()) == 43


@pytest.mark.asyncio
async def test_errors_come_out_as_they_are():
    with pytest.raises(LookupError, match="as asked") as caught:
        asyncnet.run(fail())
    assert caught.value.__context__ is None


def test_errors_come_out_without_a_loop_too():
    with pytest.raises(LookupError, match="as asked"):
        asyncnet.run(fail())


@pytest.mark.asyncio
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
async def test_what_is_meant_for_the_process_passes_through(error):
    async def leave() -> None:
        raise error

    with pytest.raises(error):
        asyncnet.run(leave())


@pytest.mark.asyncio
async def test_context_variables_are_copied_in_and_do_not_come_out():
    variable.set("outside")

    async def look() -> str:
        seen = variable.get()
        variable.set("inside")
        return seen

    assert asyncnet.run(look()) == "outside"
    assert variable.get() == "outside"


@pytest.mark.asyncio
async def test_trace_reaches_inside():
    with asyncnet.trace() as trace:

        async def look() -> object:
            from asyncnet.core.trace import current_trace

            return current_trace()

        assert asyncnet.run(look()) is trace


@pytest.mark.parametrize("bad", [answer, None, 42, asyncnet.run])
def test_no_coroutine_is_a_type_error(bad):
    with pytest.raises(TypeError, match="a coroutine is needed"):
        asyncnet.run(bad)


@pytest.mark.asyncio
async def test_ctrl_c_cancels_waits_for_the_cleanup_and_is_raised_again():
    cleaned = threading.Event()

    async def hang() -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned.set()

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            asyncnet.run(hang())
    finally:
        signal.signal(signal.SIGINT, before)
    assert cleaned.is_set()


@pytest.mark.asyncio
async def test_nothing_is_left_of_the_errand():
    class Thing:
        pass

    things = []

    async def make() -> Thing:
        thing = Thing()
        things.append(id(thing))
        return thing

    made = asyncnet.run(make())
    assert gc.get_referrers(made) == []  # only this frame, which is not tracked
    assert things == [id(made)]


def test_ctrl_c_while_a_notebook_cell_runs():
    """As a notebook has it: a loop that runs, a blocking call inside, and the signal from outside."""
    program = textwrap.dedent("""
        import asyncio, os, signal, threading
        import asyncnet

        async def hang():
            try:
                print("ready", flush=True)
                await asyncio.Event().wait()
            finally:
                print("cleaned", flush=True)

        async def cell():
            try:
                asyncnet.run(hang())
            except KeyboardInterrupt:
                print("interrupted", threading.active_count(), flush=True)

        loop = asyncio.new_event_loop()
        loop.run_until_complete(cell())
        loop.close()
    """)
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": SOURCE}
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=20)
    assert rest.split() == ["cleaned", "interrupted", "1"]
    assert process.returncode == 0

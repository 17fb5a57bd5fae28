"""Blocking file work on a thread of its own."""

from __future__ import annotations

import asyncio
import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import asyncnet
from asyncnet import testing
from asyncnet.core.files import acquire_in_file_thread, open_for_reading, run_in_file_thread, save_bytes

pytestmark = pytest.mark.asyncio


async def test_work_is_done_in_a_thread_of_its_own_and_always_the_same():
    async def name() -> str:
        return await run_in_file_thread(lambda: threading.current_thread().name)

    first, second = await asyncio.gather(name(), name())
    assert first == second
    assert first.startswith("asyncnet-files")
    assert await run_in_file_thread(int, "ff", base=16) == 255


async def test_the_default_executor_is_left_alone():
    class Untouchable(ThreadPoolExecutor):
        def submit(self, *args, **kwargs):
            raise AssertionError("the default executor is the application's")

    loop = asyncio.get_running_loop()
    with Untouchable(1) as executor:
        loop.set_default_executor(executor)
        assert await run_in_file_thread(lambda: 1) == 1


async def test_errors_come_back():
    with pytest.raises(FileNotFoundError):
        await run_in_file_thread(os.stat, "/nowhere/at/all")


async def test_the_thread_ends_with_close_and_comes_back_at_need():
    before = threading.active_count()
    await run_in_file_thread(lambda: None)
    assert threading.active_count() == before + 1
    await asyncnet.close()
    assert threading.active_count() == before
    assert await run_in_file_thread(lambda: 2) == 2


async def test_what_was_cancelled_before_its_turn_is_not_done():
    begun, go_on = testing.Gate(), testing.Gate()
    done: list[str] = []

    def slow() -> None:
        begun.set()
        go_on.block()
        done.append("slow")

    first = asyncio.create_task(run_in_file_thread(slow))
    await begun.wait()
    second = asyncio.create_task(run_in_file_thread(done.append, "second"))
    await asyncio.sleep(0)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    go_on.set()
    await first
    await run_in_file_thread(done.append, "third")
    assert done == ["slow", "third"]


async def test_what_is_acquired_for_nobody_is_released():
    begun, go_on, released = testing.Gate(), testing.Gate(), threading.Event()

    def acquire() -> str:
        begun.set()
        go_on.block()
        return "resource"

    def release(resource: str) -> None:
        assert resource == "resource"
        released.set()

    task = asyncio.create_task(acquire_in_file_thread(acquire, release))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not released.is_set()
    go_on.set()
    assert await run_in_file_thread(released.wait, 10)


async def test_what_is_acquired_is_the_callers():
    released: list[object] = []
    assert await acquire_in_file_thread(lambda: 7, released.append) == 7
    assert released == []


async def test_a_cancellation_at_any_point_releases_what_was_acquired():
    for turns in range(12):
        acquired: list[int] = []
        released: list[int] = []

        def acquire(acquired: list[int] = acquired) -> int:
            acquired.append(1)
            return 1

        task = asyncio.create_task(acquire_in_file_thread(acquire, released.append))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        try:
            await task
            assert not released
        except asyncio.CancelledError:
            await run_in_file_thread(lambda: None)
            assert acquired == released


# ---- saving


async def test_a_file_is_saved_whole_with_the_rights_of_any_new_file(tmp_path):
    path = tmp_path / "page.html"
    assert await save_bytes(path, b"new") == path
    assert path.read_bytes() == b"new"
    other = tmp_path / "other"
    other.write_bytes(b"")
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(other.stat().st_mode)
    assert await save_bytes(str(path), b"newer") == path
    assert path.read_bytes() == b"newer"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["other", "page.html"]


@pytest.mark.parametrize("name", ["x" * 255, "ä" * 127])
async def test_the_longest_name_can_be_saved(tmp_path, name):
    await save_bytes(tmp_path / name, b"data")
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


async def test_a_save_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    folder = tmp_path / "in the way"
    folder.mkdir()
    with pytest.raises(OSError, match="in the way"):
        await save_bytes(folder, b"data")
    with pytest.raises(FileNotFoundError):
        await save_bytes(tmp_path / "no folder" / "file", b"data")
    assert [entry.name for entry in tmp_path.iterdir()] == ["in the way"]


# ---- reading


async def test_a_file_is_read_piece_by_piece_from_an_offset(tmp_path):
    path = tmp_path / "data"
    path.write_bytes(b"0123456789")
    async with open_for_reading(path, 3) as read:
        assert await read(4) == b"3456"
        assert await read(100) == b"789"
        assert await read(100) == b""


async def test_opening_what_is_not_there_fails_and_leaves_nothing(tmp_path):
    with pytest.raises(FileNotFoundError):
        async with open_for_reading(tmp_path / "nothing"):
            raise AssertionError("it is not there")
    (tmp_path / "data").write_bytes(b"x")
    with pytest.raises(OSError, match="Invalid argument"):
        async with open_for_reading(tmp_path / "data", -1):
            raise AssertionError("it cannot be before its beginning")

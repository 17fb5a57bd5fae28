"""The end of tasks that nobody wants any more."""

from __future__ import annotations

import asyncio

import pytest

from asyncnet.core.tasks import cancel_all

pytestmark = pytest.mark.asyncio


async def test_each_ends_in_its_own_way_and_nothing_is_reported_as_lost() -> None:
    said: list[object] = []

    async def wait_for_ever() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError as error:
            said.append(error.args)
            raise

    async def fail_late() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            raise OSError("too late") from None

    async def end() -> None:
        said.append("ended")

    tasks = [asyncio.create_task(work()) for work in (wait_for_ever, fail_late, end)]
    await asyncio.sleep(0)
    await cancel_all(tasks, "another was first")
    assert said == ["ended", ("another was first",)]
    assert [task.cancelled() for task in tasks] == [True, False, False]


async def test_nobody_to_wait_for() -> None:
    await cancel_all([])

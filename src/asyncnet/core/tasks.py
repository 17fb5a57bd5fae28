"""The end of tasks that nobody wants any more."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

__all__ = ["cancel_all"]


async def cancel_all(tasks: Collection[asyncio.Task[Any]], why: str | None = None) -> None:
    """Cancel them and wait for their end; an error that came too late is not reported as lost.

    Args:
        tasks: those that have ended count, too.
        why: what the `asyncio.CancelledError` says.
    """
    for task in tasks:
        task.cancel(why)
    if tasks:
        await asyncio.wait(tasks)
    for task in tasks:
        if not task.cancelled():
            task.exception()

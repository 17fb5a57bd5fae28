"""How long a server serves."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable

__all__ = ["serve_until"]


async def serve_until(ended: asyncio.Future[None], close: Callable[[], Awaitable[None]], *, signals: bool) -> None:
    """Wait for the end of a server; with ``signals``, SIGINT or SIGTERM bring it about."""
    loop = asyncio.get_running_loop()
    stop = loop.create_future()

    def on_signal() -> None:
        if not stop.done():
            stop.set_result(None)

    numbers = (signal.SIGINT, signal.SIGTERM) if signals else ()
    for number in numbers:
        loop.add_signal_handler(number, on_signal)
    try:
        await asyncio.wait([ended, stop], return_when=asyncio.FIRST_COMPLETED)
        if stop.done():
            await close()
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)

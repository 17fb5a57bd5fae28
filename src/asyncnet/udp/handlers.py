"""Handlers of a server: so many at once, each for one datagram, none of them able to stop it."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from ..core.address import Endpoint
from .datagram import Buffer, Datagram, check_data
from .inbox import Inbox

__all__ = ["Handler", "Handlers"]

Handler: TypeAlias = "Callable[[Datagram], Awaitable[Buffer | None]]"

_logger = logging.getLogger("asyncnet.udp")

_CANCEL_TIMEOUT = 5.0  # seconds for handlers to react to their cancellation


class Handlers:
    """Runs a handler for each datagram of an inbox.

    Attributes:
        failed: handlers that raised.
        failed_replies: replies that could not be sent.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        inbox: Inbox[Datagram],
        handler: Handler,
        concurrency: int,
        send: Callable[[Buffer, Endpoint], Awaitable[None]],
    ) -> None:
        self._loop = loop
        self._inbox = inbox
        self._handler = handler
        self._concurrency = concurrency
        self._send = send
        self._tasks: set[asyncio.Task[None]] = set()
        self.failed = self.failed_replies = 0
        inbox.on_data = self._dispatch

    @property
    def active(self) -> int:
        """Handlers running now."""
        return len(self._tasks)

    async def drain(self, grace: float | None) -> None:
        """Let what came be handled within ``grace`` seconds, then drop the rest and cancel what runs."""
        own = asyncio.current_task()  # a handler may close its own server
        until = None if grace is None else self._loop.time() + grace
        while tasks := self._tasks - {own}:
            left = None if until is None else max(0.0, until - self._loop.time())
            _, running = await asyncio.wait(tasks, timeout=left)
            if running:
                break
        self._inbox.end()
        if tasks := self._tasks - {own}:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=_CANCEL_TIMEOUT)

    def cancel(self) -> None:
        """Cancel what runs; it ends in the next turns of the loop."""
        for task in self._tasks:
            task.cancel()

    # ---- inside

    def _dispatch(self) -> None:
        inbox = self._inbox
        inbox.failure = None  # counted; there is no one to tell
        while inbox.queue and len(self._tasks) < self._concurrency:
            task = self._loop.create_task(self._handle(inbox.take()), context=contextvars.Context())
            self._tasks.add(task)
            task.add_done_callback(self._handled)

    def _handled(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if self._inbox.queue:
            self._dispatch()

    async def _handle(self, datagram: Datagram) -> None:
        try:
            reply = await self._handler(datagram)
            if reply is not None:
                check_data(reply, "what the handler returned")
        except Exception as error:
            self.failed += 1
            _logger.error("%s: the handler failed: %s", datagram.peer, error or type(error).__name__, exc_info=error)
            return
        if reply is not None:
            try:
                await self._send(reply, datagram.peer)
            except (OSError, RuntimeError, ValueError) as error:
                self.failed_replies += 1
                _logger.debug("%s: the reply was not sent: %s", datagram.peer, error)

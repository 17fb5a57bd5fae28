"""Connections kept for the next request, and how many there may be.

Decisions are synchronous and complete before anything is awaited: a place is
taken before a connection is opened, and given back whatever becomes of it.  A
connection is used again only for an equal `Origin`, which names the dialer and
the TLS context too.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass

from ..core.operation import Operation
from ..errors import StateError
from .wire import Origin, Wire, WireConnection

__all__ = ["Lease", "Pool", "PoolStats"]

IDLE_TIMEOUT = 15.0  # seconds a connection is kept for the next request; many servers close at 5 to 75
PER_HOST = 100
MAX_CONNECTIONS = 1000


@dataclass(frozen=True, slots=True)
class PoolStats:
    """What a pool holds and has done.

    Attributes:
        open: connections that stand, or are being opened.
        idle: those of them that wait for a request.
        waiting: requests that wait for a place.
        opened: connections opened so far.
        reused: requests that were served by a connection opened before.
    """

    open: int
    idle: int
    waiting: int
    opened: int
    reused: int


class Lease:
    """A connection lent to one exchange; give it back exactly once."""

    __slots__ = ("_origin", "_pool", "connection", "reused")

    def __init__(self, pool: Pool, origin: Origin, connection: WireConnection, reused: bool) -> None:
        self._pool: Pool | None = pool
        self._origin = origin
        self.connection = connection
        self.reused = reused

    def release(self) -> None:
        """Give it back for the next request, if it is fit for one.  Idempotent."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool._give_back(self._origin, self.connection, self.connection.reusable)

    def drop(self) -> None:
        """Give the place back and drop the connection.  Idempotent."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool._give_back(self._origin, self.connection, False)


class Pool:
    """Lends connections of a wire, at most ``per_host`` to one origin and ``max_connections`` in all."""

    def __init__(
        self, wire: Callable[[], Wire], *, per_host: int = PER_HOST, max_connections: int = MAX_CONNECTIONS
    ) -> None:
        self._make_wire = wire
        self._wire: Wire | None = None
        self._per_host = per_host
        self._max = max_connections
        self._idle: OrderedDict[Origin, list[tuple[WireConnection, float]]] = OrderedDict()
        self._idle_count = 0
        self._taken: dict[Origin, int] = {}  # places in use, connections being opened included
        self._taken_count = 0
        self._busy: set[WireConnection] = set()
        self._waiting: OrderedDict[Origin, deque[asyncio.Future[WireConnection | None]]] = OrderedDict()
        self._closing: set[WireConnection] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._opened = 0
        self._reused = 0
        self._closed = False

    @property
    def stats(self) -> PoolStats:
        """What the pool holds now."""
        waiting = sum(len(queue) for queue in self._waiting.values())
        return PoolStats(self._taken_count + self._idle_count, self._idle_count, waiting, self._opened, self._reused)

    async def acquire(self, operation: Operation, origin: Origin, *, fresh: bool = False) -> Lease:
        """Lend a connection to an origin: one that stands, or a new one as soon as there is a place.

        Args:
            operation: whose deadline and trace it belongs to.
            origin: to whom.
            fresh: take none that was used before.
        """
        if self._closed:
            raise StateError("the connection pool is closed")
        connection = None if fresh else self._take_idle(origin)
        if connection is None:
            if self._has_place(origin):
                self._take_place(origin)
            else:
                with operation.span("pool", origin=str(origin)):
                    connection = await self._wait(origin, operation)
                if self._closed:
                    if connection is not None:
                        connection.abort()
                    raise StateError("the connection pool was closed")
                if fresh and connection is not None:
                    self._discard(connection)
                    connection = None
        else:
            self._take_place(origin)
        if connection is not None:
            self._reused += 1
            self._busy.add(connection)
            return Lease(self, origin, connection, True)
        return await self._open(operation, origin)

    async def _open(self, operation: Operation, origin: Origin) -> Lease:
        try:
            if self._wire is None:
                self._wire = self._make_wire()
            connection = await self._wire.connect(operation, origin)
        except BaseException:
            self._free_place(origin)
            raise
        if self._closed:
            connection.abort()
            raise StateError("the connection pool was closed")
        self._opened += 1
        self._busy.add(connection)
        return Lease(self, origin, connection, False)

    # ---- places

    def _has_place(self, origin: Origin) -> bool:
        if self._taken.get(origin, 0) >= self._per_host:
            return False
        if self._taken_count + self._idle_count >= self._max:
            return self._evict()
        return True

    def _take_place(self, origin: Origin) -> None:
        self._taken[origin] = self._taken.get(origin, 0) + 1
        self._taken_count += 1

    def _free_place(self, origin: Origin) -> None:
        """Give up a place; whoever waits for one gets it."""
        self._taken_count -= 1
        left = self._taken[origin] - 1
        if left > 0:
            self._taken[origin] = left
        else:
            del self._taken[origin]
        if self._waiting:
            self._wake()

    def _wake(self) -> None:
        for origin, queue in self._waiting.items():
            if self._has_place(origin):
                while queue:
                    future = queue.popleft()
                    if not future.done():
                        self._take_place(origin)
                        future.set_result(None)
                        break
                if not queue:
                    del self._waiting[origin]
                else:
                    self._waiting.move_to_end(origin)  # the other hosts come first the next time
                return

    async def _wait(self, origin: Origin, operation: Operation) -> WireConnection | None:
        """Wait for a place, which comes with a connection if one was given back to this origin."""
        future: asyncio.Future[WireConnection | None] = operation.loop.create_future()
        self._waiting.setdefault(origin, deque()).append(future)
        try:
            return await future
        except BaseException:
            if future.done() and not future.cancelled() and future.exception() is None:
                # The place was granted in the same turn in which the waiting ended: pass it on.
                connection = future.result()
                if connection is not None:
                    self._discard(connection)
                self._free_place(origin)
            else:
                queue = self._waiting.get(origin)
                if queue is not None and future in queue:
                    queue.remove(future)
                    if not queue:
                        del self._waiting[origin]
            raise

    # ---- idle connections

    def _take_idle(self, origin: Origin) -> WireConnection | None:
        kept = self._idle.get(origin)
        while kept:
            connection, _ = kept.pop()  # the last used is the likeliest to stand
            self._idle_count -= 1
            if not kept:
                del self._idle[origin]
            if connection.reusable:
                return connection
            self._discard(connection)
        return None

    def _give_back(self, origin: Origin, connection: WireConnection, fit: bool) -> None:
        self._busy.discard(connection)
        if self._closed:
            self._discard(connection)
            return
        if not fit:
            self._discard(connection)
            self._free_place(origin)
            return
        queue = self._waiting.get(origin)
        while queue:
            future = queue.popleft()
            if not queue:
                del self._waiting[origin]
            if not future.done():
                future.set_result(connection)  # the place goes with it
                return
        loop = asyncio.get_running_loop()
        self._idle.setdefault(origin, []).append((connection, loop.time()))
        self._idle.move_to_end(origin)
        self._idle_count += 1
        self._free_place(origin)
        if self._timer is None:
            self._timer = loop.call_later(IDLE_TIMEOUT, self._sweep, loop)

    def _evict(self) -> bool:
        """Drop the idle connection of the origin that was used longest ago; return whether there was one."""
        if not self._idle:
            return False
        origin, kept = next(iter(self._idle.items()))
        connection, _ = kept.pop(0)
        self._idle_count -= 1
        if not kept:
            del self._idle[origin]
        self._discard(connection)
        return True

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        """Drop what has been idle for too long, or was closed by the peer."""
        self._timer = None
        limit = loop.time() - IDLE_TIMEOUT
        oldest = None
        for origin, kept in list(self._idle.items()):
            stay = []
            for connection, since in kept:
                if since > limit and connection.reusable:
                    stay.append((connection, since))
                    oldest = since if oldest is None else min(oldest, since)
                else:
                    self._idle_count -= 1
                    self._discard(connection)
            if stay:
                self._idle[origin] = stay
            else:
                del self._idle[origin]
        if oldest is not None:
            self._timer = loop.call_at(oldest + IDLE_TIMEOUT, self._sweep, loop)

    def _discard(self, connection: WireConnection) -> None:
        connection.abort()
        self._closing.add(connection)
        if len(self._closing) > 64:
            self._closing = {one for one in self._closing if not one.closed}

    # ---- the end

    async def close(self) -> None:
        """Drop everything and wait until the sockets are closed."""
        self._drop_all()
        closing, self._closing = self._closing, set()
        for connection in closing:
            await connection.wait_closed()

    def abort(self) -> None:
        """Close the sockets without touching the loop."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        connections = [connection for kept in self._idle.values() for connection, _ in kept]
        for connection in [*connections, *self._busy, *self._closing]:
            connection.drop()
        self._idle.clear()
        self._idle_count = 0
        self._busy.clear()
        self._closing.clear()

    def drop(self) -> None:
        """Drop everything now, on the running loop; the sockets close in its next turns."""
        self._drop_all()

    def _drop_all(self) -> None:
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for kept in self._idle.values():
            for connection, _ in kept:
                self._discard(connection)
        self._idle.clear()
        self._idle_count = 0
        for connection in list(self._busy):
            self._discard(connection)
        self._busy.clear()
        for queue in self._waiting.values():
            for future in queue:
                if not future.done():
                    future.set_exception(StateError("the connection pool was closed"))
        self._waiting.clear()

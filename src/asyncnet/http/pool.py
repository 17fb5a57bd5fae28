"""Connections kept for the next request, and how many there may be.

Decisions are synchronous and complete before anything is awaited: a place is
taken before a connection is opened, and given back whatever becomes of it.
Each origin has its own `_Station`; a connection never leaves it, so none serves
a call with another dialer or TLS context.
"""

from __future__ import annotations

import asyncio
import ssl as _ssl
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass

from ..core.dialer import Dialer
from ..core.operation import Operation
from ..errors import StateError
from .wire import Origin, Wire, WireConnection

__all__ = ["MAX_CONNECTIONS", "PER_HOST", "Lease", "Pool", "PoolStats"]

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


class _Station:
    """One origin's connections and places."""

    __slots__ = ("idle", "key", "origin", "taken", "waiting")

    def __init__(self, key: object, origin: Origin) -> None:
        self.key = key
        self.origin = origin
        self.idle: list[tuple[WireConnection, float]] = []
        self.taken = 0  # places in use, connections being opened included
        self.waiting: deque[asyncio.Future[WireConnection | None]] = deque()


class Lease:
    """A connection lent to one exchange; give it back exactly once."""

    __slots__ = ("_pool", "_station", "connection", "reused")

    def __init__(self, pool: Pool, station: _Station, connection: WireConnection, reused: bool) -> None:
        self._pool: Pool | None = pool
        self._station = station
        self.connection = connection
        self.reused = reused

    def release(self) -> None:
        """Give it back for the next request, if it is fit for one.  Idempotent."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool._give_back(self._station, self.connection, self.connection.reusable)

    def drop(self) -> None:
        """Give the place back and drop the connection.  Idempotent."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool._give_back(self._station, self.connection, False)


class Pool:
    """Lends connections of a wire, at most ``per_host`` to one origin and ``max_connections`` in all."""

    def __init__(
        self, wire: Callable[[], Wire], *, per_host: int = PER_HOST, max_connections: int = MAX_CONNECTIONS
    ) -> None:
        self._make_wire = wire
        self._wire: Wire | None = None
        self._per_host = per_host
        self._max = max_connections
        # In the order in which connections were last given back: the first is the first to be evicted.
        self._stations: OrderedDict[object, _Station] = OrderedDict()
        self._in_line: OrderedDict[object, _Station] = OrderedDict()  # those where somebody waits
        self._idle_count = 0
        self._taken_count = 0
        self._busy: set[WireConnection] = set()
        self._closing: set[WireConnection] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._opened = 0
        self._reused = 0
        self._closed = False

    @property
    def stats(self) -> PoolStats:
        """What the pool holds now."""
        waiting = sum(len(station.waiting) for station in self._in_line.values())
        return PoolStats(self._taken_count + self._idle_count, self._idle_count, waiting, self._opened, self._reused)

    def station(
        self,
        scheme: str,
        host: str,
        port: int,
        dialer: Dialer,
        context: _ssl.SSLContext | None,
        server_hostname: str | None = None,
        *,
        bulk: bool = False,
    ) -> _Station:
        """The place of an origin's connections; ask for it anew each time.

        Args:
            scheme: with host and port, to whom.
            host: canonical.
            port: its port.
            dialer: who opens them.
            context: for TLS, ``None`` for none.
            server_hostname: the name to verify in place of the host.
            bulk: whether they are for large bodies.
        """
        if self._closed:
            raise StateError("the connection pool is closed")
        # By identity: policy, proxy and trust are not shared because they look alike.
        key = (scheme, host, port, id(dialer), id(context), server_hostname, bulk)
        station = self._stations.get(key)
        if station is None:
            # The station holds both, so the identities stand as long as the key.
            origin = Origin(scheme, host, port, dialer, context, server_hostname, bulk)
            station = self._stations[key] = _Station(key, origin)
        return station

    def take(self, station: _Station) -> Lease | None:
        """Lend a connection that stands, ``None`` if none does."""
        while station.idle:
            connection, _ = station.idle.pop()  # the last used is the likeliest to stand
            self._idle_count -= 1
            if connection.reusable:
                self._take_place(station)
                return self._lend(station, connection, True)
            self._discard(connection)
        return None

    async def acquire(self, operation: Operation, station: _Station, *, fresh: bool = False) -> Lease:
        """Lend a new connection as soon as there is a place, or one that is given back while it waits.

        Args:
            operation: whose deadline and trace it belongs to.
            station: as `station` has just given it.
            fresh: take none that was used before.
        """
        connection = None
        if self._has_place(station):
            self._take_place(station)
        else:
            with operation.span("pool", origin=str(station.origin)):
                connection = await self._wait(station, operation)
            if fresh and connection is not None:
                self._discard(connection)
                connection = None
        if connection is None:
            return await self._open(operation, station)
        return self._lend(station, connection, True)

    def _lend(self, station: _Station, connection: WireConnection, reused: bool) -> Lease:
        self._reused += reused
        self._busy.add(connection)
        return Lease(self, station, connection, reused)

    async def _open(self, operation: Operation, station: _Station) -> Lease:
        try:
            if self._wire is None:
                self._wire = self._make_wire()
            connection = await self._wire.connect(operation, station.origin)
        except BaseException:
            self._free_place(station)
            raise
        if self._closed:
            connection.abort()
            raise StateError("the connection pool was closed")
        self._opened += 1
        return self._lend(station, connection, False)

    # ---- places

    def _has_place(self, station: _Station) -> bool:
        if station.taken >= self._per_host:
            return False
        return self._taken_count + self._idle_count < self._max or self._evict()

    def _take_place(self, station: _Station) -> None:
        station.taken += 1
        self._taken_count += 1

    def _free_place(self, station: _Station) -> None:
        """Give up a place; whoever waits for one gets it."""
        station.taken -= 1
        self._taken_count -= 1
        if self._in_line:
            self._wake()
        self._forget_if_empty(station)

    def _forget_if_empty(self, station: _Station) -> None:
        if not (station.idle or station.taken or station.waiting):
            self._stations.pop(station.key, None)

    def _wake(self) -> None:
        for station in list(self._in_line.values()):
            while station.waiting and station.waiting[0].done():
                station.waiting.popleft()
            if not station.waiting:
                del self._in_line[station.key]
            elif self._has_place(station):
                self._take_place(station)
                station.waiting.popleft().set_result(None)
                self._in_line.move_to_end(station.key)  # the other hosts come first the next time
                return

    async def _wait(self, station: _Station, operation: Operation) -> WireConnection | None:
        """Wait for a place, which comes with a connection if one was given back to this origin."""
        future: asyncio.Future[WireConnection | None] = operation.loop.create_future()
        station.waiting.append(future)
        self._in_line[station.key] = station
        try:
            connection = await future
        except BaseException:
            if future.done() and not future.cancelled() and future.exception() is None:
                # The place was granted in the same turn in which the waiting ended: pass it on.
                if (granted := future.result()) is not None:
                    self._discard(granted)
                self._free_place(station)
            else:
                if future in station.waiting:
                    station.waiting.remove(future)
                if not station.waiting:
                    self._in_line.pop(station.key, None)
                    self._forget_if_empty(station)
            raise
        if self._closed:
            if connection is not None:
                connection.abort()
            raise StateError("the connection pool was closed")
        return connection

    # ---- idle connections

    def _give_back(self, station: _Station, connection: WireConnection, fit: bool) -> None:
        self._busy.discard(connection)
        if self._closed or not fit:
            self._discard(connection)
            if not self._closed:
                self._free_place(station)
            return
        while station.waiting:
            future = station.waiting.popleft()
            if not future.done():
                future.set_result(connection)  # the place goes with it
                return
        loop = asyncio.get_running_loop()
        station.idle.append((connection, loop.time()))
        self._stations.move_to_end(station.key)
        self._idle_count += 1
        self._free_place(station)
        if self._timer is None:
            self._timer = loop.call_later(IDLE_TIMEOUT, self._sweep, loop)

    def _evict(self) -> bool:
        """Drop the idle connection of the origin that was used longest ago; return whether there was one."""
        if not self._idle_count:
            return False
        station = next(station for station in self._stations.values() if station.idle)
        connection, _ = station.idle.pop(0)
        self._idle_count -= 1
        self._discard(connection)
        self._forget_if_empty(station)
        return True

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        """Drop what has been idle for too long, or was closed by the peer."""
        self._timer = None
        limit = loop.time() - IDLE_TIMEOUT
        oldest = loop.time()
        for station in list(self._stations.values()):
            stay = []
            for connection, since in station.idle:
                if since > limit and connection.reusable:
                    stay.append((connection, since))
                    oldest = min(oldest, since)
                else:
                    self._idle_count -= 1
                    self._discard(connection)
            station.idle = stay
            self._forget_if_empty(station)
        if self._idle_count:
            self._timer = loop.call_at(oldest + IDLE_TIMEOUT, self._sweep, loop)

    def _discard(self, connection: WireConnection) -> None:
        connection.abort()
        self._closing.add(connection)
        if len(self._closing) > 64:
            self._closing = {one for one in self._closing if not one.closed}

    # ---- the end

    async def close(self) -> None:
        """Drop everything and wait until the sockets are closed."""
        self.drop()
        closing, self._closing = self._closing, set()
        for connection in closing:
            await connection.wait_closed()

    def drop(self) -> None:
        """Drop everything now, on the running loop; the sockets close in its next turns."""
        for connection in self._end():
            self._discard(connection)
        for station in self._in_line.values():
            for future in station.waiting:
                if not future.done():
                    future.set_exception(StateError("the connection pool was closed"))
        self._in_line.clear()
        self._stations.clear()

    def abort(self) -> None:
        """Close the sockets without touching the loop, which may be closed."""
        for connection in [*self._end(), *self._closing]:
            connection.drop()
        self._closing.clear()
        self._stations.clear()

    def _end(self) -> list[WireConnection]:
        """Close for new requests; return every connection that stands."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        connections = [connection for station in self._stations.values() for connection, _ in station.idle]
        connections += self._busy
        for station in self._stations.values():
            station.idle = []
        self._idle_count = self._taken_count = 0
        self._busy.clear()
        return connections

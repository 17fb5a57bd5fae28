"""The pool by itself, over a wire that opens no socket."""

from __future__ import annotations

import asyncio

import pytest

import asyncnet
from asyncnet.core.operation import Operation
from asyncnet.http.pool import Lease, Pool

pytestmark = pytest.mark.asyncio


class Connection:
    def __init__(self, number: int) -> None:
        self.number = number
        self.reusable = True
        self.closed = False
        self.written = False

    def abort(self) -> None:
        self.closed = True
        self.reusable = False

    def drop(self) -> None:
        self.closed = True

    async def wait_closed(self) -> None:
        assert self.closed


class Wire:
    """Opens connections that are nothing but a number; a gate may hold it."""

    def __init__(self) -> None:
        self.opened: list[Connection] = []
        self.origins: list[str] = []
        self.gate: asyncio.Event | None = None
        self.failing = False

    async def connect(self, operation, origin) -> Connection:
        if self.gate is not None:
            await self.gate.wait()
        if self.failing:
            raise asyncnet.ConnectError("no")
        self.origins.append(str(origin))
        self.opened.append(Connection(len(self.opened)))
        return self.opened[-1]

    @property
    def standing(self) -> int:
        return sum(not connection.closed for connection in self.opened)


DIALER = asyncnet.Dialer()


async def acquire(pool: Pool, host: str = "a", **more) -> Lease:
    async with Operation("http", "test", timeout=5) as operation:
        station = pool.station("http", host, 80, DIALER, None)
        taken = None if more.get("fresh") else pool.take(station)
        return taken or await pool.acquire(operation, station, **more)


async def turn() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


@pytest.fixture
def wire():
    return Wire()


async def test_the_last_used_is_used_next(wire):
    pool = Pool(lambda: wire)
    first, second = await acquire(pool), await acquire(pool)
    first.release()
    second.release()
    second.release()
    second.drop()
    lease = await acquire(pool)
    assert (lease.connection.number, lease.reused) == (1, True)
    assert (await acquire(pool, fresh=True)).connection.number == 2
    await pool.close()
    assert wire.standing == 0
    assert pool.stats.open == 0


async def test_what_is_not_fit_is_dropped(wire):
    pool = Pool(lambda: wire)
    lease = await acquire(pool)
    lease.connection.reusable = False
    lease.release()
    assert (pool.stats.open, wire.standing) == (0, 0)
    lease = await acquire(pool)
    lease.release()
    lease.connection.reusable = False  # the server closed it while it was idle
    assert not (await acquire(pool)).reused
    await pool.close()


async def test_places_of_a_host(wire):
    pool = Pool(lambda: wire, per_host=1)
    lease = await acquire(pool)
    waiting = [asyncio.create_task(acquire(pool)) for _ in range(2)]
    other = await acquire(pool, "b")
    await turn()
    assert pool.stats.waiting == 2
    lease.release()
    handed = await waiting[0]
    assert handed.connection is lease.connection
    handed.drop()
    assert (await waiting[1]).connection.number == 2
    other.release()
    await pool.close()
    assert wire.standing == 0


async def test_places_in_all(wire):
    pool = Pool(lambda: wire, max_connections=2)
    first, second = await acquire(pool, "a"), await acquire(pool, "b")
    waiting = asyncio.create_task(acquire(pool, "c"))
    await turn()
    assert pool.stats.waiting == 1
    first.release()  # idle now, and somebody else needs the place more
    third = await waiting
    assert first.connection.closed
    assert pool.stats.open == 2
    second.release()
    third.release()
    fourth = await acquire(pool, "d")
    assert second.connection.closed, "the one that was used longest ago goes"
    fourth.drop()
    await pool.close()


async def test_hosts_that_wait_take_turns(wire):
    pool = Pool(lambda: wire, max_connections=1)
    lease = await acquire(pool, "x")
    order: list[str] = []

    async def use(host: str) -> None:
        got = await acquire(pool, host)
        order.append(host)
        got.drop()

    tasks = [asyncio.create_task(use(host)) for host in ("a", "a", "a", "b", "b")]
    await turn()
    lease.drop()
    await asyncio.gather(*tasks)
    assert order == ["a", "b", "a", "b", "a"]
    await pool.close()


async def test_cancelled_while_waiting(wire):
    pool = Pool(lambda: wire, per_host=1)
    lease = await acquire(pool)
    waiting = [asyncio.create_task(acquire(pool)) for _ in range(3)]
    await turn()
    waiting[0].cancel()
    await turn()
    assert pool.stats.waiting == 2
    lease.release()
    waiting[1].cancel()  # in the very turn in which it was granted
    last = await waiting[2]
    assert isinstance(await asyncio.gather(waiting[1], return_exceptions=True), list)
    last.release()
    assert (pool.stats.open, pool.stats.waiting) == (1, 0)
    await pool.close()


async def test_cancelled_just_when_a_place_without_a_connection_was_granted(wire):
    pool = Pool(lambda: wire, per_host=1)
    lease = await acquire(pool)
    first, second = asyncio.create_task(acquire(pool)), asyncio.create_task(acquire(pool))
    await turn()
    lease.drop()
    first.cancel()
    got = await second
    assert got.connection.number == 1
    got.drop()
    await asyncio.gather(first, return_exceptions=True)
    assert (pool.stats.open, pool.stats.waiting) == (0, 0)
    await pool.close()


async def test_a_fresh_one_is_asked_for_while_waiting(wire):
    pool = Pool(lambda: wire, per_host=1)
    lease = await acquire(pool)
    waiting = asyncio.create_task(acquire(pool, fresh=True))
    await turn()
    lease.release()
    got = await waiting
    assert (got.reused, got.connection.number) == (False, 1)
    assert lease.connection.closed
    got.drop()
    await pool.close()


async def test_a_connection_that_cannot_be_opened_gives_its_place_back(wire):
    wire.failing = True
    pool = Pool(lambda: wire, per_host=1)
    for _ in range(3):
        with pytest.raises(asyncnet.ConnectError):
            await acquire(pool)
    wire.failing, wire.gate = False, asyncio.Event()
    opening = asyncio.create_task(acquire(pool))
    waiting = asyncio.create_task(acquire(pool))
    await turn()
    opening.cancel()
    await turn()
    wire.gate.set()
    (await waiting).drop()
    await asyncio.gather(opening, return_exceptions=True)
    assert pool.stats.open == 0
    await pool.close()


async def test_closed(wire):
    pool = Pool(lambda: wire, per_host=1)
    lease, idle = await acquire(pool), await acquire(pool, "b")
    idle.release()
    waiting = asyncio.create_task(acquire(pool))
    wire.gate = asyncio.Event()
    opening = asyncio.create_task(acquire(pool, "c"))
    await turn()
    await pool.close()
    wire.gate.set()
    for task in (waiting, opening):
        with pytest.raises(asyncnet.StateError):
            await task
    with pytest.raises(asyncnet.StateError):
        await acquire(pool)
    lease.release()
    assert wire.standing == 0
    assert pool.stats.open == 0


async def test_closed_just_when_a_connection_was_handed_on(wire):
    pool = Pool(lambda: wire, per_host=1)
    lease = await acquire(pool)
    waiting = asyncio.create_task(acquire(pool))
    await turn()
    lease.release()
    pool.drop()
    with pytest.raises(asyncnet.StateError):
        await waiting
    assert wire.standing == 0


async def test_abort_closes_sockets_only(wire):
    pool = Pool(lambda: wire)
    busy, idle, gone = await acquire(pool), await acquire(pool), await acquire(pool)
    idle.release()
    gone.drop()
    pool.abort()
    assert wire.standing == 0
    busy.drop()
    assert pool.stats.open == 0


async def test_stations_of_hosts_that_are_done_are_forgotten(wire):
    pool = Pool(lambda: wire)
    for number in range(200):
        (await acquire(pool, f"h{number}")).drop()
    assert pool._stations == {}
    assert len(pool._closing) <= 65
    await pool.close()


async def test_idle_connections_end(wire):
    pool = Pool(lambda: wire)
    old, young = await acquire(pool, "a"), await acquire(pool, "b")
    old.release()
    young.release()
    loop = asyncio.get_running_loop()
    station = pool.station("http", "a", 80, DIALER, None)
    station.idle[0] = (station.idle[0][0], loop.time() - 60.0)
    pool._sweep(loop)
    assert (old.connection.closed, young.connection.closed) == (True, False)
    assert pool.stats.idle == 1
    young.connection.reusable = False
    pool._sweep(loop)
    assert pool.stats.idle == 0
    await pool.close()

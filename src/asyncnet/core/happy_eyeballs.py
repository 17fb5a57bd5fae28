"""Happy Eyeballs version 2 (RFC 8305): the first connection that comes about wins.

Names and connections run at the same time.  Each address family is resolved by
itself; dialling starts on the first family's answer, giving IPv6 a head start
of 50 ms (section 3), then tries the addresses of both families in turn
(section 4), a new one every 250 ms or as soon as one fails (section 5).
Addresses that arrive later take the places that they would have had.
"""

from __future__ import annotations

import asyncio
import contextvars
import ipaddress
import socket
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from ..errors import (
    AsyncNetError,
    Attempt,
    ConnectError,
    NameNotFound,
    NoData,
    OperationTimeout,
    ResolveError,
)
from .address import Endpoint, address_text
from .address_order import interleave, sort_destinations
from .attempts import Hopeless, attempt_failed, connection_failure
from .favourites import Favourites
from .operation import Operation
from .sockets import sockaddr
from .tasks import cancel_all

__all__ = ["ATTEMPT_DELAY", "connect_any", "connect_one", "resolve_all", "source_address"]

RESOLUTION_DELAY = 0.05  # seconds: how long an IPv4 answer waits for the IPv6 one
ATTEMPT_DELAY = 0.25  # seconds between the starts of two attempts
SECOND_FAMILY = 0.25  # seconds that one family may lag behind the other where nothing is dialled meanwhile
_MOST = 32  # addresses of one family that are tried: a hostile answer may hold thousands
NO_ANSWER = "no answer yet"

IPAddress: TypeAlias = "ipaddress.IPv4Address | ipaddress.IPv6Address"
Resolve: TypeAlias = "Coroutine[Any, Any, tuple[IPAddress, ...]]"
Connect: TypeAlias = "Callable[[Endpoint], Coroutine[Any, Any, socket.socket]]"
Refuse: TypeAlias = "Callable[[Endpoint], ConnectError | None]"


def source_address(address: IPAddress) -> IPAddress | None:
    """The own address that the kernel would use towards a destination; ``None`` if it is unreachable."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect(sockaddr(Endpoint(str(address), 9)))  # a datagram socket: no packet is sent
            return ipaddress.ip_address(probe.getsockname()[0].partition("%")[0])
    except OSError:  # no way there, a kernel without IPv6, or no descriptor left
        return None


def in_order(addresses: Iterable[IPAddress], favourite: IPAddress | None = None) -> list[IPAddress]:
    """The favourite, then RFC 6724 order, the families in turn."""
    found = list(dict.fromkeys(addresses))
    ordered = sort_destinations(found, source_address) if len(found) > 1 else found
    if favourite in found:
        ordered.sort(key=lambda address: address != favourite)
    return interleave(ordered)


class _Race:
    """One race: names still being resolved, addresses waiting, connections under way."""

    def __init__(
        self,
        operation: Operation,
        port: int,
        connect: Connect,
        refuse: Refuse,
        favourite: IPAddress | None,
        delay: float,
    ) -> None:
        self.operation = operation
        self.port = port
        self.connect = connect
        self.refuse = refuse
        self.favourite = favourite
        self.delay = delay
        self.resolving: dict[asyncio.Task[tuple[IPAddress, ...]], int] = {}
        self.dialling: dict[asyncio.Task[socket.socket], tuple[IPAddress, float]] = {}
        self.stopping: list[asyncio.Task[socket.socket]] = []
        self.waiting: list[IPAddress] = []
        self.ordered = False  # whether `waiting` is: nobody needs it while the favourite is tried
        self.tried: list[IPAddress] = []
        self.unresolved: list[AsyncNetError] = []
        self.failures: list[tuple[str, BaseException]] = []
        self.failed: set[IPAddress] = set()
        self.next_start = 0.0

    async def run(self) -> tuple[IPAddress, socket.socket]:
        """Race to the first connection; nothing else is left when this ends, however it does."""
        winner = None
        try:
            winner = await self._first()
            return winner
        finally:
            self._record_unfinished(NO_ANSWER)
            why = None if winner is None else "another address answered"  # the trace tells it
            try:
                await cancel_all([*self.resolving, *self.stopping], why)
            except BaseException:
                if winner is not None:
                    winner[1].close()
                raise

    async def _first(self) -> tuple[IPAddress, socket.socket]:
        loop = self.operation.loop
        while True:
            now = loop.time()
            if self.waiting and now >= self.next_start:
                self._start(self._next())
                continue
            tasks: set[asyncio.Task[Any]] = {*self.resolving, *self.dialling}
            if not tasks:
                raise self._failure()
            pause = self.next_start - now if self.waiting else None
            done, _ = await asyncio.wait(tasks, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
            for query in [task for task in self.resolving if task in done]:
                self._resolved(query)
            for attempt in [task for task in self.dialling if task in done]:
                if (winner := self._ended(attempt)) is not None:
                    return winner

    def _next(self) -> IPAddress:
        if self.favourite in self.waiting:
            assert self.favourite is not None
            self.waiting.remove(self.favourite)
            return self.favourite
        if not self.ordered:
            # Those who come late take the places that they would have had among all.
            ordered = in_order(self.tried + self.waiting, self.favourite)
            self.waiting = [address for address in ordered if address not in self.tried]
            self.ordered = True
        return self.waiting.pop(0)

    def _start(self, address: IPAddress) -> None:
        operation = self.operation
        self.tried.append(address)
        endpoint = Endpoint(address_text(address), self.port)
        refusal = self.refuse(endpoint)
        if refusal is not None:
            self._fail(address, refusal, 0.0)
            return
        operation.phase = "connect"
        now = operation.loop.time()
        task = operation.loop.create_task(self.connect(endpoint), context=contextvars.Context())
        self.dialling[task] = (address, now)
        self.next_start = now + self.delay

    def _resolved(self, task: asyncio.Task[tuple[IPAddress, ...]]) -> None:
        family = self.resolving.pop(task)
        error = task.exception()
        if error is None:
            known = {*self.tried, *self.waiting}
            self.waiting += [address for address in dict.fromkeys(task.result()[:_MOST]) if address not in known]
            self.ordered = False
        elif isinstance(error, AsyncNetError):
            self.unresolved.append(error)
        else:
            raise error
        if self.favourite in self.waiting:
            self.next_start = 0.0  # it answered the last time: it waits neither for a family nor for its turn
        elif not self.tried:
            lacks_ipv6 = family == 4 and bool(self.waiting) and 6 in self.resolving.values()
            self.next_start = self.operation.loop.time() + RESOLUTION_DELAY if lacks_ipv6 else 0.0

    def _ended(self, task: asyncio.Task[socket.socket]) -> tuple[IPAddress, socket.socket] | None:
        address, started = self.dialling.pop(task)
        elapsed = self.operation.loop.time() - started
        error = task.exception()
        if error is None:
            self._record_unfinished(f"{NO_ANSWER} when another address had answered")
            self.operation.attempts.append(Attempt(self._target(address), elapsed=elapsed))
            return address, task.result()
        told = error.error if isinstance(error, Hopeless) else error
        self._fail(address, told, elapsed)
        if told is not error or not isinstance(error, OSError):
            raise told from told.__cause__
        return None

    def _fail(self, address: IPAddress, error: BaseException, elapsed: float) -> None:
        target = self._target(address)
        self.operation.attempts.append(attempt_failed(target, error, elapsed))
        self.failures.append((target, error))
        self.failed.add(address)
        self.next_start = 0.0

    def _failure(self) -> AsyncNetError:
        if self.failures:
            return connection_failure(self.failures, self.operation)
        return _unresolved(self.unresolved)

    def _target(self, address: IPAddress) -> str:
        return str(Endpoint(address_text(address), self.port))

    def _record_unfinished(self, words: str) -> None:
        now = self.operation.loop.time()
        for task, (address, started) in self.dialling.items():
            self.operation.attempts.append(Attempt(self._target(address), words, None, now - started))
            # Not after the wait for their end: that may be cancelled, too.
            task.add_done_callback(_close_result)
        self.stopping += self.dialling
        self.dialling.clear()


def _close_result(task: asyncio.Task[socket.socket]) -> None:
    if not task.cancelled() and task.exception() is None:
        task.result().close()


async def connect_any(
    operation: Operation,
    place: tuple[str, int],
    connect: Connect,
    *,
    resolve: Mapping[int, Resolve],
    refuse: Refuse,
    favourites: Favourites,
    delay: float = ATTEMPT_DELAY,
) -> socket.socket:
    """Resolve both families and connect to the first address that answers.

    Args:
        operation: collects the attempts.
        place: name and port.
        connect: dials one endpoint; raises `OSError` for what another address may
            mend, `Hopeless` or anything else for what none will.
        resolve: one coroutine a family, keyed 4 and 6.
        refuse: asked just before each attempt; the error if the address must not be dialled.
        favourites: which address answered the last time; it is tried first.
        delay: seconds between the starts of two attempts.

    Raises:
        ConnectError: with every attempt.
        ResolveError: no address at all.
    """
    favourite = favourites.find(place, time.monotonic())
    race = _Race(operation, place[1], connect, refuse, favourite, delay)
    for family, coroutine in resolve.items():
        race.resolving[operation.loop.create_task(coroutine, context=contextvars.Context())] = family
    operation.phase = "resolve"
    try:
        address, sock = await race.run()
    finally:
        for failed in race.failed:
            favourites.failed(place, failed)
    favourites.won(place, address, time.monotonic())
    return sock


async def connect_one(operation: Operation, endpoint: Endpoint, connect: Connect, *, refuse: Refuse) -> socket.socket:
    """The race with one runner: a literal needs neither names nor tasks."""
    target, started = str(endpoint), operation.loop.time()
    try:
        refusal = refuse(endpoint)
        if refusal is not None:
            raise refusal
        sock = await connect(endpoint)
    except Exception as error:
        told = error.error if isinstance(error, Hopeless) else error
        operation.attempts.append(attempt_failed(target, told, operation.loop.time() - started))
        if told is error and isinstance(error, OSError):
            told = connection_failure([(target, error)], operation)  # of an error of ours: that one itself
        raise told from told.__cause__
    except BaseException:
        operation.attempts.append(Attempt(target, NO_ANSWER, None, operation.loop.time() - started))
        raise
    operation.attempts.append(Attempt(target, elapsed=operation.loop.time() - started))
    return sock


async def resolve_all(operation: Operation, resolve: Mapping[int, Resolve]) -> list[IPAddress]:
    """The addresses of both families in the order to use them, for what is sent without connecting.

    A family that lags far behind the other is left out.

    Raises:
        ResolveError: no address at all.
    """
    tasks = [operation.loop.create_task(one, context=contextvars.Context()) for one in resolve.values()]
    try:
        done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if pending:
            found = any(task.exception() is None for task in done)
            await asyncio.wait(pending, timeout=SECOND_FAMILY if found else None)
    finally:
        await cancel_all(tasks)
    addresses: list[IPAddress] = []
    unresolved: list[AsyncNetError] = []
    for task in tasks:
        error = None if task.cancelled() else task.exception()
        if isinstance(error, AsyncNetError):
            unresolved.append(error)
        elif error is not None:
            raise error
        elif not task.cancelled():
            addresses += task.result()[:_MOST]
    if not addresses:
        raise _unresolved(unresolved)
    return in_order(addresses)


def _unresolved(errors: Sequence[AsyncNetError]) -> AsyncNetError:
    """The error that says most of why a name has no address."""
    for kind in (NameNotFound, OperationTimeout):
        for error in errors:
            if isinstance(error, kind):
                return error
    for error in errors:
        if not isinstance(error, NoData):
            return error
    if errors:
        return NoData("the name has no address", phase="resolve")
    return ResolveError("the name has no address of the family asked for", phase="resolve")

"""Happy Eyeballs version 2 (RFC 8305): the first connection that comes about wins.

Names and connections run at the same time.  Each address family is resolved by
itself; dialling starts on the first family's answer, giving IPv6 a head start
of 50 ms (section 3), then tries the addresses of both families in turn
(section 4), a new one every 250 ms or as soon as one fails (section 5).
"""

from __future__ import annotations

import asyncio
import contextvars
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeAlias

from ..errors import (
    AsyncNetError,
    Attempt,
    ConnectError,
    ForbiddenAddress,
    NameNotFound,
    NoData,
    OperationTimeout,
    ResolveError,
)
from .address import Endpoint
from .address_order import interleave, sort_destinations
from .operation import Operation

__all__ = ["ATTEMPT_DELAY", "connect_any", "connection_failure", "resolution_failure", "source_address"]

RESOLUTION_DELAY = 0.05  # seconds: how long an IPv4 answer waits for the IPv6 one
ATTEMPT_DELAY = 0.25  # seconds between the starts of two attempts

IPAddress: TypeAlias = "ipaddress.IPv4Address | ipaddress.IPv6Address"
Resolve: TypeAlias = "Coroutine[Any, Any, tuple[IPAddress, ...]]"
Connect: TypeAlias = "Callable[[Endpoint], Awaitable[socket.socket]]"


def source_address(address: IPAddress) -> IPAddress | None:
    """The own address that the kernel would use towards a destination; ``None`` if it is unreachable."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((str(address), 9))  # a datagram socket: no packet is sent
            return ipaddress.ip_address(probe.getsockname()[0].partition("%")[0])
        except OSError:
            return None


def in_order(addresses: Sequence[IPAddress]) -> list[IPAddress]:
    """RFC 6724 order, then the families in turn."""
    if len(addresses) < 2:
        return list(addresses)
    return list(interleave(sort_destinations(addresses, source_address)))


class _Race:
    """One race: names still being resolved, addresses waiting, connections under way."""

    def __init__(self, operation: Operation, port: int, connect: Connect, delay: float) -> None:
        self.operation = operation
        self.port = port
        self.connect = connect
        self.delay = delay
        self.resolving: dict[asyncio.Task[tuple[IPAddress, ...]], int] = {}
        self.dialling: dict[asyncio.Task[socket.socket], tuple[Endpoint, float]] = {}
        self.waiting: list[IPAddress] = []
        self.seen: set[IPAddress] = set()
        self.resolve_errors: list[AsyncNetError] = []
        self.failures: list[Exception] = []
        self.next_start = 0.0

    async def run(self, favourite: IPAddress | None) -> socket.socket:
        loop = self.operation.loop
        try:
            while True:
                if self.waiting and loop.time() >= self.next_start:
                    self._start(favourite)
                elif not self.resolving and not self.dialling and not self.waiting:
                    raise self._failure()
                pause = max(0.0, self.next_start - loop.time()) if self.waiting else None
                tasks: set[asyncio.Task[Any]] = {*self.resolving, *self.dialling}
                if not tasks:
                    continue
                done, _ = await asyncio.wait(tasks, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    if task in self.resolving:
                        self._resolved(task)
                    elif (winner := self._dialled(task)) is not None:
                        return winner
        finally:
            await self._stop()

    def _start(self, favourite: IPAddress | None) -> None:
        loop = self.operation.loop
        if favourite in self.waiting:
            assert favourite is not None
            self.waiting.remove(favourite)
            address = favourite
        else:
            address = self.waiting.pop(0)
        endpoint = Endpoint(str(address), self.port)
        task = loop.create_task(_as_coroutine(self.connect(endpoint)), context=contextvars.Context())
        self.dialling[task] = (endpoint, loop.time())
        self.next_start = loop.time() + self.delay

    def _resolved(self, task: asyncio.Task[tuple[IPAddress, ...]]) -> None:
        family = self.resolving.pop(task)
        error = task.exception()
        if error is None:
            fresh = [address for address in task.result() if address not in self.seen]
            self.seen.update(fresh)
            first_answer = not self.waiting and not self.dialling and not self.failures
            self.waiting = in_order(self.waiting + fresh)
            if fresh and first_answer and family == 4 and 6 in self.resolving.values():
                self.next_start = self.operation.loop.time() + RESOLUTION_DELAY
            elif fresh and family == 6 and not self.dialling:
                self.next_start = 0.0
        elif isinstance(error, AsyncNetError):
            self.resolve_errors.append(error)
            if not self.dialling:
                self.next_start = 0.0
        else:
            raise error

    def _dialled(self, task: asyncio.Task[socket.socket]) -> socket.socket | None:
        endpoint, started = self.dialling.pop(task)
        elapsed = self.operation.loop.time() - started
        error = task.exception()
        if error is None:
            self.operation.attempts.append(Attempt(str(endpoint), elapsed=elapsed))
            return task.result()
        if not isinstance(error, OSError | AsyncNetError):
            raise error
        self.failures.append(error)
        self.operation.attempts.append(record_failure(endpoint, error, elapsed))
        self.next_start = 0.0
        return None

    def _failure(self) -> AsyncNetError:
        if self.failures:
            return connection_failure(self.failures, self.operation)
        return resolution_failure(self.resolve_errors)

    async def _stop(self) -> None:
        tasks: list[asyncio.Task[Any]] = [*self.resolving, *self.dialling]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        for loser in self.dialling:
            if not loser.cancelled() and loser.exception() is None:
                loser.result().close()
        for query in self.resolving:
            if not query.cancelled():
                query.exception()  # seen


async def _as_coroutine(awaitable: Awaitable[socket.socket]) -> socket.socket:
    return await awaitable


async def connect_any(
    operation: Operation,
    port: int,
    connect: Connect,
    *,
    resolve: dict[int, Resolve],
    favourite: IPAddress | None = None,
    delay: float = ATTEMPT_DELAY,
) -> socket.socket:
    """Resolve both families and connect to the first address that answers.

    Args:
        operation: collects the attempts.
        port: for every address.
        connect: dials one endpoint; raises OSError or AsyncNetError.
        resolve: one coroutine a family, keyed 4 and 6.
        favourite: the address that won the last time; it is tried first.
        delay: seconds between the starts of two attempts.

    Raises:
        ConnectError: with every attempt; ResolveError: no address at all.
    """
    race = _Race(operation, port, connect, delay)
    for family, coroutine in resolve.items():
        race.resolving[operation.loop.create_task(coroutine, context=contextvars.Context())] = family
    return await race.run(favourite)


def record_failure(endpoint: Endpoint, error: Exception, elapsed: float) -> Attempt:
    """The plain record of an attempt that failed."""
    number = error.errno if isinstance(error, OSError) else None
    message = error.args[0] if isinstance(error, AsyncNetError) else getattr(error, "strerror", None)
    return Attempt(str(endpoint), str(message or error) or type(error).__name__, number, elapsed)


def connection_failure(failures: Sequence[Exception], operation: Operation) -> AsyncNetError:
    """One error for all attempts, of the class they agree on."""
    attempts = tuple(operation.attempts)
    last = attempts[-len(failures) :]
    if len(failures) == 1 and isinstance(failures[0], AsyncNetError):
        error = failures[0]
        error.attempts = error.attempts or attempts
        return error
    kinds = {type(failure) for failure in failures}
    words = "; ".join(dict.fromkeys(f"{a.target}: {a.error}" for a in last))
    if kinds == {ForbiddenAddress}:
        return ForbiddenAddress(f"no permitted address: {words}", phase="connect", attempts=attempts)
    if all(isinstance(failure, TimeoutError) for failure in failures):
        return OperationTimeout(f"no address answered: {words}", phase="connect", attempts=attempts)
    result = ConnectError(f"could not connect: {words}", phase="connect", attempts=attempts)
    result.__cause__ = failures[-1]
    return result


def resolution_failure(errors: Sequence[AsyncNetError]) -> AsyncNetError:
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

"""One question at a time: cached, under way, or sent - and never sent twice at once.

A question is an absolute name and a type.  A query belongs to nobody: whoever
asks first may be cancelled, the others still get their answer and the cache
keeps it.  So queries are driven by callbacks and tasks in an empty context,
and each asker waits on a future of its own.
"""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from math import ceil
from typing import TYPE_CHECKING, Any, TypeAlias

from ..errors import Attempt, NoData, OperationTimeout, ResolveError, StateError
from .dns_answer import Answer
from .dns_result import Failure, Row, collect
from .nameserver import Nameserver, parse_engine_server
from .operation import ATTEMPT_TIMEOUT, Operation
from .resolver_cache import ResolverCache

if TYPE_CHECKING:
    from .dns_engine import Engine
    from .dns_tls import StreamDialer, TLSExchange
    from .dns_wire import WireEngine

__all__ = ["Questions", "ResolverStats", "Result"]

Result: TypeAlias = "Answer[Any] | Failure"

# What the engine does not decode: pycares joins the strings of TXT, and does not know SVCB.
OWN_TYPES = frozenset({"SVCB", "TXT"})

_TRIES = 3  # how often each name server is asked
_PATIENCE = 2.0  # seconds before a question is repeated, at most


@dataclass(frozen=True, slots=True)
class ResolverStats:
    """What a resolver has done since it was opened.

    Attributes:
        hits: questions answered from the cache.
        stale_hits: those of them whose answer had expired and was being refreshed.
        misses: questions that had to wait for a name server.
        coalesced: misses that waited for a query already under way.
        queries: queries sent, whatever became of them.
        failures: queries that ended without any answer: timeouts and refusals.
        evicted: answers that made place for others.
        size: answers held now.
        pending: queries under way now.
    """

    hits: int = 0
    stale_hits: int = 0
    misses: int = 0
    coalesced: int = 0
    queries: int = 0
    failures: int = 0
    evicted: int = 0
    size: int = 0
    pending: int = 0


class _Flight:
    """A query under way and who waits for it."""

    __slots__ = ("key", "started", "waiters")

    def __init__(self, key: tuple[str, str], *waiters: asyncio.Future[Result]) -> None:
        self.key = key
        self.started = time.monotonic()
        self.waiters = dict.fromkeys(waiters)  # in the order in which they came


class Questions:
    """The cache and the queries under way of one resolver."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        nameservers: Callable[[], tuple[Nameserver, ...] | None],
        cache_size: int,
        max_ttl: float,
        negative_ttl: float,
        stale_for: float,
        timeout: float | None,
        dialer: StreamDialer | None,
    ) -> None:
        self._loop = loop
        self._nameservers = nameservers
        self._dialer = dialer  # only there if the name servers speak TLS
        self._keeps = cache_size > 0
        self._max_ttl = max_ttl
        self._negative_ttl = negative_ttl
        # A short time limit still leaves room for a second and a third try.
        self._patience = min(_PATIENCE, (timeout or ATTEMPT_TIMEOUT) / 2.5)
        self._cache: ResolverCache[Result] = ResolverCache(cache_size, stale_for)
        self._flights: dict[tuple[str, str], _Flight] = {}  # those that may be joined
        self._under_way: dict[_Flight, None] = {}  # all of them, the oldest in front
        self._timer: asyncio.TimerHandle | None = None
        self._dropped = False
        self._nobodys = contextvars.Context()
        self._engine: Engine | None = None
        self._wire: WireEngine | None = None
        self._links: TLSExchange | None = None
        self.hits = self.stale_hits = self.misses = self.coalesced = self.queries = self.failures = 0

    def stats(self) -> ResolverStats:
        return ResolverStats(
            self.hits, self.stale_hits, self.misses, self.coalesced, self.queries, self.failures,
            self._cache.evicted, len(self._cache), len(self._under_way),
        )  # fmt: skip

    def ask(self, name: str, type: str) -> Result | asyncio.Future[Result]:
        """What is known, or a future of it that is the caller's own to cancel."""
        if self._dropped:
            return Failure(StateError, "the resolver was closed")
        key = (name, type)
        now = time.monotonic()
        entry = self._cache.get(key, now)
        if entry is not None:
            self.hits += 1
            if entry.expires > now:
                return _aged(entry.value, entry.expires - now)
            self.stale_hits += 1
            if key not in self._flights:
                self._send(_Flight(key))
            return _aged(entry.value, 0.0)
        self.misses += 1
        future: asyncio.Future[Result] = self._loop.create_future()
        flight = self._flights.get(key)
        if flight is not None:
            self.coalesced += 1
            flight.waiters[future] = None
        else:
            self._send(_Flight(key, future))
        return future

    def leave(self, asker: asyncio.Future[Result], name: str, type: str) -> None:
        """Forget one asker, who was cancelled: the query goes on, and must not hold his frames until it has ended."""
        flight = self._flights.get((name, type))
        if flight is not None:
            flight.waiters.pop(asker, None)

    def limit(self, asker: asyncio.Future[Result], name: str, operation: Operation) -> asyncio.TimerHandle | None:
        """Let one asker go at its operation's deadline; the query goes on for the others, and for the cache."""
        if operation.deadline is None:
            return None
        # A cancelled timer stays with the loop for a while, and its context with it.
        return self._loop.call_at(operation.deadline, self._time_out, asker, name, operation, context=self._nobodys)

    def _time_out(self, asker: asyncio.Future[Result], name: str, operation: Operation) -> None:
        if not asker.done():
            failure = Failure(OperationTimeout, f"no answer for {name} within {operation.timeout:g} s")
            asker.set_result(self._explained(failure, operation.elapsed))

    def clear(self) -> None:
        """Forget all answers; queries under way are still answered, but not kept and not joined."""
        self._cache.clear()
        self._flights.clear()
        if self._engine is not None:
            self._engine.forget()

    def drop(self) -> None:
        """End everything now; whoever still waits gets a `StateError`."""
        self._dropped = True
        self._cache.clear()
        if self._loop.is_closed():
            self._under_way.clear()  # nobody is left to be told
        while self._under_way:
            self._finish(next(iter(self._under_way)), Failure(StateError, "the resolver was closed"))
        if self._engine is not None:
            self._engine.drop()
        if self._wire is not None:
            self._wire.drop()
        if self._links is not None:
            self._links.drop()

    async def close(self) -> None:
        """End everything and wait until it has ended."""
        self.drop()
        if self._wire is not None:
            await self._wire.close()
        if self._links is not None:
            await self._links.wait_dropped()

    # ---- one query

    def _send(self, flight: _Flight) -> None:
        self.queries += 1
        self._flights[flight.key] = flight
        self._under_way[flight] = None
        if self._timer is None:
            self._watch(ATTEMPT_TIMEOUT)
        name, type = flight.key
        try:
            self._engine_for(type).ask(name, type, partial(self._answered, flight))
        except BaseException:
            self._finish(flight, Failure(ResolveError, f"{name} {type} could not be asked for"))
            raise

    def _engine_for(self, type: str) -> Engine | WireEngine:
        return self._wire_now() if type in OWN_TYPES or self._dialer is not None else self._engine_now()

    def _wire_now(self) -> WireEngine:
        if self._wire is None:
            from .dns_wire import Exchange, PlainExchange, WireEngine  # few programs ask for these types

            exchange: Callable[[], Exchange] = PlainExchange
            if self._dialer is not None:
                from .dns_tls import TLSExchange

                links = self._links = TLSExchange(self._dialer)
                exchange = lambda: links  # noqa: E731 - one for all questions
            self._wire = WireEngine(self._loop, self.servers, exchange, patience=self._patience)
        return self._wire

    def servers(self) -> tuple[Nameserver, ...]:
        """The name servers to ask; the system's are what c-ares has found, which knows where each system keeps them."""
        given = self._nameservers()
        if given is not None:
            return given
        return tuple(parse_engine_server(server) for server in self._engine_now().servers)

    def _engine_now(self) -> Engine:
        if self._engine is None:
            from .dns_engine import Engine  # aiodns costs 20 ms that a literal should not pay

            self._engine = Engine(
                self._loop, self._nameservers, patience=self._patience, tries=_TRIES, keeps=self._keeps
            )
        return self._engine

    def _watch(self, delay: float) -> None:
        # c-ares has time limits of its own, which grow with each try; this one is the last word.  All queries
        # have the same limit, so that one timer for the oldest will do: a timer each costs as much as a query.
        self._timer = self._loop.call_later(delay, self._give_up, context=self._nobodys)

    def _give_up(self) -> None:
        self._timer = None
        end = time.monotonic() - ATTEMPT_TIMEOUT
        for flight in list(self._under_way):
            if flight.started > end:
                self._watch(flight.started - end)
                break
            name, type = flight.key
            self._answered(flight, Failure(OperationTimeout, f"no answer for {name} {type}"))

    def _answered(self, flight: _Flight, outcome: list[Row] | Failure) -> None:
        if flight not in self._under_way:
            return  # it was given up
        name, type = flight.key
        elapsed = time.monotonic() - flight.started
        result: Result
        if isinstance(outcome, Failure):
            result = self._explained(outcome, elapsed)
        else:
            try:
                result = collect(name, type, outcome)
            except ValueError as error:
                result = self._explained(Failure(ResolveError, str(error)), elapsed)
            else:
                if not result.records:
                    alias = "" if result.canonical_name == result.name else f" (an alias of {result.canonical_name})"
                    result = self._explained(Failure(NoData, f"{name}{alias} has no {type} record"), elapsed)
        if self._flights.get(flight.key) is flight:
            self._keep(flight.key, result)
        self._finish(flight, result)

    def _explained(self, failure: Failure, elapsed: float) -> Failure:
        """The failure with the name servers that were asked."""
        servers = [str(server) for server in self.servers()]
        attempts = (Attempt(", ".join(servers), failure.message, elapsed=elapsed),)
        return replace(failure, message=f"{failure.message}; asked {' and '.join(servers)}", attempts=attempts)

    def _keep(self, key: tuple[str, str], result: Result) -> None:
        now = time.monotonic()
        if isinstance(result, Answer):
            self._cache.put(key, result, min(result.ttl, self._max_ttl), now)
        elif result.negative:
            self._cache.put(key, result, self._negative_ttl, now, stale=False)
        else:
            # A stale answer stays while the servers fail: that is what it is for (RFC 8767 section 4).
            self.failures += 1

    def _finish(self, flight: _Flight, result: Result) -> None:
        self._under_way.pop(flight, None)
        if self._flights.get(flight.key) is flight:
            del self._flights[flight.key]
        if not self._under_way and self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for waiter in flight.waiters:
            if not waiter.done():
                waiter.set_result(result)


def _aged(result: Result, left: float) -> Result:
    """An answer as it is now: its time to live has run down since it came."""
    seconds = ceil(left)
    return replace(result, ttl=seconds) if isinstance(result, Answer) and result.ttl != seconds else result

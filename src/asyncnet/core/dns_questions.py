"""One question at a time: cached, under way, or sent - and never sent twice at once.

A question is an absolute name and a type.  A query belongs to nobody: whoever
asks first may be cancelled, the others still get their answer and the cache
keeps it.  So queries are driven by callbacks and tasks in an empty context,
and each asker waits on a future of its own.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from math import ceil
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from ..errors import AsyncNetError, Attempt, NoData, OperationTimeout, ResolveError, StateError
from .dns_answer import Answer
from .dns_result import Failure, Row, collect
from .nameserver import Nameserver, parse_engine_server
from .operation import ATTEMPT_TIMEOUT, TracePlace
from .resolver_cache import ResolverCache
from .shared_timeout import SharedTimeout

if TYPE_CHECKING:
    from .dns_engine import Engine
    from .dns_tls import StreamDialer, TLSLinks
    from .dns_wire import WireEngine

__all__ = ["Limit", "Questions", "ResolverStats", "Result"]

Result: TypeAlias = "Answer[Any] | Failure"

# What the engine does not decode: pycares joins the strings of TXT, and does not know SVCB.
OWN_TYPES = frozenset({"SVCB", "TXT"})

_TRIES = 3  # how often each name server is asked
_RECHECK = 30.0  # seconds for which failing servers are left alone if there is a stale answer (RFC 8767 section 5)
_ROUNDING = 1e-6  # seconds: what is left right after an answer came must not be more than it has
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


class Limit(NamedTuple):
    """How long an asker waits.

    Attributes:
        began: when he began, by the loop's clock.
        timeout: seconds.
    """

    began: float
    timeout: float


class _Flight:
    """A query under way and who waits for it; the engine calls it with what became of it."""

    __slots__ = ("_questions", "asker", "key", "others", "over", "started")

    def __init__(
        self, questions: Questions, key: tuple[str, str], started: float, asker: asyncio.Future[Result] | None = None
    ) -> None:
        self._questions = questions
        self.key = key
        self.started = started
        self.over = False
        self.asker = asker  # mostly there is one; nobody waits for a refreshed answer
        self.others: dict[asyncio.Future[Result], None] | None = None  # in the order in which they came

    def __call__(self, outcome: list[Row] | Failure) -> None:
        self._questions.answered(self, outcome)

    def join(self, asker: asyncio.Future[Result]) -> None:
        if self.others is None:
            self.others = {}
        self.others[asker] = None

    def leave(self, asker: asyncio.Future[Result]) -> None:
        if self.asker is asker:
            self.asker = None
        elif self.others is not None:
            self.others.pop(asker, None)

    def tell(self, result: Result) -> None:
        for asker in (self.asker, *(self.others or ())):
            if asker is not None and not asker.done():
                asker.set_result(result)


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
        self._orphans: dict[_Flight, None] = {}  # those from before the cache was cleared
        self._attempts: SharedTimeout[_Flight] = SharedTimeout(loop, ATTEMPT_TIMEOUT, self._give_up)
        self._timeout = timeout
        self._patient: SharedTimeout[asyncio.Future[Result]] | None = None
        if timeout is not None:
            self._patient = SharedTimeout(loop, timeout, partial(self._time_out, timeout=timeout))
        self._dropped = False
        self._nobodys = contextvars.Context()
        self._engine: Engine | None = None
        self._wire: WireEngine | None = None
        self._links: TLSLinks | None = None
        self.hits = self.stale_hits = self.misses = self.coalesced = self.queries = self.failures = 0

    def stats(self) -> ResolverStats:
        return ResolverStats(
            self.hits, self.stale_hits, self.misses, self.coalesced, self.queries, self.failures,
            self._cache.evicted, len(self._cache), len(self._flights) + len(self._orphans),
        )  # fmt: skip

    def ask(self, name: str, type: str, place: TracePlace | None = None) -> Result | asyncio.Future[Result]:
        """What is known, or a future of it that is the caller's own to cancel.

        Args:
            name: absolute, in small letters, without the final dot.
            type: the name of a record type.
            place: where in a trace a connection belongs that has to be opened for it.
        """
        if self._dropped:
            return Failure(StateError, "the resolver was closed")
        key = (name, type)
        now = self._loop.time()
        entry = self._cache.get(key, now)
        if entry is not None:
            self.hits += 1
            if entry.expires > now:
                entry.value = _aged(entry.value, entry.expires - now)
                return entry.value
            self.stale_hits += 1
            if key not in self._flights:
                self._send(_Flight(self, key, now), place)
            return _aged(entry.value, 0.0)
        self.misses += 1
        future: asyncio.Future[Result] = self._loop.create_future()
        flight = self._flights.get(key)
        if flight is not None:
            self.coalesced += 1
            flight.join(future)
        else:
            self._send(_Flight(self, key, now, future), place)
        return future

    def leave(self, asker: asyncio.Future[Result], name: str, type: str) -> None:
        """Forget one asker, who was cancelled: the query goes on, and must not hold his frames until it has ended."""
        flight = self._flights.get((name, type))
        if flight is not None:
            flight.leave(asker)

    async def answer(self, name: str, type: str, limit: Limit | None, place: TracePlace | None = None) -> Result:
        """What is known, or will be: a failure is a result, and so is that the time is over.

        Args:
            name: absolute, in small letters, without the final dot.
            type: the name of a record type.
            limit: how long to wait; ``None`` for as long as the query takes.
            place: as for `ask`.
        """
        result = self.ask(name, type, place)
        if not isinstance(result, asyncio.Future):
            return result
        asker, timer = result, None
        if limit is not None:
            if self._patient is not None and limit.timeout == self._timeout and limit.began >= self._patient.latest:
                self._patient.add(asker, limit.began)
            else:
                timer = self.limit(asker, limit)
        try:
            return await asker
        except BaseException:
            self.leave(asker, name, type)
            raise
        finally:
            if timer is not None:
                timer.cancel()
            elif self._patient is not None:
                self._patient.discard(asker)

    def limit(self, asker: asyncio.Future[Result], limit: Limit | None) -> asyncio.TimerHandle | None:
        """Let one asker go when its time is over; the query goes on for the others, and for the cache."""
        if limit is None:
            return None
        # A cancelled timer stays with the loop for a while, and its context with it.
        return self._loop.call_at(
            limit.began + limit.timeout, self._time_out, asker, limit.timeout, context=self._nobodys
        )

    def _time_out(self, asker: asyncio.Future[Result], timeout: float) -> None:
        if not asker.done():
            asker.set_result(self._explained(Failure(OperationTimeout, f"no answer within {timeout:g} s"), timeout))

    def clear(self) -> None:
        """Forget all answers; queries under way are still answered, but not kept and not joined."""
        self._cache.clear()
        self._orphans.update(dict.fromkeys(self._flights.values()))
        self._flights.clear()
        if self._engine is not None:
            self._engine.forget()

    def drop(self) -> None:
        """End everything now; whoever still waits gets a `StateError`."""
        self._dropped = True
        self._cache.clear()
        self._attempts.clear()
        if self._patient is not None:
            self._patient.clear()
        for flight in self._under_way():
            if not self._loop.is_closed():  # else nobody is left to be told
                self._finish(flight, Failure(StateError, "the resolver was closed"))
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

    def _send(self, flight: _Flight, place: TracePlace | None) -> None:
        self.queries += 1
        self._flights[flight.key] = flight
        self._attempts.add(flight, flight.started)
        name, type = flight.key
        try:
            if type in OWN_TYPES or self._dialer is not None:
                self._wire_now().ask(name, type, flight, place)
            else:
                self._engine_now().ask(name, type, flight)
        except AsyncNetError as error:  # the servers cannot even be given to the engine
            self._finish(flight, Failure(error.__class__, error.args[0], error))
        except BaseException:
            self._finish(flight, Failure(ResolveError, f"{name} {type} could not be asked for"))
            raise

    def _wire_now(self) -> WireEngine:
        if self._wire is None:
            from .dns_wire import Exchange, PlainExchange, WireEngine  # few programs ask for these types

            exchange: Callable[[TracePlace | None], Exchange] = PlainExchange
            if self._dialer is not None:
                from .dns_tls import TLSExchange, TLSLinks

                self._links = TLSLinks(self._dialer)
                exchange = partial(TLSExchange, self._links)
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
                self._loop, self._nameservers,
                patience=self._patience, tries=_TRIES, keeps=self._keeps, max_ttl=self._max_ttl,
            )  # fmt: skip
        return self._engine

    def _give_up(self, flight: _Flight) -> None:
        # c-ares has time limits of its own, which grow with each try; this one is the last word.
        name, type = flight.key
        self.answered(flight, Failure(OperationTimeout, f"no answer for {name} {type}"))

    def _under_way(self) -> list[_Flight]:
        """All queries."""
        return [*self._orphans, *self._flights.values()]

    def answered(self, flight: _Flight, outcome: list[Row] | Failure) -> None:
        """Judge what became of a query, keep it, and tell who waits."""
        if flight.over:
            return  # it was given up
        now = self._loop.time()
        result = _judged(flight.key, outcome)
        if isinstance(result, Failure):
            result = self._explained(result, now - flight.started)
        if self._flights.get(flight.key) is flight:
            self._keep(flight.key, result, now)
        self._finish(flight, result)

    def _explained(self, failure: Failure, elapsed: float) -> Failure:
        """The failure with the name servers that were asked."""
        servers = [str(server) for server in self.servers()]
        attempts = (Attempt(", ".join(servers), failure.message, elapsed=elapsed),)
        return replace(failure, message=f"{failure.message}; asked {' and '.join(servers)}", attempts=attempts)

    def _keep(self, key: tuple[str, str], result: Result, now: float) -> None:
        if isinstance(result, Answer):
            self._cache.put(key, result, min(result.ttl, self._max_ttl), now, weight=_weight(result))
        elif result.negative:
            self._cache.put(key, result, self._negative_ttl, now, stale=False)
        else:
            self.failures += 1
            # A stale answer stays while the servers fail: that is what it is for (RFC 8767 section 4).
            stale = self._cache.get(key, now)
            if stale is not None:
                stale.expires = min(now + _RECHECK, stale.until)

    def _finish(self, flight: _Flight, result: Result) -> None:
        flight.over = True
        if self._flights.get(flight.key) is flight:
            del self._flights[flight.key]
        else:
            self._orphans.pop(flight, None)
        self._attempts.discard(flight)
        flight.tell(result)


def _judged(key: tuple[str, str], outcome: list[Row] | Failure) -> Result:
    """What the answer section says about the question."""
    if isinstance(outcome, Failure):
        return outcome
    name, type = key
    try:
        answer = collect(name, type, outcome)
    except ValueError as error:
        return Failure(ResolveError, str(error))
    if answer.records:
        return answer
    alias = "" if answer.canonical_name == answer.name else f" (an alias of {answer.canonical_name})"
    return Failure(NoData, f"{name}{alias} has no {type} record")


def _weight(answer: Answer[Any]) -> int:
    """How many places an answer takes: ordinary ones take one, and what a hostile server blows up takes more."""
    size = len(answer.records)
    if answer.type not in ("A", "AAAA"):
        size += sum(len(str(record)) for record in answer.records) // 32
    return 1 + size // 16


def _aged(result: Result, left: float) -> Result:
    """An answer as it is now: its time to live has run down since it came."""
    seconds = ceil(left - _ROUNDING)
    return replace(result, ttl=seconds) if isinstance(result, Answer) and result.ttl != seconds else result

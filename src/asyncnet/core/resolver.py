"""The resolver: from a name to addresses and records, without a thread.

What needs no server never sees one: address literals, ``localhost`` (RFC 6761
section 6.3) and the hosts file.  Everything else goes through the cache and
the queries of `dns_questions`, and from there to the engine.

The way of a cached `resolve` is short on purpose: it takes no task, no timer
and no timeout scope, only a look into a dictionary.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import AsyncGenerator, AsyncIterable, Coroutine, Iterable, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from ipaddress import IPv4Address, IPv6Address
from math import inf
from typing import TYPE_CHECKING, Any, ClassVar

from ..errors import AsyncNetError
from .address import check_host, parse_literal
from .address_order import sort_destinations
from .client import BaseClient
from .dns_answer import Answer
from .dns_decode import require_dnspython
from .dns_questions import Limit, Questions, ResolverStats
from .dns_records import check_type
from .happy_eyeballs import source_address
from .loop_scope import current_scope
from .many import fan_out
from .name_files import NameFiles
from .name_search import IPAddress, NameSearch
from .nameserver import Nameserver
from .operation import DEFAULT_TIMEOUT, Operation, Timeout, choose_timeout
from .outcome import Outcome
from .resolver_cache import ResolverCache
from .resolver_options import check_options, usable_nameservers
from .trace import current_trace

if TYPE_CHECKING:
    from .dns_tls import StreamDialer

__all__ = ["IPAddress", "Resolver", "default_resolver", "is_new", "opened"]

_SYSTEM_CONFIG = "/etc/resolv.conf"
_ORDER_TTL = 10.0  # seconds: the order of addresses depends on the routes, which change unseen
_LOCALS = 1_000  # addresses and names below localhost, whose order is remembered
_MAX_ORDERED = 64  # addresses that are put in order; what a hostile answer has more stays as it came
_TWO_FAMILIES = "family must be socket.AF_INET, socket.AF_INET6 or None"
_TYPES: dict[int, str] = {socket.AF_INET: "A", socket.AF_INET6: "AAAA"}


class Resolver(BaseClient):
    """Turns names into addresses and records, and remembers them.

    Args:
        nameservers: addresses of the servers to ask, with or without a port,
            such as ``["192.0.2.1", "127.0.0.1:5353", "[::1]:53"]``; asked in this
            order. ``None``: the system's. ``"tls://192.0.2.1#dns.example"`` is asked
            over TLS, its certificate being verified for that name, else for its
            address (needs the extra ``dns``).
        search: domains that complete a name without a final dot. ``None``: the
            list of the ``config_file``; without one, the system's list, or none if ``nameservers`` are given.
        ndots: a name with at least so many dots is tried as it is before the
            search list is. ``None``: the system's, else 1.
        hosts_file: path of the hosts file, which is read again when it
            changes. ``None``: the system's; ``False``: none.
        config_file: path of the resolv.conf to take what is not given here
            from. ``None``: the system's.
        cache_size: how many answers are kept; 0 for none. A very large answer counts as several.
        max_ttl: seconds an answer is kept at most, whatever its own time to live.
        negative_ttl: seconds for which it is remembered that there is no such
            name or record; at most 30.
        stale_for: seconds after its end during which an answer is still given
            out while it is refreshed in the background (RFC 8767); 0 for never.
        timeout: seconds for each operation; ``None`` for no limit. One attempt
            never takes more than 10 s.
        dialer: opens the connections to ``tls://`` name servers; nothing else
            goes through it. ``None``: a plain one, with the ``ssl_context`` of the
            current dialer.

    Example:
        ```python
        async with asyncnet.dns.Resolver(cache_size=1_000) as resolver:
            print(await resolver.resolve("localhost"))
        ```
    """

    _protocol: ClassVar[str] = "dns"

    def __init__(
        self,
        *,
        nameservers: Sequence[str] | None = None,
        search: Sequence[str] | None = None,
        ndots: int | None = None,
        hosts_file: str | os.PathLike[str] | bool | None = None,
        config_file: str | os.PathLike[str] | None = None,
        cache_size: int = 10_000,
        max_ttl: float = 86_400.0,
        negative_ttl: float = 30.0,
        stale_for: float = 0.0,
        timeout: float | None = DEFAULT_TIMEOUT,
        dialer: StreamDialer | None = None,
    ) -> None:
        super().__init__(timeout=timeout)
        self._options = check_options(
            nameservers=nameservers, search=search, ndots=ndots, hosts_file=hosts_file, config_file=config_file,
            cache_size=cache_size, max_ttl=max_ttl, negative_ttl=negative_ttl, stale_for=stale_for,
        )  # fmt: skip
        if dialer is not None and not hasattr(dialer, "dial_stream"):
            raise TypeError(f"dialer must be a Dialer or None, not {type(dialer).__name__}")
        self._dialer = dialer
        # Ordered addresses by the host as the caller wrote it: what is in here needs no second check.
        self._ordered: ResolverCache[tuple[IPAddress, ...]]
        # Those that need no server, whatever the files say.
        self._local: ResolverCache[tuple[IPAddress, ...]]
        self._forget_order()
        self._ordered_hits = 0
        self._questions: Questions | None = None
        self._files: NameFiles | None = None

    # ---- life

    async def _open(self, operation: Operation) -> None:
        # Nothing is awaited here, and nothing acquired: a taker's first use may be cancelled at any point,
        # and that must not close what is another's.  Engine and files come with the first question.
        options = self._options
        dialer = None
        if options.nameservers is not None and options.nameservers[0].tls:
            require_dnspython("a tls:// name server")
            dialer = self._dialer or self._default_dialer()
        self._files = NameFiles(options.hosts_file, options.config_file or _SYSTEM_CONFIG, self.clear_cache)
        self._questions = Questions(
            operation.loop, nameservers=self._nameservers, cache_size=options.cache_size, max_ttl=options.max_ttl,
            negative_ttl=options.negative_ttl, stale_for=options.stale_for, timeout=self._timeout, dialer=dialer,
        )  # fmt: skip
        self._names = NameSearch(self._questions, self._files, search=options.search, ndots=options.ndots)

    def _default_dialer(self) -> StreamDialer:
        """The dialer for TLS where none was given; a room above knows one."""
        raise ValueError("tls:// name servers need a dialer")

    def _nameservers(self) -> tuple[Nameserver, ...] | None:
        """Those given, or those of the file given, or None: the system's."""
        if self._options.nameservers is not None or self._options.config_file is None or self._files is None:
            return self._options.nameservers
        return usable_nameservers(self._files.config.nameservers)

    async def _goodbye(self) -> None:
        if self._questions is not None:
            await self._questions.close()
        if self._files is not None:
            await self._files.close()

    def _drop(self) -> None:
        self._forget_order()
        if self._questions is not None:
            self._questions.drop()
        if self._files is not None:
            self._files.drop()

    def _is_unwatched(self) -> bool:
        """Whether it may be used here and now, and nobody wants to know how long what takes."""
        return self._state == "open" and asyncio.get_running_loop() is self._loop and current_trace() is None

    def _limit(self, operation: Operation, timeout: Timeout) -> None:
        # Set inside the operation, so that it makes no timeout scope: that costs as much as all else here does,
        # and each wait for an answer has a timer of its own, which knows who was asked.
        operation.timeout = choose_timeout(timeout, self._timeout)
        operation.deadline = None if operation.timeout is None else operation.started + operation.timeout

    # ---- for users

    async def resolve(
        self, host: str, family: socket.AddressFamily | int | None = None, *, timeout: Timeout = ...
    ) -> tuple[IPAddress, ...]:
        """The addresses of a host, the one to try first in front.

        Args:
            host: a name, also an international one, or an address in any spelling.
            family: ``socket.AF_INET`` or ``socket.AF_INET6``; ``None`` for both.
            timeout: seconds; ``None`` for no limit; by default the resolver's own.

        Returns:
            At least one address, in the order of RFC 6724.

        Raises:
            NameNotFound: there is no such name.
            NoData: the name has no address, or none of that family.
            ResolveError: the name servers failed or refused.
            OperationTimeout: no answer in time.
            ValueError: no host can be called that.
        """
        now = time.monotonic()
        try:
            known = self._ordered.get((host, family), now)
        except TypeError:  # no key, so neither a host nor a family
            check_host(host)
            raise ValueError(_TWO_FAMILIES) from None
        if known is not None and self._files is not None and now < self._files.due and self._is_unwatched():
            self._ordered_hits += 1
            return known.value
        known = self._local.get((host, family), now)
        if known is not None and self._is_unwatched():
            self._ordered_hits += 1
            return known.value
        name = check_host(host)
        if family is not None and family not in _TYPES:
            raise ValueError(_TWO_FAMILIES)
        types = ("A", "AAAA") if family is None else (_TYPES[family],)
        ordered, local = self._ordered, self._local  # not those of after a clear_cache() meanwhile
        async with self._begin("resolve", None, peer=host) as operation:
            self._limit(operation, timeout)
            with operation.span("resolve", host=name) as span:
                found, lifetime = await self._names.addresses(operation, name, types)
                addresses = _in_order(found)
                span.attributes["addresses"] = addresses[:4]
        cache = local if lifetime == inf else ordered
        cache.put((host, family), addresses, min(lifetime, _ORDER_TTL, self._options.max_ttl), time.monotonic())
        return addresses

    async def lookup(self, name: str, type: str = "A", *, timeout: Timeout = ...) -> Answer[Any]:
        """The records of a name, from the name servers and no other source.

        Args:
            name: also an international one, or one with underscores; a final
                dot means that the search list is not used; ``"."`` is the root.
            type: A, AAAA, CAA, CNAME, HTTPS, MX, NAPTR, NS, PTR, SOA, SRV, SVCB, TLSA, TXT or URI.
            timeout: seconds; ``None`` for no limit; by default the resolver's own.

        Returns:
            At least one record.

        Raises:
            NameNotFound: there is no such name.
            NoData: the name has no record of that type.
            ResolveError: the name servers failed or refused.
            OperationTimeout: no answer in time.
            ValueError: no name, or an unknown type.
        """
        type = check_type(type)
        whole = name if name == "." else check_host(name, "name")
        if type == "SVCB":
            require_dnspython("the record type SVCB")
        if type == "PTR" and parse_literal(whole) is not None:
            raise ValueError(f"{whole} is an address, not a name: reverse() finds its names")
        if self._is_unwatched() and self._names.is_plain(whole):
            # The way of nearly all lookups: one question, and nobody traces it.  An operation would cost as much
            # as all of ours does, and has nothing to do but to explain a failure.
            began = asyncio.get_running_loop().time()
            seconds = choose_timeout(timeout, self._timeout)
            limit = None if seconds is None else Limit(began, seconds)
            result = await self._names.questions.answer(whole, type, limit)
            if isinstance(result, Answer):
                return result
            raise _explained(result.error(), Operation("dns", "lookup", peer=f"{name} {type}", timeout=seconds), began)
        async with self._begin("lookup", None, peer=f"{name} {type}") as operation:
            self._limit(operation, timeout)
            with operation.span("resolve", name=whole, type=type) as span:
                answer = await self._names.records(operation, whole, type)
                span.attributes.update(records=len(answer), ttl=answer.ttl)
                return answer

    async def reverse(self, address: str | IPAddress, *, timeout: Timeout = ...) -> tuple[str, ...]:
        """The names of an address.

        Args:
            address: IPv4 or IPv6, as text in any spelling or as an object.
            timeout: seconds; ``None`` for no limit; by default the resolver's own.

        Returns:
            At least one name. What the owner of the address says about it is no proof: a
            name that matters has to be resolved and to give the address again.

        Raises:
            NameNotFound, NoData: it has no name.
            ResolveError: the name servers failed, or what they gave can be no host's name.
            OperationTimeout: no answer in time.
            ValueError: not an address.
        """
        literal = parse_literal(check_host(address, "address")) if isinstance(address, str) else address
        if not isinstance(literal, IPv4Address | IPv6Address):
            raise ValueError(f"address must be an IP address, not {address!r}")
        async with self._begin("reverse", None, peer=str(literal)) as operation:
            self._limit(operation, timeout)
            with operation.span("resolve", address=str(literal)):
                return await self._names.reverse(operation, literal)

    async def lookup_many(
        self,
        names: Iterable[str] | AsyncIterable[str],
        type: str = "A",
        *,
        concurrency: int = 1000,
        timeout: Timeout = ...,
    ) -> AsyncGenerator[Outcome[Answer[Any]], None]:
        """Look up many names at once.

        Args:
            names: any iterable, sync or async, also an endless one.
            type: the record type for all of them.
            concurrency: how many at once.
            timeout: seconds for each name; it ends up in its outcome.

        Yields:
            An `Outcome` for each name, in the order in which they are done.
        """
        type = check_type(type)
        self._begin("lookup_many", timeout)  # refused at once if it is not open
        if isinstance(names, str | bytes) or not isinstance(names, Iterable | AsyncIterable):
            raise TypeError(f"names must be an iterable of names, not {names.__class__.__name__}")
        work = partial(self.lookup, type=type, timeout=timeout)
        async with aclosing(fan_out(names, work, concurrency=concurrency)) as outcomes:
            async for outcome in outcomes:
                yield outcome

    @property
    def stats(self) -> ResolverStats:
        """What it has done since it was opened."""
        if self._questions is None:
            return ResolverStats()
        stats = self._questions.stats()
        return replace(stats, hits=stats.hits + self._ordered_hits)

    def clear_cache(self) -> None:
        """Forget all answers, the engine's own included."""
        self._forget_order()
        if self._questions is not None and self._state == "open":
            self._questions.clear()

    def _forget_order(self) -> None:
        size = self._options.cache_size
        self._ordered, self._local = ResolverCache(size), ResolverCache(min(size, _LOCALS))

    # ---- for the dialer, inside its operation

    def addresses(
        self, operation: Operation, host: str, family: socket.AddressFamily | int
    ) -> Coroutine[Any, Any, tuple[IPAddress, ...]]:
        """For a dialer, which starts on the first family's answer: the addresses of one family, as they came.

        Opens a resolver that is new; keeps the operation's deadline.

        Raises:
            NameNotFound, NoData, ResolveError, OperationTimeout, StateError: as `resolve`.
        """
        return self._addresses(operation, host, family)

    async def _addresses(self, operation: Operation, host: str, family: int) -> tuple[IPAddress, ...]:
        await opened(self)
        if self._state != "open":
            raise self._misused("the resolver is closed", operation.name)
        self._check_loop(operation.name)
        name = check_host(host)
        with operation.part("resolve", host=name, type=_TYPES[family]) as part:
            addresses, _ = await self._names.addresses(operation, name, (_TYPES[family],))
            part.attributes["addresses"] = addresses[:4]
            return addresses


def is_new(resolver: Resolver) -> bool:
    """Whether it has not been opened yet."""
    return resolver._state == "new"


async def opened(resolver: Resolver) -> Resolver:
    """The resolver, opened if it is new: for those it was handed to, who use it without owning it."""
    if is_new(resolver):
        await resolver.open(timeout=None)
    return resolver


def default_resolver() -> Resolver:
    """The resolver that the running loop shares; it goes with the loop."""
    return current_scope().get("resolver", Resolver)


def _explained(error: AsyncNetError, operation: Operation, began: float) -> AsyncNetError:
    operation.started = began
    operation.explain(error)
    return error


def _in_order(addresses: tuple[IPAddress, ...]) -> tuple[IPAddress, ...]:
    """RFC 6724 order; asks the kernel for each address which way it would take."""
    if len(addresses) < 2:
        return addresses
    return (*sort_destinations(addresses[:_MAX_ORDERED], source_address), *addresses[_MAX_ORDERED:])

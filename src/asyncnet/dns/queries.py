"""The one-shots: thin over the resolver that is shared."""

from __future__ import annotations

import socket
from collections.abc import AsyncGenerator, AsyncIterable, Iterable
from typing import Any

from ..core.dialer import current_dialer
from ..core.dns_records import Answer, check_type
from ..core.many import fan_out
from ..core.operation import Timeout, choose_timeout
from ..core.outcome import Outcome
from ..core.resolver import IPAddress, Resolver, default_resolver

__all__ = ["lookup", "lookup_many", "resolve", "reverse"]


def _shared() -> Resolver:
    return current_dialer().resolver or default_resolver()


async def resolve(
    host: str, family: socket.AddressFamily | int | None = None, *, timeout: Timeout = ...
) -> tuple[IPAddress, ...]:
    """The addresses of a host, the one to try first in front (RFC 6724).

    Address literals, ``localhost`` and names of the hosts file need no server.

    Args:
        host: a name, also an international one, or an address in any spelling.
        family: ``socket.AF_INET`` or ``socket.AF_INET6``; ``None`` for both.
        timeout: seconds; ``None`` for no limit; by default the resolver's own, 5.

    Raises:
        NameNotFound: there is no such name.
        NoData: the name has no address, or none of that family.
        ResolveError: the name servers failed or refused.
        OperationTimeout: no answer in time.
        ValueError: no host can be called that.
    """
    resolver = _shared()
    return await (await resolver.ready()).resolve(host, family, timeout=timeout)


async def lookup(name: str, type: str = "A", *, timeout: Timeout = ...) -> Answer[Any]:
    """The records of a name.

    Args:
        name: also an international one, or one with underscores; with a final dot it is not completed.
        type: A, AAAA, CAA, CNAME, HTTPS, MX, NAPTR, NS, PTR, SOA, SRV, SVCB, TLSA, TXT or URI.
        timeout: seconds; ``None`` for no limit; by default the resolver's own, 5.

    Raises:
        NameNotFound: there is no such name.
        NoData: the name has no record of that type.
        ResolveError: the name servers failed or refused.
        OperationTimeout: no answer in time.
        ValueError: no name, or an unknown type.
    """
    return await (await _shared().ready()).lookup(name, type, timeout=timeout)


async def reverse(address: str | IPAddress, *, timeout: Timeout = ...) -> tuple[str, ...]:
    """The names of an address; no proof of anything.

    Args:
        address: IPv4 or IPv6.
        timeout: seconds; ``None`` for no limit; by default the resolver's own, 5.

    Raises:
        NameNotFound, NoData: it has no name.
        ResolveError: the name servers failed or refused.
        OperationTimeout: no answer in time.
        ValueError: not an address.
    """
    return await (await _shared().ready()).reverse(address, timeout=timeout)


def lookup_many(
    names: Iterable[str] | AsyncIterable[str],
    type: str = "A",
    *,
    concurrency: int = 1000,
    timeout: Timeout = ...,
) -> AsyncGenerator[Outcome[Answer[Any]], None]:
    """Look up many names at once; an async generator of an `Outcome` for each, in the order they are done.

    Args:
        names: any iterable, sync or async, also an endless one.
        type: the record type for all of them.
        concurrency: how many at once.
        timeout: seconds for each name; it ends up in its outcome.
    """
    type = check_type(type)
    choose_timeout(timeout, None)
    return fan_out(names, lambda name: lookup(name, type, timeout=timeout), concurrency=concurrency)

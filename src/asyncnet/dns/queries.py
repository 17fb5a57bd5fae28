"""The one-shots: thin over the resolver that is shared."""

from __future__ import annotations

import socket
from collections.abc import AsyncGenerator, AsyncIterable, Iterable
from contextlib import aclosing
from typing import Any

from ..core.dialer import current_dialer
from ..core.dns_answer import Answer
from ..core.operation import Timeout
from ..core.outcome import Outcome
from ..core.resolver import IPAddress, Resolver, default_resolver, is_new, opened

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
        timeout: seconds; ``None`` for no limit; by default the resolver's own, 30.

    Raises:
        NameNotFound: there is no such name.
        NoData: the name has no address, or none of that family.
        ResolveError: the name servers failed or refused.
        OperationTimeout: no answer in time.
        ValueError: no host can be called that.
    """
    resolver = _shared()
    if is_new(resolver):
        await opened(resolver)
    return await resolver.resolve(host, family, timeout=timeout)


async def lookup(name: str, type: str = "A", *, timeout: Timeout = ...) -> Answer[Any]:
    """The records of a name.

    Args:
        name: also an international one, or one with underscores; with a final dot it is not completed.
        type: A, AAAA, CAA, CNAME, HTTPS, MX, NAPTR, NS, PTR, SOA, SRV, SVCB, TLSA, TXT or URI.
        timeout: seconds; ``None`` for no limit; by default the resolver's own, 30.

    Raises:
        NameNotFound: there is no such name.
        NoData: the name has no record of that type.
        ResolveError: the name servers failed or refused.
        OperationTimeout: no answer in time.
        ValueError: no name, or an unknown type.
    """
    return await (await opened(_shared())).lookup(name, type, timeout=timeout)


async def reverse(address: str | IPAddress, *, timeout: Timeout = ...) -> tuple[str, ...]:
    """The names of an address; no proof of anything.

    Args:
        address: IPv4 or IPv6.
        timeout: seconds; ``None`` for no limit; by default the resolver's own, 30.

    Raises:
        NameNotFound, NoData: it has no name.
        ResolveError: the name servers failed or refused.
        OperationTimeout: no answer in time.
        ValueError: not an address.
    """
    return await (await opened(_shared())).reverse(address, timeout=timeout)


async def lookup_many(
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
    resolver = await opened(_shared())
    async with aclosing(resolver.lookup_many(names, type, concurrency=concurrency, timeout=timeout)) as outcomes:
        async for outcome in outcomes:
            yield outcome

"""dns: the one-shots, by way of the current dialer's resolver, and a resolver's own methods."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import asyncnet
from asyncnet import testing
from tests.contract.case import Case, Life, Target

RECORDS = {
    ("x.example", "A"): "192.0.2.1",
    ("x.example", "AAAA"): "2001:db8::1",
    ("x.example", "TXT"): "hi",
    ("1.2.0.192.in-addr.arpa", "PTR"): "x.example",
}


def server() -> testing.DNSServer:
    return testing.DNSServer(RECORDS)


def resolver(target: Target, **options: Any) -> asyncnet.dns.Resolver:
    settings = {"nameservers": [f"{target.host}:{target.port}"], "hosts_file": False, "timeout": target.timeout}
    return asyncnet.dns.Resolver(**{**settings, **options})


@contextlib.asynccontextmanager
async def namespace(target: Target) -> AsyncIterator[Any]:
    """The namespace itself, while a dialer is the current one whose resolver asks the target."""
    asked = resolver(target)
    try:
        with asyncnet.use(asyncnet.Dialer(resolver=asked)):
            yield asyncnet.dns
    finally:
        await asked.close()


def both(name: str, *arguments: Any) -> list[Case]:
    made = [("dns", namespace), ("dns.Resolver", resolver)]
    return [
        Case(f"{owner}.{name}", server, lambda _: (arguments, {}), client, silent="udp", refused=asyncnet.ResolveError)
        for owner, client in made
    ]


CASES = [
    *both("resolve", "x.example"),
    *both("lookup", "x.example", "A"),
    *both("lookup", "x.example", "TXT"),
    *both("reverse", "192.0.2.1"),
    *both("lookup_many", ["x.example"], "A"),
]

LIVES = [
    Life(
        "dns.Resolver",
        resolver,
        server,
        opening_connects=False,
        silent="opening waits for nobody: the first question does",
        free_text=frozenset({"hosts_file", "config_file"}),
    ),
]

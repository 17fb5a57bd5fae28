"""Options that all commands share, and the loop and dialer that follow from them."""

from __future__ import annotations

import argparse
import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import asyncnet

__all__ = ["common_options", "connection_options", "execute", "network"]

T = TypeVar("T")


def common_options() -> argparse.ArgumentParser:
    """``--json`` and ``--loop``, for every command."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), default="asyncio", help="the event loop (asyncio)")
    return parser


def connection_options() -> argparse.ArgumentParser:
    """What says how connections are opened."""
    parser = argparse.ArgumentParser(add_help=False)
    group = parser.add_argument_group("connections")
    group.add_argument(
        "--timeout",
        type=_seconds,
        default=30.0,
        metavar="SECONDS",
        help="for the whole of it; for a download without a byte (30)",
    )
    group.add_argument(
        "--nameserver", action="append", metavar="HOST[:PORT]", help="ask this name server; can be given several times"
    )
    group.add_argument("--ca", metavar="FILE", help="trust the authorities in this PEM file, and no others")
    group.add_argument("--proxy", metavar="URL", help="http://, socks5:// or socks5h://")
    group.add_argument("--public-only", action="store_true", help="connect to globally reachable addresses only")
    return parser


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < float("inf"):
        raise ValueError(text)
    return seconds


_seconds.__name__ = "number of seconds"  # what argparse calls it in its message


@asynccontextmanager
async def network(options: argparse.Namespace) -> AsyncIterator[asyncnet.Dialer]:
    """The dialer that the options ask for, used by everything inside."""
    resolver = asyncnet.dns.Resolver(nameservers=options.nameserver) if options.nameserver else None
    context = ssl.create_default_context(cafile=options.ca) if options.ca else None
    allow = asyncnet.public_only if options.public_only else None
    dialer = asyncnet.Dialer(resolver=resolver, ssl_context=context, proxy=options.proxy, allow=allow)
    try:
        with asyncnet.use(dialer):
            yield dialer
    finally:
        if resolver is not None:
            await resolver.close()


def execute(work: Callable[[], Coroutine[Any, Any, T]], loop: str) -> T:
    """Run a coroutine function on the chosen loop."""
    with asyncio.Runner(loop_factory=_factory(loop)) as runner:
        # Under -X dev asyncio reports callbacks that took long; how fast this machine is, is no news here.
        runner.get_loop().slow_callback_duration = 10.0
        return runner.run(work())


def _factory(loop: str) -> Callable[[], asyncio.AbstractEventLoop]:
    if loop == "asyncio":
        return asyncio.SelectorEventLoop
    try:
        import uvloop
    except ImportError as error:
        raise ImportError("--loop uvloop needs uvloop: pip install 'asyncnet[speed]'") from error
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory

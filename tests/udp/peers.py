"""The other side, as plain sockets: on loopback what was sent is there when the call returns."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator

FAMILIES = {"127.0.0.1": socket.AF_INET, "::1": socket.AF_INET6}


@contextlib.contextmanager
def plain_socket(host: str = "127.0.0.1", port: int = 0) -> Iterator[socket.socket]:
    """A bound datagram socket that gives up after five seconds."""
    with socket.socket(FAMILIES[host], socket.SOCK_DGRAM) as sock:
        sock.bind((host, port))
        sock.settimeout(5)
        yield sock


def port_of(sock: socket.socket) -> int:
    """The port that a socket is bound to."""
    return sock.getsockname()[1]


def unused_port() -> int:
    """A port that nobody receives on; the kernel does not give it away again soon."""
    with plain_socket() as sock:
        return port_of(sock)


async def turns_until(condition: Callable[[], object]) -> None:
    """Give the loop turns until the condition holds, but not for ever."""
    for _ in range(100_000):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it did not come about")

"""Addresses on loopback that refuse, swallow or answer, and names that lead to them."""

from __future__ import annotations

import contextlib
import select
import socket
from collections.abc import Iterator

import pytest

LOCAL = ("127.0.0.1", "127.0.0.2", "127.0.0.3")


def family_of(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


def free_port(*hosts: str) -> int:
    """A port that nobody has at any of these addresses, now."""
    for _ in range(50):
        with contextlib.ExitStack() as stack:
            port = 0
            try:
                for host in hosts:
                    sock = stack.enter_context(socket.socket(family_of(host)))
                    sock.bind((host, port))
                    port = sock.getsockname()[1]
            except OSError:
                continue
            return port
    raise AssertionError("no free port")


@contextlib.contextmanager
def listening(host: str, port: int = 0) -> Iterator[socket.socket]:
    """A listener that answers with the kernel's handshake; `accept` is the test's."""
    with socket.socket(family_of(host)) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(50)
        sock.settimeout(10)
        yield sock


@contextlib.contextmanager
def blackhole(host: str, port: int = 0) -> Iterator[int]:
    """A port that answers nothing: its queue is full, and the kernel drops what comes."""
    with contextlib.ExitStack() as stack:
        sock = stack.enter_context(socket.socket(family_of(host)))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(0)
        for _ in range(20):
            filler = stack.enter_context(socket.socket(family_of(host)))
            filler.setblocking(False)
            filler.connect_ex(sock.getsockname())
            if not select.select([], [filler], [], 0.02)[1]:
                break
        else:
            raise AssertionError("the queue does not fill")
        yield sock.getsockname()[1]

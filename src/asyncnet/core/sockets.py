"""Non-blocking sockets on a loop: connect, send and receive, each safe to cancel.

``loop.sock_connect`` and its kin take their file descriptor out of the selector
one turn after a cancellation; a socket that is closed at once frees its number
in between, for another connection to get.  Here it is out before control returns.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
from typing import Any

from .address import Endpoint
from .poller import READ, WRITE, current_poller

__all__ = [
    "connect_socket", "keep_alive", "receive_exactly", "receive_head", "send_all", "sockaddr",
    "wait_readable", "wait_writable",
]  # fmt: skip


def sockaddr(endpoint: Endpoint) -> tuple[Any, ...]:
    """What the socket calls take; a zone as its number, or they would look it up as part of a name.

    Raises `OSError` for an interface that there is not.
    """
    host, _, zone = endpoint.host.partition("%")
    if not zone:
        return host, endpoint.port
    return host, endpoint.port, 0, int(zone) if zone.isdecimal() else _interface(zone)


def keep_alive(sock: socket.socket, seconds: float) -> None:
    """Have the kernel probe the peer after so many seconds of silence, and as often until it answers."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    # The names differ by system; without them the system's own times hold.
    for name in ("TCP_KEEPIDLE", "TCP_KEEPALIVE", "TCP_KEEPINTVL"):
        if hasattr(socket, name):
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), max(1, round(seconds)))


def _interface(zone: str) -> int:
    try:
        return socket.if_nametoindex(zone)
    except OSError:
        raise OSError(errno.ENODEV, f"{os.strerror(errno.ENODEV)}: {zone}") from None


async def _wait(sock: socket.socket, wanted: int) -> None:
    loop, poller, descriptor = asyncio.get_running_loop(), current_poller(), sock.fileno()
    waiter = loop.create_future()

    def wake(events: int) -> None:
        if not waiter.done():
            waiter.set_result(None)

    poller.join()
    try:
        poller.watch(descriptor, 0, wanted, wake)
        try:
            await waiter
        finally:
            poller.watch(descriptor, wanted, 0, wake)
    finally:
        poller.leave()


async def wait_readable(sock: socket.socket) -> None:
    """Wait until the socket has something to read, or an error."""
    await _wait(sock, READ)


async def wait_writable(sock: socket.socket) -> None:
    """Wait until the socket can be written, or has an error."""
    await _wait(sock, WRITE)


async def connect_socket(sock: socket.socket, address: Any) -> None:
    """Connect a non-blocking socket. Raises `OSError`; the socket stays the caller's."""
    pause = 0.001
    while True:
        try:
            sock.connect(address)
            return
        except BlockingIOError:
            if sock.family != socket.AF_UNIX:
                break
            # A Unix socket does not connect in the background: the listener's queue is
            # full (unix(7), EAGAIN), and there is nothing to wait for but time.
            await asyncio.sleep(pause)
            pause = min(0.05, 2 * pause)
    await wait_writable(sock)
    number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if number:
        raise OSError(number, os.strerror(number))


async def send_all(sock: socket.socket, data: bytes) -> None:
    """Send all of it."""
    view = memoryview(data)
    while view:
        try:
            view = view[sock.send(view) :]
        except BlockingIOError:
            await wait_writable(sock)


async def _receive(sock: socket.socket, count: int, flags: int = 0) -> bytes:
    while True:
        try:
            return sock.recv(count, flags)
        except BlockingIOError:
            await wait_readable(sock)


async def receive_exactly(sock: socket.socket, count: int) -> bytes:
    """Receive exactly so many bytes. Raises `EOFError` when the peer closes before."""
    data = b""
    while len(data) < count:
        chunk = await _receive(sock, count - len(data))
        if not chunk:
            raise EOFError(f"closed after {len(data)} of {count} bytes")
        data += chunk
    return data


async def receive_head(sock: socket.socket, limit: int) -> bytes:
    """Receive up to and including an empty line, and not one byte more: what follows belongs to someone else.

    Raises `EOFError` when the peer closes before, `ValueError` past the limit.
    """
    data = b""
    while True:
        ahead = await _receive(sock, limit, socket.MSG_PEEK)
        if not ahead:
            raise EOFError(f"closed after {len(data)} bytes")
        # The empty line may straddle two reads.
        seam = max(0, len(data) - 3)
        end = (data + ahead).find(b"\r\n\r\n", seam)
        take = len(ahead) if end < 0 else end + 4 - len(data)
        data += await receive_exactly(sock, take)
        if end >= 0:
            return data
        if len(data) >= limit:
            raise ValueError(f"more than {limit} bytes without an empty line")

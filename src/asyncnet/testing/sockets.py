"""Sockets and streams of the servers: bound, flushed, cut and reset."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import sys

from ..core.address import Endpoint
from ..core.sockets import sockaddr

if sys.platform == "linux":
    import fcntl
    import termios

__all__ = ["CLOSE_GRACE", "cut", "drop", "family_of", "flush", "listen", "listen_both", "reset", "until_gone"]

CLOSE_GRACE = 2.0  # seconds that a connection may take to flush what was written before it is dropped


_RECEIVE_BUFFER = 1 << 20  # bytes: a thousand questions at once are not lost while the server is busy


def family_of(host: str) -> socket.AddressFamily:
    """The address family of a literal."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def listen(host: str, port: int, kind: socket.SocketKind = socket.SOCK_STREAM, backlog: int = 100) -> socket.socket:
    """A non-blocking socket bound to the address, listening if it is a stream socket."""
    sock = socket.socket(family_of(host), kind)
    try:
        sock.setblocking(False)
        if kind == socket.SOCK_STREAM:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(sockaddr(Endpoint(host, port)))
        if kind == socket.SOCK_STREAM:
            sock.listen(backlog)
    except BaseException:
        sock.close()
        raise
    return sock


def listen_both(host: str, port: int) -> tuple[socket.socket, socket.socket]:
    """A TCP listener and a UDP socket on the same port."""
    for attempt in range(20):
        listener = listen(host, port)
        try:
            udp = listen(host, listener.getsockname()[1], socket.SOCK_DGRAM)
            udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
            return listener, udp
        except OSError:
            # Somebody has that UDP port; another free TCP port may be luckier.
            listener.close()
            if port or attempt == 19:
                raise
    raise AssertionError("unreachable")


def drop(writer: asyncio.StreamWriter) -> None:
    """Close a connection now, whatever was written and has not gone out; once more does nothing."""
    # A transport that closed by itself when its last bytes had gone out has let go of its loop, and says so like this.
    with contextlib.suppress(AttributeError):
        writer.transport.abort()


def reset(writer: asyncio.StreamWriter) -> None:
    """Drop a connection with a TCP reset: the peer gets ``ECONNRESET``, not an end of stream.

    Args:
        writer: what the script of a server was given.
    """
    # RFC 9293 section 3.10.5 ABORT; lingering for zero seconds is how the sockets API spells it.
    with contextlib.suppress(OSError, AttributeError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    drop(writer)


async def flush(writer: asyncio.StreamWriter) -> None:
    """Wait, for a bounded time, until the peer's kernel has everything that was written.

    Args:
        writer: what the script of a server was given.
    """
    await writer.drain()
    # abort() throws away what still waits in user space - below TLS that is the
    # buffer of the transport underneath - and a reset what waits in the kernel.
    below = getattr(getattr(writer.transport, "_ssl_protocol", None), "_transport", None) or writer.transport
    sock = writer.get_extra_info("socket")
    with contextlib.suppress(TimeoutError, OSError):
        async with asyncio.timeout(CLOSE_GRACE):
            # A transport has no event for "all written"; drain() speaks of the high-water mark only.
            while not below.is_closing() and (below.get_write_buffer_size() or _unsent(sock)):  # noqa: ASYNC110  # see above
                await asyncio.sleep(0.001)


def _unsent(sock: socket.socket) -> int:
    """Bytes that the kernel has not got acknowledged yet (Linux's SIOCOUTQ); 0 where it cannot be asked."""
    if sys.platform != "linux" or sock.fileno() < 0:
        return 0
    count: int = struct.unpack("i", fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, b"\0\0\0\0"))[0]
    return count


async def cut(writer: asyncio.StreamWriter) -> None:
    """End a connection after everything written has gone out, over TLS without a close_notify.

    Args:
        writer: what the script of a server was given.
    """
    await flush(writer)
    drop(writer)


async def until_gone(reader: asyncio.StreamReader) -> None:
    """Wait until the client has gone away, and throw away what it sends till then.

    Args:
        reader: what the script of a server was given.
    """
    while await reader.read(65536):
        pass

"""The TCP server that users serve with."""

from __future__ import annotations

from ..core.server import StreamServer

__all__ = ["Server"]


class Server(StreamServer):
    r"""Accepts connections and runs ``handler(stream)`` for each; the stream is closed when it returns.

    Args:
        handler: ``async def handler(stream) -> None``. What it raises is
            logged once, with the peer, and ends that connection only.
        host: the address or name to listen on; ``None`` for every interface.
        port: 0 lets the system choose, see `port`.
        path: a Unix socket instead of host and port.
        ssl: an `ssl.SSLContext` with a certificate, for TLS from the first byte.
        max_connections: at so many, accepting pauses and the kernel's backlog holds the rest.
        max_per_peer: connections of one address; more are closed at once. ``None`` for no limit.
        idle_timeout: seconds in which no byte moved, after which a connection is dropped; ``None`` for never.
        handshake_timeout: seconds for the TLS handshake and the PROXY header.
        keepalive: seconds of silence after which the kernel probes the peer, so that one that vanished
            is noticed; ``None`` for never.
        backlog: connections the kernel holds before they are accepted.
        proxy_protocol: each connection begins with a PROXY header (version 1 or 2) of the load
            balancer before the server, and ``stream.peer`` is the peer that it names. Whoever can
            reach such a server can name any peer: let only the balancer reach it.
        reuse_port: let several processes listen on the same port, the kernel spreading connections over them.

    Example:
        ```python
        async def greet(stream):
            await stream.send(b"hello\n")

        async with asyncnet.tcp.Server(greet) as server:
            print(await asyncnet.tcp.exchange("127.0.0.1", server.port, b""))
        ```
    """

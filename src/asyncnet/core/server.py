"""A server of streams: accept, limit, hand over, drain.

It accepts by itself instead of through ``loop.create_server``: only so can it
pause at a limit, survive running out of descriptors without spinning, and end
in the same way on every Python.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import errno
import logging
import os
import socket
import ssl as _ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from ..errors import AsyncNetError
from .address import Endpoint
from .client import BaseClient
from .listen import cannot_listen, check_listen, listening_sockets
from .operation import Operation, check_timeout
from .poller import current_poller
from .serving import serve_until
from .sockets import keep_alive
from .stream import Stream
from .tls import check_side

__all__ = ["Handler", "ServerStats", "StreamServer"]

Handler: TypeAlias = "Callable[[Stream], Awaitable[None]]"

_logger = logging.getLogger("asyncnet.tcp")

_ACCEPTS_A_TURN = 64  # so that a storm of connections leaves time for those that are served
_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
_EXHAUSTED_PAUSE = 0.25  # seconds until the next try; a connection that ends tries at once
_LINGER = 2.0  # seconds for a peer to take what was sent and close, once its handler is done
_CANCEL_TIMEOUT = 5.0  # seconds for handlers to react to their cancellation


@dataclass(frozen=True, slots=True)
class ServerStats:
    """What a server has done so far.

    Attributes:
        accepted: connections taken from the kernel.
        active: connections being served now.
        refused: closed at once because of the per-peer limit.
        failed_handshakes: connections that ended, failed or took too long before their handler,
            in the TLS handshake or the PROXY header.
        failed_handlers: handlers that raised.
        exhausted: times that accepting paused for want of descriptors or memory.
    """

    accepted: int
    active: int
    refused: int
    failed_handshakes: int
    failed_handlers: int
    exhausted: int


class StreamServer(BaseClient):
    """Accepts connections and runs a handler for each.

    See `asyncnet.tcp.Server` for the arguments.
    """

    _protocol = "tcp"

    def __init__(
        self,
        handler: Handler,
        host: str | None = "127.0.0.1",
        port: int | None = 0,
        *,
        path: str | os.PathLike[str] | None = None,
        ssl: _ssl.SSLContext | None = None,
        max_connections: int = 10_000,
        max_per_peer: int | None = None,
        idle_timeout: float | None = None,
        handshake_timeout: float | None = 10.0,
        keepalive: float | None = None,
        backlog: int = 1024,
        reuse_port: bool = False,
        proxy_protocol: bool = False,
    ) -> None:
        if not callable(handler):
            raise TypeError("handler must be an async function that takes a stream")
        if ssl is not None and not isinstance(ssl, _ssl.SSLContext):
            raise TypeError("a server's ssl must be an ssl.SSLContext with its certificate, or None")
        if ssl is not None:
            check_side(ssl, "ssl", server_side=True)
        for name, limit in (("max_connections", max_connections), ("max_per_peer", max_per_peer), ("backlog", backlog)):
            if limit is not None and limit < 1:
                raise ValueError(f"{name} must be at least 1, not {limit}")
        if reuse_port and not hasattr(socket, "SO_REUSEPORT"):
            raise ValueError("this system cannot share a port: it has no SO_REUSEPORT")
        super().__init__(peer=check_listen(host, port, path))
        self._handler = handler
        self._host, self._wanted_port, self._path = host, port, None if path is None else os.fspath(path)
        self._context = ssl
        self._max_connections = max_connections
        self._max_per_peer = max_per_peer
        self._idle_timeout = check_timeout(idle_timeout, "idle_timeout")
        self._handshake_timeout = check_timeout(handshake_timeout, "handshake_timeout")
        self._keepalive = check_timeout(keepalive, "keepalive")
        self._backlog = backlog
        self._reuse_port = reuse_port
        self._proxy_protocol = proxy_protocol
        self._listeners: list[socket.socket] = []
        self._addresses: tuple[Endpoint | str, ...] = ()
        self._path_id: tuple[int, int] | None = None
        self._accepting = False
        self._retry: asyncio.TimerHandle | None = None
        self._tasks: dict[asyncio.Task[None], Stream | None] = {}
        self._per_peer: dict[str, int] = {}
        self._ended: asyncio.Future[None] | None = None
        self._counts = dict.fromkeys(("accepted", "refused", "failed_handshakes", "failed_handlers", "exhausted"), 0)

    # ---- life

    async def _open(self, operation: Operation) -> None:
        operation.phase = "listen"
        self._ended = operation.loop.create_future()
        try:
            current_poller()  # now: when descriptors run out, those that are served need it
        except OSError as error:
            raise cannot_listen(str(self._peer), error) from error
        self._listeners = await listening_sockets(
            operation, self._host, self._wanted_port, self._path, backlog=self._backlog, reuse_port=self._reuse_port
        )
        if self._path is not None:
            self._path_id = _identity(self._path)
        elif self._keepalive is not None:
            for listener in self._listeners:
                keep_alive(listener, self._keepalive)  # what it accepts inherits it
        names = [listener.getsockname() for listener in self._listeners]
        self._addresses = tuple(Endpoint.from_sockaddr(name) if isinstance(name, tuple) else name for name in names)
        self._start_accepting()

    async def close(self, grace: float | None = 10.0) -> None:
        """Stop accepting, let handlers finish, then cancel, then abort.  Idempotent.

        Args:
            grace: seconds for the handlers to finish by themselves; ``None`` waits for all of them.
        """
        grace = check_timeout(grace, "grace")
        if self._state != "open":
            await super().close()
            return
        self._check_loop("close")
        self._state = "closing"
        self._closing = asyncio.get_running_loop().create_future()
        try:
            self._stop_listening()
            await self._drain(grace)
        finally:
            self.abort()
            self._closing.set_result(None)

    async def _drain(self, grace: float | None) -> None:
        own = asyncio.current_task()  # a handler may close its own server
        if handlers := set(self._tasks) - {own}:
            await asyncio.wait(handlers, timeout=grace)
        if handlers := set(self._tasks) - {own}:
            for task in handlers:
                task.cancel()
            await asyncio.wait(handlers, timeout=_CANCEL_TIMEOUT)

    def _drop(self) -> None:
        self._stop_listening()
        loop = self._loop
        for task, stream in list(self._tasks.items()):
            if stream is not None:
                stream.abort()
            if loop is not None and not loop.is_closed():
                task.cancel()
        if loop is None or loop.is_closed():
            return
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)

    async def serve_forever(self, *, signals: bool = False) -> None:
        """Serve until the server is closed; return at once if it has been.

        Args:
            signals: on SIGINT or SIGTERM close with the default grace, then return.
        """
        if self._ended is None:
            raise self._misused("the server was never opened", "serve_forever")
        if self.closed:
            return
        self._check_loop("serve_forever")
        await serve_until(self._ended, self.close, signals=signals)

    def reload_tls(self, context: _ssl.SSLContext) -> None:
        """Use another context for the connections from now on; those that are open stay as they are."""
        if not isinstance(context, _ssl.SSLContext):
            raise TypeError(f"context must be an ssl.SSLContext, not {type(context).__name__}")
        check_side(context, "context", server_side=True)
        if self._context is None:
            raise self._misused("the server was not made with ssl=", "reload_tls")
        self._context = context

    # ---- facts

    @property
    def addresses(self) -> tuple[Endpoint | str, ...]:
        """Where the server listens, or listened: endpoints, or the path of a Unix socket."""
        return self._addresses

    @property
    def port(self) -> int:
        """The port the server listens on.

        Raises:
            StateError: it was never open, or listens on a Unix socket.
        """
        for address in self.addresses:
            if isinstance(address, Endpoint):
                return address.port
        raise self._misused("no port: the server is not open, or listens on a Unix socket", "port")

    @property
    def connections(self) -> tuple[Stream, ...]:
        """The connections being served now."""
        return tuple(stream for stream in self._tasks.values() if stream is not None)

    @property
    def stats(self) -> ServerStats:
        """Counts so far."""
        return ServerStats(active=len(self._tasks), **self._counts)

    def __repr__(self) -> str:
        where = ", ".join(map(str, self.addresses)) or self._peer
        return f"<{type(self).__name__} {where} {self._state}, {len(self._tasks)} connections>"

    # ---- accepting

    def _start_accepting(self) -> None:
        if not self._accepting and self._loop is not None and self._state in ("opening", "open"):
            self._accepting = True
            for listener in self._listeners:
                self._loop.add_reader(listener.fileno(), self._accept, listener)

    def _stop_accepting(self) -> None:
        if self._accepting and self._loop is not None and not self._loop.is_closed():
            for listener in self._listeners:
                self._loop.remove_reader(listener.fileno())
        self._accepting = False

    def _stop_listening(self) -> None:
        self._stop_accepting()
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        for listener in self._listeners:
            if self._path is not None and listener.fileno() >= 0:
                with contextlib.suppress(OSError):
                    if _identity(self._path) == self._path_id:  # else it is another server's by now
                        os.unlink(self._path)
            listener.close()

    def _accept(self, listener: socket.socket) -> None:
        assert self._loop is not None
        for _ in range(_ACCEPTS_A_TURN):
            if len(self._tasks) >= self._max_connections:
                self._stop_accepting()  # the backlog holds them until a place is free
                return
            try:
                sock, address = listener.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno in _EXHAUSTED:
                    self._exhausted(error)
                    return
                continue  # that connection was gone before it was accepted
            sock.setblocking(False)
            self._counts["accepted"] += 1
            host = str(address[0]) if isinstance(address, tuple) else ""
            if self._max_per_peer is not None and self._per_peer.get(host, 0) >= self._max_per_peer:
                self._counts["refused"] += 1
                sock.close()
                continue
            self._per_peer[host] = self._per_peer.get(host, 0) + 1
            task = self._loop.create_task(self._serve(sock, host), context=contextvars.Context())
            if not task.done():  # eager tasks (Python 3.12) have begun by now, or even ended
                self._tasks.setdefault(task, None)

    def _exhausted(self, error: OSError) -> None:
        # Without a pause the loop would spin: the listener stays readable.
        assert self._loop is not None
        self._counts["exhausted"] += 1
        self._stop_accepting()
        if self._retry is None:
            _logger.warning("accepting paused: %s", error.strerror)
            self._retry = self._loop.call_later(_EXHAUSTED_PAUSE, self._resume)

    def _resume(self) -> None:
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        self._start_accepting()

    # ---- serving

    async def _serve(self, sock: socket.socket, host: str) -> None:
        task = asyncio.current_task()
        assert task is not None
        stream = Stream()
        try:
            try:
                if sock.family != socket.AF_UNIX:
                    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                stream._attach(sock)
                stream._peer = stream._peer or self._path  # peers of Unix sockets have no name
                self._tasks[task] = stream
                if self._context is not None or self._proxy_protocol:
                    async with asyncio.timeout(self._handshake_timeout):
                        await self._introduce(stream)
            except (OSError, AsyncNetError) as error:
                self._counts["failed_handshakes"] += 1
                _logger.info("%s: not served: %s", stream._peer or host, error or type(error).__name__)
                stream.abort()
                return
            await self._handle(stream)
        except BaseException:
            stream.abort()
            sock.close()
            raise
        finally:
            self._forget(task, host)

    async def _introduce(self, stream: Stream) -> None:
        """What comes before the handler: the load balancer's word on the peer, then TLS."""
        if self._proxy_protocol:
            await stream._read_proxy_header()
        if self._context is not None:
            await stream._secure(self._context, server_side=True, server_hostname=None)

    async def _handle(self, stream: Stream) -> None:
        stream._state = "open"
        assert stream._wire is not None
        stream._wire.watch_idle(self._idle_timeout)
        try:
            await self._handler(stream)
        except Exception as error:
            self._counts["failed_handlers"] += 1
            _logger.error("%s: the handler failed: %s", stream._peer, error or type(error).__name__, exc_info=error)
            stream.abort()
        else:
            await self._finish(stream)

    async def _finish(self, stream: Stream) -> None:
        """Close without losing what was sent: a socket closed with bytes unread resets the connection."""
        wire = stream._wire
        if stream._state == "open" and wire is not None and not wire.eof:
            with contextlib.suppress(AsyncNetError, TimeoutError):
                await stream.send_eof()
                async with asyncio.timeout(_LINGER):
                    while await stream.receive():
                        pass
            wire.eof = True  # that was time enough: closing does not wait for it once more
        await stream.close()

    def _forget(self, task: asyncio.Task[None], host: str) -> None:
        self._tasks.pop(task, None)
        left = self._per_peer.get(host, 0) - 1
        if left > 0:
            self._per_peer[host] = left
        else:
            self._per_peer.pop(host, None)
        if not self._accepting and self._state == "open":
            self._resume()


def _identity(path: str) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_dev, status.st_ino

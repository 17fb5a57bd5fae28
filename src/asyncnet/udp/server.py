"""The UDP server: datagrams from anybody, to a handler or to who iterates."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ..core.address import Endpoint, check_host, check_port, parse_literal
from ..core.listen import check_listen
from ..core.operation import Operation, Timeout, check_timeout
from ..core.serving import serve_until
from ..errors import AsyncNetError, ConnectError
from .channel import QUEUE, QUEUE_BYTES, RECEIVE_BUFFER, Channel, check_count
from .datagram import Buffer, Datagram, Stats, check_data
from .handlers import Handler, Handlers
from .inbox import Inbox, OpenInbox, Overflow
from .multicast import Memberships, check_group, check_hops, check_interface, set_hops
from .outbox import FAIR_SENDS, Outbox
from .sockets import bind_sockets, family_of, socket_address

__all__ = ["Server"]
_ROUTES = 4_096  # peers whose socket and address are remembered


class Server(Channel[Datagram]):
    """Receives datagrams from anybody: runs ``handler(datagram)`` for each, or is iterated over.

    It answers whoever wrote to it, and a sender can write any address: what it
    sends back should not be much larger than what it got.

    Args:
        handler: ``async def handler(datagram) -> bytes | None``; what it returns
            is sent to the datagram's peer. What it raises is logged once, with the
            peer, and ends nothing else. ``None`` to iterate or call `receive`.
        host: the address or name to bind; ``None`` for every interface.
        port: 0 lets the system choose, see `port`.
        concurrency: handlers at once; at so many, datagrams wait in the queue.
        queue: datagrams that are held until they are received or handled.
        queue_bytes: and the bytes of them.
        on_overflow: what to do when either is full: ``"drop-oldest"``,
            ``"drop-newest"``, or ``"pause"`` to leave what comes to the kernel,
            which drops the newest when its own buffer is full.
        multicast: groups to receive. With ``host`` an address of ours, they are
            received on its interface (``"127.0.0.1"``: from this machine only);
            a single group is then all that is received.
        interface: an own address (IPv4) or the name of the interface for multicast
            that comes and goes; ``None`` for that of ``host``.
        ttl: routers that what is sent may pass; ``None`` for the system's default, which is 1 for multicast.
        broadcast: allow sending to broadcast addresses.
        reuse_port: let several processes receive on the same port, the kernel spreading the peers over them.
        family: ``socket.AF_INET`` or ``AF_INET6`` only; ``None`` for both.
        receive_buffer: bytes that the kernel is asked to hold; ``None`` for the system's default.
        timeout: seconds for opening and for each send and receive, ``None`` for no
            limit; not given: 30 for opening and sending, no limit for receiving.

    Example:
        ```python
        async with asyncnet.udp.Server() as server:
            async for datagram in server:
                await server.send(datagram.data.upper(), datagram.peer)
        ```
    """

    __slots__ = (
        "_broadcast", "_concurrency", "_ended", "_family", "_handler", "_handlers", "_host", "_memberships",
        "_reuse_port", "_routes", "_ttl", "_wanted_port",
    )  # fmt: skip

    def __init__(
        self,
        handler: Handler | None = None,
        host: str | None = "127.0.0.1",
        port: int = 0,
        *,
        concurrency: int = 100,
        queue: int = QUEUE,
        queue_bytes: int = QUEUE_BYTES,
        on_overflow: Overflow = "drop-oldest",
        multicast: str | Sequence[str] | None = None,
        interface: str | None = None,
        ttl: int | None = None,
        broadcast: bool = False,
        reuse_port: bool = False,
        family: socket.AddressFamily | int | None = None,
        receive_buffer: int | None = RECEIVE_BUFFER,
        timeout: Timeout = ...,
    ) -> None:
        if handler is not None and not callable(handler):
            raise TypeError("handler must be an async function that takes a datagram, or None")
        if family not in (None, socket.AF_INET, socket.AF_INET6):
            raise ValueError("family must be socket.AF_INET, socket.AF_INET6 or None")
        if reuse_port and not hasattr(socket, "SO_REUSEPORT"):
            raise ValueError("this system cannot share a port: it has no SO_REUSEPORT")
        super().__init__(
            peer=check_listen(host, port, None),
            timeout=timeout,
            queue=queue,
            queue_bytes=queue_bytes,
            on_overflow=on_overflow,
            receive_buffer=receive_buffer,
        )
        self._handler = handler
        self._host = None if host is None else check_host(host)
        self._wanted_port = port
        self._concurrency = check_count(concurrency, "concurrency")
        self._memberships = Memberships(self._host, multicast, interface)
        self._ttl = check_hops(ttl)
        self._broadcast, self._reuse_port, self._family = broadcast, reuse_port, family
        self._handlers: Handlers | None = None
        self._routes: dict[Any, tuple[Outbox, Any]] = {}
        self._ended: asyncio.Future[None] | None = None

    # ---- life

    async def _open(self, operation: Operation) -> None:
        operation.phase = "bind"
        self._ended = operation.loop.create_future()
        with self._explaining_multicast("open"):
            self._sockets = await bind_sockets(
                operation,
                self._memberships.bound_host(),
                self._wanted_port,
                family=self._family,
                reuse_port=self._reuse_port,
                reuse_address=self._memberships.wanted,
                receive_buffer=self._receive_buffer,
                broadcast=self._broadcast,
            )
            for sock in self._sockets:
                if self._ttl is not None:
                    set_hops(sock, self._ttl)
                self._memberships.begin(sock)
        self._inbox = inbox = OpenInbox(operation.loop, self._queue, self._queue_bytes, self._overflow)
        if self._handler is None:
            self._pop = inbox.pop
        else:
            self._handlers = Handlers(operation.loop, inbox, self._handler, self._concurrency, self.send)
        self._outboxes = {sock.family: Outbox(operation.loop, sock) for sock in self._sockets}
        for sock in self._sockets:
            inbox.watch(sock)

    async def close(self, grace: float | None = 10.0) -> None:
        """Stop receiving, let handlers finish what came, then cancel them.  Idempotent.

        Args:
            grace: seconds for the handlers to finish by themselves; ``None`` waits for all of them.
        """
        grace = check_timeout(grace, "grace")
        if self._state != "open" or self._inbox is None:
            await super().close()
            return
        self._check_loop("close")
        self._state = "closing"
        self._closing = asyncio.get_running_loop().create_future()
        try:
            self._inbox.stop()
            if self._handlers is not None:
                await self._handlers.drain(grace)
        finally:
            self.abort()
            self._closing.set_result(None)

    def _drop(self) -> None:
        super()._drop()
        loop = self._loop
        if loop is None or loop.is_closed():
            return
        if self._handlers is not None:
            self._handlers.cancel()
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)

    async def serve_forever(self, *, signals: bool = False) -> None:
        """Serve until the server is closed; return at once if it has been.

        Args:
            signals: on SIGINT or SIGTERM close with the default grace, then return.
        """
        if self._ended is None:
            raise self._unusable("serve_forever")
        if self.closed:
            return
        self._check_loop("serve_forever")
        await serve_until(self._ended, self.close, signals=signals)

    # ---- sending

    async def send(self, data: Buffer, peer: Endpoint | tuple[str, int], *, timeout: Timeout = ...) -> None:
        """Send one datagram; wait while the socket's buffer is full.

        Args:
            data: 0 to 65,507 bytes.
            peer: a datagram's ``peer``, or any ``(address, port)``; names are not resolved here.
            timeout: seconds to wait for room.

        Raises:
            ConnectError: there is no route to that peer, or sending there is not permitted.
            OperationTimeout: the network took no more; it was not sent.
            StateError: closed or not open.
            ValueError: the peer is no address, or of a family that the server is not bound to.
        """
        data = check_data(data)
        if timeout is not ...:
            check_timeout(timeout)
        outbox, address = self._route(peer, "send")
        try:
            if not outbox.waiters and outbox.try_send(data, address):
                if not outbox.sent % FAIR_SENDS:
                    await asyncio.sleep(0)
                return
        except OSError as error:
            raise self._not_sent(error, "send", _text(peer)) from error
        await self._bounded(self._limit(timeout, self._timeout), outbox.send(data, address), "send", _text(peer))

    async def send_many(
        self,
        payloads: Iterable[Buffer] | Buffer,
        peer: Endpoint | tuple[str, int],
        *,
        size: int | None = None,
        timeout: Timeout = ...,
    ) -> int:
        """Send many datagrams to one peer in as few system calls as the kernel allows.

        Args:
            payloads: each 0 to 65,507 bytes, taken lazily, so it may be endless; or one buffer, see ``size``.
            peer: as for `send`.
            size: cut one buffer into datagrams of so many bytes: nothing is copied.
            timeout: seconds for all of them.

        Returns:
            How many were sent.

        Raises:
            ConnectError, OperationTimeout, StateError, ValueError: as for `send`.
        """
        outbox, address = self._route(peer, "send_many")
        before = outbox.sent
        limit = self._limit(timeout, self._timeout)
        await self._bounded(limit, outbox.send_many(payloads, size, address), "send_many", _text(peer))
        return outbox.sent - before

    def _route(self, peer: Endpoint | tuple[str, int], operation: str) -> tuple[Outbox, Any]:
        """The socket and the address for a peer, checked once and then remembered."""
        if self._inbox is None or self._state not in ("open", "closing"):
            raise self._unusable(operation)
        self._check_loop(operation)
        route = self._routes.get(peer)
        if route is None:
            address = _check_address(peer)
            outbox = self._outboxes.get(family_of(address.host))
            if outbox is None:
                raise ValueError(f"the server is bound to {self._where()} and cannot send to {address}")
            if len(self._routes) >= _ROUTES:
                self._routes.clear()
            try:
                route = self._routes[peer] = (outbox, socket_address(*address))
            except OSError as error:
                raise self._not_sent(error, operation, str(address)) from error
        return route

    # ---- multicast

    def join(self, group: str, *, interface: str | None = None) -> None:
        """Receive what is sent to a multicast group.

        Args:
            group: an address in 224.0.0.0/4 or ff00::/8. The server must be bound to
                every interface (``host=None``) or to the group itself.
            interface: an own address (IPv4) or the name of the interface; ``None`` for the server's own.

        Raises:
            ConnectError: there is no such interface, or it cannot do that.
        """
        self._change(group, interface, "join")

    def leave(self, group: str, *, interface: str | None = None) -> None:
        """Receive a group no more; the arguments are those of `join`."""
        self._change(group, interface, "leave")

    def _change(self, group: str, interface: str | None, what: str) -> None:
        address, interface = check_group(group), check_interface(interface)
        if self._state != "open":
            raise self._unusable(what)
        family = family_of(str(address))
        sockets = [sock for sock in self._sockets if sock.family == family]
        if not sockets:
            raise ValueError(f"the server is bound to {self._where()} and cannot {what} {group}")
        with self._explaining_multicast(what, interface):
            self._memberships.change(sockets[0], address, interface, join=what == "join")

    @contextlib.contextmanager
    def _explaining_multicast(self, operation: str, interface: str | None = None) -> Iterator[None]:
        try:
            yield
        except AsyncNetError:
            raise
        except OSError as error:
            interface = interface or self._memberships.interface
            where = f"interface {interface}" if interface else "the system's choice of interface"
            failure = ConnectError(f"multicast on {where}: {error.strerror or error}")
            failure.errno = error.errno
            raise self._explained(failure, operation, None, "bind") from error

    # ---- facts

    @property
    def addresses(self) -> tuple[Endpoint, ...]:
        """Where the server receives; empty when it is not open."""
        return tuple(Endpoint.from_sockaddr(sock.getsockname()) for sock in self._sockets)

    @property
    def port(self) -> int:
        """The port the server receives on.

        Raises:
            StateError: it is not open.
        """
        if not self._sockets:
            raise self._unusable("port")
        return self.addresses[0].port

    @property
    def stats(self) -> Stats:
        """Counts so far."""
        handlers = self._handlers
        if handlers is None:
            return self._count()
        return self._count(
            active=handlers.active, failed_handlers=handlers.failed, failed_replies=handlers.failed_replies
        )

    def _where(self) -> str:
        return ", ".join(map(str, self.addresses)) or str(self._peer)

    def _readable(self, operation: str) -> Inbox[Datagram]:
        if self._handler is not None:
            raise self._misused("the handler receives what comes to this server", operation)
        return super()._readable(operation)


def _check_address(peer: object) -> Endpoint:
    if not isinstance(peer, tuple) or len(peer) != 2:
        raise TypeError(f"peer must be a datagram's peer or (address, port), not {peer!r}")
    host, port = check_host(peer[0], "the peer's host"), check_port(peer[1], "the peer's port")
    if parse_literal(host) is None:
        raise ValueError(f"peer must be an IP address, not the name {host!r}")
    if port == 0:
        raise ValueError("port 0 cannot be sent to")
    return Endpoint(host, port)


def _text(peer: Endpoint | tuple[str, int]) -> str:
    return str(Endpoint(*peer))

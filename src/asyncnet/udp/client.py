"""The UDP client: datagrams to and from one peer."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable

from ..core.address import Endpoint
from ..core.dialer import Dialer, current_dialer
from ..core.operation import Operation, Timeout, check_timeout
from ..core.target import LocalAddress, check_local_address, check_target
from .channel import QUEUE, QUEUE_BYTES, RECEIVE_BUFFER, Channel
from .datagram import MAX_DATAGRAM, Buffer, check_data
from .inbox import Overflow, PeerInbox
from .multicast import check_hops, check_interface, set_hops, set_interface
from .outbox import FAIR_SENDS, Outbox
from .sockets import connect_any, set_options

__all__ = ["Client", "check_peer"]


def check_peer(host: object, port: object) -> str:
    """Check whom to send to before any I/O; return it as errors name it."""
    peer = check_target(host, port)
    if port == 0:
        raise ValueError("port 0 cannot be sent to")
    return peer


class Client(Channel[bytes]):
    """Sends datagrams to one peer, and receives what this peer sends.

    The socket is connected: the kernel drops what anybody else sends to it, and
    reports when the peer's machine refuses what was sent. A name is resolved once.

    One task may receive and several may send at the same time.

    Args:
        host: a name or an address; of a name, the first address that there is a route to.
        port: 1 to 65535.
        local_address: ``(host, port)`` to bind before connecting.
        timeout: seconds for opening and for each send and receive, ``None`` for no
            limit; not given: 30 for opening and sending, no limit for receiving.
        queue: datagrams that are held until they are received.
        queue_bytes: and the bytes of them.
        on_overflow: what to do when either is full: ``"drop-oldest"``,
            ``"drop-newest"``, or ``"pause"`` to leave what comes to the kernel,
            which drops the newest when its own buffer is full.
        receive_buffer: bytes that the kernel is asked to hold; ``None`` for the system's default.
        broadcast: allow ``host`` to be a broadcast address.
        ttl: routers that a datagram may pass; ``None`` for the system's default, which is 1 for multicast.
        interface: an own address (IPv4) or the name of the interface that multicast leaves by.
        dialer: who resolves and judges the address; ``None`` for the current one.

    Raises on opening:
        ResolveError, ConnectError, ForbiddenAddress, OperationTimeout.

    Example:
        ```python
        async with asyncnet.udp.Client("127.0.0.1", server.port) as udp:
            await udp.send(b"ping")
            print(await udp.receive(timeout=5))
        ```
    """

    __slots__ = ("_broadcast", "_dialer", "_interface", "_local_address", "_outbox", "_remote", "_target", "_ttl")

    def __init__(
        self,
        host: str,
        port: int,
        *,
        local_address: LocalAddress | None = None,
        timeout: Timeout = ...,
        queue: int = QUEUE,
        queue_bytes: int = QUEUE_BYTES,
        on_overflow: Overflow = "drop-oldest",
        receive_buffer: int | None = RECEIVE_BUFFER,
        broadcast: bool = False,
        ttl: int | None = None,
        interface: str | None = None,
        dialer: Dialer | None = None,
    ) -> None:
        super().__init__(
            peer=check_peer(host, port),
            timeout=timeout,
            queue=queue,
            queue_bytes=queue_bytes,
            on_overflow=on_overflow,
            receive_buffer=receive_buffer,
        )
        self._target = (host, port)
        self._local_address = check_local_address(local_address)
        self._broadcast = broadcast
        self._ttl = check_hops(ttl)
        self._interface = check_interface(interface)
        self._dialer = dialer
        self._remote: Endpoint | None = None
        self._outbox: Outbox | None = None

    async def _open(self, operation: Operation) -> None:
        dialer = self._dialer or current_dialer()
        endpoints = await dialer.targets(operation, *self._target)
        with operation.span("connect") as span:
            sock, self._remote, early = connect_any(
                operation,
                endpoints,
                local_address=self._local_address or dialer.local_address,
                prepare=self._prepare,
            )
            span.attributes["address"] = str(self._remote)
        self._sockets = [sock]  # from here on it is closed with this client
        self._outbox = Outbox(operation.loop, sock)
        self._outboxes = {sock.family: self._outbox}
        self._inbox = inbox = PeerInbox(operation.loop, self._queue, self._queue_bytes, self._overflow)
        inbox.preload(early)
        inbox.watch(sock)
        self._pop = inbox.pop

    # ---- sending

    async def send(self, data: Buffer, *, timeout: Timeout = ...) -> None:
        """Send one datagram; wait while the socket's buffer is full.

        That it was sent does not say that it arrives.

        Args:
            data: 0 to 65,507 bytes. What is longer than the path's packets (some
                1,450 bytes on most networks) travels in pieces, and is lost with any of them.
            timeout: seconds to wait for room.

        Raises:
            ConnectError, ConnectionLost: the network says that the peer cannot be
                reached, in answer to what was sent before; this datagram was not sent.
            OperationTimeout: the network took no more; it was not sent.
            StateError: closed or not open.
        """
        if type(data) is not bytes or len(data) > MAX_DATAGRAM:
            data = check_data(data)
        if timeout is not ...:
            check_timeout(timeout)
        outbox = self._writable("send")
        try:
            if not outbox.waiters and outbox.try_send(data):
                if not outbox.sent % FAIR_SENDS:
                    await asyncio.sleep(0)
                return
        except OSError as error:
            raise self._not_sent(error, "send", None) from error
        await self._bounded(self._limit(timeout, self._timeout), outbox.send(data), "send", None)

    async def send_many(
        self, payloads: Iterable[Buffer] | Buffer, *, size: int | None = None, timeout: Timeout = ...
    ) -> int:
        """Send many datagrams in as few system calls as the kernel allows.

        Where it segments by itself (Linux), datagrams of one size that follow
        each other go in one call. A network card may send such a run back to
        back: slow links lose less with `send`.

        Args:
            payloads: each 0 to 65,507 bytes, taken lazily, so it may be endless; or one buffer, see ``size``.
            size: cut one buffer into datagrams of so many bytes: nothing is copied, which is the fastest way.
            timeout: seconds for all of them.

        Returns:
            How many were sent.

        Raises:
            ConnectError, ConnectionLost, OperationTimeout, StateError: as for
                `send`; ``stats.sent`` tells how many went before.
        """
        outbox = self._writable("send_many")
        before = outbox.sent
        await self._bounded(self._limit(timeout, self._timeout), outbox.send_many(payloads, size), "send_many", None)
        return outbox.sent - before

    # ---- facts

    @property
    def peer(self) -> Endpoint | None:
        """The address that was chosen; ``None`` before it is open."""
        return self._remote

    @property
    def local(self) -> Endpoint | None:
        """The own address; ``None`` before it is open and after it was closed."""
        return Endpoint.from_sockaddr(self._sockets[0].getsockname()) if self._sockets else None

    # ---- inside

    def _prepare(self, sock: socket.socket) -> None:
        set_options(sock, self._receive_buffer, self._broadcast)
        if self._ttl is not None:
            set_hops(sock, self._ttl)
        if self._interface is not None:
            set_interface(sock, self._interface)

    def _writable(self, operation: str) -> Outbox:
        inbox, outbox = self._inbox, self._outbox
        if inbox is None or outbox is None or self._state != "open":
            raise self._unusable(operation)
        if asyncio.get_running_loop() is not self._loop:
            self._check_loop(operation)
        if inbox.failure is not None:
            self._report(inbox, operation)
        return outbox

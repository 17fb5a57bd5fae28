"""A link that delays, throttles, loses, cuts and stalls what goes over it.

A relay in user space, on loopback, in a thread of its own: TCP and UDP on the
same port.  What it does by chance it does from a seed, so that a failure can be seen again.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from typing import Any, ClassVar, Literal

from .server import StreamServer
from .sockets import drop, family_of, flush, listen, listen_both, reset

__all__ = ["FaultyLink"]

_CHUNK = 1 << 16  # bytes read at once
_IN_FLIGHT = 256  # chunks that a connection may have under way in one direction

#: Which way a fault works: towards the client, towards the target, or both.
Way = Literal["down", "up", "both"]


class _Lane:
    """One direction of the link: its timing, shared by all connections, and its counters."""

    def __init__(self, link: FaultyLink, name: str) -> None:
        self._link = link
        self._random = random.Random(f"{link.seed} {name}")
        self._free_at = 0.0
        self._name = name
        self.bytes = 0
        self.datagrams = 0
        self.lost = 0

    @property
    def faulty(self) -> bool:
        """Whether the faults at a byte work this way."""
        return self._link.way in (self._name, "both")

    def due(self, size: int) -> float:
        """When that many bytes arrive that are put on the link now, by the loop's clock."""
        link, now = self._link, asyncio.get_running_loop().time()
        if link.bandwidth:
            self._free_at = max(self._free_at, now) + size / link.bandwidth
        else:
            self._free_at = now
        jitter = self._random.uniform(0.0, link.jitter) if link.jitter else 0.0
        return self._free_at + link.latency + jitter

    def loses(self) -> bool:
        """Whether the next datagram gets lost."""
        return self._link.stalled or (self._link.loss > 0 and self._random.random() < self._link.loss)


class FaultyLink(StreamServer):
    """A relay to another server, with faults that can be changed while it runs.

    Attributes:
        latency: seconds that everything takes, in each direction.
        jitter: seconds more at most, by chance; TCP stays in order, datagrams need not.
        bandwidth: bytes a second in each direction, over all connections; ``None`` is unlimited.
        loss: share of the datagrams lost, 0.0 to 1.0.
        fragment: the largest piece in bytes that TCP is passed on in; ``None`` as it comes.
        gap: seconds between two such pieces; without one a busy receiver finds several joined.
        reset_at: after how many bytes each connection is reset.
        truncate_at: after how many bytes each connection is closed.
        stall_at: after how many bytes nothing more is passed on, until `heal`.
        way: the direction in which those bytes are counted: ``"down"`` to the client, ``"up"`` or ``"both"``.

    Example:
        ```python
        with testing.FaultyLink(*server.address, latency=0.01, reset_at=4) as link:
            async with asyncnet.tcp.Client(*link.address) as stream:
                await stream.send(b"12345678")
                try:
                    await stream.receive_exactly(8)
                except asyncnet.ConnectionLost as error:
                    print(error)
        ```
    """

    _name: ClassVar[str] = "link"

    def __init__(
        self,
        target_host: str,
        target_port: int,
        *,
        latency: float = 0.0,
        jitter: float = 0.0,
        bandwidth: float | None = None,
        loss: float = 0.0,
        fragment: int | None = None,
        gap: float = 0.0,
        reset_at: int | None = None,
        truncate_at: int | None = None,
        stall_at: int | None = None,
        way: Way = "down",
        seed: int = 0,
        max_peers: int = 1000,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        """Store the faults.

        Args:
            target_host: the address of the server behind the link.
            target_port: its port.
            latency: seconds in each direction.
            jitter: seconds more at most, by chance.
            bandwidth: bytes a second in each direction; ``None`` is unlimited.
            loss: share of the datagrams lost.
            fragment: the largest piece of a TCP stream in bytes; ``None`` as it comes.
            gap: seconds between two such pieces.
            reset_at: bytes after which a connection is reset; ``None`` is never.
            truncate_at: bytes after which a connection is closed; ``None`` is never.
            stall_at: bytes after which a connection stalls; ``None`` is never.
            way: the direction in which these bytes are counted.
            seed: what chance starts from.
            max_peers: UDP clients remembered at a time; the oldest is forgotten first.
            host: the address to bind.
            port: the port to bind, 0 for a free one.
        """
        super().__init__(host=host, port=port)
        self.target = (target_host, target_port)
        self.latency, self.jitter, self.bandwidth, self.loss = latency, jitter, bandwidth, loss
        self.fragment, self.gap, self.way, self.seed = fragment, gap, way, seed
        self.reset_at, self.truncate_at, self.stall_at = reset_at, truncate_at, stall_at
        self.stalled = False
        self._max_peers = max_peers
        self._up, self._down = _Lane(self, "up"), _Lane(self, "down")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._flowing = asyncio.Event()
        self._healed = asyncio.Event()
        self._udp: socket.socket | None = None
        self._peers: dict[Any, socket.socket] = {}

    # -- what it did, and what it is told ------------------------------------

    @property
    def bytes_up(self) -> int:
        """Bytes passed on to the target, TCP and UDP."""
        return self._up.bytes

    @property
    def bytes_down(self) -> int:
        """Bytes passed on to clients, TCP and UDP."""
        return self._down.bytes

    @property
    def datagrams_up(self) -> int:
        """Datagrams passed on to the target."""
        return self._up.datagrams

    @property
    def datagrams_down(self) -> int:
        """Datagrams passed on to clients."""
        return self._down.datagrams

    @property
    def datagrams_lost(self) -> int:
        """Datagrams lost in both directions."""
        return self._up.lost + self._down.lost

    def stall(self) -> None:
        """Pass nothing on from now until `heal`: TCP waits, datagrams get lost."""
        self.stalled = True
        self._call(self._flowing.clear)

    def heal(self) -> None:
        """Be a good link from now on: no fault is left, what stalled flows again."""
        self.latency = self.jitter = self.loss = 0.0
        self.bandwidth = self.fragment = self.reset_at = self.truncate_at = self.stall_at = None
        self.stalled = False
        self._call(self._heal)

    def _heal(self) -> None:
        self._flowing.set()
        self._healed.set()
        self._healed = asyncio.Event()  # a fault set later has to be healed anew

    def _call(self, callback: Any) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # it has been closed
                self._loop.call_soon_threadsafe(callback)

    # -- sockets ------------------------------------------------------------

    async def _start(self) -> None:
        loop = self._loop = asyncio.get_running_loop()
        if not self.stalled:
            self._flowing.set()
        listener, udp = listen_both(self.host, self.port)
        self.port = udp.getsockname()[1]
        self._udp = udp
        self._sockets.add(udp)
        loop.add_reader(udp, self._from_client, udp)
        self._serve_on(listener)

    async def _shut(self) -> None:
        loop = asyncio.get_running_loop()
        for sock in [*self._peers.values(), *([self._udp] if self._udp else [])]:
            loop.remove_reader(sock)
        self._peers.clear()
        self._udp = self._loop = None
        await super()._shut()

    # -- TCP ----------------------------------------------------------------

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        sock = socket.socket(family_of(self.target[0]), socket.SOCK_STREAM)
        self._sockets.add(sock)
        try:
            target_reader, target_writer = await _connect(sock, self.target)
        except BaseException as error:
            sock.close()
            reset(writer)
            self._sockets.discard(sock)
            if isinstance(error, OSError):
                return
            raise  # the link is closed meanwhile
        up = self._spawn(self._pump(reader, target_writer, self._up))
        down = self._spawn(self._pump(target_reader, writer, self._down))
        try:
            await asyncio.wait({up, down}, return_when=asyncio.FIRST_EXCEPTION)
            if any(task.done() and not task.cancelled() and task.exception() for task in (up, down)):
                # One side vanished or a fault struck: the other side is to see it, too.
                reset(writer)
                reset(target_writer)
        finally:
            up.cancel()
            down.cancel()
            # Before anything is awaited: closing the link may cancel this a second time.
            drop(target_writer)
            self._sockets.discard(sock)
            await asyncio.wait({up, down})

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, lane: _Lane) -> None:
        """Pass one direction on until its end; raises where the connection was reset or is to be."""
        queue: asyncio.Queue[tuple[float, bytes | None]] = asyncio.Queue(_IN_FLIGHT)
        reading = self._spawn(_read(reader, queue, lane))
        loop, passed, going = asyncio.get_running_loop(), 0, True
        try:
            while going:
                due, data = await queue.get()
                if (wait := due - loop.time()) > 0:
                    await asyncio.sleep(wait)
                if data is None:
                    raise ConnectionResetError
                if data:
                    passed, going = await self._pass_on(data, passed, writer, lane)
                else:
                    await self._flowing.wait()
                    going = False
            # After a truncation, too, the other direction goes on until the client has closed.
            writer.write_eof()
        finally:
            reading.cancel()

    async def _pass_on(self, data: bytes, passed: int, writer: asyncio.StreamWriter, lane: _Lane) -> tuple[int, bool]:
        """Pass a piece on; returns how much this connection has had, and whether it goes on."""
        while data:
            await self._flowing.wait()
            end = self._end(lane)
            piece = data[: self.fragment] if self.fragment else data
            if end is not None:
                piece = piece[: max(0, end - passed)]
            if piece:
                lane.bytes += len(piece)  # before it goes out: who has got it finds it counted
                passed += len(piece)
                writer.write(piece)
                await writer.drain()
                data = data[len(piece) :]
                self._signal.notify()
            if end is not None and passed >= end:
                if not await self._survives(end, writer):
                    return passed, False
            elif self.fragment:
                await asyncio.sleep(self.gap)  # at least a turn of the loop, so that the pieces go out one by one
        return passed, True

    def _end(self, lane: _Lane) -> int | None:
        """The first byte at which something is to happen."""
        if not lane.faulty:
            return None
        return min((at for at in (self.reset_at, self.truncate_at, self.stall_at) if at is not None), default=None)

    async def _survives(self, at: int, writer: asyncio.StreamWriter) -> bool:
        """Do what is to be done at this byte; returns whether the connection goes on."""
        await flush(writer)
        if at == self.reset_at:
            raise ConnectionResetError
        if at == self.truncate_at:
            return False
        await self._healed.wait()
        return True

    # -- UDP ----------------------------------------------------------------

    def _from_client(self, udp: socket.socket) -> None:
        for data, peer in _drain(udp):
            sock = self._peers.get(peer) or self._new_peer(peer, udp)
            self._forward(data, self._up, sock, None)

    def _new_peer(self, peer: Any, udp: socket.socket) -> socket.socket:
        loop = asyncio.get_running_loop()
        if len(self._peers) >= self._max_peers:
            old = self._peers.pop(next(iter(self._peers)))
            loop.remove_reader(old)
            self._sockets.discard(old)
            old.close()
        sock = listen(self.host, 0, socket.SOCK_DGRAM)
        sock.connect(self.target)
        self._peers[peer] = sock
        self._sockets.add(sock)
        loop.add_reader(sock, self._from_target, sock, peer, udp)
        return sock

    def _from_target(self, sock: socket.socket, peer: Any, udp: socket.socket) -> None:
        for data, _ in _drain(sock):
            self._forward(data, self._down, udp, peer)

    def _forward(self, data: bytes, lane: _Lane, sock: socket.socket, peer: Any) -> None:
        if lane.loses():
            lane.lost += 1
            self._signal.notify()
            return
        due, loop = lane.due(len(data)), asyncio.get_running_loop()
        if due <= loop.time():
            self._deliver(data, lane, sock, peer)
        else:
            loop.call_at(due, self._deliver, data, lane, sock, peer)

    def _deliver(self, data: bytes, lane: _Lane, sock: socket.socket, peer: Any) -> None:
        lane.bytes += len(data)
        lane.datagrams += 1
        with contextlib.suppress(OSError):  # closed meanwhile, or nobody there: lost, as datagrams get
            if peer is None:
                sock.send(data)
            else:
                sock.sendto(data, peer)
        self._signal.notify()


async def _connect(sock: socket.socket, target: tuple[str, int]) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    await asyncio.get_running_loop().sock_connect(sock, target)
    return await asyncio.open_connection(sock=sock)


async def _read(reader: asyncio.StreamReader, queue: asyncio.Queue[tuple[float, bytes | None]], lane: _Lane) -> None:
    """Put what comes on the link: data, ``b""`` for the end, ``None`` for a reset."""
    last = 0.0
    data: bytes | None = b"?"
    while data:
        try:
            data = await reader.read(_CHUNK)
        except OSError:
            data = None
        last = max(last, lane.due(len(data or b"")))  # TCP never overtakes itself
        await queue.put((last, data))


def _drain(sock: socket.socket) -> list[tuple[bytes, Any]]:
    found = []
    with contextlib.suppress(BlockingIOError, ConnectionError):
        for _ in range(100):
            found.append(sock.recvfrom(65535))
    return found

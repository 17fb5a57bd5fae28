"""What came and was not yet asked for: one bounded queue, filled by draining the sockets.

asyncio's datagram transports take one datagram a loop turn and drop empty ones;
here a wake-up takes what is there, up to a limit that leaves time for others.

A waiter is only a wake-up, data never travels in a future: a receive that is
cancelled after the datagram came finds it in the queue the next time.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections import deque
from collections.abc import Callable
from typing import Any, Generic, Literal, TypeVar

from ..core.address import Endpoint
from .datagram import Datagram
from .segments import split

__all__ = ["Inbox", "OpenInbox", "Overflow", "PeerInbox"]

T = TypeVar("T", bytes, Datagram)

#: What to do with a full queue: drop from its front, drop what is new, or
#: leave what comes to the kernel, whose own buffer then fills and drops what is new.
Overflow = Literal["drop-oldest", "drop-newest", "pause"]

_TURN = 256  # datagrams taken in one loop turn
_TURN_BYTES = 4_194_304  # and bytes
_ERRORS = 4  # errors of the network taken in one turn
_LARGEST = 65_535  # what a message, merged or not, can have
_ENDPOINTS = 4_096  # addresses whose endpoint is remembered

UDP_GRO = 104  # linux/udp.h
_CONTROL_SPACE = 24  # CMSG_SPACE(sizeof(int)): the segment size of a merged message


class Inbox(Generic[T]):
    """The receiving side of one or several sockets.

    Attributes:
        queue: received, not yet taken.
        held: at least the bytes in the queue; counted exactly when a limit is near.
        failure: an error that the network reported and nobody was told of yet.
        ended: nothing more will come.
        on_data: called after each turn that brought something; takes the place of a waiter.
    """

    __slots__ = (
        "_deadline", "_limit", "_limit_bytes", "_loop", "_overflow", "_paused", "_sockets", "_timer", "_waiter",
        "dropped", "ended", "errors", "failure", "held", "on_data", "queue", "received", "received_bytes",
    )  # fmt: skip

    def __init__(self, loop: asyncio.AbstractEventLoop, limit: int, limit_bytes: int, overflow: Overflow) -> None:
        self._loop = loop
        self._limit = limit
        self._limit_bytes = limit_bytes
        self._overflow = overflow
        self._sockets: dict[socket.socket, bool] = {}
        self._paused = False
        self._waiter: asyncio.Future[None] | None = None
        self._deadline: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.queue: deque[T] = deque()
        self.held = 0
        self.received = self.received_bytes = self.dropped = self.errors = 0
        self.failure: OSError | None = None
        self.ended = False
        self.on_data: Callable[[], None] | None = None

    # ---- life

    def watch(self, sock: socket.socket) -> None:
        """Receive from that socket, merged messages too where the system can."""
        merging = False
        if hasattr(sock, "recvmsg"):
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.IPPROTO_UDP, UDP_GRO, 1)
                merging = True
        self._sockets[sock] = merging
        if not self._paused:
            self._loop.add_reader(sock.fileno(), self._drain, sock, merging)

    def stop(self) -> None:
        """Receive nothing more; what is in the queue can still be taken."""
        if not self._paused and not self._loop.is_closed():
            for sock in self._sockets:
                self._loop.remove_reader(sock.fileno())
        self._sockets.clear()

    def end(self) -> None:
        """Receive nothing more, drop what is left, wake who waits."""
        self.stop()
        self.ended = True
        self.dropped += len(self.queue)
        self.queue.clear()
        self.held = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._loop.is_closed():
            self._wake()

    def now(self) -> float:
        """The loop's time, which deadlines are in."""
        return self._loop.time()

    # ---- taking

    @property
    def busy(self) -> bool:
        """Whether somebody waits already."""
        return self._waiter is not None

    async def wait(self, deadline: float | None) -> None:
        """Wait for a datagram, a failure or the end; `TimeoutError` when the deadline passes first.

        One timer serves all waits: one that ends leaves it armed, and when it
        fires too early it is set again for whoever waits then.
        """
        waiter = self._waiter = self._loop.create_future()
        self._deadline = deadline
        if deadline is not None and (self._timer is None or self._timer.when() > deadline):
            self._arm(deadline)
        try:
            await waiter
        finally:
            self._waiter = None

    def take(self) -> T:
        """Take the oldest datagram; `IndexError` if there is none."""
        item = self.queue.popleft()
        if self._paused:
            self._resume()
        return item

    def take_many(self, most: int) -> list[T]:
        """Take up to so many, oldest first."""
        queue = self.queue
        if most >= len(queue):
            items = list(queue)
            queue.clear()
        else:
            items = [queue.popleft() for _ in range(most)]
        if self._paused:
            self._resume()
        return items

    @property
    def pop(self) -> Callable[[], T]:
        """The quickest way to take the oldest; `IndexError` if there is none."""
        return self.take if self._overflow == "pause" else self.queue.popleft

    # ---- filling

    def preload(self, items: list[T]) -> None:
        """Put in what came before the socket was watched."""
        self.queue.extend(items)
        self.held = sum(map(_size, items))
        self.received += len(items)
        self.received_bytes += self.held
        self._trim()

    def _drain(self, sock: socket.socket, merging: bool) -> None:
        queue = self.queue
        before = len(queue)
        if not before:
            self.held = 0
        room, room_bytes = _TURN, _TURN_BYTES
        if self._overflow == "pause":
            room, room_bytes = min(room, self._limit - before), self._limit_bytes - self.held
        held, errors = self.held, self.errors
        for _ in range(_ERRORS):  # an error comes before the datagrams that are there already
            try:
                self._fill(sock, merging, room, room_bytes)
            except (BlockingIOError, InterruptedError):
                pass
            except OSError as error:
                self.errors += 1
                self.failure = error
                continue
            break
        if errors < self.errors or len(queue) == before:
            # Behind an error uvloop calls once and never again, unless the socket is registered anew.
            self._loop.remove_reader(sock.fileno())
            self._loop.add_reader(sock.fileno(), self._drain, sock, merging)
        self.received += len(queue) - before
        self.received_bytes += self.held - held
        if len(queue) >= self._limit or self.held >= self._limit_bytes:
            self._overflowing()
        if self.on_data is None:
            self._wake()
        else:
            self.on_data()

    def _fill(self, sock: socket.socket, merging: bool, room: int, room_bytes: int) -> None:
        """Take so many datagrams, or less if they have so many bytes; raises `BlockingIOError` after the last.

        Those that came merged are taken together, so that it may be up to 63 more.
        """
        raise NotImplementedError

    def _overflowing(self) -> None:
        queue = self.queue
        self.held = sum(map(_size, queue))
        if self._overflow != "pause":
            self._trim()
        elif len(queue) >= self._limit or self.held >= self._limit_bytes:
            self._paused = True
            for sock in self._sockets:
                self._loop.remove_reader(sock.fileno())

    def _trim(self) -> None:
        queue = self.queue
        drop = queue.popleft if self._overflow == "drop-oldest" else queue.pop
        while len(queue) > self._limit or self.held > self._limit_bytes:
            self.held -= _size(drop())
            self.dropped += 1

    def _resume(self) -> None:
        # At half of the limit, so that pausing and resuming do not alternate with each datagram.
        if len(self.queue) > self._limit // 2:
            return
        self.held = sum(map(_size, self.queue))
        if self.held <= self._limit_bytes // 2:
            self._paused = False
            for sock, merging in self._sockets.items():
                self._loop.add_reader(sock.fileno(), self._drain, sock, merging)

    # ---- waking

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _arm(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        waiter, deadline = self._waiter, self._deadline
        if waiter is None or waiter.done() or deadline is None:
            return
        if deadline <= self._loop.time():
            waiter.set_exception(TimeoutError())
        else:
            self._arm(deadline)


class PeerInbox(Inbox[bytes]):
    """Of a connected socket: the kernel lets through only what its one peer sends."""

    __slots__ = ()

    def _fill(self, sock: socket.socket, merging: bool, room: int, room_bytes: int) -> None:
        queue, size = self.queue, 0
        append, receive = queue.append, sock.recv
        receive_message = sock.recvmsg if merging else _no_messages
        most = len(queue) + room
        try:
            while True:
                if not merging:
                    data = receive(_LARGEST)
                    append(data)
                else:
                    data, control, _, _ = receive_message(_LARGEST, _CONTROL_SPACE)
                    if not control:
                        append(data)
                    else:
                        queue.extend(split(data, _segment_size(control, data)))
                size += len(data)
                if size >= room_bytes or len(queue) >= most:
                    break
        finally:
            self.held += size


class OpenInbox(Inbox[Datagram]):
    """Of sockets that receive from anybody."""

    __slots__ = ("_endpoints",)

    def __init__(self, loop: asyncio.AbstractEventLoop, limit: int, limit_bytes: int, overflow: Overflow) -> None:
        super().__init__(loop, limit, limit_bytes, overflow)
        self._endpoints: dict[Any, Endpoint] = {}

    def _fill(self, sock: socket.socket, merging: bool, room: int, room_bytes: int) -> None:
        queue, size = self.queue, 0
        append, receive = queue.append, sock.recvfrom
        receive_message = sock.recvmsg if merging else _no_messages
        most = len(queue) + room
        make, datagram = tuple.__new__, Datagram  # what Datagram() does, without a call in Python for each
        last = peer = None
        control: list[Any] = []
        try:
            while True:
                if merging:
                    data, control, _, address = receive_message(_LARGEST, _CONTROL_SPACE)
                else:
                    data, address = receive(_LARGEST)
                if address != last:
                    peer = self._endpoint(address)
                    last = address
                if not control:
                    append(make(datagram, (data, peer)))
                else:
                    parts = split(data, _segment_size(control, data))
                    queue.extend([make(datagram, (part, peer)) for part in parts])
                size += len(data)
                if size >= room_bytes or len(queue) >= most:
                    break
        finally:
            self.held += size

    def _endpoint(self, address: Any) -> Endpoint:
        peer = self._endpoints.get(address)
        return self._remember(address) if peer is None else peer

    def _remember(self, address: Any) -> Endpoint:
        if len(self._endpoints) >= _ENDPOINTS:
            self._endpoints.clear()  # a flood with invented senders must not fill the memory
        peer = self._endpoints[address] = Endpoint.from_sockaddr(address)
        return peer


def _no_messages(size: int, space: int) -> Any:
    """Stands in where sockets have no recvmsg: on Windows."""
    raise NotImplementedError


def _segment_size(control: list[tuple[int, int, bytes]], data: bytes) -> int:
    for level, kind, value in control:
        if level == socket.IPPROTO_UDP and kind == UDP_GRO and len(value) >= 4:
            return int.from_bytes(value[:4], sys.byteorder)
    return len(data) or 1


def _size(item: bytes | Datagram) -> int:
    return len(item) if type(item) is bytes else len(item[0])  # type: ignore[arg-type]  # a Datagram then

"""What goes out: one datagram, or many in few system calls; a full socket makes the sender wait.

Whether the kernel segments (UDP_SEGMENT) is probed on the socket itself, and what
a route refuses later - EINVAL for segments larger than its MTU, EIO for a device
without checksums - silently falls back to one call each.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
import sys
from collections.abc import Iterable
from typing import Any

from .datagram import MAX_DATAGRAM, Buffer
from .segments import runs

__all__ = ["FAIR_SENDS", "Outbox"]

UDP_SEGMENT = 103  # linux/udp.h
_NO_SEGMENTS = {errno.EINVAL, errno.EIO, errno.ENOPROTOOPT, errno.EOPNOTSUPP, errno.EMSGSIZE}
FAIR_SENDS = 64  # after so many sends others have their turn, though the kernel has room
_FAIR_DATAGRAMS = 1_024  # the same where many go at once
_PAUSE = 0.001  # seconds until the next try where a full device (ENOBUFS) cannot be waited for


class Outbox:
    """The sending side of one socket.

    Attributes:
        sent: datagrams given to the kernel.
        sent_bytes: and their bytes.
        waiters: who waits for the kernel to have room.
        max_segment: the largest size of datagrams that are sent as segments of one message; 0 for none.
    """

    __slots__ = ("_device_full", "_loop", "_sock", "max_segment", "sent", "sent_bytes", "waiters")

    def __init__(self, loop: asyncio.AbstractEventLoop, sock: socket.socket) -> None:
        self._loop = loop
        self._sock = sock
        self.waiters: list[asyncio.Future[None]] = []
        self._device_full = False
        self.sent = 0
        self.sent_bytes = 0
        self.max_segment = MAX_DATAGRAM if _can_segment(sock) else 0

    def close(self) -> None:
        """Wake who waits; each finds the socket closed.  To be called before the socket is closed."""
        if self.waiters and not self._loop.is_closed():
            self._loop.remove_writer(self._sock.fileno())
            self._wake()

    def try_send(self, data: Buffer, address: Any = None) -> bool:
        """Give one datagram to the kernel; ``False`` if it has no room. Raises `OSError`."""
        try:
            if address is None:
                self._sock.send(data)
            else:
                self._sock.sendto(data, address)
        except OSError as error:
            if not self._is_full(error):
                raise
            return False
        self.sent += 1
        self.sent_bytes += len(data)
        return True

    async def send(self, data: Buffer, address: Any = None) -> None:
        """Wait for room, then give one datagram to the kernel. Raises `OSError`."""
        await self._room()
        while not self.try_send(data, address):
            await self._room()

    async def send_many(
        self, payloads: Iterable[Buffer] | Buffer, size: int | None = None, address: Any = None
    ) -> None:
        """Give many to the kernel, in order; `sent` tells how many went when one of them fails."""
        if self.waiters:
            await self._room()
        streak = last = 0
        control: list[tuple[int, int, bytes]] = []
        for message, segment, count in runs(payloads, size):
            if segment != last:
                control = [(socket.IPPROTO_UDP, UDP_SEGMENT, struct.pack("=H", segment))]
                last = segment
            while count > 1 and segment <= self.max_segment:
                try:
                    self._sock.sendmsg((message,), control, 0, address)
                except OSError as error:
                    if self._is_full(error):
                        await self._room()
                    else:
                        self._segments_refused(error, segment)
                else:
                    self.sent += count
                    self.sent_bytes += len(message)
                    break
            else:
                await self._send_apart(message, segment, address)
            streak += count
            if streak >= _FAIR_DATAGRAMS:
                streak = 0
                await asyncio.sleep(0)

    # ---- inside

    async def _send_apart(self, message: bytes | memoryview, size: int, address: Any) -> None:
        for start in range(0, len(message) or 1, size or 1):  # an empty one is one, too
            data = message[start : start + size]
            while not self.try_send(data, address):
                await self._room()

    def _segments_refused(self, error: OSError, size: int) -> None:
        """Send smaller ones only, or none, as segments; any other error is raised again."""
        if error.errno not in _NO_SEGMENTS:
            raise error
        # Too long for the route: shorter ones may still go. EIO is about the device.
        self.max_segment = 0 if error.errno == errno.EIO else size - 1

    def _is_full(self, error: OSError) -> bool:
        if error.errno == errno.ENOBUFS:
            self._device_full = True
            return True
        return isinstance(error, BlockingIOError | InterruptedError)

    async def _room(self) -> None:
        """Wait until the kernel may have room again."""
        if self._device_full:
            # The socket stays writable all the time, so there is nothing to wait for but time.
            self._device_full = False
            await asyncio.sleep(_PAUSE)
            return
        waiter = self._loop.create_future()
        if not self.waiters:
            self._loop.add_writer(self._sock.fileno(), self._wake)
        self.waiters.append(waiter)
        try:
            await waiter
        finally:
            self.waiters.remove(waiter)
            if not self.waiters and self._sock.fileno() >= 0:
                self._loop.remove_writer(self._sock.fileno())

    def _wake(self) -> None:
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_result(None)


def _can_segment(sock: socket.socket) -> bool:
    # A kernel that does not know the option ignores the control message too, and
    # would send the run as one large datagram: so the socket is asked first.
    if not hasattr(sock, "sendmsg"):
        return False
    try:
        sock.getsockopt(socket.IPPROTO_UDP, UDP_SEGMENT)
    except OSError:
        return False
    return sys.platform == "linux"

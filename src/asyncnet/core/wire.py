"""The private end of a transport: buffer, flow control, TLS and one timer a connection.

Asyncio's own transports make a new 256 KiB object for each receive; a
`BufferedProtocol` receives into memory that is there.  One piece of memory
serves all connections of a thread, because everything is copied out of it
before `buffer_updated` returns, and no loop receives twice at once.

A waiter is only a wake-up, data never travels in a future: a receive that is
cancelled after the data came finds it in the buffer the next time.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket
import ssl
import struct
import threading
from typing import cast

from .tls import TLSLayer

__all__ = ["READ_AHEAD", "Wire"]

READ_AHEAD = 262_144  # bytes received ahead of the reader before the peer is made to wait
WRITE_AHEAD = 65_536  # bytes written ahead of the peer before the sender is made to wait

_NO_LINGER = struct.pack("ii", 1, 0)


class _Scratch(threading.local):
    def __init__(self) -> None:
        # A bytearray given to a BufferedProtocol corrupts data under asyncio's
        # SSL transport; a memoryview is right everywhere.
        self.view = memoryview(bytearray(READ_AHEAD))


_scratch = _Scratch()


class Wire(asyncio.BufferedProtocol):
    """What a transport talks to.  `Stream` has one; nobody else touches it.

    Attributes:
        buffer: received, decrypted, not yet read.
        eof: nothing more will come.
        failure: why nothing more will come, ``None`` for a clean end.
        lost: the transport is gone; nothing can be written.
        tls: the TLS layer, ``None`` for plaintext.
    """

    __slots__ = (
        "_closed", "_deadlines", "_direct", "_loop", "_read_paused", "_timer", "_writers", "buffer", "bytes_received",
        "bytes_sent", "direct_count", "eof", "failure", "idle_since", "idle_timeout", "limit", "lost", "on_idle",
        "reader", "tls", "transport", "write_paused",
    )  # fmt: skip

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.transport: asyncio.Transport | None = None
        self.buffer = bytearray()
        self.limit = READ_AHEAD
        self.eof = False
        self.lost = False
        self.failure: Exception | None = None
        self.tls: TLSLayer | None = None
        self.bytes_received = 0
        self.bytes_sent = 0
        self.reader: asyncio.Future[None] | None = None
        self.write_paused = False
        self._writers: list[asyncio.Future[None]] = []
        self._deadlines: dict[asyncio.Future[None], float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._read_paused = False
        self._closed: asyncio.Future[None] | None = None
        self._direct: memoryview | None = None
        self.direct_count = 0
        self.idle_timeout: float | None = None
        self.idle_since = 0.0

    # ---- called by the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclass of asyncio's, but do the same.
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(WRITE_AHEAD)

    def get_buffer(self, sizehint: int) -> memoryview:
        return _scratch.view if self._direct is None else self._direct

    def buffer_updated(self, nbytes: int) -> None:
        if self._direct is not None:
            self._direct = None
            self.direct_count = nbytes
            self.bytes_received += nbytes
        elif self.tls is None:
            self.buffer += _scratch.view[:nbytes]
            self.bytes_received += nbytes
        else:
            self._decrypt(_scratch.view[:nbytes])
        if self.idle_timeout is not None:
            self.idle_since = self._loop.time()
        if len(self.buffer) >= self.limit and not self._read_paused:
            self._pause_reading()
        reader = self.reader
        if reader is not None and not reader.done():
            reader.set_result(None)

    def eof_received(self) -> bool:
        if self.tls is not None and not self.tls.ended and self.failure is None:
            self.failure = EOFError("cut without close_notify")
        self._end()
        return True  # our own direction stays open: half-close is the stream's decision

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        if not self.eof and self.failure is None:
            self.failure = exc or ConnectionAbortedError("closed on our side")
        elif exc is not None and self.failure is None:
            self.failure = exc
        self._end()
        self.write_paused = False
        self._wake_writers()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._closed is not None and not self._closed.done():
            self._closed.set_result(None)

    def pause_writing(self) -> None:
        self.write_paused = True

    def resume_writing(self) -> None:
        self.write_paused = False
        self._wake_writers()

    # ---- called by the stream

    def write(self, data: bytes) -> None:
        """Queue all of ``data``; the caller has seen that nothing is lost."""
        assert self.transport is not None
        self.bytes_sent += len(data)
        if self.tls is None:
            self.transport.write(data)
        else:
            self.tls.write(data)
            self.flush_tls()
        if self.idle_timeout is not None:
            self.idle_since = self._loop.time()

    def take(self, count: int) -> bytes:
        """Take up to ``count`` bytes from the front of the buffer."""
        buffer = self.buffer
        if len(buffer) <= count:
            data = bytes(buffer)
            buffer.clear()
        else:
            with memoryview(buffer) as view:
                data = bytes(view[:count])
            del buffer[:count]
        if self._read_paused and len(buffer) < self.limit:
            self._resume_reading()
        return data

    def give_back(self, data: bytes | memoryview) -> None:
        """Put bytes back to the front: a direct receive was cancelled after they came."""
        self.buffer[:0] = data

    def expect(self, size: int) -> None:
        """Make room for a read of ``size`` bytes that has to be held as a whole."""
        self.limit = max(READ_AHEAD, size)
        if self._read_paused and len(self.buffer) < self.limit:
            self._resume_reading()

    def receive_directly(self, view: memoryview | None) -> None:
        """Have the next bytes received into the caller's own memory (plaintext only)."""
        self._direct = view
        self.direct_count = 0

    async def wait(self, waiter: asyncio.Future[None], deadline: float | None) -> None:
        """Wait for a wake-up; `TimeoutError` when the deadline passes first."""
        if deadline is not None:
            self._deadlines[waiter] = deadline
            if self._timer is None or self._timer.when() > deadline:
                self._arm(deadline)
        try:
            await waiter
        finally:
            if deadline is not None:
                self._deadlines.pop(waiter, None)

    async def wait_readable(self, deadline: float | None) -> None:
        """Wait for more bytes, the end or a failure."""
        waiter = self.reader = self._loop.create_future()
        try:
            if deadline is None:
                await waiter
            else:
                await self.wait(waiter, deadline)
        finally:
            self.reader = None

    async def wait_writable(self, deadline: float | None) -> None:
        """Wait until the peer has taken enough of what was written."""
        while self.write_paused and not self.lost:
            waiter = self._loop.create_future()
            self._writers.append(waiter)
            try:
                await self.wait(waiter, deadline)
            finally:
                if waiter in self._writers:
                    self._writers.remove(waiter)

    def abort(self) -> None:
        """Drop the connection so that the peer cannot take it for a clean end."""
        assert self.transport is not None
        sock = self.transport.get_extra_info("socket")
        # ABORT of RFC 9293 section 3.10.5: with nothing to linger for, closing sends a reset.
        with contextlib.suppress(OSError):
            if sock is not None and sock.family != socket.AF_UNIX:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self.transport.abort()

    async def wait_closed(self) -> None:
        """Wait until the transport is gone."""
        if not self.lost:
            if self._closed is None:
                self._closed = self._loop.create_future()
            await asyncio.wait([self._closed])

    def begin_tls(self, layer: TLSLayer) -> None:
        """Speak TLS from here on; what the peer has sent already is part of its handshake."""
        self.tls = layer
        early = self.take(len(self.buffer)) if self.buffer else b""
        self.bytes_received -= len(early)
        if early:
            self._decrypt(memoryview(early))
        else:
            layer.handshake()
            self.flush_tls()

    def flush_tls(self) -> None:
        """Hand the due ciphertext to the transport."""
        if self.tls is not None and self.transport is not None and not self.lost:
            data = self.tls.take_output()
            if data:
                self.transport.write(data)

    def watch_idle(self, idle_timeout: float | None) -> None:
        """Abort the connection when no byte moved for so many seconds."""
        self.idle_timeout = idle_timeout
        if idle_timeout is not None:
            self.idle_since = self._loop.time()
            self._arm(self.idle_since + idle_timeout)

    # ---- inside

    def _decrypt(self, data: memoryview) -> None:
        assert self.tls is not None
        if self.failure is not None:
            return  # a broken session stays broken; what follows means nothing
        before = len(self.buffer)
        try:
            self.tls.feed(data, self.buffer)
        except ssl.SSLError as error:
            self.failure = error
            self.eof = True
        self.bytes_received += len(self.buffer) - before
        if self.tls.ended:
            self.eof = True
        self.flush_tls()

    def _end(self) -> None:
        self.eof = True
        if self.reader is not None and not self.reader.done():
            self.reader.set_result(None)

    def _wake_writers(self) -> None:
        for waiter in self._writers:
            if not waiter.done():
                waiter.set_result(None)

    def _pause_reading(self) -> None:
        if self.transport is not None and not self.lost and not self.transport.is_closing():
            self._read_paused = True
            self.transport.pause_reading()

    def _resume_reading(self) -> None:
        self._read_paused = False
        if self.transport is not None and not self.lost and not self.transport.is_closing():
            self.transport.resume_reading()

    def _arm(self, when: float) -> None:
        if self._timer is not None:
            if self._timer.when() <= when:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._on_timer)

    def _on_timer(self) -> None:
        # One timer serves all waits of the connection.  A wait that ends leaves
        # it armed; when it fires early it is set again for whoever waits now.
        self._timer = None
        now = self._loop.time()
        due = math.inf
        for waiter, deadline in list(self._deadlines.items()):
            if deadline > now:
                due = min(due, deadline)
            elif not waiter.done():
                waiter.set_exception(TimeoutError())
        if self.idle_timeout is not None and not self.lost:
            idle_until = self.idle_since + self.idle_timeout
            if idle_until > now:
                due = min(due, idle_until)
            elif self.transport is not None:
                self.failure = self.failure or TimeoutError(f"no byte moved for {self.idle_timeout:g} s")
                self.abort()
        if due < math.inf:
            self._arm(due)

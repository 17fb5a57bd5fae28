"""The private end of a transport: what was received, flow control, TLS and one timer a connection.

It speaks the words of an `asyncio.BufferedProtocol` to its `Transport`.  One
piece of memory serves all connections of a loop, because everything is copied
out of it before `buffer_updated` returns, and no loop receives twice at once.  What is copied
out stands in chunks of at most 64 KiB: larger blocks would be mapped and
unmapped by the allocator each time, and `receive` hands a chunk over as it is.

A waiter is only a wake-up, data never travels in a future: a receive that is
cancelled after the data came finds it the next time.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket
import ssl
import struct
from collections.abc import Callable

from .direct import Direct
from .idle import Idle
from .scratch import SIZE, scratch_memory
from .tls import TLSLayer
from .transport import Transport

__all__ = ["CHUNK", "READ_AHEAD", "Wire"]

CHUNK = 65_536  # bytes: the most that one piece of what was received holds
_PULLS = 16  # pieces that a reader may take past the loop until the others have their turn
READ_AHEAD = SIZE  # bytes received ahead of the reader before the peer is made to wait

_NO_LINGER = struct.pack("ii", 1, 0)


class Wire:
    """What a transport talks to.  `Connection` has one; only it and `Stream` touch it.

    Attributes:
        size: bytes received, decrypted and not yet taken.
        eof: nothing more will come.
        failure: why nothing more will come, ``None`` for a clean end.
        lost: the transport is gone; nothing can be written.
        tls: the TLS layer, ``None`` for plaintext.
        reader: the future of the one task that waits for bytes.
        read_deadline: loop time at which its wait ends, ``None`` for no limit.
        target: the memory that the next bytes are to be received into.
        direct: how many bytes went straight into the reader's own memory.
        pulls: how often the reader may take from the kernel by itself: a peer that sends much has more there.
    """

    __slots__ = (
        "_buffer", "_chunks", "_closed", "_filling", "_idle", "_loop", "_read_paused", "_scratch", "_taken",
        "_timed_out", "_timer", "_writers", "bytes_sent", "direct", "eof", "failure", "limit", "lost",
        "pulls", "read_deadline", "reader", "size", "target", "tls", "transport", "write_paused",
    )  # fmt: skip

    def __init__(self, loop: asyncio.AbstractEventLoop, sock: socket.socket) -> None:
        self._loop = loop
        self._scratch = self.target = scratch_memory()
        self._chunks: list[bytes] = []
        self._buffer: bytearray | None = None  # chunks put together for who looks into them; comes before the chunks
        self._taken = 0
        self._read_paused = False
        self._writers: dict[asyncio.Future[None], float] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._closed: asyncio.Future[None] | None = None
        self.size = 0
        self.limit = READ_AHEAD
        self.eof = False
        self.lost = False
        self.failure: Exception | None = None
        self.tls: TLSLayer | None = None
        self.bytes_sent = 0
        self.reader: asyncio.Future[None] | None = None
        self.read_deadline: float | None = None
        self.write_paused = False
        self.direct = 0
        self.pulls = 0
        self._idle: Idle | None = None
        self._filling: Direct | None = None
        self._timed_out: Callable[[], Exception] = TimeoutError
        self.transport = Transport(loop, sock, self)

    # ---- called by the transport

    def buffer_updated(self, nbytes: int) -> None:
        view = self.target
        if view is not self._scratch:
            if self._filling is not None:
                self._taken += nbytes
                self._filling.updated(nbytes)
                return
            self.target = self._scratch
            self.direct = nbytes
            self._taken += nbytes
            if nbytes > CHUNK:
                self.pulls = _PULLS
        elif self.tls is not None:
            if not self._decrypt(view[:nbytes]):
                return
        elif nbytes <= CHUNK:
            self._chunks.append(view[:nbytes].tobytes())
            self.size += nbytes
        else:
            self._chunks += [view[start : min(start + CHUNK, nbytes)].tobytes() for start in range(0, nbytes, CHUNK)]
            self.size += nbytes
            self.pulls = _PULLS
        if self.size >= self.limit and not self._read_paused:
            self._pause_reading()
        reader = self.reader
        if reader is not None:
            self.reader = None
            if not reader.done():
                reader.set_result(None)

    def eof_received(self) -> None:
        if self.tls is not None and not self.tls.ended and self.failure is None:
            self.failure = EOFError("cut without close_notify")
        self._end()  # our own direction stays open: half-close is the stream's decision

    def connection_failed(self, exc: Exception) -> None:
        # At once: who sends without ever waiting would not hear of it otherwise.
        if self.failure is None:
            self.failure = exc

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        if self.failure is None and (exc is not None or not self.eof):
            self.failure = exc or ConnectionAbortedError("closed on our side")
        self._end()
        self.resume_writing()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._closed is not None and not self._closed.done():
            self._closed.set_result(None)

    def pause_writing(self) -> None:
        self.write_paused = True

    def resume_writing(self) -> None:
        self.write_paused = False
        for waiter in self._writers or ():
            if not waiter.done():
                waiter.set_result(None)

    # ---- what was received

    @property
    def bytes_received(self) -> int:
        """Bytes received so far, after decryption."""
        return self._taken + self.size

    def take_some(self, most: int) -> bytes:
        """Take one chunk from the front, cut to ``most`` bytes; there is one."""
        if self._buffer:
            return self.take(min(most, len(self._buffer)))
        data = self._chunks.pop(0)
        if len(data) > most:
            self._chunks.insert(0, data[most:])
            data = data[:most]
        self.size -= len(data)
        self._taken += len(data)
        if self._read_paused:
            self._resume_reading_below_limit()
        return data

    def take(self, count: int) -> bytes:
        """Take exactly ``count`` bytes from the front; there are as many."""
        if not self._buffer and self._chunks and len(self._chunks[0]) == count:
            data = self._chunks.pop(0)
        else:
            buffer = self.gather()
            with memoryview(buffer) as view:
                data = view[:count].tobytes()
            del buffer[:count]
        self.size -= count
        self._taken += count
        if self._read_paused:
            self._resume_reading_below_limit()
        return data

    def gather(self) -> bytearray:
        """All that was received, in one piece to look into; `take` takes from its front."""
        if self._buffer is None:
            self._buffer = bytearray()
        if self._chunks:
            for chunk in self._chunks:
                self._buffer += chunk
            self._chunks.clear()
        return self._buffer

    def discard(self) -> None:
        """Throw away what was received."""
        self._taken += self.size
        self.size = 0
        self._chunks.clear()
        self._buffer = None
        if self._read_paused:
            self._resume_reading_below_limit()

    def pull(self, most: int) -> bytes | None:
        """A piece from the kernel, past the loop and its scratch memory; see `pulls`."""
        self.pulls -= 1
        data = self.transport.pull(most)
        if data is not None:
            self._taken += len(data)
        return data

    def pull_into(self, view: memoryview) -> int:
        """As `pull`, into the reader's own memory; 0 for nothing."""
        self.pulls -= 1
        count = self.transport.pull_into(view)
        self._taken += count
        return count

    def give_back(self, data: bytes) -> None:
        """Put bytes back to the front: a direct receive was cancelled after they came."""
        self.gather()[:0] = data
        self.size += len(data)
        self._taken -= len(data)

    def expect(self, size: int) -> None:
        """Make room for a read of ``size`` bytes that has to be held as a whole; 0 when it is over."""
        self.limit = max(READ_AHEAD, size)
        if self._read_paused:
            self._resume_reading_below_limit()

    def go_direct(self) -> Direct:
        """Everything from here to the end past the chunks (plaintext only)."""
        begun = self.take(self.size) if self.size else b""
        self._filling = Direct(self.transport, self.receive_directly, begun, None)
        return self._filling

    def receive_directly(self, view: memoryview | None) -> None:
        """Have the next bytes received into the caller's own memory (plaintext only)."""
        self.target = self._scratch if view is None else view

    # ---- waiting

    async def wait_readable(self, deadline: float | None = None) -> None:
        """Wait for more bytes, the end or a failure; `TimeoutError` when the deadline passes first."""
        waiter = self.reader = self._loop.create_future()
        self.limit_read(deadline, TimeoutError)
        await waiter

    def limit_read(self, deadline: float | None, timed_out: Callable[[], Exception]) -> None:
        """Let the wait of the present `reader` end at a loop time, ``None`` for never, with that error."""
        self.read_deadline = deadline
        if deadline is not None:
            self._timed_out = timed_out
            self.arm(deadline)

    def wake_reader(self) -> None:
        """Have the task that waits for bytes look again."""
        if self.reader is not None and not self.reader.done():
            self.reader.set_result(None)

    async def wait_writable(self, deadline: float | None = None) -> None:
        """Wait until the peer has taken enough of what was written; `TimeoutError` as above."""
        if self._writers is None:
            self._writers = {}
        while self.write_paused and not self.lost:
            waiter = self._loop.create_future()
            self._writers[waiter] = math.inf if deadline is None else deadline
            if deadline is not None:
                self.arm(deadline)
            try:
                await waiter
            finally:
                del self._writers[waiter]

    def arm(self, when: float) -> None:
        """Have the timer fire at that loop time, or before."""
        if self._timer is not None:
            if self._timer.when() <= when:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._on_timer)

    async def wait_closed(self) -> None:
        """Wait until the transport is gone."""
        if not self.lost:
            if self._closed is None:
                self._closed = self._loop.create_future()
            await asyncio.wait([self._closed])

    # ---- sending, TLS, the end

    def write(self, data: bytes) -> None:
        """Queue all of ``data``; the caller has seen that nothing is lost."""
        self.bytes_sent += len(data)
        if self.tls is None:
            self.transport.write(data)
        else:
            self.tls.write(data)
            self.flush_tls()

    def begin_tls(self, layer: TLSLayer) -> None:
        """Speak TLS from here on; what the peer has sent already is part of its handshake."""
        self.tls = layer
        self.pulls = 0
        early = bytes(self.gather())
        self._buffer = None
        self.size = 0
        if early:
            self._decrypt(memoryview(early))
        else:
            layer.handshake()
            self.flush_tls()

    def flush_tls(self) -> None:
        """Hand the due ciphertext to the transport."""
        if self.tls is not None and not self.lost:
            data = self.tls.take_output()
            if data:
                self.transport.write(data)

    def abort(self) -> None:
        """Drop the connection so that the peer cannot take it for a clean end."""
        sock = self.transport.socket
        # ABORT of RFC 9293 section 3.10.5: with nothing to linger for, closing sends a reset.
        with contextlib.suppress(OSError):
            if sock.family != socket.AF_UNIX:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self.transport.abort()

    def watch_idle(self, idle_timeout: float | None) -> None:
        """Abort the connection when no byte moved for so many seconds."""
        if idle_timeout is not None and not self.lost:
            self._idle = Idle(idle_timeout, self._loop.time())
            self.arm(self._loop.time() + self._idle.pause)

    # ---- inside

    def _decrypt(self, data: memoryview) -> bool:
        """Feed the session; whether there is news for a reader: a part of a record is none."""
        assert self.tls is not None
        if self.failure is not None or self.tls.ended:
            # A broken session stays broken, and what follows an end is to be ignored (RFC 8446 section 6.1).
            return False
        before, established = len(self._chunks), self.tls.established
        try:
            self.tls.feed(data, self._chunks)
        except ssl.SSLError as error:
            self.failure = error
            self.eof = True
        self.size += sum(map(len, self._chunks[before:]))
        if self.tls.ended:
            self.eof = True
        self.flush_tls()
        return self.eof or len(self._chunks) > before or not established

    def _end(self) -> None:
        self.eof = True
        if self._filling is not None:
            self._filling.lost()
        self.wake_reader()

    def _pause_reading(self) -> None:
        if not self.lost and not self.transport.is_closing():
            self._read_paused = True
            self.transport.pause_reading()

    def _resume_reading_below_limit(self) -> None:
        if self.size >= self.limit:
            return
        self._read_paused = False
        if not self.lost and not self.transport.is_closing():
            self.transport.resume_reading()

    def _on_timer(self) -> None:
        # One timer serves all waits of the connection.  A wait that ends leaves
        # it armed; when it fires early it is set again for whoever waits now.
        self._timer = None
        now = self._loop.time()
        due = math.inf
        if self.reader is not None and not self.reader.done() and self.read_deadline is not None:
            if self.read_deadline > now:
                due = self.read_deadline
            else:
                self.reader.set_exception(self._timed_out())
        for waiter, deadline in (self._writers or {}).items():
            if deadline > now:
                due = min(due, deadline)
            elif not waiter.done():
                waiter.set_exception(TimeoutError())
        if self._idle is not None and not self.lost:
            if self._idle.over(now, self.bytes_sent + self.bytes_received - self.transport.unsent()):
                self.failure = self.failure or TimeoutError(f"no byte moved for {self._idle.timeout:g} s")
                self.abort()
            else:
                due = min(due, now + self._idle.pause)
        if due < math.inf:
            self.arm(due)

"""A connection of bytes: every byte of every stream protocol that asyncnet speaks itself moves here.

The promises are kept once, for all of them: each read has a limit, each wait a
deadline, a slow peer makes the sender wait, TLS and STARTTLS are the same, and
a stream that was closed, cut or timed out says so in one line.
"""

from __future__ import annotations

import os
from asyncio import Future, get_running_loop
from collections.abc import AsyncIterator, Iterable
from typing import TypeAlias

from ..errors import LimitExceeded
from .connection import Connection
from .direct import Direct
from .files import open_for_reading
from .long_send import send_piece
from .operation import Operation, Timeout
from .pace import IDLE_TIMEOUT, MIN_RATE, Pace
from .payload import joined
from .wire import CHUNK, Wire

__all__ = ["Buffer", "Stream"]

Buffer: TypeAlias = bytes | bytearray | memoryview

_LINE_LIMIT = 65_536  # bytes: a line, unless the caller says otherwise
_FRAME_LIMIT = 16_777_216  # bytes: a frame, unless the caller says otherwise


class Stream(Connection):
    r"""A TCP, TLS or Unix connection.

    Made by `Dialer.connect`, handed to the handler of a `tcp.Server`, or
    opened as a `tcp.Client`.  One task may receive and one or more may send at
    the same time.  A cancelled receive loses no byte; a cancelled send has
    queued all of its data or none.

    Where a method takes ``timeout``: seconds, ``None`` for no limit; not given,
    it is the stream's own if it was made with one, else 30 for sending and no
    limit for receiving.

    Example:
        ```python
        async with asyncnet.tcp.Client("127.0.0.1", port) as stream:
            await stream.send(b"hello\n")
            line = await stream.receive_line()
        ```
    """

    __slots__ = ()

    # ---- receiving

    async def receive(self, max_bytes: int = CHUNK, *, timeout: Timeout = ...) -> bytes:
        """Receive what is there, at least one byte; ``b""`` at the end.

        Args:
            max_bytes: the most to return.
            timeout: seconds to wait for the first byte.

        Raises:
            ConnectionLost: the peer reset the connection, or cut TLS without close_notify.
            OperationTimeout: nothing came; the stream stays usable.
            StateError: closed, not open, or another task is receiving.
        """
        wire = self._wire
        if wire is None or wire.reader is not None or self._state != "open":
            wire = self._readable("receive")
        if max_bytes < 1:
            raise ValueError(f"max_bytes must be at least 1, not {max_bytes}")
        while not wire.size:
            if wire.eof:
                return self._end_of_stream(wire, "receive")
            if wire.pulls and (data := wire.pull(min(max_bytes, CHUNK))) is not None:
                return data
            await self._arrival(wire, timeout, "receive")
        return wire.take_some(max_bytes)

    async def receive_into(self, buffer: bytearray | memoryview, *, timeout: Timeout = ...) -> int:
        """Receive into the caller's own memory; return how many bytes, 0 at the end.

        In plaintext the kernel writes straight into ``buffer`` when nothing
        was received ahead.

        Args:
            buffer: writable, at least one byte; not to be touched until this returns.
            timeout: as for `receive`.
        """
        wire = self._readable("receive_into")
        view = memoryview(buffer).cast("B")
        if view.readonly or not len(view):
            raise ValueError("buffer must be writable and hold at least one byte")
        if wire.direct:  # came into the memory of another reader, who is not awake yet
            raise self._misused("another task is receiving on this stream", "receive_into")
        if not wire.size and not wire.eof and wire.tls is None:
            if wire.pulls and (count := wire.pull_into(view)):
                return count
            wire.receive_directly(view)
        try:
            while not (wire.size or wire.eof or wire.direct):
                await self._arrival(wire, timeout, "receive_into")
        except BaseException:
            if wire.direct:
                wire.give_back(bytes(view[: wire.direct]))
            raise
        finally:
            direct, wire.direct = wire.direct, 0
            wire.receive_directly(None)
        if direct:
            return direct
        if not wire.size:
            self._end_of_stream(wire, "receive_into")
            return 0
        data = wire.take_some(len(view))
        view[: len(data)] = data
        return len(data)

    async def receive_exactly(self, count: int, *, timeout: Timeout = ...) -> bytes:
        """Receive exactly ``count`` bytes.

        Raises:
            ConnectionLost: the stream ended before; what did come can still be received.
        """
        wire = self._readable("receive_exactly")
        if count < 0:
            raise ValueError(f"count must not be negative, not {count}")
        if wire.size < count:
            wire.expect(count)
            deadline = self._deadline(timeout)
            try:
                while wire.size < count:
                    if wire.eof:
                        raise self._cut(wire, "receive_exactly", f"{wire.size} of {count} bytes")
                    await self._arrival(wire, timeout, "receive_exactly", deadline)
            finally:
                wire.expect(0)
        return wire.take(count)

    async def receive_until(self, separator: bytes, max_bytes: int = _LINE_LIMIT, *, timeout: Timeout = ...) -> bytes:
        """Receive up to and including ``separator``.

        Args:
            separator: at least one byte.
            max_bytes: the most to return, separator included.
            timeout: seconds to wait for the whole of it.

        Raises:
            ConnectionLost: the stream ended before the separator; what did come can still be received.
            LimitExceeded: no separator within ``max_bytes``; nothing is consumed.
        """
        if not separator:
            raise ValueError("separator must hold at least one byte")
        return await self._until(separator, max_bytes, timeout, "receive_until")

    async def receive_line(self, max_bytes: int = _LINE_LIMIT, *, timeout: Timeout = ...) -> bytes:
        """Receive one line and return it without its ending, LF or CRLF.

        Args:
            max_bytes: the most the line may hold, its ending included.
            timeout: seconds to wait for the whole of it.

        Raises:
            ConnectionLost: the stream ended before the line did; what did come can still be received.
            LimitExceeded: the line is longer; nothing is consumed.
        """
        line = await self._until(b"\n", max_bytes, timeout, "receive_line")
        return line[:-2] if line.endswith(b"\r\n") else line[:-1]

    async def lines(self, max_bytes: int = _LINE_LIMIT, *, timeout: Timeout = ...) -> AsyncIterator[bytes]:
        """Iterate over the lines, without their endings, to the end of the stream.

        A cut last line raises `ConnectionLost`.
        """
        while not await self._at_end("lines", timeout):
            yield await self.receive_line(max_bytes, timeout=timeout)

    async def receive_frame(self, max_bytes: int = _FRAME_LIMIT, *, timeout: Timeout = ...) -> bytes:
        """Receive one frame: its length as four bytes, big-endian, then so many bytes.

        Raises:
            LimitExceeded: the frame is longer than ``max_bytes``; nothing is consumed.
            ConnectionLost: the stream ended before the frame did.
        """
        wire = self._readable("receive_frame")
        if max_bytes < 1:
            raise ValueError(f"max_bytes must be at least 1, not {max_bytes}")
        deadline = self._deadline(timeout)
        size = 4
        try:
            while True:
                if wire.size >= 4:
                    length = int.from_bytes(wire.gather()[:4], "big")
                    if length > max_bytes:
                        raise self._explained(
                            LimitExceeded(f"the peer announced a frame of {length} bytes, max_bytes is {max_bytes}"),
                            "receive_frame",
                        )
                    size = 4 + length
                    if wire.size >= size:
                        return wire.take(size)[4:]
                    wire.expect(size)
                if wire.eof:
                    raise self._cut(wire, "receive_frame", f"{wire.size} of {size} bytes of a frame")
                await self._arrival(wire, timeout, "receive_frame", deadline)
        finally:
            wire.expect(0)

    async def frames(self, max_bytes: int = _FRAME_LIMIT, *, timeout: Timeout = ...) -> AsyncIterator[bytes]:
        """Iterate over the frames to the end of the stream; a cut last frame raises `ConnectionLost`."""
        while not await self._at_end("frames", timeout):
            yield await self.receive_frame(max_bytes, timeout=timeout)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        # As `receive`, written out: a loop over a stream is the hottest path there is.
        wire = self._wire
        if wire is None or wire.reader is not None or self._state != "open":
            wire = self._readable("receive")
        while not wire.size:
            if wire.eof:
                self._end_of_stream(wire, "receive")
                raise StopAsyncIteration
            if wire.pulls and (data := wire.pull(CHUNK)) is not None:
                return data
            await self._arrival(wire, ..., "receive")
        return wire.take_some(CHUNK)

    # ---- sending

    async def send(self, data: Buffer | Iterable[Buffer], *, timeout: Timeout = ...) -> None:
        """Send all of ``data``; waits while the peer is slow.

        Args:
            data: bytes, or several pieces that go out as one.
            timeout: seconds to wait for the peer to take enough of what was queued.

        Raises:
            ConnectionLost: the peer is gone; it may have received a part.
            OperationTimeout: the peer does not take it.
            StateError: closed, not open, or after `send_eof`.
        """
        wire = self._wire
        if wire is None or self._state != "open" or self._ending or wire.failure is not None or wire.lost:
            wire = self._writable("send")
        if get_running_loop() is not self._loop:
            self._check_loop("send")
        if type(data) is not bytes:
            # The transport may keep what it is given: the caller's memory is copied.
            data = joined(data)
        if wire.write_paused:
            await self._room(wire, timeout)
            wire = self._writable("send")
        wire.write(data)
        if wire.write_paused:
            await self._room(wire, timeout)
        elif wire.failure is not None:
            self._writable("send")

    async def send_frame(self, data: Buffer, *, timeout: Timeout = ...) -> None:
        """Send one frame: its length as four bytes, big-endian, then ``data``."""
        size = memoryview(data).nbytes  # a view of numbers has fewer elements than bytes
        if size > 0xFFFF_FFFF:
            raise ValueError(f"a frame holds at most 4,294,967,295 bytes, not {size}")
        await self.send((size.to_bytes(4, "big"), data), timeout=timeout)

    async def send_file(
        self,
        path: str | os.PathLike[str],
        offset: int = 0,
        count: int | None = None,
        *,
        timeout: Timeout = None,
        idle_timeout: float | None = IDLE_TIMEOUT,
        min_rate: float | None = MIN_RATE,
    ) -> int:
        """Send a file, or ``count`` bytes of it from ``offset``; return how many were sent.

        Args:
            path: a regular file; it is read outside of the event loop.
            offset: where to begin, in bytes.
            count: how many bytes at most, ``None`` for all.
            timeout: seconds for all of it, ``None`` for no limit.
            idle_timeout: seconds in which the peer has to take a byte, ``None`` for no limit.
            min_rate: bytes per second that the peer has to take, averaged over ``idle_timeout``; ``None`` for any.
        """
        self._writable("send_file")
        pace = Pace(get_running_loop(), idle_timeout=idle_timeout, min_rate=min_rate)
        if offset < 0 or (count is not None and count < 0):
            raise ValueError(f"offset and count must not be negative, not {offset} and {count}")
        path = os.fspath(path)  # no number: open() would take that for a descriptor, and close it
        sent = 0
        async with Operation(self._protocol_name, "send_file", peer=self._peer, timeout=self._limit(timeout, None)):
            async with open_for_reading(path, offset) as read:
                while count is None or sent < count:
                    chunk = await read(262_144 if count is None else min(262_144, count - sent))
                    if not chunk:
                        break
                    await send_piece(self, chunk, pace)
                    sent += len(chunk)
        return sent

    async def send_eof(self) -> None:
        """Say that nothing more will be sent; receiving goes on. Idempotent."""
        if self._ending:
            return
        wire = self._writable("send_eof")
        self._send_close_notify(wire)
        self._ending = True
        wire.transport.write_eof()

    # ---- inside

    def _deadline(self, timeout: Timeout) -> float | None:
        limit = None if timeout is ... and self._own_timeout is ... else self._limit(timeout, None)
        return None if limit is None else get_running_loop().time() + limit

    def _arrival(self, wire: Wire, timeout: Timeout, operation: str, deadline: float | None = None) -> Future[None]:
        """A future that is done when something was received or the stream ended, or fails when the time is over.

        A future and no coroutine: each receive stands on this, and each layer of coroutines costs.
        Who awaits it looks again: another reader may have been faster.
        """
        loop = get_running_loop()
        if loop is not self._loop:
            self._check_loop(operation)
        if self._state != "open" or wire.reader is not None:
            # Who was awake before this one has taken what came, and waits for more.
            self._readable(operation)
        limited = timeout is not ... or self._own_timeout is not ...
        if limited and deadline is None:
            deadline = self._deadline(timeout)  # raises before there is a reader: nobody else could be one after it
        # Not loop.create_future(): on the stock loop that is one more Python call for the same object.
        waiter = wire.reader = Future(loop=loop)
        if limited:
            wire.limit_read(deadline, lambda: self._timed_out("nothing received", timeout, operation))
        else:
            wire.read_deadline = None
        return waiter

    async def _until(self, separator: bytes, max_bytes: int, timeout: Timeout, operation: str) -> bytes:
        wire = self._readable(operation)
        if max_bytes < 1:
            raise ValueError(f"max_bytes must be at least 1, not {max_bytes}")
        start = 0
        waited = False
        deadline: float | None = None
        try:
            while True:
                buffer = wire.gather()
                found = buffer.find(separator, start, max_bytes)
                if found >= 0:
                    return wire.take(found + len(separator))
                if len(buffer) >= max_bytes:
                    raise self._explained(LimitExceeded(f"no {separator!r} within max_bytes={max_bytes}"), operation)
                if wire.eof:
                    raise self._cut(wire, operation, f"{len(buffer)} bytes without {separator!r}")
                if not waited:
                    waited = True
                    wire.expect(max_bytes)
                    deadline = self._deadline(timeout)
                # Only a separator that straddles the seam can begin in what was searched.
                start = max(0, len(buffer) - len(separator) + 1)
                await self._arrival(wire, timeout, operation, deadline)
        finally:
            if waited:
                wire.expect(0)

    def _go_direct(self) -> Direct | None:
        """All that is still to come, for `core.pour`; ``None`` where it is to be decrypted or has come already."""
        wire = self._readable("receive")
        return None if wire.tls is not None or wire.eof else wire.go_direct()

    async def _at_end(self, operation: str, timeout: Timeout) -> bool:
        """Wait for a byte or a clean end."""
        wire = self._readable(operation)
        while not wire.size and not wire.eof:
            await self._arrival(wire, timeout, operation)
        if wire.size:
            return False
        self._end_of_stream(wire, operation)
        return True

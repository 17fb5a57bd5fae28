"""A transport for selector loops: a receive in one call, a send in one call.

Asyncio's own selector transport passes five Python calls between the selector
and its protocol for each receive, and is made with two system calls and three
turns of the loop.  This one registers its descriptor through the loop's public
``add_reader`` and ``add_writer``, is made in no time, and holds no more than it
must: ten thousand idle connections are mostly this.

It does what `Wire` needs of an `asyncio.Transport`, in the same words.  On other
loops (uvloop, proactor) `Wire` stands on the loop's own transport.
"""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .wire import Wire

__all__ = ["SelectorTransport"]

_PIECES = 64  # of the backlog handed to one sendmsg; the system's own limit is 1024


class SelectorTransport:
    """Moves bytes between a connected socket and its `Wire`; owns the socket."""

    __slots__ = ("_backlog", "_closing", "_ending", "_gone", "_high", "_loop", "_paused", "_queued", "_sock", "_wire")

    def __init__(self, loop: asyncio.AbstractEventLoop, sock: socket.socket, wire: Wire) -> None:
        self._loop = loop
        self._sock = sock
        self._wire = wire
        self._backlog: list[memoryview] | None = None  # what the kernel did not take yet
        self._queued = 0
        self._high = 65_536
        self._paused = False  # the wire was told to pause writing
        self._closing = False
        self._ending = False  # shut down our direction when the backlog is out
        self._gone = False
        wire.connection_made(self)  # type: ignore[arg-type]  # it has all that Wire calls
        loop.add_reader(sock.fileno(), self._on_readable)

    # ---- receiving

    def _on_readable(self) -> None:
        wire = self._wire
        try:
            count = self._sock.recv_into(wire.target)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._fail(error)
            return
        if count:
            wire.buffer_updated(count)
        else:
            self._loop.remove_reader(self._sock.fileno())
            wire.eof_received()

    def pause_reading(self) -> None:
        self._loop.remove_reader(self._sock.fileno())

    def resume_reading(self) -> None:
        if not self._closing:
            self._loop.add_reader(self._sock.fileno(), self._on_readable)

    # ---- sending

    def set_write_buffer_limits(self, high: int) -> None:
        self._high = high

    def write(self, data: bytes) -> None:
        if self._backlog is None:
            if self._gone or not data:
                return
            try:
                count = self._sock.send(data)
            except (BlockingIOError, InterruptedError):
                count = 0
            except OSError as error:
                self._fail(error)
                return
            if count == len(data):
                return
            self._backlog = []
            self._queue(memoryview(data)[count:])
            self._loop.add_writer(self._sock.fileno(), self._on_writable)
        elif data:
            self._queue(memoryview(data))

    def _queue(self, data: memoryview) -> None:
        assert self._backlog is not None
        self._backlog.append(data)
        self._queued += len(data)
        if self._queued > self._high and not self._paused:
            self._paused = True
            self._wire.pause_writing()

    def _on_writable(self) -> None:
        backlog = self._backlog
        assert backlog is not None
        try:
            count = self._sock.sendmsg(backlog[:_PIECES])
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._fail(error)
            return
        self._queued -= count
        done = 0
        while done < len(backlog) and count >= len(backlog[done]):
            count -= len(backlog[done])
            done += 1
        del backlog[:done]
        if backlog:
            backlog[0] = backlog[0][count:]
        else:
            self._backlog = None
            self._loop.remove_writer(self._sock.fileno())
            if self._closing:
                self._lose(None)
            elif self._ending:
                self._shut()
        if self._paused and self._queued <= self._high // 4:
            self._paused = False
            self._wire.resume_writing()

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self._ending = True
        if self._backlog is None:
            self._shut()

    def _shut(self) -> None:
        try:
            self._sock.shutdown(socket.SHUT_WR)
        except OSError as error:  # the peer is gone already
            self._fail(error)

    # ---- the end

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self._loop.remove_reader(self._sock.fileno())
            if self._backlog is None:
                self._lose(None)

    def abort(self) -> None:
        self._fail(None)

    def _fail(self, error: OSError | None) -> None:
        self._closing = True
        self._lose(error)

    def _lose(self, error: OSError | None) -> None:
        if self._gone:
            return
        self._gone = True
        # Out of the selector before the number can be given to another socket.
        descriptor = self._sock.fileno()
        self._loop.remove_reader(descriptor)
        if self._backlog is not None:
            self._loop.remove_writer(descriptor)
            self._backlog = None
        # Not at once: whoever calls close() or write() must not be called back meanwhile.
        self._loop.call_soon(self._lost, error)

    def _lost(self, error: OSError | None) -> None:
        self._sock.close()
        self._wire.connection_lost(error)

    # ---- facts

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        if name == "socket":
            return self._sock
        if name in ("peername", "sockname") and self._sock.fileno() >= 0:
            try:
                return self._sock.getpeername() if name == "peername" else self._sock.getsockname()
            except OSError:
                return default
        return default

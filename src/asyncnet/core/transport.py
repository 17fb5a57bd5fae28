"""The transport of every stream: a receive in one call, a send in one call.

Asyncio's own selector transport passes five Python calls between the selector
and its protocol for each receive, allocates 256 KiB for each, and is made with
two more system calls and three turns of the loop.  This one stands on the
loop's `Poller` and holds no more than it must: ten thousand idle connections
are mostly this.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Protocol

from .poller import READ, WRITE, current_poller
from .tcp_info import unacknowledged

__all__ = ["Receiver", "Transport"]

_PIECES = 64  # of the backlog handed to one sendmsg; the system's own limit is 1024
_WRITE_AHEAD = 65_536  # bytes written ahead of the peer before the sender is made to wait


class Receiver(Protocol):
    """What a transport calls: the words are those of `asyncio.BufferedProtocol`."""

    target: memoryview  # where the next bytes are to be received

    def buffer_updated(self, nbytes: int) -> None:
        """So many bytes stand in ``target``."""

    def eof_received(self) -> object:
        """The peer will send nothing more."""

    def connection_failed(self, exc: Exception) -> None:
        """A receive or a send failed; `connection_lost` follows in the loop's next turn."""

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed."""

    def pause_writing(self) -> None:
        """The peer is slow."""

    def resume_writing(self) -> None:
        """The peer has taken enough."""


class Transport:
    """Moves bytes between a connected, non-blocking socket and its receiver; owns the socket."""

    __slots__ = (
        "_backlog", "_closing", "_ending", "_gone", "_loop", "_paused", "_poller", "_queued", "_receiver", "_watched",
        "socket",
    )  # fmt: skip

    def __init__(self, loop: asyncio.AbstractEventLoop, sock: socket.socket, receiver: Receiver) -> None:
        self._loop = loop
        self.socket = sock
        self._receiver = receiver
        self._backlog: list[memoryview] | None = None  # what the kernel did not take yet
        self._queued = 0
        self._paused = False  # the receiver was told to pause writing
        self._closing = False
        self._ending = False  # shut down our direction when the backlog is out
        self._gone = False
        self._poller = current_poller()
        self._watched = 0
        self._watch(READ)
        self._poller.join()

    def _watch(self, wanted: int) -> None:
        if wanted != self._watched:
            before, self._watched = self._watched, wanted
            # Most of the time nothing waits to be sent, and one call less counts for small messages.
            owner = self._on_readable if wanted == READ else self._on_event
            self._poller.watch(self.socket.fileno(), before, wanted, owner)

    def _on_event(self, events: int) -> None:
        # An error or a hang-up is told by the call that it stops, whichever was wanted.
        if self._watched & READ and events != WRITE:
            self._on_readable(events)
        if self._watched & WRITE and events != READ:
            self._on_writable()

    # ---- receiving

    def _on_readable(self, events: int) -> None:
        receiver = self._receiver
        try:
            count = self.socket.recv_into(receiver.target)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self.fail(error)
            return
        if count:
            receiver.buffer_updated(count)
        else:
            self._watch(self._watched & ~READ)
            receiver.eof_received()

    def pull(self, most: int) -> bytes | None:
        """What the kernel has at this moment; ``None`` for nothing yet or nothing more, which is told as always."""
        if not self._closing:
            try:
                return self.socket.recv(most) or None
            except (BlockingIOError, InterruptedError):
                pass
            except OSError as error:
                self.fail(error)
        return None

    def pull_into(self, view: memoryview) -> int:
        """As `pull`, into the caller's memory."""
        if not self._closing:
            try:
                return self.socket.recv_into(view)
            except (BlockingIOError, InterruptedError):
                pass
            except OSError as error:
                self.fail(error)
        return 0

    def pause_reading(self) -> None:
        """Stop receiving."""
        self._watch(self._watched & ~READ)

    def resume_reading(self) -> None:
        """Receive again."""
        if not self._closing:
            self._watch(self._watched | READ)

    # ---- sending

    def write(self, data: bytes) -> None:
        """Send what the kernel takes, keep the rest."""
        if self._backlog is None:
            if self._gone or not data:
                return
            try:
                count = self.socket.send(data)
            except (BlockingIOError, InterruptedError):
                count = 0
            except OSError as error:
                self.fail(error)
                return
            if count == len(data):
                return
            self._backlog = []
            self._queue(memoryview(data)[count:])
            self._watch(self._watched | WRITE)
        elif data:
            self._queue(memoryview(data))

    def _queue(self, data: memoryview) -> None:
        assert self._backlog is not None
        self._backlog.append(data)
        self._queued += len(data)
        if self._queued > _WRITE_AHEAD and not self._paused:
            self._paused = True
            self._receiver.pause_writing()

    def _on_writable(self) -> None:
        backlog = self._backlog
        assert backlog is not None
        try:
            count = self.socket.sendmsg(backlog[:_PIECES])
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self.fail(error)
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
            self._watch(self._watched & ~WRITE)
            if self._closing:
                self._lose(None)
            elif self._ending:
                self._shut()
        if self._paused and self._queued <= _WRITE_AHEAD // 4:
            self._paused = False
            self._receiver.resume_writing()

    def unsent(self) -> int:
        """Bytes that the peer has yet to take, here and in the kernel: while that shrinks, bytes move."""
        return self._queued + unacknowledged(self.socket)

    def write_eof(self) -> None:
        """Send what is kept, then say that nothing more will come."""
        self._ending = True
        if self._backlog is None:
            self._shut()

    def _shut(self) -> None:
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError as error:  # the peer is gone already
            self.fail(error)

    # ---- the end

    def is_closing(self) -> bool:
        """Whether the end has begun."""
        return self._closing

    def close(self) -> None:
        """Send what is kept, then close."""
        if not self._closing:
            self._closing = True
            self._watch(self._watched & ~READ)
            if self._backlog is None:
                self._lose(None)

    def abort(self) -> None:
        """Close now."""
        self.fail(None)

    def fail(self, error: OSError | None) -> None:
        """Close now, for that reason; ``None``: because it is wanted."""
        self._closing = True
        if error is not None:
            self._receiver.connection_failed(error)
        self._lose(error)

    def _lose(self, error: OSError | None) -> None:
        if self._gone:
            return
        self._gone = True
        self._watch(0)  # before the number can be given to another socket
        self._poller.leave()
        self._backlog = None
        # Not at once: whoever calls close() or write() must not be called back meanwhile.
        self._loop.call_soon(self._lost, error)

    def _lost(self, error: OSError | None) -> None:
        self.socket.close()
        self._receiver.connection_lost(error)

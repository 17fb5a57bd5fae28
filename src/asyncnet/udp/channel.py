"""What the client and the server of datagrams share: receiving, facts, and what errors say."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable, Coroutine
from typing import Any, Generic, Self, TypeVar

from ..core.client import BaseClient
from ..core.operation import DEFAULT_TIMEOUT, Timeout, check_timeout
from ..errors import AsyncNetError, Attempt, ConnectError, ConnectionLost, OperationTimeout, StateError
from .datagram import Datagram, Stats
from .inbox import Inbox, Overflow
from .outbox import Outbox
from .sockets import dropped_by_kernel

__all__ = ["QUEUE", "QUEUE_BYTES", "RECEIVE_BUFFER", "Channel", "check_count"]

T = TypeVar("T", bytes, Datagram)

QUEUE = 1_024  # datagrams received ahead of the reader
QUEUE_BYTES = 8_388_608  # and bytes
RECEIVE_BUFFER = 4_194_304  # bytes that the kernel is asked to hold for us; it may give less


class Channel(BaseClient, Generic[T]):
    """A bounded queue of what came, on one or several sockets."""

    __slots__ = (
        "_dropped_by_kernel", "_inbox", "_outboxes", "_overflow", "_own_timeout", "_pop", "_queue", "_queue_bytes",
        "_receive_buffer", "_sockets",
    )  # fmt: skip

    _protocol = "udp"

    def __init__(
        self,
        *,
        peer: str,
        timeout: Timeout,
        queue: int,
        queue_bytes: int,
        on_overflow: Overflow,
        receive_buffer: int | None,
    ) -> None:
        # `...` tells "30 for sending, none for receiving" from a limit that was chosen for all.
        self._own_timeout: Timeout = timeout if timeout is ... else check_timeout(timeout)
        super().__init__(peer=peer, timeout=DEFAULT_TIMEOUT if self._own_timeout is ... else self._own_timeout)
        if on_overflow not in ("drop-oldest", "drop-newest", "pause"):
            raise ValueError(f"on_overflow must be 'drop-oldest', 'drop-newest' or 'pause', not {on_overflow!r}")
        self._queue = check_count(queue, "queue")
        self._queue_bytes = check_count(queue_bytes, "queue_bytes")
        self._receive_buffer = None if receive_buffer is None else check_count(receive_buffer, "receive_buffer")
        self._overflow: Overflow = on_overflow
        self._inbox: Inbox[T] | None = None
        self._pop: Callable[[], T] = _nothing  # the quick way while something is in the queue
        self._outboxes: dict[socket.AddressFamily, Outbox] = {}
        self._sockets: list[socket.socket] = []
        self._dropped_by_kernel: int | None = None

    # ---- life

    def _drop(self) -> None:
        if self._sockets:
            self._dropped_by_kernel = self._kernel_drops()
        if self._inbox is not None:
            self._inbox.end()
        for outbox in self._outboxes.values():
            outbox.close()
        for sock in self._sockets:
            sock.close()
        self._sockets = []

    # ---- receiving

    async def receive(self, *, timeout: Timeout = ...) -> T:
        """Receive the next datagram; an empty one is one too.

        A cancelled or timed out receive loses nothing.

        Args:
            timeout: seconds to wait; ``None`` for no limit, and so by default.

        Raises:
            OperationTimeout: nothing came.
            ConnectError, ConnectionLost: the network says that the peer cannot be reached (clients only).
            StateError: closed, not open, or another task is receiving.
        """
        if timeout is not ...:
            check_timeout(timeout)
        try:
            return self._pop()
        except IndexError:
            inbox = self._readable("receive")
            await self._more(inbox, timeout, "receive")
            return inbox.take()

    async def receive_many(self, max_count: int = QUEUE, *, timeout: Timeout = ...) -> list[T]:
        """Receive what is there, oldest first: at least one datagram.

        The fastest way: one call takes all that came in a turn of the loop.

        Args:
            max_count: the most to return.
            timeout: seconds to wait for the first one; ``None`` for no limit, and so by default.

        Raises:
            OperationTimeout, ConnectError, ConnectionLost, StateError: as for `receive`.
        """
        inbox = self._readable("receive_many")
        check_count(max_count, "max_count")
        if not inbox.queue:
            await self._more(inbox, timeout, "receive_many")
        return inbox.take_many(max_count)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        """The next datagram; the iteration ends when this is closed."""
        try:
            return self._pop()
        except IndexError:
            pass
        if self._state == "closed":
            raise StopAsyncIteration
        inbox = self._readable("receive")
        try:
            await self._more(inbox, ..., "receive")
        except StateError:
            if inbox.ended:
                raise StopAsyncIteration from None
            raise
        return inbox.take()

    # ---- facts

    @property
    def stats(self) -> Stats:
        """Counts so far."""
        return self._count()

    def _count(self, **more: int) -> Stats:
        inbox = self._inbox
        sent = sum(outbox.sent for outbox in self._outboxes.values())
        sent_bytes = sum(outbox.sent_bytes for outbox in self._outboxes.values())
        if inbox is None:
            return Stats()
        return Stats(
            received=inbox.received,
            dropped=inbox.dropped,
            dropped_by_kernel=self._kernel_drops() if self._sockets else self._dropped_by_kernel,
            sent=sent,
            received_bytes=inbox.received_bytes,
            sent_bytes=sent_bytes,
            waiting=len(inbox.queue),
            errors=inbox.errors,
            **more,
        )

    def _kernel_drops(self) -> int | None:
        counts = [dropped_by_kernel(sock) for sock in self._sockets]
        return None if None in counts else sum(count for count in counts if count is not None)

    # ---- inside

    def _readable(self, operation: str) -> Inbox[T]:
        inbox = self._inbox
        if inbox is None or self._state != "open":
            raise self._unusable(operation)
        if asyncio.get_running_loop() is not self._loop:
            self._check_loop(operation)
        if inbox.busy:
            raise self._misused("another task is receiving here", operation)
        return inbox

    def _unusable(self, operation: str) -> StateError:
        state = {"new": "not open", "opening": "still being opened"}.get(self._state, "closed")
        return self._misused(f"the {type(self).__name__.lower()} is {state}", operation)

    async def _more(self, inbox: Inbox[T], timeout: Timeout, operation: str) -> None:
        """Wait until the queue is not empty, or raise."""
        limit = self._limit(timeout, None)
        deadline = None if limit is None else inbox.now() + limit
        while not inbox.queue:
            if inbox.ended:
                raise self._misused("closed while it was being received from", operation)
            if inbox.failure is not None:
                self._report(inbox, operation)
            try:
                await inbox.wait(deadline)
            except TimeoutError:
                if inbox.queue:
                    return
                raise self._timed_out("no datagram came", limit, "receive", operation) from None

    def _report(self, inbox: Inbox[T], operation: str) -> None:
        """Raise what the network reported, once."""
        error, inbox.failure = inbox.failure, None
        if error is not None:
            raise self._unreachable(error, operation, None, "receive")

    def _limit(self, timeout: Timeout, default: float | None) -> float | None:
        if timeout is not ...:
            return check_timeout(timeout)
        return default if self._own_timeout is ... else self._own_timeout

    async def _bounded(
        self, limit: float | None, sending: Coroutine[Any, Any, None], operation: str, peer: str | None
    ) -> None:
        """Wait for a sending that the kernel may have no room for yet."""
        try:
            async with asyncio.timeout(limit) as scope:
                await sending
        except OSError as error:
            if isinstance(error, TimeoutError) and scope.expired():
                raise self._timed_out("the network took no more", limit, "send", operation, peer) from None
            raise self._not_sent(error, operation, peer) from error

    def _not_sent(self, error: OSError, operation: str, peer: str | None) -> Exception:
        """What the caller is told when the kernel did not take a datagram."""
        if not self._sockets:
            return self._misused("closed while it was being sent to", operation)
        if error.errno == errno.EMSGSIZE:
            return ValueError(f"{peer or self._peer}: the system does not send datagrams of that size")
        return self._unreachable(error, operation, peer, "send")

    def _unreachable(self, error: OSError, operation: str, peer: str | None, phase: str) -> AsyncNetError:
        """What the network said about a peer: lost if something came from it before."""
        reason = error.strerror or str(error)
        if error.errno == errno.EACCES:
            reason += "; a broadcast address needs broadcast=True"
        heard = self._inbox is not None and self._inbox.received > 0 and peer is None
        peer = peer or self._peer
        failure = (ConnectionLost if heard else ConnectError)(
            f"{peer} cannot be reached: {reason}", attempts=(Attempt(str(peer), reason, error.errno),)
        )
        failure.__cause__ = error
        return self._explained(failure, operation, peer, phase)

    def _timed_out(
        self, message: str, limit: float | None, phase: str, operation: str, peer: str | None = None
    ) -> AsyncNetError:
        error = OperationTimeout(f"{message} within {limit:g} s", elapsed=limit)
        return self._explained(error, operation, peer, phase)

    def _explained(self, error: AsyncNetError, operation: str, peer: str | None, phase: str) -> AsyncNetError:
        error.protocol, error.operation, error.peer = self._protocol, operation, peer or self._peer
        error.phase = error.phase or phase
        return error

    def __repr__(self) -> str:
        stats = self.stats
        return (
            f"<{type(self).__name__} {self._where()} {self._state}, "
            f"{stats.received} received, {stats.sent} sent, {stats.dropped} dropped>"
        )

    def _where(self) -> str:
        return self._peer or ""


def _nothing() -> Any:
    raise IndexError("not open, or a handler receives")


def check_count(value: object, name: str) -> int:
    """Return a number of things that is at least one."""
    if type(value) is not int:
        raise TypeError(f"{name} must be an int, not {type(value).__name__}")
    if value < 1:
        raise ValueError(f"{name} must be at least 1, not {value}")
    return value

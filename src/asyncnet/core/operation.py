"""One public call: its deadline, its trace, and what an error of it must say.

Made once at the public entry and passed on explicitly.  One timeout scope
(`asyncio.timeout_at`) covers the whole of a compound operation; the layers
below only name the phase they are in, so that the error can say where the
time went.
"""

from __future__ import annotations

import asyncio
import functools
import math
import socket
from time import monotonic
from types import EllipsisType, TracebackType
from typing import Any, Self, TypeAlias

from ..errors import AsyncNetError, Attempt, OperationTimeout
from .span import Span
from .tcp_info import decode_tcp_info, read_tcp_info
from .trace import Trace, current_trace

__all__ = [
    "ATTEMPT_TIMEOUT", "DEFAULT_TIMEOUT", "Operation", "Timeout", "TracePlace", "check_timeout", "choose_timeout",
]  # fmt: skip

DEFAULT_TIMEOUT = 30.0  # seconds: requests and commands
ATTEMPT_TIMEOUT = 10.0  # seconds: one connection or DNS attempt never takes more

# What a client's methods take: seconds, None for no limit, ... for the client's default.
Timeout: TypeAlias = "float | EllipsisType | None"

# A trace and the span that what comes next belongs below; it holds nothing else of an operation.
TracePlace: TypeAlias = "tuple[Trace, Span | None]"


def check_timeout(timeout: object, name: str = "timeout") -> float | None:
    """Return a time limit in seconds, or raise before any I/O."""
    if timeout is None:
        return None
    if isinstance(timeout, bool) or not isinstance(timeout, int | float):
        raise TypeError(f"{name} must be a number of seconds or None, not {type(timeout).__name__}")
    if math.isnan(timeout) or timeout < 0:
        raise ValueError(f"{name} must not be negative or NaN, not {timeout!r}")
    return None if math.isinf(timeout) else float(timeout)


def choose_timeout(timeout: Timeout, default: float | None) -> float | None:
    """A method's own timeout, or its client's default where none was given."""
    return default if isinstance(timeout, EllipsisType) else check_timeout(timeout)


@functools.cache
def _title(protocol: str, name: str) -> str:
    """What an operation's span is called; there are few, and thousands of each are kept."""
    return f"{protocol} {name}"


class Operation:
    """An async context manager around one public call.

    Inside, `phase` and `span` say where it is.  On the way out it turns an
    expired deadline into `OperationTimeout` and fills in what the errors of
    the layers below did not know.

    Args:
        protocol: the namespace, such as ``"smtp"``.
        name: the call, such as ``"send"``.
        peer: whom it is about; must not hold a secret.
        timeout: seconds for the whole of it, ``None`` for no limit.

    Attributes:
        attempts: an `Attempt` for each address or request that was tried.
        timings: seconds spent in each phase, traced or not; a phase inside another counts for both.
        maybe_done: whether the peer may have carried it out, should it fail now.
    """

    __slots__ = (
        "_below", "_scope", "_sock", "_span", "_tcp", "attempts", "deadline", "loop", "maybe_done",
        "name", "peer", "phase", "protocol", "started", "timeout", "timings", "trace",
    )  # fmt: skip

    def __init__(self, protocol: str, name: str, *, peer: str | None = None, timeout: float | None) -> None:
        self.protocol = protocol
        self.name = name
        self.peer = peer
        self.timeout = check_timeout(timeout)
        self.trace: Trace | None = current_trace()
        self.phase: str | None = None
        self.attempts: list[Attempt] = []
        self.timings: dict[str, float] = {}
        self.maybe_done = False
        self.loop = asyncio.get_running_loop()
        self.started = self.loop.time()
        self.deadline = None if self.timeout is None else self.started + self.timeout
        self._scope: asyncio.Timeout | None = None
        self._span: Span | None = None
        self._below: Span | None = None  # the innermost span, which the next one belongs below
        self._sock: socket.socket | None = None
        self._tcp: bytes | None = None

    async def __aenter__(self) -> Operation:
        if self.deadline is not None:
            self._scope = asyncio.timeout_at(self.deadline)
            await self._scope.__aenter__()
        if self.trace is not None:
            span = self._span = self._below = Span(_title(self.protocol, self.name), 0.0, peer=self.peer)
            self.trace._attach(span, None, monotonic())
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        failure = exc
        try:
            if self._scope is not None:
                await self._scope.__aexit__(exc_type, exc, tb)
        except TimeoutError as timeout:
            failure = self.timed_out()
            raise failure from timeout.__cause__
        finally:
            if isinstance(failure, AsyncNetError):
                self.explain(failure)
            if self.trace is not None and self._span is not None:
                if self._sock is not None:
                    self._look_at(self._sock)
                if self._tcp is not None:
                    tcp = decode_tcp_info(self._tcp)
                    self._span.attributes.update(
                        rtt_ms=round(1000 * tcp.rtt, 3), retransmits=tcp.retransmits, cwnd=tcp.cwnd, mss=tcp.mss
                    )
                self.trace.end(self._span, failure)

    @property
    def elapsed(self) -> float:
        """Seconds since the operation began."""
        return self.loop.time() - self.started

    @property
    def remaining(self) -> float | None:
        """Seconds that are left, not below 0.0; ``None`` if there is no limit."""
        return None if self.deadline is None else max(0.0, self.deadline - self.loop.time())

    def timed_out(self) -> OperationTimeout:
        """The error for a deadline that has passed, naming the phase."""
        limit = "" if self.timeout is None else f" within {self.timeout:g} s"
        error = OperationTimeout(f"no result{limit}")
        self.explain(error)
        return error

    def explain(self, error: AsyncNetError) -> None:
        """Fill in what an error of a layer below does not know."""
        error.protocol = error.protocol or self.protocol
        error.operation = error.operation or self.name
        error.peer = error.peer or self.peer
        error.phase = error.phase or self.phase
        error.attempts = error.attempts or tuple(self.attempts)
        if error.elapsed is None:
            error.elapsed = self.elapsed
        error.maybe_done = error.maybe_done or self.maybe_done

    def span(self, name: str, /, **attributes: Any) -> PhaseScope:
        """A ``with`` block that names the phase, and is a span of the trace."""
        return PhaseScope(self, name, attributes)

    def part(self, name: str, /, **attributes: Any) -> PartScope:
        """A ``with`` block that is a span of the trace only: for what runs beside other things in a task of its own."""
        return PartScope(self, name, attributes)

    @property
    def place(self) -> TracePlace | None:
        """Where in the trace it is now, for what somebody else does for it; ``None`` if nobody traces."""
        return None if self.trace is None else (self.trace, self._below)

    def trace_at(self, place: TracePlace) -> None:
        """Let the phases from here on be spans at a place of another's, who is not to be held for it."""
        self.trace, self._below = place

    def watch(self, sock: socket.socket) -> None:
        """Let the trace end with what the kernel knows of this connection (TCP_INFO)."""
        if self.trace is not None:
            self._sock = sock

    def _look_at(self, sock: socket.socket) -> None:
        # At the end of each phase: by the end of the operation the socket may be closed.
        self._tcp = read_tcp_info(sock) or self._tcp


class PartScope(Span):
    """The ``with`` block of `Operation.part`, which is the span itself: what is traced costs no second object."""

    __slots__ = ("_operation",)

    def __init__(self, operation: Operation, name: str, attributes: dict[str, Any]) -> None:
        self._operation = operation
        self.name = name
        self.started = 0.0
        self.ended = None
        self.depth = 0
        self.error = None
        self._attributes = attributes  # may be added to until the block ends
        self._peer = self._first = self._last = self._next = None
        self._kept = True

    def __enter__(self) -> Self:
        operation = self._operation
        if operation.trace is not None:
            operation.trace._attach(self, operation._below, monotonic())
        return self

    def __exit__(self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: object) -> None:
        operation = self._operation
        del self._operation  # the trace outlives it
        if operation.trace is not None:
            operation.trace.end(self, exc)


class PhaseScope(PartScope):
    """The ``with`` block of `Operation.span`; a failure inside leaves the phase named."""

    __slots__ = ("_above", "_before")

    def __enter__(self) -> Self:
        operation = self._operation
        self._before, operation.phase = operation.phase, self.name
        now = monotonic()  # uvloop's own clock has stood still since the turn began
        if operation.trace is None:
            self.started = now
        else:
            above = self._above = operation._below
            operation.trace._attach(self, above, now)
            operation._below = self
        return self

    def __exit__(self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: object) -> None:
        operation, now = self._operation, monotonic()
        trace, timings = operation.trace, operation.timings
        if trace is None:
            self.ended = now
        else:
            if operation._sock is not None:
                operation._look_at(operation._sock)
            operation._below = self._above
            trace.end(self, exc, now)
            del self._operation, self._above  # the trace outlives them
        timings[self.name] = timings.get(self.name, 0.0) + self.elapsed
        if exc is None:
            operation.phase = self._before

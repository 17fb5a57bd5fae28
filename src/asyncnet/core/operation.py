"""One public call: its deadline, its trace, and what an error of it must say.

Made once at the public entry and passed on explicitly.  One timeout scope
(`asyncio.timeout_at`) covers the whole of a compound operation; the layers
below only name the phase they are in, so that the error can say where the
time went.
"""

from __future__ import annotations

import asyncio
import math
from types import EllipsisType, TracebackType
from typing import Any, TypeAlias

from ..errors import AsyncNetError, Attempt, OperationTimeout
from .trace import Span, Trace, current_trace

__all__ = ["ATTEMPT_TIMEOUT", "DEFAULT_TIMEOUT", "Operation", "Timeout", "check_timeout", "choose_timeout"]

DEFAULT_TIMEOUT = 30.0  # seconds: requests and commands
ATTEMPT_TIMEOUT = 10.0  # seconds: one connection or DNS attempt never takes more

# What a client's methods take: seconds, None for no limit, ... for the client's default.
Timeout: TypeAlias = "float | EllipsisType | None"


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
    """

    __slots__ = (
        "_scope", "_span", "attempts", "deadline", "loop", "maybe_done",
        "name", "peer", "phase", "protocol", "started", "timeout", "trace",
    )  # fmt: skip

    def __init__(self, protocol: str, name: str, *, peer: str | None = None, timeout: float | None) -> None:
        self.protocol = protocol
        self.name = name
        self.peer = peer
        self.timeout = check_timeout(timeout)
        self.trace: Trace | None = current_trace()
        self.phase: str | None = None
        self.attempts: list[Attempt] = []
        self.maybe_done = False
        self.loop = asyncio.get_running_loop()
        self.started = self.loop.time()
        self.deadline = None if self.timeout is None else self.started + self.timeout
        self._scope: asyncio.Timeout | None = None
        self._span: Span | None = None

    async def __aenter__(self) -> Operation:
        if self.deadline is not None:
            self._scope = asyncio.timeout_at(self.deadline)
            await self._scope.__aenter__()
        if self.trace is not None:
            self._span = self.trace.begin(f"{self.protocol} {self.name}", 0, {"peer": self.peer} if self.peer else {})
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


class PhaseScope:
    """The ``with`` block of `Operation.span`; a failure inside leaves the phase named."""

    __slots__ = ("_before", "_name", "_operation", "_span", "attributes")

    def __init__(self, operation: Operation, name: str, attributes: dict[str, Any]) -> None:
        self._operation = operation
        self._name = name
        self._before: str | None = None
        self._span: Span | None = None
        self.attributes = attributes  # may be added to until the block ends

    def __enter__(self) -> PhaseScope:
        operation = self._operation
        self._before, operation.phase = operation.phase, self._name
        if operation.trace is not None:
            self._span = operation.trace.begin(self._name, 1 if self._before is None else 2, self.attributes)
        return self

    def __exit__(self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: object) -> None:
        operation = self._operation
        if operation.trace is not None and self._span is not None:
            operation.trace.end(self._span, exc)
        if exc is None:
            operation.phase = self._before

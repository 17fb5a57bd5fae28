"""The trace: what an operation did, when, with whom.

The current trace is a context variable that is read once, when an `Operation`
begins, and passed on explicitly from there: callbacks, pools and coalesced
queries would otherwise see the context of whoever opened the connection.
"""

from __future__ import annotations

import contextvars
import html
import time
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Span", "Trace", "current_trace", "trace"]

_MAX_SPANS = 10_000  # a trace left on for a whole crawl must not eat the memory

_current: contextvars.ContextVar[Trace | None] = contextvars.ContextVar("asyncnet_trace", default=None)


@dataclass(slots=True)
class Span:
    """One thing that took time.

    Attributes:
        name: the layer or phase, such as ``"resolve"``, ``"connect"``, ``"tls"``.
        started: seconds since the trace began.
        ended: seconds since the trace began, ``None`` while it runs.
        depth: 0 for an operation, 1 for its phases, 2 for attempts within one.
        attributes: addresses, byte counts and the like; never a secret.
        error: the failure in one line, ``None`` if there was none.
    """

    name: str
    started: float
    ended: float | None = None
    depth: int = 0
    attributes: dict[str, Any] = field(default_factory=dict)
    error: str | None = None

    @property
    def elapsed(self) -> float:
        """Seconds from start to end; 0.0 while it runs."""
        return 0.0 if self.ended is None else self.ended - self.started


class Trace:
    """The spans of everything that happened inside a ``with asyncnet.trace()`` block.

    ``spans`` holds at most 10,000; what came after is counted in ``dropped``.
    """

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.dropped = 0
        self._zero = time.monotonic()
        self._tokens: list[contextvars.Token[Trace | None]] = []

    def __enter__(self) -> Trace:
        self._tokens.append(_current.set(self))
        return self

    def __exit__(self, *exc_info: object) -> None:
        _current.reset(self._tokens.pop())

    def begin(self, name: str, depth: int, attributes: dict[str, Any]) -> Span:
        """Start a span now."""
        span = Span(name, time.monotonic() - self._zero, None, depth, attributes)
        if len(self.spans) < _MAX_SPANS:
            self.spans.append(span)
        else:
            self.dropped += 1
        return span

    def end(self, span: Span, error: BaseException | None = None) -> None:
        """End a span now, with its failure if there was one."""
        span.ended = time.monotonic() - self._zero
        if error is not None:
            span.error = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__

    def to_dict(self) -> dict[str, Any]:
        """The trace as plain values, ready for ``json.dumps``."""
        spans = [
            {
                "name": s.name,
                "started": s.started,
                "elapsed": s.elapsed,
                "depth": s.depth,
                "attributes": {name: _plain(value) for name, value in s.attributes.items()},
                "error": s.error,
            }
            for s in self.spans
        ]
        return {"spans": spans, "dropped": self.dropped}

    def __str__(self) -> str:
        total = max((s.ended or s.started for s in self.spans), default=0.0) or 1e-9
        lines = []
        for s in self.spans:
            left = int(40 * s.started / total)
            bar = " " * left + "█" * max(1, round(40 * s.elapsed / total))
            label = "  " * s.depth + s.name
            details = " ".join(f"{k}={v}" for k, v in s.attributes.items())
            failure = f" ✗ {s.error}" if s.error else ""
            lines.append(f"{label:<24.24} {bar:<41.41} {s.elapsed * 1000:9.2f} ms  {details}{failure}".rstrip())
        if self.dropped:
            lines.append(f"... and {self.dropped} more")
        return "\n".join(lines) or "(no spans)"

    def __repr__(self) -> str:
        return f"<Trace: {len(self.spans)} spans>"

    def _repr_html_(self) -> str:
        return f"<pre style='line-height:1.3'>{html.escape(str(self))}</pre>"


def _plain(value: Any) -> int | float | str | None:
    return value if isinstance(value, int | float | str | None) else str(value)


def trace() -> Trace:
    """Trace every operation begun inside the ``with`` block.

    Example:
        ```python
        with asyncnet.trace() as trace:
            await asyncnet.dns.resolve("localhost")
        print(trace)
        ```
    """
    return Trace()


def current_trace() -> Trace | None:
    """The trace of the running context, ``None`` if nobody traces."""
    return _current.get()

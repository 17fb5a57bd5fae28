"""The trace: what an operation did, when, with whom.

The current trace is a context variable that is read once, when an `Operation`
begins, and passed on explicitly from there: callbacks, pools and coalesced
queries would otherwise see the context of whoever opened the connection.
"""

from __future__ import annotations

import contextvars
import time
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from ..errors import AsyncNetError
from .span import Span
from .waterfall import draw_html, draw_text, plain

__all__ = ["Trace", "current_trace", "trace"]

_MAX_SPANS = 10_000  # a trace left on for a whole crawl must not eat the memory

_current: contextvars.ContextVar[Trace | None] = contextvars.ContextVar("asyncnet_trace", default=None)


class Trace:
    """The spans of everything that happened inside a ``with asyncnet.trace()`` block.

    ``str()`` of it is a waterfall for the terminal; a notebook shows a picture.

    Attributes:
        began: when, in seconds since the epoch; the spans' times count from here.
        operations: one span for each operation, in the order of their beginnings.
        dropped: spans that came when 10,000 were held already, and are not in it.
    """

    def __init__(self, export: Callable[[Trace, Span], object] | None = None) -> None:
        self.began = time.time()
        self.operations: list[Span] = []
        self.dropped = 0
        self._zero = time.monotonic()
        self._export = export
        self._held = 0
        self._tokens: list[contextvars.Token[Trace | None]] = []

    def __enter__(self) -> Trace:
        self._tokens.append(_current.set(self))
        return self

    def __exit__(self, *exc_info: object) -> None:
        _current.reset(self._tokens.pop())

    @property
    def spans(self) -> list[Span]:
        """All spans: each operation, followed by what it was made of."""
        found: list[Span] = []
        for operation in self.operations:
            operation._collect(found)
        return found

    def begin(self, name: str, attributes: dict[str, Any], parent: Span | None = None) -> Span:
        """Start a span now, below another one or, without one, as an operation."""
        span = Span(name, 0.0, None, 0, attributes)
        self._attach(span, parent, time.monotonic())
        return span

    def _attach(self, span: Span, parent: Span | None, now: float) -> None:
        """Start a new span below another one; ``now`` is by `time.monotonic`."""
        span.started = now - self._zero
        if parent is not None:
            span.depth = parent.depth + 1
        if self._held >= _MAX_SPANS or (parent is not None and not parent._kept):
            span._kept = False
            self.dropped += 1
            return
        self._held += 1
        if parent is None:
            self.operations.append(span)
        else:
            parent._add(span)

    def end(self, span: Span, error: BaseException | None = None, now: float | None = None) -> None:
        """End a span, with its failure if there was one; ``now`` is by `time.monotonic`, ``None`` asks for it."""
        span.ended = (time.monotonic() if now is None else now) - self._zero
        if error is not None:
            span.error = _in_words(error)
        if self._export is not None and span.depth == 0:
            self._hand_over(span, self._export)

    def _hand_over(self, operation: Span, export: Callable[[Trace, Span], object]) -> None:
        if operation._kept:
            self.operations.remove(operation)
            self._held -= sum(1 for _ in operation.walk())
        try:
            export(self, operation)
        except Exception as error:
            # What watches an operation must not change its result.
            warnings.warn(f"the trace could not be exported: {error!r}", RuntimeWarning, stacklevel=2)

    def to_dict(self) -> dict[str, Any]:
        """The trace as plain values, ready for ``json.dumps``.

        Times are in seconds, ``began`` is a date and time (ISO 8601), ``parent`` the
        index of the span above; ``elapsed`` is ``None`` for what still runs.
        """
        spans: list[dict[str, Any]] = []
        above: list[int] = []  # the index of the last span of each depth
        for span in self.spans:
            del above[span.depth :]
            spans.append({
                "name": span.name,
                "parent": above[-1] if above else None,
                "depth": span.depth,
                "started": span.started,
                "elapsed": None if span.ended is None else span.elapsed,
                "attributes": {name: plain(value) for name, value in span.attributes.items()},
                "error": span.error,
            })  # fmt: skip
            above.append(len(spans) - 1)
        began = datetime.fromtimestamp(self.began, UTC).isoformat()
        return {"began": began, "spans": spans, "dropped": self.dropped}

    def __str__(self) -> str:
        text = draw_text(self.spans)
        return f"{text}\n... and {self.dropped} more" if self.dropped else text

    def __repr__(self) -> str:
        return f"<Trace: {len(self.spans)} spans>"

    def _repr_html_(self) -> str:
        return draw_html(self.spans, self.dropped)


def _in_words(error: BaseException) -> str:
    name = "cancelled" if type(error).__name__ == "CancelledError" else type(error).__name__
    if isinstance(error, AsyncNetError):
        # Its str() names operation and peer, too, which the trace shows by itself.
        message = str(error.args[0]) if error.args else ""
    else:
        message = getattr(error, "strerror", None) or str(error)
    return f"{name}: {message}" if message else name


def trace(export: Callable[[Trace, Span], object] | None = None) -> Trace:
    """Trace every operation begun inside the ``with`` block.

    Args:
        export: called with the trace and each operation's span when it has ended, such
            as `to_opentelemetry`; what was handed over is not kept, so that a service
            can trace for ever. ``None``: everything is kept.

    Example:
        ```python
        with asyncnet.trace() as trace:
            await asyncnet.dns.resolve("localhost")
        print(trace)
        ```
    """
    if export is not None and not callable(export):
        raise TypeError(f"export must be callable as export(trace, operation) or None, not {type(export).__name__}")
    return Trace(export)


def current_trace() -> Trace | None:
    """The trace of the running context, ``None`` if nobody traces."""
    return _current.get()

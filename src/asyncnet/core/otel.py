"""From a trace to OpenTelemetry; needs the extra ``otel``.

Spans are handed over when their operation has ended, with the times they had,
below the span that is current there: so what a service's own spans contain is
the operations they waited for.  Names follow OpenTelemetry's semantic
conventions where there is one, everything else begins with ``asyncnet.``.
"""

from __future__ import annotations

from typing import Any

from .address import split_host_port
from .span import Span
from .trace import Trace
from .waterfall import plain

__all__ = ["to_opentelemetry"]


def to_opentelemetry(trace: Trace, operation: Span, *, tracer_provider: Any = None) -> None:
    """Hand one operation of a trace, with all that is below it, to OpenTelemetry.

    Args:
        trace: knows when the spans began.
        operation: one of ``trace.operations`` that has ended.
        tracer_provider: an ``opentelemetry.trace.TracerProvider``; ``None`` for the global one.

    Raises:
        ImportError: opentelemetry-api is not installed.

    Example:
        ```python
        with asyncnet.trace(export=asyncnet.to_opentelemetry):
            await asyncnet.dns.resolve("localhost")
        ```

    Source: OpenTelemetry semantic conventions 1.27 (server.*, network.*, error.type).
    """
    try:
        from opentelemetry import trace as otel
    except ImportError as error:
        raise ImportError("exporting to OpenTelemetry needs it: pip install 'asyncnet[otel]'") from error
    tracer = otel.get_tracer("asyncnet", tracer_provider=tracer_provider)
    _hand_over(otel, tracer, operation, trace.began, None)


def _hand_over(otel: Any, tracer: Any, span: Span, began: float, context: Any) -> None:
    kind = otel.SpanKind.CLIENT if span.depth == 0 else otel.SpanKind.INTERNAL
    start = _nanoseconds(began, span.started)
    made = tracer.start_span(span.name, context=context, kind=kind, attributes=_attributes(span), start_time=start)
    if span.error is not None:
        made.set_status(otel.Status(otel.StatusCode.ERROR, span.error))
    below = otel.set_span_in_context(made)
    for child in span.children:
        _hand_over(otel, tracer, child, began, below)
    made.end(end_time=_nanoseconds(began, span.started if span.ended is None else span.ended))


def _nanoseconds(began: float, offset: float) -> int:
    # A float of seconds since 1970 is exact to a quarter of a microsecond; the offset must not be rounded with it.
    return round(began * 1e6) * 1_000 + round(offset * 1e9)


def _attributes(span: Span) -> dict[str, Any]:
    named = {f"asyncnet.{name}": plain(value) for name, value in span.attributes.items() if value is not None}
    if span.depth == 0:
        named["network.protocol.name"] = span.name.partition(" ")[0]
        named |= _server(str(span.attributes.get("peer", "")))
    elif span.name == "attempt":
        host, port = split_host_port(str(span.attributes["address"]), 0)
        named |= {"network.peer.address": host, "network.peer.port": port}
    if span.error is not None:
        named["error.type"] = span.error.partition(":")[0]
    return named


def _server(peer: str) -> dict[str, Any]:
    try:
        host, port = split_host_port(peer, 0)
    except ValueError:
        return {}  # a URL, or a name with its record type: "asyncnet.peer" has it
    return {"server.address": host, **({"server.port": port} if port else {})}

"""From a trace to OpenTelemetry."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import textwrap

import pytest

import asyncnet
from asyncnet import testing
from house import SOURCE

pytest.importorskip("opentelemetry.sdk", reason="the extra otel is not installed")
from opentelemetry import trace as otel
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter


@pytest.fixture
def collected():
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    yield exporter, provider
    provider.shutdown()


def made() -> tuple[asyncnet.Trace, asyncnet.Span]:
    trace = asyncnet.Trace()
    operation = trace.begin("http fetch", {"peer": "https://example.org/", "nothing": None})
    connect = trace.begin("connect", {"host": "example.org"}, operation)
    trace.end(trace.begin("attempt", {"address": "[2001:db8::1]:443"}, connect), OSError("unreachable"))
    trace.end(trace.begin("attempt", {"address": "192.0.2.1:443", "seconds": 0.5}, connect))
    trace.end(connect)
    trace.begin("still running", {}, operation)
    trace.end(operation)
    return trace, operation


def test_the_tree_goes_over_with_its_times(collected):
    exporter, provider = collected
    trace, operation = made()
    asyncnet.to_opentelemetry(trace, operation, tracer_provider=provider)
    spans = {span.name: span for span in exporter.get_finished_spans()}
    root, connect = spans["http fetch"], spans["connect"]
    assert root.parent is None
    assert connect.parent.span_id == root.context.span_id
    assert {span.context.trace_id for span in spans.values()} == {root.context.trace_id}
    assert root.kind is otel.SpanKind.CLIENT
    assert connect.kind is otel.SpanKind.INTERNAL
    assert root.start_time / 1e9 == pytest.approx(trace.began + operation.started, abs=1e-5)
    assert (root.end_time - root.start_time) / 1e9 == pytest.approx(operation.elapsed, abs=1e-5)
    running = spans["still running"]
    assert running.end_time == running.start_time


def test_attributes_have_the_names_that_others_know(collected):
    exporter, provider = collected
    asyncnet.to_opentelemetry(*made(), tracer_provider=provider)
    failed, won, connect, _, root = exporter.get_finished_spans()
    assert root.attributes == {"asyncnet.peer": "https://example.org/", "network.protocol.name": "http"}
    assert connect.attributes == {"asyncnet.host": "example.org"}
    assert failed.attributes["network.peer.address"] == "2001:db8::1"
    assert failed.attributes["network.peer.port"] == 443
    assert failed.attributes["error.type"] == "OSError"
    assert failed.status.status_code is otel.StatusCode.ERROR
    assert failed.status.description == "OSError: unreachable"
    assert won.attributes["asyncnet.seconds"] == 0.5
    assert won.status.status_code is otel.StatusCode.UNSET


@pytest.mark.parametrize(
    ("peer", "wanted"),
    [
        ("example.org:25", {"server.address": "example.org", "server.port": 25}),
        ("[::1]:53", {"server.address": "::1", "server.port": 53}),
        ("example.org", {"server.address": "example.org"}),
        ("example.org MX", {}),
        (None, {}),
    ],
)
def test_the_server_is_named_where_the_peer_is_one(collected, peer, wanted):
    exporter, provider = collected
    trace = asyncnet.Trace()
    operation = trace.begin("smtp send", {"peer": peer} if peer else {})
    trace.end(operation)
    asyncnet.to_opentelemetry(trace, operation, tracer_provider=provider)
    (span,) = exporter.get_finished_spans()
    assert {name: value for name, value in span.attributes.items() if name.startswith("server.")} == wanted


@pytest.mark.asyncio
async def test_operations_stand_below_the_span_that_waits_for_them(collected):
    exporter, provider = collected
    export = functools.partial(asyncnet.to_opentelemetry, tracer_provider=provider)
    with testing.TCPServer() as server, asyncnet.trace(export=export) as trace:
        with provider.get_tracer("job").start_as_current_span("job") as job:
            assert await asyncnet.tcp.exchange("127.0.0.1", server.port, b"ping") == b"ping"
    spans = {span.name: span for span in exporter.get_finished_spans()}
    exchange = spans["tcp exchange"]
    assert exchange.parent.span_id == job.get_span_context().span_id
    assert exchange.attributes["server.port"] == server.port
    assert spans["transfer"].attributes["asyncnet.received"] == 4
    assert trace.spans == []


def test_without_the_extra_the_error_names_it():
    program = """
        import sys
        sys.modules["opentelemetry"] = None
        import asyncnet
        trace = asyncnet.Trace()
        operation = trace.begin("tcp exchange", {})
        trace.end(operation)
        try:
            asyncnet.to_opentelemetry(trace, operation)
        except ImportError as error:
            print(error)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        env={**os.environ, "PYTHONPATH": str(SOURCE)}, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stdout == "exporting to OpenTelemetry needs it: pip install 'asyncnet[otel]'\n"

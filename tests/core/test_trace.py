"""The trace: what is kept, how it is handed over, and what operations put into it."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import time

import pytest

import asyncnet
from asyncnet import testing
from asyncnet.core.trace import current_trace


def test_nobody_traces_by_itself():
    assert current_trace() is None


def test_a_block_sets_the_current_trace_and_takes_it_back():
    with asyncnet.trace() as outer:
        assert current_trace() is outer
        with asyncnet.trace() as inner:
            assert current_trace() is inner
        assert current_trace() is outer
    assert current_trace() is None


def test_one_trace_may_be_entered_again():
    trace = asyncnet.trace()
    with trace, trace:
        assert current_trace() is trace
    assert current_trace() is None


def test_a_span_has_its_times_in_seconds_since_the_beginning():
    trace = asyncnet.Trace()
    span = trace.begin("connect", {"address": "127.0.0.1:80"})
    assert span.ended is None
    assert span.elapsed == 0.0
    trace.end(span)
    assert span.ended is not None
    assert 0 <= span.started <= span.ended
    assert span.elapsed == span.ended - span.started
    assert span.error is None
    assert trace.spans == [span]
    assert abs(trace.began - time.time()) < 60


def test_spans_stand_below_their_parents_however_their_times_mix():
    trace = asyncnet.Trace()
    one, two = trace.begin("one", {}), trace.begin("two", {})
    below_two = trace.begin("below two", {}, two)
    below_one = trace.begin("below one", {}, one)
    lowest = trace.begin("lowest", {}, below_one)
    assert trace.operations == [one, two]
    assert trace.spans == [one, below_one, lowest, two, below_two]
    assert [span.depth for span in trace.spans] == [0, 1, 2, 0, 1]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ValueError("bad"), "ValueError: bad"),
        (asyncio.CancelledError(), "cancelled"),
        (asyncio.CancelledError("another was first"), "cancelled: another was first"),
        (KeyError(), "KeyError"),
        (OSError(111, "Connection refused"), "ConnectionRefusedError: Connection refused"),
        (asyncnet.ConnectError(), "ConnectError"),
        (asyncnet.ConnectError("refused", protocol="tcp", peer="a:1", elapsed=1.0), "ConnectError: refused"),
        (asyncnet.StateError(), "StateError"),
    ],
)
def test_a_failure_is_told_in_one_line(error, words):
    trace = asyncnet.Trace()
    span = trace.begin("tls", {})
    trace.end(span, error)
    assert span.error == words


def test_at_most_ten_thousand_spans_are_kept():
    trace = asyncnet.Trace()
    for _ in range(10_003):
        trace.end(trace.begin("x", {}))
    assert len(trace.spans) == 10_000
    assert trace.dropped == 3
    assert str(trace).splitlines()[-1] == "... and 3 more"
    assert "... and 9603 more" in trace._repr_html_()
    assert trace.to_dict()["dropped"] == 3


def test_to_dict_is_ready_for_json():
    trace = asyncnet.Trace()
    root = trace.begin("tcp exchange", {})
    attributes = {"address": ipaddress.ip_address("127.0.0.1"), "bytes": 4, "rate": 0.5, "name": "a", "none": None}
    trace.end(trace.begin("connect", attributes, root), OSError("no"))
    trace.end(trace.begin("transfer", {}, root))
    other = trace.begin("other", {})
    trace.begin("below", {}, other)
    made = json.loads(json.dumps(trace.to_dict()))
    assert made["began"].endswith("+00:00")
    first, second, third, fourth, fifth = made["spans"]
    assert second["name"] == "connect"
    assert second["error"] == "OSError: no"
    assert second["attributes"] == {"address": "127.0.0.1", "bytes": 4, "rate": 0.5, "name": "a", "none": None}
    assert second["elapsed"] >= 0
    assert [span["parent"] for span in made["spans"]] == [None, 0, 0, None, 3]
    assert [span["depth"] for span in made["spans"]] == [0, 1, 1, 0, 1]
    assert first["elapsed"] is fourth["elapsed"] is fifth["elapsed"] is None
    assert third["elapsed"] is not None


def test_it_shows_itself():
    trace = asyncnet.Trace()
    assert str(trace) == "(no spans)"
    assert repr(trace) == "<Trace: 0 spans>"
    assert trace._repr_html_() == "<em>(no spans)</em>"
    trace.end(trace.begin("http fetch", {"peer": "example.org"}))
    assert str(trace).startswith("http fetch  █")
    assert trace._repr_html_().startswith("<svg ")


# ---- handing over


def test_what_is_exported_is_not_kept():
    got: list[tuple[asyncnet.Trace, list[str]]] = []
    trace = asyncnet.trace(export=lambda trace, operation: got.append((trace, [s.name for s in operation.walk()])))
    one, two = trace.begin("one", {}), trace.begin("two", {})
    trace.end(trace.begin("below", {}, one))
    assert got == []
    trace.end(one)
    assert got == [(trace, ["one", "below"])]
    assert trace.operations == [two]


def test_only_what_can_be_called_can_export():
    with pytest.raises(TypeError, match="export must be callable"):
        asyncnet.trace("otel")


def test_an_exporting_trace_never_fills_up():
    names: list[str] = []
    trace = asyncnet.Trace(export=lambda _, operation: names.extend(span.name for span in operation.walk()))
    for _ in range(6_000):
        operation = trace.begin("operation", {})
        trace.end(trace.begin("phase", {}, operation))
        trace.end(operation)
    assert len(names) == 12_000
    assert trace.dropped == 0
    assert trace.spans == []


def test_what_began_while_it_was_full_is_exported_without_what_is_below_it():
    exported: list[asyncnet.Span] = []
    trace = asyncnet.Trace(export=lambda _, operation: exported.append(operation))
    full = [trace.begin("operation", {}) for _ in range(10_000)]
    late = trace.begin("late", {})
    trace.end(full.pop())
    trace.begin("below", {}, late)
    trace.end(late)
    assert [span.name for span in exported[1].walk()] == ["late"]
    assert trace.dropped == 2
    for span in full:
        trace.end(span)
    assert len(exported) == 10_001
    assert trace.spans == []
    trace.begin("there is room again", {})
    assert trace.dropped == 2


def test_an_exporter_that_fails_is_a_warning():
    def broken(trace: asyncnet.Trace, operation: asyncnet.Span) -> None:
        raise ConnectionRefusedError("no collector")

    trace = asyncnet.Trace(export=broken)
    with pytest.warns(RuntimeWarning, match="no collector"):
        trace.end(trace.begin("one", {}))
    assert trace.operations == []


# ---- what operations put into it


@pytest.mark.asyncio
async def test_tasks_started_inside_are_traced_and_those_outside_are_not():
    seen = []

    async def look() -> None:
        seen.append(current_trace())

    outside = asyncio.create_task(look())
    with asyncnet.trace() as trace:
        inside = asyncio.create_task(look())
    await asyncio.gather(outside, inside)
    assert seen == [None, trace]


@pytest.mark.asyncio
async def test_what_a_stream_moved_is_one_span_from_its_opening_to_its_end():
    with testing.TCPServer() as server, asyncnet.trace() as trace:
        async with asyncnet.tcp.Client(server.host, server.port) as stream:
            await stream.send(b"ping")
            assert await stream.receive_exactly(4) == b"ping"
            (_, running) = trace.operations
            assert running.ended is None
        opening, transfer = trace.operations
    assert (opening.name, transfer.name) == ("tcp open", "tcp transfer")
    assert transfer.ended is not None
    assert transfer.attributes.items() >= {"peer": f"{server.host}:{server.port}", "sent": 4, "received": 4}.items()
    assert "rtt_ms" in transfer.attributes


@pytest.mark.asyncio
async def test_a_stream_that_is_dropped_has_its_span_as_well():
    ended: list[str] = []
    with testing.TCPServer() as server:
        with asyncnet.trace(export=lambda trace, span: ended.append(span.name)):
            stream = await asyncnet.Dialer().connect(server.host, server.port)
        stream.abort()
        stream.abort()
    assert ended == ["tcp connect", "tcp transfer"]


@pytest.mark.asyncio
@pytest.mark.parametrize("size", [5, 1_000_000])
async def test_http_tells_the_bytes_and_times_of_a_transfer(size, tmp_path):
    with testing.HTTPServer({"/": b"x" * size}) as server:
        with asyncnet.trace() as trace:
            page = await asyncnet.http.fetch(server.url("/"))
            got = await asyncnet.http.download(server.url("/"), tmp_path / "file")
        assert [span.attributes["bytes"] for span in trace.spans if span.name == "transfer"] == [size, size]
        assert page.timings.keys() >= {"connect", "request"}
        assert got.timings.keys() >= {"request", "transfer"}
        assert sum(page.timings.values()) <= page.elapsed + 0.01
        untraced = await asyncnet.http.fetch(server.url("/"))
        assert untraced.timings.keys() >= {"request"}

"""The trace: spans, the waterfall, plain values."""

from __future__ import annotations

import asyncio
import ipaddress
import json

import pytest

import asyncnet
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
    span = trace.begin("connect", 1, {"address": "127.0.0.1:80"})
    assert span.ended is None
    assert span.elapsed == 0.0
    trace.end(span)
    assert span.ended is not None
    assert 0 <= span.started <= span.ended
    assert span.elapsed == span.ended - span.started
    assert span.error is None
    assert trace.spans == [span]


@pytest.mark.parametrize(
    ("error", "words"),
    [(ValueError("bad"), "ValueError: bad"), (asyncio.CancelledError(), "CancelledError"), (KeyError(), "KeyError")],
)
def test_a_failure_is_told_in_one_line(error, words):
    trace = asyncnet.Trace()
    span = trace.begin("tls", 0, {})
    trace.end(span, error)
    assert span.error == words


def test_at_most_ten_thousand_spans_are_kept():
    trace = asyncnet.Trace()
    for _ in range(10_003):
        trace.end(trace.begin("x", 0, {}))
    assert len(trace.spans) == 10_000
    assert trace.dropped == 3
    assert str(trace).splitlines()[-1] == "... and 3 more"
    assert trace.to_dict()["dropped"] == 3


def test_to_dict_is_ready_for_json():
    trace = asyncnet.Trace()
    attributes = {"address": ipaddress.ip_address("127.0.0.1"), "bytes": 4, "rate": 0.5, "name": "a", "none": None}
    trace.end(trace.begin("connect", 2, attributes), OSError("no"))
    (span,) = json.loads(json.dumps(trace.to_dict()))["spans"]
    assert span["name"] == "connect"
    assert span["depth"] == 2
    assert span["error"] == "OSError: no"
    assert span["attributes"] == {"address": "127.0.0.1", "bytes": 4, "rate": 0.5, "name": "a", "none": None}
    assert span["elapsed"] >= 0


def test_the_waterfall_has_a_line_for_each_span():
    trace = asyncnet.Trace()
    outer = trace.begin("http fetch", 0, {"peer": "example.org"})
    inner = trace.begin("connect", 1, {})
    trace.end(inner, OSError("refused"))
    trace.end(outer)
    running = trace.begin("still running", 0, {})
    first, second, third = str(trace).splitlines()
    assert first.startswith("http fetch ")
    assert first.endswith("peer=example.org")
    assert second.startswith("  connect ")
    assert second.endswith("OSError: refused")
    assert third.startswith("still running")
    assert all(" ms" in line for line in (first, second, third))
    assert running.elapsed == 0.0


def test_an_empty_trace_says_so():
    assert str(asyncnet.Trace()) == "(no spans)"
    assert repr(asyncnet.Trace()) == "<Trace: 0 spans>"


def test_a_notebook_gets_it_escaped():
    trace = asyncnet.Trace()
    trace.end(trace.begin("<script>", 0, {"who": "a & b"}))
    shown = trace._repr_html_()
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown
    assert "a &amp; b" in shown


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

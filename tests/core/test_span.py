"""One line of a trace."""

from __future__ import annotations

from asyncnet import Span


def test_elapsed_is_from_start_to_end_and_nothing_while_it_runs():
    assert Span("connect", 1.5, 2.0).elapsed == 0.5
    assert Span("connect", 1.5).elapsed == 0.0


def test_walking_gives_each_span_before_its_children():
    leaf, other = Span("attempt", 0.1, depth=2), Span("tls", 0.3, depth=1)
    branch = Span("connect", 0.0, depth=1, children=[leaf])
    root = Span("tcp exchange", 0.0, children=[branch, other])
    assert list(root.walk()) == [root, branch, leaf, other]


def test_two_spans_that_look_alike_are_two():
    assert Span("connect", 1.0) != Span("connect", 1.0)


def test_a_span_without_children_has_none():
    assert list(Span("connect", 0.0).children) == []
    child = Span("attempt", 0.0)
    assert list(Span("connect", 0.0, children=[child]).children) == [child]


def test_the_repr_shows_one_span_not_all_below_it():
    root = Span("http fetch", 0.0, children=[Span("connect", 0.0)])
    assert repr(root) == "<Span http fetch: running>"
    failed = Span("connect", 0.0, 0.5, 1, {"host": "a.example", "port": 80}, "ConnectError: refused")
    assert repr(failed) == "<Span connect: 500.00 ms, host='a.example', port=80, failed: ConnectError: refused>"


def test_attributes_are_made_when_somebody_looks():
    span = Span("tcp exchange", 0.0, peer="example.org:80")
    assert span.attributes == {"peer": "example.org:80"}
    span.attributes["more"] = 1
    assert span.attributes == {"peer": "example.org:80", "more": 1}
    assert Span("connect", 0.0).attributes == {}

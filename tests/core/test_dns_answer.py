"""What a lookup gives."""

from __future__ import annotations

import pickle
from ipaddress import IPv4Address

import pytest

from asyncnet.core.dns_answer import Answer
from asyncnet.core.dns_records import MX, TXT, A

V4 = IPv4Address("192.0.2.1")


def test_answer_is_a_sequence() -> None:
    one, two = MX(10, "a.example"), MX(20, "b.example")
    answer = Answer("example", "MX", (one, two), "example", 300)
    assert (answer[0], answer[-1], answer[:1], len(answer), list(answer)) == (one, two, (one,), 2, [one, two])
    assert two in answer
    assert answer.index(two) == 1
    assert list(reversed(answer)) == [two, one]
    with pytest.raises(IndexError):
        answer[2]


def test_answer_shows_itself() -> None:
    answer = Answer("www.example", "A", tuple(A(V4 + i) for i in range(6)), "example", 60)
    assert repr(answer) == (
        "<Answer www.example = example A, ttl 60: 192.0.2.1, 192.0.2.2, 192.0.2.3, 192.0.2.4, 192.0.2.5, ...>"
    )
    assert str(answer).splitlines()[0] == "example. 60 IN A 192.0.2.1"
    assert repr(Answer("example", "A", (A(V4),), "example", 1)) == "<Answer example A, ttl 1: 192.0.2.1>"


def test_answer_in_a_notebook_escapes() -> None:
    shown = Answer("x", "TXT", (TXT((b"<script>",)),), "<x>", 1)._repr_html_()
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown
    assert "&lt;x&gt;" in shown


def test_answer_travels() -> None:
    answer = Answer("x", "TXT", (TXT((b"a",)),), "x", 1)
    assert pickle.loads(pickle.dumps(answer)) == answer
    assert hash(answer) == hash(pickle.loads(pickle.dumps(answer)))
    with pytest.raises(AttributeError):
        answer.ttl = 2

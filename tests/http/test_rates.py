"""Requests a second."""

from __future__ import annotations

from asyncnet.http import rates
from asyncnet.http.rates import Rates


def test_requests_are_spaced_evenly():
    paced = Rates(4.0)
    assert [paced.reserve("a", 100.0) for _ in range(4)] == [0.0, 0.25, 0.5, 0.75]
    assert paced.reserve("b", 100.0) == 0.0
    assert paced.reserve("a", 200.0) == 0.0


def test_few_origins_are_remembered():
    paced = Rates(1.0)
    for number in range(rates._ORIGINS + 5):
        paced.reserve(number, 0.0)
    assert len(paced._next) == rates._ORIGINS

"""When to try again."""

from __future__ import annotations

import pytest

import asyncnet
from asyncnet.http import retries
from asyncnet.http.retries import Budget, delay_before, is_repeatable, is_temporary, parse_retry_after

NOW = 1_700_000_000.0


def test_what_may_be_repeated():
    assert is_repeatable("GET", written=True)
    assert is_repeatable("PUT", written=True)
    assert not is_repeatable("POST", written=True)
    assert is_repeatable("POST", written=False)
    assert not is_repeatable("PATCH", written=True)


@pytest.mark.parametrize("status", [408, 425, 429, 502, 503, 504])
def test_temporary_statuses(status):
    assert is_temporary(status)


@pytest.mark.parametrize("status", [200, 400, 404, 500, 501])
def test_final_statuses(status):
    assert not is_temporary(status)


@pytest.mark.parametrize(
    "error", [asyncnet.ConnectError, asyncnet.ConnectionLost, asyncnet.ResolveError, asyncnet.OperationTimeout]
)
def test_temporary_errors(error):
    assert is_temporary(error("x"))


@pytest.mark.parametrize(
    "error",
    [asyncnet.NameNotFound, asyncnet.NoData, asyncnet.TLSError, asyncnet.ForbiddenAddress, asyncnet.ProtocolError,
     asyncnet.LimitExceeded, asyncnet.ReplyError],
)  # fmt: skip
def test_final_errors(error):
    assert not is_temporary(error("x"))


def test_delays_double_up_to_a_bound_and_have_full_jitter():
    bounds = []

    def uniform(low: float, high: float) -> float:
        assert low == 0.0
        bounds.append(high)
        return high / 2

    assert [delay_before(n, None, uniform) for n in (1, 2, 3, 10)] == [0.125, 0.25, 0.5, 5.0]
    assert bounds == [0.25, 0.5, 1.0, 10.0]
    assert delay_before(1, 7.0, uniform) == 7.0
    assert 0.0 <= delay_before(1) <= 0.25


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        (" 120 ", 120.0),
        ("99999999999999999999", float("inf")),
        ("Tue, 14 Nov 2023 22:14:20 GMT", 60.0),
        ("Tue, 14 Nov 2022 22:14:20 GMT", 0.0),
        ("soon", None),
        ("", None),
        ("-5", None),
        ("²", None),
    ],
)
def test_retry_after(value, seconds):
    assert parse_retry_after(value, NOW) == seconds


def test_the_budget_of_an_origin_runs_out_and_refills():
    budget = Budget()
    assert [budget.take("a") for _ in range(11)] == [True] * 10 + [False]
    assert budget.take("b")
    for _ in range(9):
        budget.succeeded("a")
    assert not budget.take("a")
    budget.succeeded("a")
    budget.succeeded("a")  # a tenth is not exact
    assert budget.take("a")


def test_a_full_budget_is_forgotten():
    budget = Budget()
    budget.take("a")
    for _ in range(20):
        budget.succeeded("a")
    assert budget._left == {}
    budget.succeeded("never failed")
    assert budget._left == {}


def test_the_budget_remembers_few_origins():
    budget = Budget()
    for number in range(retries._ORIGINS + 10):
        budget.take(number)
    assert len(budget._left) == retries._ORIGINS

"""How many commands may be under way: pure."""

from __future__ import annotations

from asyncnet.core.look_ahead import FIRST, FIRST_BYTES, MOST, MOST_BYTES, LookAhead


def fill(ahead: LookAhead, size: int) -> int:
    count = 0
    while ahead.room:
        ahead.sent(size)
        count += 1
    return count


def test_without_pipelining_one_at_a_time():
    ahead = LookAhead(pipelining=False)
    assert ahead.low
    assert fill(ahead, 0) == 1
    assert not ahead.low
    ahead.took(0, 10)
    assert ahead.low
    assert fill(ahead, 10**9) == 1


def test_little_at_first_and_more_with_each_answer():
    ahead = LookAhead()
    assert fill(ahead, 10) == FIRST
    ahead.took(10, 10)
    assert fill(ahead, 10) == 1 + 4
    for _ in range(1000):
        ahead.took(10, 10)
        fill(ahead, 10)
    assert fill(ahead, 10) == 0
    for _ in range(MOST):
        ahead.took(10, 10)
    assert fill(ahead, 10) == MOST


def test_bytes_bound_it_too():
    ahead = LookAhead()
    assert fill(ahead, FIRST_BYTES // 4) == 4
    for _ in range(100):
        ahead.took(FIRST_BYTES // 4, FIRST_BYTES // 4)
        fill(ahead, FIRST_BYTES // 4)
    while not ahead.low:
        ahead.took(FIRST_BYTES // 4, FIRST_BYTES // 4)
    # Low is less than half of what may be under way.
    assert fill(ahead, FIRST_BYTES // 4) == MOST_BYTES // (FIRST_BYTES // 4) // 2 + 1


def test_one_that_is_larger_than_the_bound_is_asked_for_alone():
    ahead = LookAhead()
    assert fill(ahead, MOST_BYTES * 2) == 1


def test_it_is_low_at_half_of_what_may_be_under_way():
    ahead = LookAhead()
    for _ in range(FIRST // 2 - 1):
        ahead.sent(1)
    assert ahead.low
    ahead.sent(1)
    assert not ahead.low
    assert ahead.room


def test_the_average_is_that_of_the_answers_taken():
    ahead = LookAhead()
    assert ahead.average == FIRST_BYTES // FIRST
    for size in (10, 20, 60):
        ahead.sent(0)
        ahead.took(0, size)
    assert ahead.average == 30

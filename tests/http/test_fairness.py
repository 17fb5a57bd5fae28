"""Whose turn it is."""

from __future__ import annotations

import pytest

from asyncnet.http.fairness import MAX_REMEMBERED, Fairness


def drain(turns: Fairness) -> list[str]:
    found = []
    while (turn := turns.next()) is not None:
        found.append(turn[1])
    return found


def test_hosts_take_turns_and_none_has_more_than_its_places():
    turns = Fairness(per_host=2, give_up_after=None)
    for number in range(5):
        turns.add("a", f"a{number}")
    turns.add("b", "b0")
    assert turns.waiting == 6
    assert drain(turns) == ["a0", "b0", "a1"]
    assert turns.waiting == 3
    turns.finished("a", ok=True, timed_out=False)
    assert drain(turns) == ["a2"]


def test_a_full_host_is_not_ready_when_more_is_added():
    turns = Fairness(per_host=1, give_up_after=None)
    turns.add("a", "a0")
    assert drain(turns) == ["a0"]
    turns.add("a", "a1")
    assert turns.next() is None
    turns.finished("a", ok=False, timed_out=False)
    assert drain(turns) == ["a1"]


def test_a_host_that_only_times_out_is_given_up():
    turns = Fairness(per_host=2, give_up_after=2)
    for number in range(5):
        turns.add("a", f"a{number}")
    turns.next(), turns.next()
    assert turns.finished("a", ok=False, timed_out=True) == []
    assert turns.timeouts("a") == 1
    assert turns.finished("a", ok=False, timed_out=True) == ["a2", "a3", "a4"]
    assert turns.is_given_up("a")
    assert turns.waiting == 0
    assert turns.next() is None


def test_a_success_begins_the_count_again_and_other_errors_leave_it():
    turns = Fairness(per_host=9, give_up_after=2)
    for number in range(9):
        turns.add("a", number)
    drain(turns)
    turns.finished("a", ok=False, timed_out=True)
    turns.finished("a", ok=True, timed_out=False)
    assert turns.timeouts("a") == 0
    turns.finished("a", ok=False, timed_out=True)
    turns.finished("a", ok=False, timed_out=False)
    assert turns.timeouts("a") == 1
    assert not turns.is_given_up("a")


def test_a_host_that_times_out_gets_no_more_places_than_would_end_it():
    turns = Fairness(per_host=4, give_up_after=3)
    for number in range(20):
        turns.add("a", number)
    assert drain(turns) == [0, 1, 2, 3]
    turns.finished("a", ok=False, timed_out=True)
    assert turns.next() is None, "three are under way, and two more timeouts would end it"
    turns.add("a", 20)
    assert turns.next() is None
    turns.finished("a", ok=True, timed_out=False)
    assert len(drain(turns)) == 2, "a success gives it all its places back"


def test_a_suspected_host_that_was_ready_waits():
    turns = Fairness(per_host=3, give_up_after=2)
    for number in range(9):
        turns.add("a", number)
    turns.next(), turns.next()
    turns.finished("a", ok=False, timed_out=True)
    assert turns.next() is None
    turns.finished("a", ok=False, timed_out=False)
    assert turns.next() == ("a", 2)
    assert turns.next() is None


def test_never_given_up():
    turns = Fairness(per_host=1, give_up_after=None)
    for number in range(20):
        turns.add("a", number)
        turns.next()
        turns.finished("a", ok=False, timed_out=True)
    assert not turns.is_given_up("a")


@pytest.mark.parametrize("give_up_after", [1, 5])
def test_dead_hosts_without_end_are_not_remembered_without_end(give_up_after):
    turns = Fairness(per_host=1, give_up_after=give_up_after)
    for number in range(MAX_REMEMBERED + 1000):
        turns.add(number, "x")
        turns.next()
        turns.finished(number, ok=False, timed_out=True)
    assert len(turns._hosts) == MAX_REMEMBERED
    assert turns.timeouts(0) == 0
    assert turns.timeouts(MAX_REMEMBERED) == 1
    turns.add(0, "y")  # one that was forgotten begins anew
    assert turns.next() == (0, "y")
    turns.finished(0, ok=True, timed_out=False)
    assert len(turns._hosts) == MAX_REMEMBERED


def test_hosts_that_are_done_are_forgotten():
    turns = Fairness(per_host=1, give_up_after=5)
    for number in range(1000):
        turns.add(number, "x")
        turns.next()
        turns.finished(number, ok=True, timed_out=False)
    assert turns._hosts == {}
    assert turns.timeouts("unknown") == 0
    assert not turns.is_given_up("unknown")


def test_a_host_may_be_given_up_while_it_still_has_places():
    turns = Fairness(per_host=2, give_up_after=1)
    for number in range(4):
        turns.add("slow", number)
    assert [turns.next(), turns.next(), turns.next()] == [("slow", 0), ("slow", 1), None]
    assert turns.finished("slow", ok=False, timed_out=True) == [2, 3]
    assert turns.is_given_up("slow")
    assert turns.finished("slow", ok=True, timed_out=False) == []
    assert turns.is_given_up("slow")

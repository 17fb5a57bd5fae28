"""What becomes of one item of a many call."""

from __future__ import annotations

import pickle

import pytest

from asyncnet import Outcome, ReplyError


def test_a_value():
    outcome = Outcome("example.org", value=4, elapsed=0.5)
    assert outcome.ok
    assert outcome.unwrap() == 4
    assert (outcome.item, outcome.value, outcome.error, outcome.elapsed) == ("example.org", 4, None, 0.5)


def test_an_error():
    error = ReplyError("no", code=550)
    outcome = Outcome("example.org", error=error)
    assert not outcome.ok
    assert outcome.value is None
    with pytest.raises(ReplyError) as caught:
        outcome.unwrap()
    assert caught.value is error


def test_nothing_is_a_value_too():
    outcome = Outcome("item")
    assert outcome.ok
    assert outcome.unwrap() is None


def test_it_is_frozen_and_survives_pickle():
    outcome = Outcome("item", value=(1, 2))
    with pytest.raises(AttributeError):
        outcome.value = 3
    with pytest.raises((AttributeError, TypeError)):
        outcome.other = 3
    assert pickle.loads(pickle.dumps(outcome)) == outcome


def test_repr_tells_what_it_holds():
    assert "example.org" in repr(Outcome("example.org", value=4))

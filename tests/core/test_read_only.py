"""A mapping that cannot be changed, but sent elsewhere."""

from __future__ import annotations

import copy
import pickle

import pytest

from asyncnet.core.read_only import ReadOnly


def test_it_is_a_mapping_of_its_own():
    given = {"a": 1, "b": 2}
    mapping = ReadOnly(given)
    given["c"] = 3
    assert mapping == {"a": 1, "b": 2} == dict(mapping)
    assert list(mapping) == ["a", "b"]
    assert len(mapping) == 2
    assert mapping.get("c") is None
    assert repr(mapping) == "{'a': 1, 'b': 2}"


def test_it_cannot_be_changed():
    with pytest.raises(TypeError):
        ReadOnly({"a": 1})["a"] = 2


def test_it_survives_pickle_and_copies_and_is_the_same_key():
    mapping = ReadOnly({"a": 1, "b": 2})
    for again in (pickle.loads(pickle.dumps(mapping)), copy.copy(mapping), copy.deepcopy(mapping)):
        assert again == mapping
        assert hash(again) == hash(mapping) == hash(ReadOnly({"b": 2, "a": 1}))
    assert mapping != ReadOnly({"a": 1})

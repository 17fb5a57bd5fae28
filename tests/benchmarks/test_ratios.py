"""Medians, ratios of the same round, percentiles."""

from __future__ import annotations

import pytest

from benchmarks.ratios import Ratio, compare, percentile


def test_ratios_are_of_the_same_round() -> None:
    # Round by round 2, 2 and 2: one slow round of everybody does not show.
    assert compare([100, 10, 120], [50, 5, 60]) == Ratio(2, 2, 2)


def test_ratio_has_median_and_range() -> None:
    assert compare([1, 2, 9], [1, 1, 1]) == Ratio(2, 1, 9)


def test_rounds_without_a_value_of_the_peer_are_left_out() -> None:
    assert compare([4, 4], [0, 2]) == Ratio(2, 2, 2)
    assert compare([4], [0]) is None


def test_unequal_numbers_of_rounds_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        compare([1, 2], [1])


def test_ratio_in_words() -> None:
    assert str(Ratio(1.234, 0.5, 20.0)) == "1.23 (0.50 … 20.00)"
    assert str(Ratio(0.00071, 0.0007, 0.0009)) == "0.00071 (0.0007 … 0.0009)"


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1), (0.5, 51), (0.99, 100), (1.0, 100)])
def test_percentile(share: float, expected: int) -> None:
    assert percentile(range(1, 101), share) == expected


def test_percentile_of_one_value() -> None:
    assert percentile([7], 0.99) == 7

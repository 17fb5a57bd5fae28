"""What a caller may name: pure."""

from __future__ import annotations

import pytest

from asyncnet.nntp.arguments import check_article, check_count, check_limit, check_range, check_word


def test_what_names_an_article():
    assert check_article(7) == "7"
    assert check_article("<a@b>") == "<a@b>"


@pytest.mark.parametrize(
    "bad", ["", "a@b", "7", "<a b>", "<>", "<a\r\nQUIT>", "<a>b>", "<é@b>", f"<{'a' * 249}>", 0, -1, 10**18]
)
def test_what_names_none(bad):
    with pytest.raises(ValueError, match="article"):
        check_article(bad)


@pytest.mark.parametrize("bad", [None, True, 1.0, b"<a@b>"])
def test_what_is_of_the_wrong_type(bad):
    with pytest.raises(TypeError, match="article"):
        check_article(bad)


def test_words():
    assert check_word("comp.lang.*,!comp.é", "wildmat") == "comp.lang.*,!comp.é"
    for bad in ("", "a b", "a\tb", "a\r\nb", "a\0b", "a\x7f", "a\u2028"):
        with pytest.raises(ValueError, match="wildmat"):
            check_word(bad, "wildmat")


def test_ranges():
    check_range(None, None)
    check_range(0, 10**18 - 1)
    for bad in ((-1, None), (None, 10**18)):
        with pytest.raises(ValueError, match=r"first|last"):
            check_range(*bad)
    with pytest.raises(TypeError, match="last"):
        check_range(1, "2")


def test_counts_and_limits():
    assert check_count(-5, "x") == -5
    check_limit(1)
    with pytest.raises(ValueError, match="max_bytes"):
        check_limit(0)
    with pytest.raises(TypeError, match="max_bytes"):
        check_limit(None)

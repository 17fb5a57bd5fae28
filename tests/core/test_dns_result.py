"""Which records of an answer section answer the question."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from asyncnet.core.dns_records import CNAME, MX, A
from asyncnet.core.dns_result import Failure, Row, collect, tidy
from asyncnet.errors import Attempt, NameNotFound, NoData, OperationTimeout, ResolveError

ONE, TWO = A(IPv4Address("192.0.2.1")), A(IPv4Address("192.0.2.2"))


@pytest.mark.parametrize(
    ("name", "tidied"), [("WWW.Example.", "www.example"), ("a", "a"), (".", "."), ("", "."), ("a..", "a")]
)
def test_tidy(name: str, tidied: str) -> None:
    assert tidy(name) == tidied


def test_one_record() -> None:
    answer = collect("www.example", "A", [Row("www.example", "A", 60, ONE)])
    assert (answer.name, answer.type, answer.records, answer.canonical_name, answer.ttl) == (
        "www.example", "A", (ONE,), "www.example", 60
    )  # fmt: skip


def test_the_shortest_life_counts() -> None:
    rows = [Row("x", "CNAME", 50, CNAME("y")), Row("y", "A", 60, ONE), Row("y", "A", 40, TWO)]
    answer = collect("x", "A", rows)
    assert (answer.records, answer.canonical_name, answer.ttl) == ((ONE, TWO), "y", 40)


def test_the_order_of_the_section_does_not_matter() -> None:
    rows = [Row("z", "A", 60, ONE), Row("y", "CNAME", 60, CNAME("Z.")), Row("x", "CNAME", 60, CNAME("y"))]
    assert collect("X.", "A", rows).records == (ONE,)


@pytest.mark.parametrize("ttl", [2**31, 2**32 - 1])
def test_a_lifetime_with_the_top_bit_is_none(ttl: int) -> None:
    assert collect("x", "A", [Row("x", "A", ttl, ONE)]).ttl == 0
    assert collect("x", "A", [Row("x", "A", ttl, ONE), Row("x", "A", 9, TWO)]).ttl == 0
    assert collect("x", "A", [Row("x", "A", 2**31 - 1, ONE)]).ttl == 2**31 - 1


def test_other_owners_and_types_do_not_count() -> None:
    rows = [Row("bank.example", "A", 60, ONE), Row("x", "MX", 60, MX(1, "y"))]
    assert collect("x", "A", rows).records == ()
    assert collect("x", "A", [*rows, Row("x", "A", 60, TWO)]).records == (TWO,)


def test_an_alias_of_a_stranger_is_not_followed() -> None:
    assert collect("x", "A", [Row("y", "CNAME", 60, CNAME("z")), Row("z", "A", 60, ONE)]).records == ()


def test_records_win_over_an_alias_beside_them() -> None:
    rows = [Row("x", "CNAME", 60, CNAME("y")), Row("x", "A", 60, ONE), Row("y", "A", 60, TWO)]
    assert collect("x", "A", rows).records == (ONE,)


def test_an_alias_that_was_asked_for_is_the_record() -> None:
    answer = collect("x", "CNAME", [Row("x", "CNAME", 60, CNAME("y")), Row("y", "CNAME", 60, CNAME("z"))])
    assert (answer.records, answer.canonical_name) == ((CNAME("y"),), "x")


def test_an_alias_to_nothing() -> None:
    answer = collect("x", "A", [Row("x", "CNAME", 60, CNAME("y"))])
    assert (answer.records, answer.canonical_name) == ((), "y")


def test_doubles_are_one() -> None:
    assert collect("x", "A", [Row("x", "A", 60, ONE), Row("x", "A", 60, ONE)]).records == (ONE,)


def test_sorted_by_preference() -> None:
    rows = [Row("x", "MX", 60, MX(20, "b")), Row("x", "MX", 60, MX(5, "z")), Row("x", "MX", 60, MX(10, "a"))]
    assert [record.preference for record in collect("x", "MX", rows)] == [5, 10, 20]


@pytest.mark.parametrize("target", ["x", "y"])
def test_aliases_in_a_circle(target: str) -> None:
    rows = [Row("x", "CNAME", 60, CNAME("y")), Row("y", "CNAME", 60, CNAME(target))]
    with pytest.raises(ValueError, match="do not end"):
        collect("x", "A", rows)


def test_aliases_that_are_too_many() -> None:
    def chain(length: int) -> list[Row]:
        rows = [Row(f"n{i}", "CNAME", 60, CNAME(f"n{i + 1}")) for i in range(length)]
        return [*rows, Row(f"n{length}", "A", 60, ONE)]

    assert collect("n0", "A", chain(16)).records == (ONE,)
    with pytest.raises(ValueError, match="do not end"):
        collect("n0", "A", chain(17))


def test_each_asker_gets_an_error_of_its_own() -> None:
    cause = ValueError("engine")
    failure = Failure(NameNotFound, "x does not exist", cause, (Attempt("192.0.2.1:53"),))
    first, second = failure.error(), failure.error()
    assert first is not second
    assert (type(first), first.args, first.__cause__, first.phase) == (
        NameNotFound,
        ("x does not exist",),
        cause,
        "resolve",
    )
    assert first.attempts == failure.attempts


@pytest.mark.parametrize(
    ("kind", "negative"), [(NameNotFound, True), (NoData, True), (ResolveError, False), (OperationTimeout, False)]
)
def test_what_may_be_kept(kind: type[ResolveError], negative: bool) -> None:
    assert Failure(kind, "x").negative is negative

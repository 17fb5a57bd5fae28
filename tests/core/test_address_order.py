"""The order in which addresses are tried: the examples of RFC 6724, then rule by rule."""

from __future__ import annotations

import itertools
import random
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest

from asyncnet.core.address_order import interleave, sort_destinations


def order(sources: dict[str, str | None], given=None) -> list[str]:
    """Sort the keys; the values are the own addresses that would be used towards them."""
    table = {ip_address(to): own and ip_address(own) for to, own in sources.items()}
    return [str(address) for address in sort_destinations(given or list(table), table.__getitem__)]


# RFC 6724 section 10.2: destinations in the order that is to come out, with the source for each.
# Two of the nine are left out: those of rules 3 (deprecated) and 4 (home address), which are not applied.
RFC_EXAMPLES = {
    "matching scope, IPv6": {"2001:db8:1::1": "2001:db8:1::2", "198.51.100.121": "169.254.13.78"},
    "matching scope, IPv4": {"198.51.100.121": "198.51.100.117", "2001:db8:1::1": "fe80::1"},
    "higher precedence": {"2001:db8:1::1": "2001:db8:1::2", "10.1.2.3": "10.1.2.4"},
    "smaller scope": {"fe80::1": "fe80::2", "2001:db8:1::1": "2001:db8:1::2"},
    "longest matching prefix": {"2001:db8:1::1": "2001:db8:1::2", "2001:db8:3ffe::1": "2001:db8:3f44::2"},
    "matching label": {"2002:c633:6401::1": "2002:c633:6401::2", "2001:db8:1::1": "fe80::1"},
    "higher precedence, 6to4": {"2001:db8:1::1": "2001:db8:1::2", "2002:c633:6401::1": "2002:c633:6401::2"},
}


@pytest.mark.parametrize("name", RFC_EXAMPLES)
def test_examples_of_the_rfc(name):
    example = RFC_EXAMPLES[name]
    for given in itertools.permutations(example):
        assert order(example, [ip_address(address) for address in given]) == list(example)


@pytest.mark.parametrize(
    "example",
    [
        pytest.param({"198.51.100.1": "198.51.100.2", "2001:db8::1": None}, id="rule 1: usable"),
        pytest.param({"2001:db8::1": None, "198.51.100.1": None}, id="rule 6 where nothing is usable"),
        pytest.param({"ff05::1": "fec0::2", "2001:db8::1": "fe80::2"}, id="rule 2: site-local multicast"),
        pytest.param({"fec0::1": "fec0::2", "2001:db8::1": "fe80::1"}, id="rule 2: site-local"),
        pytest.param({"ff02::1": "fe80::1", "ff0e::1": "fe80::1"}, id="rule 2: multicast has its scope written in it"),
        pytest.param({"127.0.0.1": "127.0.0.1", "198.51.100.1": "127.0.0.1"}, id="rule 2: loopback is link-local"),
        pytest.param({"169.254.0.1": "169.254.0.2", "198.51.100.1": "169.254.0.2"}, id="rule 2: autoconfiguration"),
        pytest.param({"10.0.0.1": "198.51.100.2", "2001:db8::1": "fe80::2"}, id="rule 2: private IPv4 is global"),
        pytest.param({"10.0.0.1": "198.51.100.2", "fd00::1": "2001:db8::2"}, id="rule 5: unique local from global"),
        pytest.param({"2001:db8::1": "2001:db8::2", "2001::1": "2001::2"}, id="rule 6: Teredo is last"),
        pytest.param({"10.0.0.1": "10.0.0.2", "2002::1": "2002::2"}, id="rule 6: IPv4 before 6to4"),
        pytest.param({"10.0.0.1": "10.0.0.2", "fd00::1": "fd00::2"}, id="rule 6: IPv4 before unique local"),
        pytest.param({"::1": "::1", "127.0.0.1": "127.0.0.1"}, id="rule 6: loopback"),
        pytest.param({"fd00::1": "fd00::2", "3ffe::1": "3ffe::2"}, id="rule 6: returned to IANA"),
        pytest.param({"2002::1": "2002::2", "::1.2.3.4": "::1.2.3.5"}, id="rule 6: IPv4-compatible"),
        pytest.param({"fe80::1%eth0": "fe80::2", "2001:db8::1": "2001:db8::2"}, id="rule 8: zones do not matter"),
        pytest.param({"::ffff:127.0.0.1": "127.0.0.1", "198.51.100.1": "198.51.100.2"}, id="rule 8: IPv4-mapped"),
        pytest.param({"169.254.0.1": "169.254.0.2", "198.51.100.1": "198.51.100.2"}, id="rule 8: IPv4"),
        pytest.param({"2001:db8::1": "2001:db8::2", "2001:db8:8000::1": "2001:db8::2"}, id="rule 9"),
    ],
)
def test_rules(example):
    written = [str(ip_address(address)) for address in example]
    for given in itertools.permutations(example):
        assert order(example, [ip_address(address) for address in given]) == written


def test_equals_stay_in_the_order_given():
    # Rule 9 neither looks at the interface identifier nor at IPv4: round-robin DNS goes on to work.
    for example in (
        {"198.51.100.200": "10.0.0.1", "10.0.0.3": "10.0.0.1", "198.51.100.7": "10.0.0.1"},
        {"2001:db8::ffff": "2001:db8::1", "2001:db8::2": "2001:db8::1"},
    ):
        for given in itertools.permutations(example):
            assert order(example, [ip_address(address) for address in given]) == list(given)


def test_a_source_of_the_other_family_is_no_match():
    assert order({"2001:db8::1": "10.0.0.1", "10.0.0.2": "10.0.0.1"}) == ["10.0.0.2", "2001:db8::1"]


def test_one_address_needs_no_asking():
    def never(address):
        raise AssertionError(address)

    assert sort_destinations([], never) == []
    assert sort_destinations(iter([IPv4Address("10.0.0.1")]), never) == [IPv4Address("10.0.0.1")]


def test_each_address_is_asked_for_once():
    asked = []
    addresses = [IPv4Address(number) for number in range(1 << 24, (1 << 24) + 50)]
    assert sort_destinations(addresses, asked.append) == addresses
    assert asked == addresses


def test_random_orders_lose_nothing_and_do_not_depend_on_the_order_of_unequals():
    rng = random.Random(8)

    def some():
        if rng.random() < 0.5:
            return IPv4Address(rng.choice([10 << 24, 127 << 24, 0xA9FE0000, 198 << 24]) + rng.randint(1, 9))
        return IPv6Address((rng.choice([0x2001, 0x2002, 0xFD00, 0xFE80, 0x2A00]) << 112) + rng.randint(1, 9))

    for _ in range(300):
        table = {some(): rng.choice([None, some(), some()]) for _ in range(rng.randint(0, 8))}
        addresses = list(table)
        once = sort_destinations(addresses, table.__getitem__)
        assert sorted(once, key=str) == sorted(addresses, key=str)
        assert sort_destinations(once, table.__getitem__) == once


# ---- taking turns

A, B, C = (IPv4Address(f"192.0.2.{number}") for number in (1, 2, 3))
X, Y, Z = (IPv6Address(f"2001:db8::{number}") for number in (1, 2, 3))


@pytest.mark.parametrize(
    ("given", "count", "expected"),
    [
        ([], 1, []),
        ([A], 1, [A]),
        ([A, B], 1, [A, B]),
        ([X, Y, Z, A, B, C], 1, [X, A, Y, B, Z, C]),
        ([A, B, C, X], 1, [A, X, B, C]),
        ([A, X, Y, Z], 1, [A, X, Y, Z]),
        ([X, Y, Z, A, B], 2, [X, Y, A, Z, B]),
        ([X, Y, A, B], 5, [X, Y, A, B]),
        ([X, Y, A, B], 0, [X, A, Y, B]),
        ([X, A, Y, B], 1, [X, A, Y, B]),
    ],
)
def test_families_take_turns(given, count, expected):
    assert interleave(iter(given), count) == expected


def test_one_of_the_first_family_comes_first_unless_said_otherwise():
    assert interleave([X, Y, A]) == [X, A, Y]

"""The table of special-purpose addresses: whole, consistent, and the most specific entry wins."""

from __future__ import annotations

import datetime
import random
import re
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest

from asyncnet.core.special_purpose import SPECIAL_PURPOSE_IPV4, SPECIAL_PURPOSE_IPV6, TABLE_DATE, find_entry

ENTRIES = SPECIAL_PURPOSE_IPV4 + SPECIAL_PURPOSE_IPV6


def test_the_table_is_dated():
    assert datetime.date.fromisoformat(TABLE_DATE) >= datetime.date(2025, 10, 9)


def test_the_table_has_each_block_once_with_name_and_source():
    networks = [entry.network for entry in ENTRIES]
    assert len(set(networks)) == len(networks) == 53
    assert {network.version for network in networks[: len(SPECIAL_PURPOSE_IPV4)]} == {4}
    assert {network.version for network in networks[len(SPECIAL_PURPOSE_IPV4) :]} == {6}
    for entry in ENTRIES:
        assert entry.name
        assert re.fullmatch(r"RFC \d{3,4}", entry.source)
        assert entry.globally_reachable in (True, False, None)


def test_what_the_registries_call_globally_reachable():
    assert {str(entry.network) for entry in ENTRIES if entry.globally_reachable} == {
        "192.0.0.9/32",
        "192.0.0.10/32",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.175.48.0/24",
        "64:ff9b::/96",
        "2001:1::1/128",
        "2001:1::2/128",
        "2001:1::3/128",
        "2001:3::/32",
        "2001:4:112::/48",
        "2001:20::/28",
        "2001:30::/28",
        "2620:4f:8000::/48",
    }
    undecided = {str(entry.network) for entry in ENTRIES if entry.globally_reachable is None}
    assert undecided == {"192.88.99.0/24", "2001::/32", "2001:10::/28", "2002::/16"}


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("0.0.0.0", "0.0.0.0/32"),
        ("0.0.0.1", "0.0.0.0/8"),
        ("192.0.0.7", "192.0.0.0/29"),
        ("192.0.0.8", "192.0.0.8/32"),
        ("192.0.0.11", "192.0.0.0/24"),
        ("192.88.99.2", "192.88.99.2/32"),
        ("192.88.99.3", "192.88.99.0/24"),
        ("255.255.255.255", "255.255.255.255/32"),
        ("255.255.255.254", "240.0.0.0/4"),
        ("2001::1", "2001::/32"),
        ("2001:1::1", "2001:1::1/128"),
        ("2001:1::4", "2001::/23"),
        ("fe80::1%eth0", "fe80::/10"),
    ],
)
def test_the_most_specific_entry_wins(address, network):
    entry = find_entry(ip_address(address))
    assert entry is not None
    assert str(entry.network) == network


def test_ordinary_addresses_have_no_entry():
    assert find_entry(ip_address("9.9.9.9")) is None
    assert find_entry(ip_address("2620:fe::9")) is None
    # The same number in the other family is another address.
    assert find_entry(IPv6Address(int(IPv4Address("10.0.0.1")) | 1 << 126)) is None


def test_random_addresses_find_what_a_search_of_all_entries_finds():
    rng = random.Random(5)
    for _ in range(3000):
        near = rng.choice(ENTRIES).network
        spread = rng.choice([2, 4, 64])
        number = int(near.network_address) + rng.randint(-spread, int(near.num_addresses) + spread)
        address = type(near.network_address)(number % (1 << near.max_prefixlen))
        holding = [entry for entry in ENTRIES if address in entry.network]
        assert find_entry(address) == max(holding, key=lambda entry: entry.network.prefixlen, default=None)

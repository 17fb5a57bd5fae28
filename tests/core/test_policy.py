"""What may be dialled: each block of the registries at its edges, and IPv4 hidden in IPv6."""

from __future__ import annotations

import random
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest

from asyncnet.core.policy import embedded, permits, public_only
from asyncnet.core.special_purpose import SPECIAL_PURPOSE_IPV4, SPECIAL_PURPOSE_IPV6

# Each block, and whether these are public: the address before it, its first, its last, the one after it.
EDGES = [
    ("0.0.0.0/8", " --+"),
    ("0.0.0.0/32", " ---"),
    ("10.0.0.0/8", "+--+"),
    ("100.64.0.0/10", "+--+"),
    ("127.0.0.0/8", "+--+"),
    ("169.254.0.0/16", "+--+"),
    ("172.16.0.0/12", "+--+"),
    ("192.0.0.0/24", "+--+"),
    ("192.0.0.0/29", "+---"),
    ("192.0.0.8/32", "---+"),
    ("192.0.0.9/32", "-+++"),
    ("192.0.0.10/32", "+++-"),
    ("192.0.0.170/32", "----"),
    ("192.0.0.171/32", "----"),
    ("192.0.2.0/24", "+--+"),
    ("192.31.196.0/24", "++++"),
    ("192.52.193.0/24", "++++"),
    ("192.88.99.0/24", "+--+"),
    ("192.88.99.2/32", "----"),
    ("192.168.0.0/16", "+--+"),
    ("192.175.48.0/24", "++++"),
    ("198.18.0.0/15", "+--+"),
    ("198.51.100.0/24", "+--+"),
    ("203.0.113.0/24", "+--+"),
    ("240.0.0.0/4", "--- "),
    ("255.255.255.255/32", "--- "),
    ("224.0.0.0/4", "+---"),
    ("::1/128", "----"),
    ("::/128", " ---"),
    ("::ffff:0:0/96", "----"),
    ("64:ff9b::/96", "----"),
    ("64:ff9b:1::/48", "----"),
    ("100::/64", "----"),
    ("100:0:0:1::/64", "----"),
    ("2001::/23", "+--+"),
    ("2001::/32", "+---"),
    ("2001:1::1/128", "-+++"),
    ("2001:1::2/128", "++++"),
    ("2001:1::3/128", "+++-"),
    ("2001:2::/48", "----"),
    ("2001:3::/32", "-++-"),
    ("2001:4:112::/48", "-++-"),
    ("2001:10::/28", "---+"),
    ("2001:20::/28", "-+++"),
    ("2001:30::/28", "+++-"),
    ("2001:db8::/32", "+--+"),
    ("2002::/16", "+--+"),
    ("2620:4f:8000::/48", "++++"),
    ("3fff::/20", "+--+"),
    ("5f00::/16", "----"),
    ("fc00::/7", "----"),
    ("fe80::/10", "----"),
    ("ff00::/8", "--- "),
]


def public(address: str) -> bool:
    return public_only(ip_address(address), 443)


def test_each_entry_of_the_table_has_its_edges_here():
    assert [ip_network(block) for block, _ in EDGES] == [e.network for e in SPECIAL_PURPOSE_IPV4 + SPECIAL_PURPOSE_IPV6]


@pytest.mark.parametrize(("block", "expected"), EDGES)
def test_public_only_at_the_edges(block, expected):
    network = ip_network(block)
    first, last = int(network.network_address), int(network.broadcast_address)
    seen = ""
    for number in (first - 1, first, last, last + 1):
        if 0 <= number < 1 << network.max_prefixlen:
            seen += "+" if public_only(type(network.network_address)(number), 443) else "-"
        else:
            seen += " "
    assert seen == expected


@pytest.mark.parametrize(
    "address",
    ["1.0.0.0", "9.9.9.9", "100.128.0.0", "172.32.0.0", "223.255.255.255", "192.88.98.255", "2620:fe::fe", "2a00::1",
     "2000::", "3ffe::1", "64:ff9b::9.9.9.9"],
)  # fmt: skip
def test_public_addresses(address):
    assert public(address)


@pytest.mark.parametrize(
    "address",
    [
        # Python 3.11's is_global says yes to these.
        "64:ff9b::7f00:1", "2002:7f00:1::", "3fff::1", "5f00::1", "64:ff9b:1::7f00:1", "100:0:0:1::1", "192.88.99.1",
        "224.0.0.1", "239.255.255.255", "ff0e::1",
        # ... and these are private behind another form of writing.
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "::ffff:0:10.0.0.1", "64:ff9b::192.168.0.1",
        "64:ff9b::100.64.0.1", "64:ff9b::224.0.0.1", "2a00::5efe:10.0.0.1", "2a00::200:5efe:127.0.0.1",
        # Outside of 2000::/3 nothing is handed out.
        "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "4000::", "8000::1", "e000::1", "fec0::1", "::", "::1", "1::1",
        "64:ff9a::1", "64:ff9b:2::1",
        # The kernel would speak IPv4, which is another address: written as that it may be public.
        "::ffff:9.9.9.9", "::9.9.9.9",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public(address):
    assert not public(address)


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("127.0.0.1", []),
        ("2a00::1", []),
        ("::", []),
        ("::1", []),
        ("::1:0:0:1", []),
        ("::ffff:0:0:1", ["0.0.0.1"]),
        ("::2", ["0.0.0.2"]),
        ("::127.0.0.1", ["127.0.0.1"]),
        ("::ffff:127.0.0.1", ["127.0.0.1"]),
        ("::ffff:127.0.0.1%lo", ["127.0.0.1"]),
        ("::ffff:0:127.0.0.1", ["127.0.0.1"]),
        ("64:ff9b::127.0.0.1", ["127.0.0.1"]),
        ("64:ff9b::1:127.0.0.1", []),
        ("2002:7f00:1::", ["127.0.0.1"]),
        ("2002:7f00:1:5:6:7:8:9", ["127.0.0.1"]),
        # RFC 4380 section 4: server 65.54.227.120, client 192.0.2.45
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", ["65.54.227.120", "192.0.2.45"]),
        ("2001:0:7f00:1::80ff:fffe", ["127.0.0.1"]),
        ("2001:1::7f00:1", []),
        # RFC 6052 section 2.2 in the prefix of RFC 8215: 192.0.2.33 in each layout
        ("64:ff9b:1::192.0.2.33", ["192.0.2.33"]),
        ("64:ff9b:1:c000:2:2100::", ["192.0.2.33", "2.33.0.0", "0.0.0.0"]),
        ("64:ff9b:1:c0:0:221::", ["192.0.2.33", "0.0.0.0"]),
        ("64:ff9b:1:0:c0:2:2100:0", ["192.0.2.33", "33.0.0.0"]),
        ("2a00::5efe:192.0.2.1", ["192.0.2.1"]),
        ("fe80::200:5efe:192.0.2.1", ["192.0.2.1"]),
        ("2002:c000:201::5efe:192.0.2.1", ["192.0.2.1"]),
        ("2002:c000:202::5efe:192.0.2.1", ["192.0.2.2", "192.0.2.1"]),
    ],
)
def test_embedded(address, inside):
    assert [str(one) for one in embedded(ip_address(address))] == inside


def test_every_ipv4_address_is_found_in_every_form():
    rng = random.Random(6)
    for _ in range(500):
        number = rng.getrandbits(32)
        high, low = number >> 16, number & 0xFFFF
        forms = {
            "mapped": 0xFFFF << 32 | number,
            "compatible": number | 2,
            "translated": 0xFFFF << 48 | number,
            "nat64": 0x64FF9B << 96 | number,
            "6to4": 0x2002 << 112 | number << 80 | rng.getrandbits(80),
            "teredo server": 0x20010000 << 96 | number << 64 | rng.getrandbits(64),
            "teredo client": 0x20010000 << 96 | rng.getrandbits(64) << 32 | number ^ 0xFFFFFFFF,
            "local nat64 /96": 0x64FF9B0001 << 80 | number,
            "isatap": rng.getrandbits(64) << 64 | 0x5EFE << 32 | number,
        }
        for length, value in (
            ("/48", high << 64 | low << 40),
            ("/56", number >> 24 << 64 | (number & 0xFFFFFF) << 32),
            ("/64", number << 24),
        ):
            if number >> 24:
                forms[f"local nat64 {length}"] = 0x64FF9B0001 << 80 | value
        for name, form in forms.items():
            expected = number | 2 if name == "compatible" else number
            assert IPv4Address(expected) in embedded(IPv6Address(form)), name


def test_random_addresses_are_public_only_where_the_library_agrees():
    # Python's own table is older, never stricter in what both call public.
    rng = random.Random(7)
    for _ in range(5000):
        address = IPv4Address(rng.getrandbits(32))
        if public_only(address, 1):
            assert address.is_global or str(address) in {"192.0.0.9", "192.0.0.10"}
            assert not address.is_multicast


def test_permits_asks_for_the_address_and_for_what_is_inside():
    asked = []

    def allow(address, port):
        asked.append((str(address), port))
        return True

    assert permits(allow, ip_address("64:ff9b::a00:1"), 80)
    assert asked == [("64:ff9b::a00:1", 80), ("10.0.0.1", 80)]


@pytest.mark.parametrize("address", ["::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "127.0.0.1"])
def test_permits_needs_every_answer(address):
    assert not permits(lambda one, port: one != ip_address("127.0.0.1"), ip_address(address), 80)
    assert permits(lambda one, port: one != ip_address("127.0.0.2"), ip_address(address), 80)


def test_permits_shows_the_policy_no_zone():
    seen = []
    assert permits(lambda address, port: not seen.append(address), ip_address("fe80::1%eth0"), 1)
    assert seen == [ip_address("fe80::1")]


def test_permits_passes_the_port():
    address = ip_address("9.9.9.9")
    assert permits(lambda one, port: port == 443, address, 443)
    assert not permits(lambda one, port: port == 443, address, 80)


@pytest.mark.parametrize("answer", [1, 0, None, "yes", []])
def test_a_policy_must_answer_with_a_bool(answer):
    with pytest.raises(TypeError, match=f"allow must return a bool, not {type(answer).__name__}"):
        permits(lambda address, port: answer, ip_address("9.9.9.9"), 443)


def test_an_async_policy_does_not_allow_everything():
    async def allow(address, port):
        return False

    with pytest.raises(TypeError, match="allow must return a bool, not coroutine"):
        permits(allow, ip_address("9.9.9.9"), 443)


def test_what_a_policy_raises_comes_through():
    def allow(address, port):
        raise LookupError("no such list")

    with pytest.raises(LookupError, match="no such list"):
        permits(allow, ip_address("9.9.9.9"), 443)

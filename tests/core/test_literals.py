"""IP addresses as text: every spelling that inet_aton takes, brackets, zones, and what spells none."""

from __future__ import annotations

import random
import socket
from ipaddress import IPv6Address, ip_address

import pytest

from asyncnet.core.literals import MAX_INPUT, address_text, parse_literal


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("127.0.0.1.", "127.0.0.1"),
        ("127.1", "127.0.0.1"),
        ("127.1.", "127.0.0.1"),
        ("127.0.257", "127.0.1.1"),
        ("0x7f.1", "127.0.0.1"),
        ("0X7F.0X1", "127.0.0.1"),
        ("0177.0.0.01", "127.0.0.1"),
        ("00000177.1", "127.0.0.1"),
        ("2130706433", "127.0.0.1"),
        ("0", "0.0.0.0"),
        ("00", "0.0.0.0"),
        ("0x", "0.0.0.0"),
        ("4294967295", "255.255.255.255"),
        ("255.16777215", "255.255.255.255"),
        ("255.255.65535", "255.255.255.255"),
        ("::1", "::1"),
        ("[::1]", "::1"),
        ("2001:DB8::A", "2001:db8::a"),
        ("::ffff:10.0.0.1", "::ffff:10.0.0.1"),
        ("fe80::1%eth0.100", "fe80::1%eth0.100"),
        ("[fe80::1%2]", "fe80::1%2"),
    ],
)
def test_what_spells_an_address(text, address):
    assert parse_literal(text) == ip_address(address)


@pytest.mark.parametrize(
    "text",
    [
        "", ".", "localhost", "1.2.3.256", "256.1", "1.16777216", "4294967296", "1.2.3.4.5", "1..2", "1.2.3.4..",
        "08", "0x1g", "1_0", "+1", "-1", " 1", "1 ", "１", "[127.0.0.1]", "127.0.0.1%lo",
        "a:b", ":", "::1::", "[::1", "::1]", "[[::1]]", "fe80::1%", "fe80::1%a b", "fe80::1%a%b", "::1%" + "a" * 65,
        "::ffff:0177.0.0.1", "::１", "12345::", "0" * MAX_INPUT + "1",
    ],
)  # fmt: skip
def test_what_spells_none(text):
    assert parse_literal(text) is None


def test_the_zone_is_kept():
    zoned = parse_literal("FE80::1%Eth0")
    assert isinstance(zoned, IPv6Address)
    assert zoned.scope_id == "Eth0"


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("2001:db8:0:0:0:0:0:1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1%eth0"),
        ("::ffff:7f00:1", "::ffff:127.0.0.1"),
        ("::ffff:7f00:1%lo", "::ffff:127.0.0.1%lo"),
        ("::7f00:1", "::7f00:1"),
    ],
)
def test_the_usual_text(address, text):
    assert address_text(ip_address(address)) == text


def test_random_ipv4_spellings_mean_what_inet_aton_says():
    rng = random.Random(1)
    forms = (str, hex, lambda number: f"0{number:o}", lambda number: f"0x000{number:X}")
    for _ in range(2000):
        number = rng.getrandbits(32)
        count = rng.randint(1, 4)
        values = [number >> 8 * (3 - index) & 0xFF for index in range(count - 1)]
        values.append(number & (1 << 8 * (5 - count)) - 1)
        text = ".".join(rng.choice(forms)(value) for value in values)
        assert parse_literal(text) == ip_address(socket.inet_aton(text)), text


def test_random_digits_are_refused_where_inet_aton_refuses():
    rng = random.Random(13)
    addresses = 0
    for _ in range(5000):
        text = "".join(rng.choices("0123789.xaf", k=rng.randint(1, 10)))
        try:
            expected = ip_address(socket.inet_aton(text))
        except OSError:
            # Of what the C library refuses, the URL standard takes a dot at the end and "0x" for 0.
            if not text.endswith(".") and "0x" not in text:
                assert parse_literal(text) is None, text
            continue
        addresses += 1
        assert parse_literal(text) == expected, text
    assert addresses > 300


def test_random_ipv6_addresses_keep_their_number():
    rng = random.Random(2)
    for _ in range(1000):
        number = 0
        for _ in range(8):
            number = number << 16 | rng.choice([0, 0, 0xFFFF, rng.getrandbits(16)])
        address = IPv6Address(number)
        for text in (str(address), address.exploded.upper(), f"[{address}]", address_text(address)):
            assert parse_literal(text) == address

"""Record data from bytes, with dnspython."""

from __future__ import annotations

import struct
import subprocess
import sys
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest

from asyncnet.core.dns_decode import decode_rows, require_dnspython
from asyncnet.core.dns_message import encode_query, read_response
from asyncnet.core.dns_records import (
    AAAA,
    CAA,
    CNAME,
    HTTPS,
    MX,
    NAPTR,
    NS,
    PTR,
    RECORD_TYPES,
    SOA,
    SRV,
    SVCB,
    TLSA,
    TXT,
    URI,
    A,
)  # fmt: skip
from asyncnet.core.dns_result import Row
from asyncnet.testing.dns_wire import Record, encode_message, parse_query

pytest.importorskip("dns", reason="the extra dns is not installed")

VALUES: list[tuple[str, Any, object]] = [
    ("A", "192.0.2.1", A(IPv4Address("192.0.2.1"))),
    ("AAAA", "2001:db8::1", AAAA(IPv6Address("2001:db8::1"))),
    ("CNAME", "a.example", CNAME("a.example")),
    ("NS", ".", NS(".")),
    ("PTR", "a b.example", PTR("a\\032b.example")),
    ("MX", (10, "a.example"), MX(10, "a.example")),
    ("SOA", ("a", "b", 1, 2, 3, 4, 5), SOA("a", "b", 1, 2, 3, 4, 5)),
    ("SRV", (1, 2, 3, "a"), SRV(1, 2, 3, "a")),
    ("TXT", ("a", b"\xff"), TXT((b"a", b"\xff"))),
    ("CAA", (128, "issue", b"ca\xff"), CAA(128, "issue", "ca\\xff")),
    ("NAPTR", (1, 2, "S", "SIP", "", "a"), NAPTR(1, 2, "S", "SIP", "", "a")),
    ("TLSA", (3, 1, 1, b"\xaa" * 32), TLSA(3, 1, 1, b"\xaa" * 32)),
    ("URI", (1, 2, "https://a/"), URI(1, 2, "https://a/")),
    ("HTTPS", (1, ".", {1: b"\x02h2", 2: b"", 3: b"\x01\xbb"}),
     HTTPS(1, ".", ((1, b"\x02h2"), (2, b""), (3, b"\x01\xbb")))),
    ("SVCB", (0, "a.example", {}), SVCB(0, "a.example")),
    ("SVCB", (1, ".", {4: bytes([192, 0, 2, 1]), 6: bytes(16), 667: b"y"}),
     SVCB(1, ".", ((4, bytes([192, 0, 2, 1])), (6, bytes(16)), (667, b"y")))),
]  # fmt: skip


def decoded(type: str, *records: Record) -> list[Row]:
    message = encode_message(parse_query(encode_query(7, "x.example", type)), (records, (), ()))
    response = read_response(message, 7, "x.example", type)
    assert response is not None
    return decode_rows(message, response, type)


@pytest.mark.parametrize(("type", "value", "record"), VALUES, ids=lambda value: value if isinstance(value, str) else "")
def test_every_type(type: str, value: Any, record: object) -> None:
    assert decoded(type, Record("X.example", type, 60, value)) == [Row("x.example", type, 60, record)]


def test_every_type_is_there() -> None:
    assert {type for type, _, _ in VALUES} == set(RECORD_TYPES)


def test_others_are_left_out() -> None:
    rows = decoded(
        "MX",
        Record("x.example", "CNAME", 60, "y.example"),
        Record("y.example", "A", 60, "192.0.2.1"),
        Record("y.example", "MX", 60, (1, "chaos"), class_=3),
        Record("y.example", "TYPE65280", 60, b"private"),
        Record("y.example", "MX", 60, (1, "mx.example")),
    )
    assert [(row.type, row.record) for row in rows] == [("CNAME", CNAME("y.example")), ("MX", MX(1, "mx.example"))]


@pytest.mark.parametrize(
    ("type", "data"),
    [
        ("A", b"abc"),
        ("AAAA", b"abc"),
        ("MX", b"\0"),
        ("MX", b"\0\1\xc0\xff"),
        ("CNAME", b"\1a\0rest"),
        ("CNAME", b"\xc0"),
        ("SOA", b"\0\0\0"),
        ("CAA", b"\0\xff"),
        ("NAPTR", b"\0\1\0\1\xff"),
        ("URI", b"\0"),
        ("SVCB", b"\0\1\0\0\1\0\xff"),
        ("SVCB", struct.pack("!H", 1) + b"\0" + struct.pack("!HH", 3, 1) + b"x"),  # a port of one byte
        ("TXT", b"\xff"),
    ],
)
def test_malformed(type: str, data: bytes) -> None:
    if type == "TXT":
        # The kit frames the strings of TXT by itself, so it gets them under another type of the same length.
        message = encode_message(
            parse_query(encode_query(7, "x.example", "TXT")), ((Record("x.example", "TYPE99", 60, data),), (), ())
        )
        message = message.replace(struct.pack("!HH", 99, 1), struct.pack("!HH", 16, 1))
        response = read_response(message, 7, "x.example", "TXT")
        assert response is not None
        with pytest.raises(ValueError):
            decode_rows(message, response, "TXT")
    else:
        with pytest.raises(ValueError):
            decoded(type, Record("x.example", type, 60, data))


def test_it_is_there() -> None:
    assert require_dnspython("this test") is None


def test_without_dnspython_the_extra_is_named() -> None:
    code = (
        "import sys; sys.modules['dns'] = None\n"
        "from asyncnet.core.dns_decode import require_dnspython\n"
        "try:\n    require_dnspython('SVCB')\n"
        "except ImportError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "SVCB needs dnspython: install asyncnet[dns]"
    require_dnspython("SVCB")  # here it is

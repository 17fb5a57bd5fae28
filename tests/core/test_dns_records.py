"""Records and answers as values."""

from __future__ import annotations

import copy
import pickle
from ipaddress import IPv4Address, IPv6Address

import pytest

from asyncnet.core import dns_records
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
    check_type,
    rank,
)  # fmt: skip

V4, V6 = IPv4Address("192.0.2.1"), IPv6Address("2001:db8::1")

EXAMPLES = {
    A(V4): "192.0.2.1",
    AAAA(V6): "2001:db8::1",
    CNAME("a.example"): "a.example",
    NS("ns.example"): "ns.example",
    PTR("p.example"): "p.example",
    MX(10, "mail.example"): "10 mail.example",
    SOA("ns.example", "admin.example", 1, 2, 3, 4, 5): "ns.example admin.example 1 2 3 4 5",
    SRV(1, 2, 443, "s.example"): "1 2 443 s.example",
    TXT((b"one", b'q"\\\x00\xff')): '"one" "q\\"\\\\\\000\\255"',
    CAA(128, "issue", "ca.example"): '128 issue "ca.example"',
    NAPTR(1, 2, "S", "SIP+D2U", "", "sip.example"): '1 2 "S" "SIP+D2U" "" sip.example',
    TLSA(3, 1, 1, b"\xab\xcd"): "3 1 1 abcd",
    URI(1, 2, "https://u.example/"): '1 2 "https://u.example/"',
    SVCB(1, "svc.example"): "1 svc.example",
    HTTPS(0, "alias.example"): "0 alias.example",
}

PARAMS = (
    (1, b"\x02h2\x02h3"),
    (3, b"\x01\xbb"),
    (4, V4.packed),
    (6, V6.packed),
    (7, b"/q{?dns}"),
)


@pytest.mark.parametrize(("record", "text"), EXAMPLES.items(), ids=lambda value: type(value).__name__)
def test_text_of_each_type(record: object, text: str) -> None:
    assert str(record) == text


def test_every_type_has_a_class_and_a_number() -> None:
    assert {type(record).__name__ for record in EXAMPLES} == set(RECORD_TYPES)
    assert set(RECORD_TYPES) < set(dns_records.__all__)
    assert len(set(RECORD_TYPES.values())) == len(RECORD_TYPES)


@pytest.mark.parametrize("record", EXAMPLES, ids=lambda value: type(value).__name__)
def test_records_are_frozen_hashable_and_travel(record: object) -> None:
    field = next(iter(type(record).__dataclass_fields__))
    with pytest.raises(AttributeError):
        setattr(record, field, None)
    assert not hasattr(record, "__dict__")
    assert pickle.loads(pickle.dumps(record)) == copy.copy(record) == record
    assert len({record, copy.copy(record)}) == 1


def test_same_target_of_another_type_is_another_record() -> None:
    assert CNAME("a.example") != NS("a.example") != PTR("a.example")


def test_txt_joined() -> None:
    assert TXT((b"v=spf1 ", b"-all")).text == "v=spf1 -all"
    assert TXT((b"\xff",)).text == "\\xff"


def test_service_parameters() -> None:
    record = SVCB(1, ".", PARAMS)
    assert record.alpn == ("h2", "h3")
    assert record.port == 443
    assert record.ipv4_hints == (V4,)
    assert record.ipv6_hints == (V6,)
    shown = '1 . alpn="h2,h3" port="443" ipv4hint="192.0.2.1" ipv6hint="2001:db8::1" key7="/q{?dns}"'
    assert str(record) == shown
    bare = HTTPS(1, ".")
    assert (bare.alpn, bare.port, bare.ipv4_hints, bare.ipv6_hints) == ((), None, (), ())


def test_hostile_service_parameters() -> None:
    cut = SVCB(1, ".", ((1, b"\x02h2\x09h"), (3, b"\x01"), (4, b"\x7f\x00\x00"), (6, b"")))
    assert (cut.alpn, cut.port, cut.ipv4_hints, cut.ipv6_hints) == (("h2",), None, (), ())
    assert SVCB(1, ".", ((1, b"\x01\xff"),)).alpn == ("\\xff",)


@pytest.mark.parametrize(("given", "known"), [("MX", "MX"), ("aaaa", "AAAA"), ("Https", "HTTPS")])
def test_check_type(given: str, known: str) -> None:
    assert check_type(given) == known


@pytest.mark.parametrize("bad", ["", "ANY", "MX ", "A\n", "TYPE1"])
def test_check_type_refuses(bad: str) -> None:
    with pytest.raises(ValueError, match="unknown record type"):
        check_type(bad)


@pytest.mark.parametrize("bad", [None, 15, b"MX", MX])
def test_check_type_takes_text(bad: object) -> None:
    with pytest.raises(TypeError, match="'MX'"):
        check_type(bad)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (MX(1, "z"), MX(2, "a")),
        (SRV(1, 0, 1, "z"), SRV(2, 9, 1, "a")),
        (URI(1, 0, "z"), URI(2, 0, "a")),
        (HTTPS(0, "z"), HTTPS(1, "a")),
        (NAPTR(1, 9, "", "", "", "z"), NAPTR(2, 1, "", "", "", "a")),
        (NAPTR(1, 1, "", "", "", "z"), NAPTR(1, 2, "", "", "", "a")),
    ],
)
def test_rank_puts_the_one_to_try_first_in_front(first: object, second: object) -> None:
    assert rank(first) < rank(second)


def test_rank_leaves_others_as_they_came() -> None:
    assert rank(A(V4)) == rank(TXT((b"x",))) == rank(NS("a"))

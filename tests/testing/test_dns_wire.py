"""DNS messages as bytes, read back by hand and by an independent library."""

from __future__ import annotations

import struct
from typing import Any

import dns.message
import dns.rdatatype
import pytest

from asyncnet.testing import dns_wire
from asyncnet.testing.dns_wire import Record, encode_data, encode_message, encode_name, parse_query, type_name


def make_query(name: str, kind: str, **settings: Any) -> bytes:
    return bytes(dns.message.make_query(name, kind, **settings).to_wire())


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("A", "192.0.2.1", "192.0.2.1"),
        ("AAAA", "2001:db8::1", "2001:db8::1"),
        ("CNAME", "www.example.", "www.example."),
        ("NS", "ns.example", "ns.example."),
        ("PTR", "host.example", "host.example."),
        ("TXT", "one", '"one"'),
        ("TXT", ("one", b"two"), '"one" "two"'),
        ("MX", (10, "mail.example"), "10 mail.example."),
        ("SRV", (1, 2, 443, "srv.example"), "1 2 443 srv.example."),
        ("SOA", ("ns.example", "root.example", 1, 2, 3, 4, 5), "ns.example. root.example. 1 2 3 4 5"),
        ("CAA", (0, "issue", "ca.example"), '0 issue "ca.example"'),
        ("URI", (1, 2, "https://example/"), '1 2 "https://example/"'),
        ("TLSA", (3, 1, 0, b"\xab\xcd"), "3 1 0 abcd"),
        ("NAPTR", (1, 2, "u", "E2U+sip", "!^.*$!sip:x@y!", "."), '1 2 "u" "E2U+sip" "!^.*$!sip:x@y!" .'),
        ("SVCB", (0, "alias.example"), "0 alias.example."),
        ("HTTPS", (1, ".", {1: b"\x02h2"}), '1 . alpn="h2"'),
        ("A", b"\x01\x02\x03\x04", "1.2.3.4"),
    ],
)
def test_record_data_is_what_another_library_reads(kind: str, value: object, text: str) -> None:
    question = parse_query(make_query("name.example", kind))
    reply = dns.message.from_wire(encode_message(question, ([Record("name.example", kind, 60, value)], (), ())))
    assert [str(data) for data in reply.answer[0]] == [text]
    assert reply.answer[0].rdtype == dns.rdatatype.from_text(kind)
    assert reply.answer[0].ttl == 60


def test_types_without_a_name_are_written_by_number() -> None:
    assert type_name(65280) == "TYPE65280"
    question = parse_query(make_query("x.example", "TYPE65280"))
    assert question.type == "TYPE65280"
    reply = dns.message.from_wire(encode_message(question, ([Record("x.example", "TYPE65280", 1, b"ab")], (), ())))
    assert reply.answer[0].rdtype == 65280


@pytest.mark.parametrize("kind", ["NOPE", "TYPEX"])
def test_an_unknown_type_is_refused(kind: str) -> None:
    with pytest.raises(ValueError, match="give the data"):
        encode_data(kind, "text")
    with pytest.raises(ValueError, match="unknown record type"):
        dns_wire.type_number(kind)


def test_a_string_has_at_most_255_bytes() -> None:
    with pytest.raises(ValueError, match="255"):
        encode_data("TXT", "x" * 256)


def test_names() -> None:
    assert encode_name("a.bc.") == b"\x01a\x02bc\x00"
    assert encode_name(".") == b"\x00"
    assert encode_name(b"\xc0\x0c") == b"\xc0\x0c"  # a pointer, sent as it is


def test_a_query_is_read() -> None:
    question = parse_query(make_query("WWW.Example", "AAAA", use_edns=0, payload=4096))
    assert (question.name, question.type) == ("www.example", "AAAA")
    assert question.recursion
    assert question.edns
    assert question.payload == 4096
    assert question.wire.startswith(b"\x03WWW\x07Example\x00")
    plain = parse_query(make_query(".", "NS", flags=0))
    assert (plain.name, plain.edns, plain.payload, plain.recursion) == (".", False, 512, False)


def test_what_follows_the_question_without_being_an_opt_is_ignored() -> None:
    query = bytearray(make_query("a.example", "A"))
    query[10:12] = struct.pack("!H", 1)
    assert not parse_query(bytes(query) + b"\0" + struct.pack("!HHIH", 1, 1, 0, 0)).edns
    assert not parse_query(bytes(query) + b"\x01x\0" + struct.pack("!HHIH", 41, 4096, 0, 0)).edns


@pytest.mark.parametrize("length", range(29))
def test_a_query_cut_short_is_refused(length: int) -> None:
    query = make_query("example", "A")  # 12 + 9 + 4 = 25 bytes
    assert len(query) == 25
    if length < 25:
        with pytest.raises(ValueError, match="cut short"):
            parse_query(query[:length])
    else:
        assert parse_query(query + b"\0" * (length - 25)).name == "example"


def test_what_is_no_query_is_refused() -> None:
    query = make_query("example", "A")
    with pytest.raises(ValueError, match="not a query"):
        parse_query(query[:2] + b"\x80\x00" + query[4:])
    with pytest.raises(ValueError, match="not a query"):
        parse_query(query[:4] + b"\x00\x02" + query[6:])
    with pytest.raises(ValueError, match="compressed"):
        parse_query(query[:12] + b"\xc0\x0c" + query[14:])


def test_the_header_says_what_happened() -> None:
    question = parse_query(make_query("example", "A", use_edns=0))
    reply = dns.message.from_wire(encode_message(question, rcode=3))
    assert reply.rcode() == 3
    assert reply.edns == 0
    assert reply.id == question.id
    cut = encode_message(question, truncated=True)
    assert cut[2] & 0x02

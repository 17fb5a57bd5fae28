"""The scripted DNS server, asked by an independent library."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.query
import pytest

from asyncnet import testing

RECORDS: dict[tuple[str, str], Any] = {
    ("www.example", "CNAME"): "Example.",
    ("example", "A"): ["192.0.2.1", "192.0.2.2"],
    ("example", "MX"): (10, "mail.example"),
    ("*.wild.example", "A"): "192.0.2.3",
    ("dead.example", "*"): testing.SERVFAIL,
    ("no.example", "A"): testing.REFUSED,
    ("gone.example", "*"): testing.NXDOMAIN,
    ("empty.example", "A"): testing.NODATA,
    ("quiet.example", "A"): testing.SILENCE,
    ("big.example", "A"): [f"10.0.0.{i}" for i in range(100)],
    ("cut.example", "A"): testing.Answer("192.0.2.4", truncated=True),
    ("one.example", "CNAME"): "two.example",
    ("two.example", "CNAME"): "one.example",
    ("bad.example", "CNAME"): b"\xc0\xff",
    ("short.example", "CNAME"): testing.Answer("example", ttl=5),
    ("plain.example", "A"): lambda query: "192.0.2.5",
    ("odd.example", "A"): testing.Answer("192.0.2.6", also=[("other.example", "TXT", "hello")]),
    ("soa.example", "A"): testing.Answer(negative_ttl=None),
}


def ask(server: testing.DNSServer, name: str, kind: str = "A", *, tcp: bool = False, **settings: Any) -> Any:
    query = dns.message.make_query(name, kind, **settings)
    send = dns.query.tcp if tcp else dns.query.udp
    return send(query, server.host, port=server.port, timeout=2.0)


def addresses(reply: Any) -> list[str]:
    return [str(data) for rrset in reply.answer for data in rrset]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("tcp", [False, True])
def test_records_are_answered(host: str, tcp: bool) -> None:
    with testing.DNSServer(RECORDS, host=host, ttl=7) as server:
        assert server.nameserver == (f"[::1]:{server.port}" if host == "::1" else f"127.0.0.1:{server.port}")
        reply = ask(server, "EXAMPLE.", tcp=tcp)
        assert addresses(reply) == ["192.0.2.1", "192.0.2.2"]
        assert reply.answer[0].ttl == 7
        assert [str(data) for data in ask(server, "example", "MX", tcp=tcp).answer[0]] == ["10 mail.example."]
        query = server.queries[0]
        assert (query.name, query.type, query.transport) == ("example", "A", "tcp" if tcp else "udp")
        assert query.peer[0] == host
        assert server.count("example") == 2
        assert server.count("Example.", "MX") == 1
        assert server.count("other") == 0


def test_cnames_are_followed_in_the_table() -> None:
    with testing.DNSServer(RECORDS) as server:
        reply = ask(server, "www.example")
        assert [rrset.name.to_text() for rrset in reply.answer] == ["www.example.", "example."]
        assert addresses(reply)[1:] == ["192.0.2.1", "192.0.2.2"]
        assert addresses(ask(server, "www.example", "CNAME")) == ["Example."]
        assert ask(server, "short.example").answer[0].ttl == 5
        loop = ask(server, "one.example")
        assert addresses(loop) == ["two.example.", "one.example."]
        negative = ask(server, "www.example", "TXT")
        assert addresses(negative) == ["Example."]
        assert negative.authority[0].ttl == 60


def test_malformed_names_are_sent_as_they_are() -> None:
    with testing.DNSServer(RECORDS) as server:
        with pytest.raises(dns.exception.DNSException):
            ask(server, "bad.example")


@pytest.mark.parametrize(
    ("name", "rcode"),
    [("dead.example", 2), ("no.example", 5), ("gone.example", 3), ("unknown.example", 3), ("empty.example", 0)],
)
def test_negative_answers(name: str, rcode: int) -> None:
    with testing.DNSServer(RECORDS) as server:
        reply = ask(server, name)
        assert reply.rcode() == rcode
        assert not reply.answer
        assert bool(reply.authority) == (rcode in (0, 3))
        assert ask(server, "example", "AAAA").rcode() == 0  # the name exists


def test_the_soa_can_be_left_out() -> None:
    with testing.DNSServer(RECORDS) as server:
        assert not ask(server, "soa.example").authority


def test_wildcards() -> None:
    with testing.DNSServer(RECORDS) as server:
        assert addresses(ask(server, "a.b.wild.example")) == ["192.0.2.3"]
        assert ask(server, "wild.example").rcode() == 3
        assert ask(server, "a.wild.example", "AAAA").rcode() == 0


def test_long_and_truncated_answers_need_tcp() -> None:
    with testing.DNSServer(RECORDS) as server:
        for name, count in (("big.example", 100), ("cut.example", 1)):
            reply = ask(server, name)
            assert reply.flags & dns.flags.TC
            assert not reply.answer
            assert len(addresses(ask(server, name, tcp=True))) == count
        assert len(addresses(ask(server, "big.example", use_edns=0, payload=4096))) == 100


def test_silence() -> None:
    with testing.DNSServer(RECORDS) as server:
        query = dns.message.make_query("quiet.example", "A")
        with pytest.raises(dns.exception.Timeout):
            dns.query.udp(query, server.host, port=server.port, timeout=0.05)
        assert server.count("quiet.example") == 1


def test_functions_answer_with_a_look_at_the_query() -> None:
    async def later(query: testing.Query) -> Any:
        await asyncio.sleep(0)
        return testing.Answer([f"10.0.0.{len(server.queries)}"], delay=0.001)

    with testing.DNSServer({**RECORDS, ("later.example", "A"): later}) as server:
        assert addresses(ask(server, "plain.example")) == ["192.0.2.5"]
        assert addresses(ask(server, "later.example")) == ["10.0.0.2"]


def test_records_can_be_added_and_answers_delayed() -> None:
    with testing.DNSServer(delay=0.001) as server:
        assert ask(server, "new.example").rcode() == 3
        server.records["new.example", "A"] = "192.0.2.9"
        assert addresses(ask(server, "new.example")) == ["192.0.2.9"]


def test_further_records_and_raw_answers() -> None:
    def lie(query: testing.Query) -> testing.Answer:
        return testing.Answer(raw=struct.pack("!HHHHHH", 0, 0x8000, 0, 0, 0, 0), own_id=own_id)

    with testing.DNSServer({**RECORDS, ("raw.example", "A"): lie}) as server:
        reply = ask(server, "odd.example")
        assert [rrset.name.to_text() for rrset in reply.answer] == ["odd.example.", "other.example."]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(2.0)
            client.connect(server.address)
            query = dns.message.make_query("raw.example", "A", id=7).to_wire()
            for own_id in (False, True):
                client.send(query)
                assert client.recv(100)[:2] == (b"\0\0" if own_id else b"\0\x07")


def test_garbage_is_ignored() -> None:
    with testing.DNSServer(RECORDS) as server:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.sendto(b"garbage", server.address)
            client.sendto(b"", server.address)
        assert addresses(ask(server, "plain.example")) == ["192.0.2.5"]
        assert len(server.queries) == 1


def test_tcp_connections_can_be_reused() -> None:
    with testing.DNSServer(RECORDS) as server:
        with socket.create_connection(server.address, timeout=2.0) as client:
            for _ in range(2):
                query = dns.message.make_query("plain.example", "A").to_wire()
                client.sendall(struct.pack("!H", len(query)) + query)
                with client.makefile("rb") as file:
                    (length,) = struct.unpack("!H", file.read(2))
                    assert dns.message.from_wire(file.read(length)).answer
        assert server.connections.total == 1


def test_a_taken_udp_port_is_an_error() -> None:
    with testing.UDPServer() as taken, pytest.raises(OSError, match="in use"):
        testing.DNSServer(port=taken.port).start()

"""The resolver, against scripted name servers."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import sys
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

import asyncnet
from asyncnet.core.files import run_in_file_thread
from asyncnet.dns import Resolver
from asyncnet.testing import NODATA, NXDOMAIN, REFUSED, SERVFAIL, SILENCE, Answer, DNSServer, Gate, Query

pytestmark = pytest.mark.asyncio

V4, V6 = "192.0.2.1", "2001:db8::1"

RECORDS: dict[tuple[str, str], Any] = {
    ("www.example", "CNAME"): "web.example",
    ("web.example", "A"): [V4, "192.0.2.2"],
    ("web.example", "AAAA"): V6,
    ("four.example", "A"): V4,
    ("six.example", "AAAA"): V6,
    ("mail.example", "MX"): (10, "mx.example"),
    ("silent.example", "*"): SILENCE,
    ("*.silent.example", "*"): SILENCE,
    ("broken.example", "*"): SERVFAIL,
    ("refused.example", "*"): REFUSED,
}


@pytest.fixture
def server() -> Iterator[DNSServer]:
    with DNSServer(RECORDS) as server:
        yield server


Make = Callable[..., Resolver]


@pytest_asyncio.fixture
async def make(server: DNSServer) -> AsyncIterator[Make]:
    """Makes resolvers that ask the server and know no hosts file; they are closed at the end."""
    made: list[Resolver] = []

    def factory(**options: Any) -> Resolver:
        resolver = Resolver(**{"nameservers": [server.nameserver], "hosts_file": False, **options})
        made.append(resolver)
        return resolver

    yield factory
    for resolver in made:
        await resolver.close()


@pytest_asyncio.fixture
async def resolver(make: Make) -> Resolver:
    return await make().open()


async def passed(seconds: float) -> None:
    """Real time: how long answers are kept is told by the clock."""
    loop = asyncio.get_running_loop()
    ended = loop.create_future()
    loop.call_later(seconds, ended.set_result, None)
    await ended


async def settled(resolver: Resolver) -> None:
    """Wait until no query is under way."""
    while resolver.stats.pending:
        await asyncio.sleep(0)


def held(server: DNSServer, type: str = "A") -> Gate:
    """Have every query for held.example wait for the gate."""
    gate = Gate()

    async def answer(query: Query) -> str:
        await gate.wait()
        return V4 if type == "A" else "hi"

    server.records["held.example", type] = answer
    return gate


def addresses(*texts: str) -> tuple[IPv4Address | IPv6Address, ...]:
    return tuple(ip_address(text) for text in texts)


# ---- resolve


async def test_resolve_gives_both_families(resolver: Resolver) -> None:
    assert set(await resolver.resolve("web.example")) == set(addresses(V4, "192.0.2.2", V6))


@pytest.mark.parametrize(("family", "found"), [(socket.AF_INET, (V4, "192.0.2.2")), (socket.AF_INET6, (V6,))])
async def test_resolve_one_family(resolver: Resolver, server: DNSServer, family: int, found: tuple[str, ...]) -> None:
    assert set(await resolver.resolve("web.example", family)) == set(addresses(*found))
    assert len(server.queries) == 1


async def test_resolve_follows_aliases(resolver: Resolver) -> None:
    assert set(await resolver.resolve("www.example")) == set(addresses(V4, "192.0.2.2", V6))


async def test_resolve_is_content_with_one_family(resolver: Resolver) -> None:
    assert await resolver.resolve("four.example") == addresses(V4)
    assert await resolver.resolve("six.example") == addresses(V6)


@pytest.mark.parametrize("family", [0, 4, 6, "A", -1])
async def test_resolve_refuses_other_families(resolver: Resolver, family: Any) -> None:
    with pytest.raises(ValueError, match="AF_INET"):
        await resolver.resolve("web.example", family)


@pytest.mark.parametrize("name", ["WEB.example", "web.example.", "Web.Example."])
async def test_spellings_of_a_name_are_one_question(resolver: Resolver, server: DNSServer, name: str) -> None:
    await resolver.resolve("web.example")
    await resolver.resolve(name)
    assert len(server.queries) == 2


async def test_international_names(resolver: Resolver, server: DNSServer) -> None:
    server.records["xn--bcher-kva.example", "A"] = V4
    assert await resolver.resolve("Bücher.example") == addresses(V4)
    assert (await resolver.lookup("bücher.example", "A")).name == "xn--bcher-kva.example"
    with pytest.raises(ValueError, match="international"):
        await resolver.resolve("\u2603\u200d.example")


# ---- what needs no server


@pytest.mark.parametrize(
    ("host", "family", "found"),
    [
        ("192.0.2.9", None, ("192.0.2.9",)),
        ("0x7f.1", None, ("127.0.0.1",)),
        ("2130706433", socket.AF_INET, ("127.0.0.1",)),
        ("[::1]", None, ("::1",)),
        ("fe80::1%lo", socket.AF_INET6, ("fe80::1%lo",)),
        ("localhost", socket.AF_INET, ("127.0.0.1",)),
        ("LOCALHOST.", socket.AF_INET6, ("::1",)),
        ("a.b.localhost", socket.AF_INET, ("127.0.0.1",)),
    ],
)
async def test_no_query(
    resolver: Resolver, server: DNSServer, host: str, family: int | None, found: tuple[str, ...]
) -> None:
    for _ in range(2):
        assert await resolver.resolve(host, family) == addresses(*found)
    assert server.queries == []


async def test_localhost_is_both(resolver: Resolver) -> None:
    assert set(await resolver.resolve("localhost")) == set(addresses("127.0.0.1", "::1"))


@pytest.mark.parametrize(
    ("host", "family"), [("127.0.0.1", socket.AF_INET6), ("::1", socket.AF_INET), ("1.2.3.4", socket.AF_INET6)]
)
async def test_an_address_of_the_other_family(resolver: Resolver, server: DNSServer, host: str, family: int) -> None:
    with pytest.raises(asyncnet.NoData, match="is an address"):
        await resolver.resolve(host, family)
    assert server.queries == []


async def test_invalid_exists_nowhere(resolver: Resolver, server: DNSServer) -> None:
    with pytest.raises(asyncnet.NameNotFound):
        await resolver.resolve("www.invalid")
    assert server.queries == []


async def test_lookup_of_what_needs_no_server(resolver: Resolver, server: DNSServer) -> None:
    answer = await resolver.lookup("127.0.0.1", "A")
    assert ([record.address for record in answer], answer.ttl) == ([IPv4Address("127.0.0.1")], 0)
    assert (await resolver.lookup("localhost", "AAAA"))[0].address == IPv6Address("::1")
    for name, type in [("localhost", "MX"), ("127.0.0.1", "AAAA"), ("::1", "TXT")]:
        with pytest.raises(asyncnet.NoData):
            await resolver.lookup(name, type)
    with pytest.raises(ValueError, match="reverse"):
        await resolver.lookup("127.0.0.1", "PTR")
    assert server.queries == []


# ---- lookup


async def test_lookup(resolver: Resolver) -> None:
    answer = await resolver.lookup("www.example", "a")
    assert (answer.name, answer.type, answer.canonical_name) == ("www.example", "A", "web.example")
    assert {record.address for record in answer} == set(addresses(V4, "192.0.2.2"))
    assert 58 <= answer.ttl <= 60


async def test_lookup_of_the_alias_itself(resolver: Resolver) -> None:
    answer = await resolver.lookup("www.example", "CNAME")
    assert [record.target for record in answer] == ["web.example"]


async def test_names_with_underscores(resolver: Resolver, server: DNSServer) -> None:
    server.records["_sip._udp.example", "SRV"] = (1, 2, 5060, "sip.example")
    record = (await resolver.lookup("_sip._udp.example", "SRV"))[0]
    assert (record.priority, record.weight, record.port, record.target) == (1, 2, 5060, "sip.example")


async def test_the_root(resolver: Resolver, server: DNSServer) -> None:
    server.records[".", "NS"] = "a.root-servers.net"
    server.records[".", "TXT"] = "hi"
    assert (await resolver.lookup(".", "NS"))[0].target == "a.root-servers.net"
    assert (await resolver.lookup(".", "TXT"))[0].strings == (b"hi",)


TYPES: list[tuple[str, Any, object]] = [
    ("A", V4, asyncnet.dns.A(IPv4Address(V4))),
    ("AAAA", V6, asyncnet.dns.AAAA(IPv6Address(V6))),
    ("CNAME", "a.example", asyncnet.dns.CNAME("a.example")),
    ("MX", (10, "a.example"), asyncnet.dns.MX(10, "a.example")),
    ("MX", (0, "."), asyncnet.dns.MX(0, ".")),
    ("NS", "a.example", asyncnet.dns.NS("a.example")),
    ("PTR", "a.example", asyncnet.dns.PTR("a.example")),
    ("SOA", ("a.example", "b.example", 1, 2, 3, 4, 2**32 - 1),
     asyncnet.dns.SOA("a.example", "b.example", 1, 2, 3, 4, 2**32 - 1)),
    ("SRV", (1, 2, 3, "."), asyncnet.dns.SRV(1, 2, 3, ".")),
    ("TXT", ("one", b"\xff\x00", ""), asyncnet.dns.TXT((b"one", b"\xff\x00", b""))),
    ("CAA", (128, "issue", "ca.example; x=1"), asyncnet.dns.CAA(128, "issue", "ca.example; x=1")),
    ("NAPTR", (1, 2, "U", "E2U+sip", "!^.*$!sip:a@b!", "."),
     asyncnet.dns.NAPTR(1, 2, "U", "E2U+sip", "!^.*$!sip:a@b!", ".")),
    ("TLSA", (3, 1, 1, b"\xaa" * 32), asyncnet.dns.TLSA(3, 1, 1, b"\xaa" * 32)),
    ("URI", (1, 2, "https://a.example/"), asyncnet.dns.URI(1, 2, "https://a.example/")),
    ("HTTPS", (1, ".", {1: b"\x02h2", 3: b"\x01\xbb"}), asyncnet.dns.HTTPS(1, ".", ((1, b"\x02h2"), (3, b"\x01\xbb")))),
    ("HTTPS", (0, "a.example", {}), asyncnet.dns.HTTPS(0, "a.example")),
    ("SVCB", (1, "a.example", {1: b"\x02h2", 7: b"/q"}),
     asyncnet.dns.SVCB(1, "a.example", ((1, b"\x02h2"), (7, b"/q")))),
    ("SVCB", (0, ".", {}), asyncnet.dns.SVCB(0, ".")),
]  # fmt: skip


@pytest.mark.parametrize(("type", "value", "record"), TYPES, ids=lambda value: value if isinstance(value, str) else "")
async def test_every_type(resolver: Resolver, server: DNSServer, type: str, value: Any, record: object) -> None:
    server.records["x.example", type] = value
    answer = await resolver.lookup("x.example", type)
    assert list(answer) == [record]
    assert (answer.type, answer.ttl) == (type, 60)


async def test_lookup_refuses_other_types(resolver: Resolver, server: DNSServer) -> None:
    with pytest.raises(ValueError, match="unknown record type 'ANY'"):
        await resolver.lookup("x.example", "ANY")
    assert server.queries == []


# ---- reverse


@pytest.mark.parametrize(
    ("address", "owner"),
    [
        ("192.0.2.1", "1.2.0.192.in-addr.arpa"),
        (IPv4Address("192.0.2.1"), "1.2.0.192.in-addr.arpa"),
        ("::ffff:192.0.2.1", "1.2.0.192.in-addr.arpa"),
        (V6, "1." + "0." * 23 + "8.b.d.0.1.0.0.2.ip6.arpa"),
        ("fe80::1%eth0", "1." + "0." * 28 + "8.e.f.ip6.arpa"),
    ],
)
async def test_reverse(resolver: Resolver, server: DNSServer, address: Any, owner: str) -> None:
    server.records[owner, "PTR"] = ["a.example", "b.example"]
    assert set(await resolver.reverse(address)) == {"a.example", "b.example"}


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_reverse_of_loopback(resolver: Resolver, server: DNSServer, address: str) -> None:
    assert await resolver.reverse(address) == ("localhost",)
    assert server.queries == []


@pytest.mark.parametrize(
    ("bad", "error"), [("www.example", ValueError), ("", ValueError), (7, ValueError), (None, ValueError)]
)
async def test_reverse_takes_addresses(resolver: Resolver, bad: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="address"):
        await resolver.reverse(bad)


# ---- clear noes


@pytest.mark.parametrize(
    ("name", "type", "kind", "words"),
    [
        ("nowhere.example", "A", asyncnet.NameNotFound, "nowhere.example does not exist"),
        ("nowhere.example", "TXT", asyncnet.NameNotFound, "nowhere.example does not exist"),
        ("four.example", "AAAA", asyncnet.NoData, "four.example has no AAAA record"),
        ("four.example", "TXT", asyncnet.NoData, "four.example has no TXT record"),
        ("www.example", "MX", asyncnet.NoData, "www.example"),
        ("broken.example", "A", asyncnet.ResolveError, "SERVFAIL"),
        ("broken.example", "TXT", asyncnet.ResolveError, "SERVFAIL"),
        ("refused.example", "A", asyncnet.ResolveError, "REFUSED"),
        ("refused.example", "TXT", asyncnet.ResolveError, "REFUSED"),
    ],
)
async def test_noes(
    resolver: Resolver, server: DNSServer, name: str, type: str, kind: type[asyncnet.ResolveError], words: str
) -> None:
    with pytest.raises(asyncnet.ResolveError) as caught:
        await resolver.lookup(name, type)
    error = caught.value
    assert isinstance(error, kind)
    assert words in str(error)
    assert f"asked {server.nameserver}" in str(error)
    assert "\n" not in str(error)
    assert (error.protocol, error.operation, error.phase, error.peer) == ("dns", "lookup", "resolve", f"{name} {type}")
    assert [attempt.target for attempt in error.attempts] == [server.nameserver]


@pytest.mark.parametrize("name", ["nowhere.example", "broken.example"])
async def test_the_engines_error_is_the_cause(resolver: Resolver, name: str) -> None:
    with pytest.raises(asyncnet.ResolveError) as caught:
        await resolver.lookup(name)
    assert type(caught.value.__cause__).__module__.startswith("aiodns")


async def test_alias_of_nothing(resolver: Resolver, server: DNSServer) -> None:
    server.records["lost.example", "CNAME"] = "four.example"
    with pytest.raises(asyncnet.NoData, match=r"an alias of four\.example"):
        await resolver.lookup("lost.example", "AAAA")


@pytest.mark.parametrize("type", ["A", "TXT"])
async def test_nobody_listens(make: Make, type: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    async with make(nameservers=[f"127.0.0.1:{port}"]) as resolver:
        with pytest.raises(asyncnet.ResolveError, match=f"listening.*asked 127.0.0.1:{port}"):
            await resolver.lookup("x.example", type)


@pytest.mark.parametrize("bad", ["", "a b", "a\nb", "a\0b", "x" * 64, "a@b", ".".join(["x" * 50] * 6), "a..b"])
async def test_bad_names_are_refused_before_any_query(resolver: Resolver, server: DNSServer, bad: str) -> None:
    for call in (resolver.resolve(bad), resolver.lookup(bad, "MX"), resolver.reverse(bad)):
        with pytest.raises(ValueError):
            await call
    assert server.queries == []


@pytest.mark.parametrize("bad", [None, 7, b"web.example", ["web.example"], {}])
async def test_names_are_text(resolver: Resolver, bad: Any) -> None:
    with pytest.raises(TypeError, match="host must be a str"):
        await resolver.resolve(bad)
    with pytest.raises(TypeError, match="name must be a str"):
        await resolver.lookup(bad)


@pytest.mark.parametrize("bad", [0, True, "AF_INET", [], socket.AF_UNIX])
async def test_families_are_two(resolver: Resolver, server: DNSServer, bad: Any) -> None:
    with pytest.raises(ValueError, match="family must be"):
        await resolver.resolve("web.example", bad)
    assert server.queries == []


@pytest.mark.parametrize("bad", [None, 7, "web.example"])
async def test_many_names_are_an_iterable(resolver: Resolver, bad: Any) -> None:
    with pytest.raises(TypeError, match="names must be an iterable"):
        async for _ in resolver.lookup_many(bad):
            pass


# ---- time


@pytest.mark.parametrize("call", ["resolve", "lookup", "text", "reverse"])
async def test_a_silent_server(make: Make, server: DNSServer, call: str) -> None:
    server.records["*.in-addr.arpa", "*"] = SILENCE
    resolver = await make(timeout=0.2).open()
    calls = {
        "resolve": lambda: resolver.resolve("silent.example"),
        "lookup": lambda: resolver.lookup("silent.example"),
        "text": lambda: resolver.lookup("silent.example", "TXT"),
        "reverse": lambda: resolver.reverse("192.0.2.1"),
    }
    started = asyncio.get_running_loop().time()
    with pytest.raises(asyncnet.OperationTimeout, match=r"within 0\.2 s; asked 127\.0\.0\.1:") as caught:
        await calls[call]()
    assert asyncio.get_running_loop().time() - started < 1.9
    assert caught.value.elapsed is not None
    assert 0.15 < caught.value.elapsed < 1.9
    assert caught.value.phase == "resolve"


async def test_an_operation_has_a_time_limit_of_its_own(resolver: Resolver) -> None:
    with pytest.raises(asyncnet.OperationTimeout, match=r"within 0\.05 s"):
        await resolver.lookup("silent.example", timeout=0.05)
    with pytest.raises(ValueError, match="timeout"):
        await resolver.lookup("silent.example", timeout=-1)


async def test_no_time_at_all(resolver: Resolver) -> None:
    with pytest.raises(asyncnet.OperationTimeout):
        await resolver.lookup("silent.example", timeout=0)


async def test_one_family_that_is_silent_does_not_cost_the_other(make: Make, server: DNSServer) -> None:
    server.records["half.example", "A"] = V4
    server.records["half.example", "AAAA"] = SILENCE
    resolver = await make(timeout=0.6).open()
    assert await resolver.resolve("half.example") == addresses(V4)
    assert await resolver.resolve("half.example") == addresses(V4)  # and was not kept as the whole truth
    assert server.count("half.example", "AAAA") >= 1


async def test_one_family_that_fails_does_not_cost_the_other(resolver: Resolver, server: DNSServer) -> None:
    server.records["half.example", "A"] = V4
    server.records["half.example", "AAAA"] = SERVFAIL
    assert await resolver.resolve("half.example") == addresses(V4)
    server.records["half.example", "AAAA"] = V6
    assert set(await resolver.resolve("half.example")) == set(addresses(V4, V6))


async def test_localhost_while_names_hang(make: Make) -> None:
    resolver = await make().open()
    hanging = [asyncio.ensure_future(resolver.resolve(f"{i}.silent.example", timeout=60)) for i in range(500)]
    await asyncio.sleep(0)
    for _ in range(100):
        assert await resolver.resolve("localhost")
    # How fast that is, the benchmark tells; here, that it waits for none of them.
    assert not any(task.done() for task in hanging)
    for task in hanging:
        task.cancel()
    assert all(isinstance(result, BaseException) for result in await asyncio.gather(*hanging, return_exceptions=True))


@pytest.mark.slow
async def test_an_attempt_ends_after_ten_seconds(make: Make) -> None:
    resolver = await make(timeout=None).open()
    loop = asyncio.get_running_loop()
    started = loop.time()
    errors = await asyncio.gather(
        resolver.lookup("silent.example"), resolver.lookup("silent.example", "TXT"), return_exceptions=True
    )
    assert all(isinstance(error, asyncnet.OperationTimeout) for error in errors)
    assert 9.5 < loop.time() - started < 15
    assert resolver.stats.pending == 0


# ---- several servers


async def test_another_server_answers(make: Make) -> None:
    with DNSServer({("x.example", "*"): SERVFAIL}) as first, DNSServer({("x.example", "A"): V4}) as second:
        second.records["x.example", "TXT"] = "hi"
        resolver = await make(nameservers=[first.nameserver, second.nameserver]).open()
        assert await resolver.resolve("x.example", socket.AF_INET) == addresses(V4)
        assert (await resolver.lookup("x.example", "TXT"))[0].strings == (b"hi",)
        assert first.queries


async def test_errors_name_all_servers(make: Make) -> None:
    with DNSServer({("x.example", "*"): SERVFAIL}) as first, DNSServer({("x.example", "*"): REFUSED}) as second:
        resolver = await make(nameservers=[first.nameserver, second.nameserver]).open()
        for type in ("A", "TXT"):
            with pytest.raises(asyncnet.ResolveError, match=f"asked {first.nameserver} and {second.nameserver}"):
                await resolver.lookup("x.example", type)


@pytest.mark.parametrize("type", ["A", "TXT"])
async def test_ipv6_name_server(make: Make, type: str) -> None:
    value: Any = V4 if type == "A" else "hi"
    with DNSServer({("x.example", type): value}, host="::1") as server:
        resolver = await make(nameservers=[f"[::1]:{server.port}"]).open()
        assert len(await resolver.lookup("x.example", type)) == 1


# ---- TCP


@pytest.mark.parametrize("type", ["A", "TXT"])
async def test_truncated_answers_come_over_tcp(resolver: Resolver, server: DNSServer, type: str) -> None:
    server.records["big.example", type] = Answer([V4] if type == "A" else ["hi"], truncated=True)
    assert len(await resolver.lookup("big.example", type)) == 1
    assert [query.transport for query in server.queries] == ["udp", "tcp"]


async def test_64_kib_of_text(resolver: Resolver, server: DNSServer) -> None:
    strings = (b"x" * 255,) * 250
    server.records["big.example", "TXT"] = [strings]
    assert (await resolver.lookup("big.example", "TXT"))[0].strings == strings


async def test_thousands_of_addresses(resolver: Resolver, server: DNSServer) -> None:
    many = [str(IPv4Address("10.0.0.0") + i) for i in range(1_500)]
    server.records["big.example", "A"] = many
    assert set(await resolver.resolve("big.example", socket.AF_INET)) == set(addresses(*many))


# ---- cache


async def test_answers_are_kept(resolver: Resolver, server: DNSServer) -> None:
    for _ in range(3):
        await resolver.resolve("four.example")
        await resolver.lookup("four.example")
    assert len(server.queries) == 2  # A and AAAA
    assert (resolver.stats.queries, resolver.stats.hits, resolver.stats.misses) == (2, 5, 2)


@pytest.mark.parametrize("outcome", [NXDOMAIN, NODATA, Answer(rcode="NXDOMAIN", negative_ttl=86_400)])
async def test_negative_answers_are_kept(resolver: Resolver, server: DNSServer, outcome: Answer) -> None:
    server.records["no.example", "*"] = outcome
    for _ in range(3):
        with pytest.raises(asyncnet.ResolveError):
            await resolver.lookup("no.example", "MX")
    assert server.count("no.example") == 1


@pytest.mark.parametrize("type", ["A", "TXT"])
@pytest.mark.parametrize("outcome", [NXDOMAIN, NODATA])
async def test_and_asked_for_anew_when_they_have_ended(
    make: Make, server: DNSServer, outcome: Answer, type: str
) -> None:
    # c-ares would go on answering by itself for the hour that the zone allows.
    server.records["no.example", "*"] = Answer(rcode=outcome.rcode, negative_ttl=3_600)
    resolver = await make(negative_ttl=0).open()
    for count in range(1, 4):
        with pytest.raises(asyncnet.ResolveError):
            await resolver.lookup("no.example", type)
        assert server.count("no.example") == count
    server.records["no.example", "*"] = V4 if type == "A" else "hi"
    assert len(await resolver.lookup("no.example", type)) == 1


@pytest.mark.parametrize("error", [SERVFAIL, REFUSED])
async def test_failures_are_not_kept(resolver: Resolver, server: DNSServer, error: Answer) -> None:
    server.records["x.example", "A"] = error
    with pytest.raises(asyncnet.ResolveError):
        await resolver.lookup("x.example")
    server.records["x.example", "A"] = V4
    assert len(await resolver.lookup("x.example")) == 1
    assert resolver.stats.failures == 1


@pytest.mark.parametrize("ttl", [0, 2**31, 2**32 - 1])
async def test_answers_that_may_not_be_kept(resolver: Resolver, server: DNSServer, ttl: int) -> None:
    server.records["x.example", "TXT"] = Answer("hi", ttl=ttl)
    for count in (1, 2):
        answer = await resolver.lookup("x.example", "TXT")
        assert (answer.ttl, server.count("x.example")) == (0, count)


async def test_no_life_is_told_longer_than_it_is(resolver: Resolver, server: DNSServer) -> None:
    server.records["*.many.example", "A"] = Answer(V4, ttl=60)
    for i in range(300):  # the clock's binary fractions do not always add up
        await resolver.lookup(f"{i}.many.example")
        assert (await resolver.lookup(f"{i}.many.example")).ttl <= 60


async def test_the_longest_life(make: Make, server: DNSServer) -> None:
    server.records["x.example", "A"] = Answer(V4, ttl=2**31 - 1)
    resolver = await make(max_ttl=100).open()
    assert (await resolver.lookup("x.example")).ttl == 2**31 - 1
    assert (await resolver.lookup("x.example")).ttl == 100


@pytest.mark.parametrize("type", ["A", "TXT"])
async def test_an_answer_that_was_kept_for_the_longest_life_is_asked_for_anew(
    make: Make, server: DNSServer, type: str
) -> None:
    for name in ("x.example", "y.example"):
        server.records[name, type] = Answer(V4 if type == "A" else "hi", ttl=60)
    resolver = await make(max_ttl=0.01).open()
    for count in (1, 2, 3):
        for name in ("x.example", "y.example"):
            await resolver.lookup(name, type)
            assert server.count(name) == count
        await passed(0.02)


async def test_the_longest_life_holds_for_resolve_too(make: Make, server: DNSServer) -> None:
    server.records["x.example", "A"] = Answer(V4, ttl=60)
    resolver = await make(max_ttl=0.01).open()
    for count in (1, 2, 3):
        await resolver.resolve("x.example", socket.AF_INET)
        assert server.count("x.example") == count
        await passed(0.02)


async def test_what_resolve_has_put_in_order_does_not_outlive_its_answer(make: Make, server: DNSServer) -> None:
    server.records["x.example", "A"] = Answer(V4, ttl=1)
    resolver = await make().open()
    began = asyncio.get_running_loop().time()
    await resolver.lookup("x.example")
    await passed(0.5)
    await resolver.resolve("x.example", socket.AF_INET)  # from the cache
    await passed(0.52)
    await resolver.resolve("x.example", socket.AF_INET)
    assert asyncio.get_running_loop().time() - began > 1
    assert server.count("x.example") >= 2


@pytest.mark.parametrize("type", ["A", "TXT"])
async def test_no_cache(make: Make, server: DNSServer, type: str) -> None:
    server.records["x.example", type] = V4 if type == "A" else "hi"
    resolver = await make(cache_size=0).open()
    for count in (1, 2, 3):
        await resolver.lookup("x.example", type)
        assert server.count("x.example") == count
    assert resolver.stats.size == 0


async def test_the_cache_is_bounded(make: Make, server: DNSServer) -> None:
    server.records["*.many.example", "A"] = V4
    resolver = await make(cache_size=10).open()
    for i in range(30):
        await resolver.resolve(f"{i}.many.example", socket.AF_INET)
    assert (resolver.stats.size, resolver.stats.evicted) == (10, 20)
    await resolver.resolve("29.many.example", socket.AF_INET)
    assert len(server.queries) == 30


@pytest.mark.parametrize(("name", "type"), [("four.example", "A"), ("no.example", "A"), ("no.example", "TXT")])
async def test_clear_cache(resolver: Resolver, server: DNSServer, name: str, type: str) -> None:
    for count in (1, 2, 3):
        for _ in range(2):
            try:
                await resolver.lookup(name, type)
            except asyncnet.NameNotFound:
                assert name == "no.example"
        assert server.count(name) == count
        resolver.clear_cache()
    assert resolver.stats.size == 0


async def test_large_answers_take_more_room(make: Make, server: DNSServer) -> None:
    server.records["*.large.example", "TXT"] = [(b"x" * 255,) * 100]
    resolver = await make(cache_size=1_000).open()
    for i in range(50):
        await resolver.lookup(f"{i}.large.example", "TXT")
    assert resolver.stats.size < 25  # not 50 times 25 kB
    assert resolver.stats.evicted == 50 - resolver.stats.size


async def test_clear_cache_forgets_what_resolve_has_put_in_order(resolver: Resolver, server: DNSServer) -> None:
    await resolver.resolve("four.example")
    server.records["four.example", "A"] = "192.0.2.4"
    assert await resolver.resolve("four.example") == addresses(V4)
    resolver.clear_cache()
    assert await resolver.resolve("four.example") == addresses("192.0.2.4")


async def test_a_query_under_way_while_the_cache_is_cleared(resolver: Resolver, server: DNSServer) -> None:
    gate = held(server)
    first = asyncio.ensure_future(resolver.lookup("held.example"))
    await server.wait_until(lambda: server.count("held.example") == 1)
    resolver.clear_cache()
    second = asyncio.ensure_future(resolver.lookup("held.example"))
    await server.wait_until(lambda: server.count("held.example") == 2)  # not joined: it may tell what was forgotten
    gate.set()
    assert list(await first) == list(await second)
    assert resolver.stats.size == 1


async def test_a_resolve_under_way_while_the_cache_is_cleared(resolver: Resolver, server: DNSServer) -> None:
    gate = held(server)
    first = asyncio.ensure_future(resolver.resolve("held.example", socket.AF_INET))
    await server.wait_until(lambda: server.count("held.example") == 1)
    resolver.clear_cache()
    gate.set()
    await first
    await resolver.resolve("held.example", socket.AF_INET)
    assert server.count("held.example") == 2  # what the first was told may be what was forgotten


async def test_a_stale_answer_while_it_is_refreshed(make: Make, server: DNSServer) -> None:
    resolver = await make(max_ttl=0.05, stale_for=60).open()
    server.records["old.example", "TXT"] = Answer("old", ttl=60)
    assert (await resolver.lookup("old.example", "TXT"))[0].strings == (b"old",)
    server.records["old.example", "TXT"] = Answer("new", ttl=60)
    await passed(0.06)
    stale = await resolver.lookup("old.example", "TXT")
    assert (stale[0].strings, stale.ttl) == ((b"old",), 0)
    await server.wait_until(lambda: server.count("old.example") == 2)
    await settled(resolver)
    assert (await resolver.lookup("old.example", "TXT"))[0].strings == (b"new",)
    assert (resolver.stats.stale_hits, resolver.stats.queries) == (1, 2)


async def test_a_stale_answer_outlives_servers_that_fail(make: Make, server: DNSServer) -> None:
    resolver = await make(max_ttl=0.01, stale_for=60).open()
    server.records["old.example", "TXT"] = Answer("old", ttl=60)
    await resolver.lookup("old.example", "TXT")
    server.records["old.example", "TXT"] = SERVFAIL
    await passed(0.02)
    for _ in range(2):
        assert (await resolver.lookup("old.example", "TXT"))[0].strings == (b"old",)
        await settled(resolver)
    assert resolver.stats.failures == 1  # and for a while they are left alone


# ---- coalescing


@pytest.mark.parametrize("type", ["A", "TXT"])
async def test_a_thousand_askers_are_one_query(resolver: Resolver, server: DNSServer, type: str) -> None:
    server.records["x.example", type] = V4 if type == "A" else "hi"
    answers = await asyncio.gather(*(resolver.lookup("x.example", type) for _ in range(1_000)))
    assert len({tuple(answer) for answer in answers}) == 1
    assert server.count("x.example") == 1
    assert (resolver.stats.queries, resolver.stats.coalesced, resolver.stats.misses) == (1, 999, 1_000)


async def test_a_thousand_askers_get_an_error_each(resolver: Resolver, server: DNSServer) -> None:
    errors = await asyncio.gather(*(resolver.lookup("no.example") for _ in range(1_000)), return_exceptions=True)
    assert {type(error) for error in errors} == {asyncnet.NameNotFound}
    assert len({id(error) for error in errors}) == 1_000
    assert server.count("no.example") == 1


@pytest.mark.parametrize("type", ["A", "TXT"])
async def test_the_first_asker_may_be_cancelled(resolver: Resolver, server: DNSServer, type: str) -> None:
    gate = held(server, type)
    first, second = (asyncio.ensure_future(resolver.lookup("held.example", type)) for _ in range(2))
    await server.wait_until(lambda: server.count("held.example") == 1)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    gate.set()
    assert len(await second) == 1
    assert server.count("held.example") == 1


async def test_an_answer_that_nobody_waits_for_any_more_is_kept(resolver: Resolver, server: DNSServer) -> None:
    gate = held(server)
    with pytest.raises(asyncnet.OperationTimeout):
        await resolver.lookup("held.example", timeout=0.05)
    gate.set()
    assert len(await resolver.lookup("held.example")) == 1
    assert server.count("held.example") == 1


@pytest.mark.parametrize("type", ["A", "TXT"])
async def test_a_query_keeps_nothing_of_who_asked(resolver: Resolver, server: DNSServer, type: str) -> None:
    gate = held(server, type)
    await resolver.lookup("four.example")  # so that the system's files have been read

    async def ask() -> None:
        with asyncnet.trace() as trace:
            askers.append(weakref.ref(trace))
            await resolver.lookup("held.example", type)

    askers: list[weakref.ref[asyncnet.Trace]] = []
    task = asyncio.ensure_future(ask())
    await server.wait_until(lambda: server.count("held.example") == 1)
    task.cancel()
    await asyncio.wait([task])
    del task
    gc.collect()
    assert resolver.stats.pending == 1
    assert askers[0]() is None
    gate.set()
    assert len(await resolver.lookup("held.example", type)) == 1


# ---- search list


@pytest.mark.parametrize(
    ("name", "options", "asked"),
    [
        ("short", {"search": ["a.example", "b.example"]}, ["short.a.example", "short.b.example", "short"]),
        ("short.", {"search": ["a.example"]}, ["short"]),
        ("long.er", {"search": ["a.example"]}, ["long.er", "long.er.a.example"]),
        ("long.er", {"search": ["a.example"], "ndots": 2}, ["long.er.a.example", "long.er"]),
        ("short", {"search": ["a.example"], "ndots": 0}, ["short", "short.a.example"]),
        ("short", {}, ["short"]),
    ],
)
async def test_search_list(make: Make, server: DNSServer, name: str, options: dict[str, Any], asked: list[str]) -> None:
    resolver = await make(**options).open()
    with pytest.raises(asyncnet.NameNotFound):
        await resolver.lookup(name, "MX")
    assert [query.name for query in server.queries] == asked


async def test_search_list_finds(make: Make, server: DNSServer) -> None:
    server.records["db.b.example", "A"] = V4
    resolver = await make(search=["a.example", "b.example"]).open()
    assert (await resolver.lookup("db", "A")).name == "db.b.example"
    assert await resolver.resolve("db") == addresses(V4)


async def test_search_goes_on_past_a_name_without_addresses(make: Make, server: DNSServer) -> None:
    server.records["db.a.example", "TXT"] = "no address"
    server.records["db.b.example", "A"] = V4
    resolver = await make(search=["a.example", "b.example"]).open()
    assert await resolver.resolve("db") == addresses(V4)
    assert await resolver.resolve("db", socket.AF_INET) == addresses(V4)


async def test_both_families_come_from_one_name(make: Make, server: DNSServer) -> None:
    server.records["db.a.example", "A"] = V4
    server.records["db.b.example", "AAAA"] = V6
    resolver = await make(search=["a.example", "b.example"]).open()
    assert await resolver.resolve("db") == addresses(V4)
    with pytest.raises(asyncnet.NoData):
        await resolver.resolve("db", socket.AF_INET6)


async def test_search_stops_at_a_server_that_fails(make: Make, server: DNSServer) -> None:
    server.records["db.a.example", "*"] = SERVFAIL
    server.records["db.b.example", "A"] = V4
    resolver = await make(search=["a.example", "b.example"]).open()
    with pytest.raises(asyncnet.ResolveError, match="SERVFAIL"):
        await resolver.resolve("db")
    with pytest.raises(asyncnet.ResolveError, match="SERVFAIL"):
        await resolver.lookup("db")


async def test_no_data_says_more_than_no_name(make: Make, server: DNSServer) -> None:
    server.records["db.a.example", "TXT"] = "hi"
    resolver = await make(search=["a.example", "b.example"]).open()
    with pytest.raises(asyncnet.NoData, match=r"db\.a\.example has no A record"):
        await resolver.lookup("db")


# ---- the system's files


async def test_hosts_file(make: Make, server: DNSServer, tmp_path: Path) -> None:
    file = tmp_path / "hosts"
    file.write_text("192.0.2.77 Own.Example own\n2001:db8::77 own.example\n")
    resolver = await make(hosts_file=file).open()
    assert set(await resolver.resolve("own.example")) == set(addresses("192.0.2.77", "2001:db8::77"))
    assert await resolver.resolve("OWN") == addresses("192.0.2.77")
    assert await resolver.reverse("192.0.2.77") == ("own.example", "own")
    with pytest.raises(asyncnet.NoData, match=str(file)):
        await resolver.resolve("own", socket.AF_INET6)
    assert server.queries == []
    with pytest.raises(asyncnet.NameNotFound):
        await resolver.lookup("own.example", "A")  # records come from servers only


async def test_hosts_file_that_is_not_there(make: Make, tmp_path: Path) -> None:
    resolver = await make(hosts_file=tmp_path / "none").open()
    assert await resolver.resolve("four.example") == addresses(V4)


async def test_config_file(make: Make, server: DNSServer, tmp_path: Path) -> None:
    file = tmp_path / "resolv.conf"
    file.write_text("nameserver 192.0.2.1\nsearch conf.example\noptions ndots:2\n")
    for options, asked in [
        ({}, ["long.er.conf.example", "long.er"]),
        ({"ndots": 1}, ["long.er", "long.er.conf.example"]),
        ({"search": ["a.example"]}, ["long.er.a.example", "long.er"]),
        ({"search": []}, ["long.er"]),
    ]:
        async with make(config_file=file, **options) as resolver:
            with pytest.raises(asyncnet.NameNotFound):
                await resolver.lookup("long.er", "MX")
        assert [query.name for query in server.queries][-len(asked) :] == asked


async def test_name_servers_of_the_config_file(make: Make, server: DNSServer, tmp_path: Path) -> None:
    server.records["x.example", "A"] = V4
    server.records["x.example", "TXT"] = "hi"
    file = tmp_path / "resolv.conf"
    file.write_text(f"nameserver not-an-address\nnameserver {server.nameserver}\n")
    resolver = await make(nameservers=None, config_file=file).open()
    assert len(await resolver.lookup("x.example", "A")) == 1
    assert len(await resolver.lookup("x.example", "TXT")) == 1


async def test_a_config_file_without_name_servers(make: Make, tmp_path: Path) -> None:
    file = tmp_path / "resolv.conf"
    resolver = await make(nameservers=None, config_file=file, timeout=0.1).open()
    for type in ("A", "TXT"):
        with pytest.raises(asyncnet.AsyncNetError, match=r"asked 127\.0\.0\.1:53"):
            await resolver.lookup("x.example", type)


async def test_the_systems_name_servers(make: Make) -> None:
    resolver = await make(nameservers=None, timeout=0.05).open()
    for type in ("A", "TXT"):
        with pytest.raises(asyncnet.AsyncNetError, match=r"asked .+:53"):
            await resolver.lookup("x.example.", type)


# ---- life


async def test_open_close(make: Make) -> None:
    resolver = make()
    with pytest.raises(asyncnet.StateError, match="not open"):
        await resolver.resolve("localhost")
    assert await resolver.open() is resolver
    await resolver.resolve("four.example")
    await resolver.close()
    await resolver.close()
    assert resolver.closed
    for call in (resolver.resolve("four.example"), resolver.lookup("four.example"), resolver.reverse("127.0.0.1")):
        with pytest.raises(asyncnet.StateError, match="closed"):
            await call
    resolver.clear_cache()
    resolver.abort()


@pytest.mark.parametrize("type", ["A", "TXT"])
@pytest.mark.parametrize("how", ["close", "abort"])
async def test_closing_ends_what_is_under_way(make: Make, server: DNSServer, type: str, how: str) -> None:
    resolver = await make().open()
    tasks = [asyncio.ensure_future(resolver.lookup(f"{i}.silent.example", type)) for i in range(5)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    if how == "close":
        await resolver.close()
    else:
        resolver.abort()
    for error in await asyncio.gather(*tasks, return_exceptions=True):
        assert isinstance(error, asyncnet.StateError)
        assert "closed" in str(error)


async def test_a_resolver_that_was_never_used_closes(make: Make) -> None:
    async with make() as resolver:
        assert resolver.stats == asyncnet.dns.ResolverStats()
    await make().close()
    make().abort()


@pytest.mark.parametrize("type", ["A", "TXT"])
async def test_aborting_after_the_loop_was_closed(make: Make, type: str) -> None:
    before = set(os.listdir("/proc/self/fd"))

    def elsewhere() -> None:
        async def begin() -> Resolver:
            resolver = await make().open()
            asking = asyncio.ensure_future(resolver.lookup("silent.example", type))
            await asyncio.wait([asking], timeout=0.05)
            asking.cancel()
            await asyncio.wait([asking])
            return resolver

        loop = asyncio.new_event_loop()
        try:
            resolver = loop.run_until_complete(begin())
            if type == "TXT":  # our own query is a task, which only its loop can end
                loop.run_until_complete(resolver.close())
        finally:
            loop.run_until_complete(asyncnet.close())
            loop.close()
        resolver.abort()
        assert resolver.closed

    await run_in_file_thread(elsewhere)
    assert set(os.listdir("/proc/self/fd")) <= before


async def test_servers_that_cannot_be_asked(make: Make) -> None:
    resolver = await make(nameservers=["[fe80::1%nosuchlink]:53"]).open()
    for type in ("A", "TXT"):
        with pytest.raises(asyncnet.AsyncNetError) as caught:
            await resolver.lookup("x.example", type, timeout=0.5)
        assert (caught.value.protocol, caught.value.operation) == ("dns", "lookup")
        assert "\n" not in str(caught.value)


async def test_nothing_is_open_after_close(make: Make, server: DNSServer) -> None:
    before = set(os.listdir("/proc/self/fd"))
    async with make() as resolver:
        await resolver.resolve("web.example")
        await asyncio.gather(
            *(resolver.lookup(f"{i}.silent.example", timeout=0.05) for i in range(20)), return_exceptions=True
        )
        resolver.clear_cache()  # the queries above live on in an old channel
        await resolver.resolve("web.example")
    assert set(os.listdir("/proc/self/fd")) <= before


async def test_an_idle_resolver_holds_no_socket(resolver: Resolver) -> None:
    before = {os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if _is_socket(fd)}
    await resolver.resolve("web.example")
    await asyncio.sleep(0)
    after = {os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if _is_socket(fd)}
    assert after <= before


def _is_socket(fd: str) -> bool:
    try:
        return os.readlink(f"/proc/self/fd/{fd}").startswith("socket:")
    except OSError:
        return False


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"nameservers": "127.0.0.1"}, TypeError),
        ({"nameservers": []}, ValueError),
        ({"nameservers": ["dns.example"]}, ValueError),
        ({"search": "example"}, TypeError),
        ({"search": ["a b"]}, ValueError),
        ({"ndots": -1}, ValueError),
        ({"ndots": 1.5}, TypeError),
        ({"cache_size": -1}, ValueError),
        ({"cache_size": True}, TypeError),
        ({"max_ttl": -1}, ValueError),
        ({"negative_ttl": "x"}, TypeError),
        ({"stale_for": float("nan")}, ValueError),
        ({"timeout": -1}, ValueError),
        ({"hosts_file": 7}, TypeError),
        ({"config_file": 7}, TypeError),
        ({"config_file": "a\0b"}, ValueError),
        ({"hosts_file": b"/etc/hosts"}, TypeError),
        ({"nameservers": 5353}, TypeError),
        ({"search": 5}, TypeError),
        ({"dialer": "socks5://127.0.0.1"}, TypeError),
    ],
)
async def test_options_are_checked_at_once(options: dict[str, Any], error: type[Exception]) -> None:
    (name,) = options
    with pytest.raises(error, match=name.removesuffix("s")):  # the words say which one
        Resolver(**options)


async def test_resolve_in_a_trace(resolver: Resolver) -> None:
    for _ in range(2):
        with asyncnet.trace() as trace:
            await resolver.resolve("four.example")
        assert [span.name for span in trace.spans] == ["dns resolve", "resolve"]
        assert trace.spans[1].attributes == {"host": "four.example", "addresses": addresses(V4)}
    with asyncnet.trace() as trace:
        await resolver.lookup("four.example", "A")
    assert trace.spans[1].attributes == {"name": "four.example", "type": "A", "records": 1, "ttl": 60}


async def test_nothing_is_imported_for_what_needs_no_server() -> None:
    code = (
        "import asyncio, sys, asyncnet\n"
        "async def main():\n"
        "    await asyncnet.dns.resolve('localhost')\n"
        "    await asyncnet.dns.resolve('127.0.0.1')\n"
        "asyncio.run(main())\n"
        "print(sorted({'aiodns', 'pycares', 'dns'} & set(sys.modules)))\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "error", "-X", "dev", "-c", code, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert (output.strip(), process.returncode) == (b"[]", 0)

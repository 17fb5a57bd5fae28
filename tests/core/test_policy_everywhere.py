"""What a dialer decides holds for every public coroutine of every protocol that dials.

The table is that of the contract suite, which misses none; left out are the
resolver, whose name servers are the caller's own words, and servers.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator

import pytest

import asyncnet
from asyncnet import Dialer, testing
from tests.contract.case import Case, Target, named
from tests.contract.table import CASES
from tests.core.proxies import Proxy

pytestmark = pytest.mark.asyncio


def dials(case: Case) -> bool:
    """Whether it opens connections, or its client does: then it takes a dialer."""
    maker = case.function if case.client is None else named(case.name.rpartition(".")[0]).__init__
    return not case.name.startswith("dns.") and "dialer" in inspect.signature(maker).parameters


ALL = [case for case in CASES if dials(case)]
ONE_SHOTS = [case for case in ALL if case.client is None]
each_case = pytest.mark.parametrize("case", ALL, ids=[case.name for case in ALL])
each_one_shot = pytest.mark.parametrize("case", ONE_SHOTS, ids=[case.name for case in ONE_SHOTS])

# Every way to write 127.0.0.1 or ::1 that some reader of addresses takes.
SPELLINGS = [
    "127.0.0.1", "127.1", "0x7f.1", "0177.0.0.1", "2130706433", "0x7f000001", "017700000001", "[::1]",
    "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[64:ff9b::127.0.0.1]", "[2002:7f00:1::]",
    "[0:0:0:0:0:0:0:1]", "localhost", "LOCALHOST.", "sub.localhost", "[::]", "0.0.0.0", "0",
]  # fmt: skip


async def refused(case: Case, target: Target) -> asyncnet.ForbiddenAddress:
    async with testing.no_leaks():
        with pytest.raises(asyncnet.ForbiddenAddress) as caught:
            outcome = await case.call(target)
            raise outcome[0].error  # a `*_many` gives it as an outcome
    return caught.value


async def test_every_protocol_is_in_the_table():
    protocols = {case.name.partition(".")[0] for case in ALL}
    namespaces = {name for name in asyncnet.__all__ if inspect.ismodule(getattr(asyncnet, name))}
    assert protocols == namespaces - {"dns", "errors", "testing"}


@each_case
async def test_a_forbidden_address_is_not_dialled(case):
    with case.server() as server:
        before = server.connections.total
        error = await refused(case, Target(server.host, server.port, dialer=Dialer(allow=asyncnet.public_only)))
        assert server.connections.total == before
    assert error.protocol == case.name.partition(".")[0]
    assert f"127.0.0.1:{server.port}" in str(error)


@each_one_shot
async def test_it_is_forbidden_in_every_spelling(case):
    with case.server() as server:
        for spelling in SPELLINGS:
            await refused(case, Target(spelling, server.port, dialer=Dialer(allow=asyncnet.public_only)))
        assert server.connections.total == 0


@each_one_shot
async def test_it_is_forbidden_behind_another_name(case):
    hosts = {"alias.example": "127.0.0.1", "public.example": "0x7f.1", "v6.example": "::ffff:127.0.0.1"}
    with case.server() as server:
        for name in hosts:
            dialer = Dialer(allow=asyncnet.public_only, hosts=hosts)
            await refused(case, Target(name, server.port, dialer=dialer))
        assert server.connections.total == 0


def rebinding() -> Iterator[str]:
    yield "127.0.0.1"
    while True:
        yield "127.0.0.2"


@each_one_shot
async def test_it_is_forbidden_when_a_name_is_rebound_to_it(case):
    """The name leads where it may once, and elsewhere from then on."""
    answers = rebinding()
    asked: list[str] = []

    def allow(address, port):
        asked.append(str(address))
        return str(address) == "127.0.0.1"

    records = {("rebound.example", "A"): lambda query: next(answers), ("rebound.example", "AAAA"): []}
    with testing.DNSServer(records, ttl=0) as names, case.server() as server:
        async with asyncnet.dns.Resolver(nameservers=[names.nameserver], cache_size=0, hosts_file=False) as resolver:
            dialer = Dialer(allow=allow, resolver=resolver)
            await case.call(Target("rebound.example", server.port, dialer=dialer))
            await asyncnet.close()  # what is pooled stands where it was allowed to
            resolver.clear_cache()
            await refused(case, Target("rebound.example", server.port, dialer=dialer))
    assert set(asked) == {"127.0.0.1", "127.0.0.2"}


@each_case
async def test_a_host_stands_for_another(case):
    with case.server() as server:
        dialer = Dialer(hosts={"origin.example": server.host})
        await case.call(Target("origin.example", server.port, dialer=dialer))
        if not case.name.startswith("udp."):
            await server.wait_until(lambda: server.connections.total > 0)


@each_case
@pytest.mark.parametrize("scheme", ["http", "socks5", "socks5h"])
async def test_everything_goes_through_the_proxy(case, scheme):
    with case.server() as server, Proxy(scheme, places={"origin.example": server.host}) as proxy:
        dialer = Dialer(proxy=proxy.url(), hosts={"origin.example": server.host} if scheme == "socks5" else None)
        target = Target("origin.example", server.port, dialer=dialer)
        if case.name.startswith("udp."):
            with pytest.raises(ValueError, match="datagrams cannot go through a proxy"):
                await case.call(target)
            return
        async with testing.no_leaks():
            await case.call(target)
        place = server.host if scheme == "socks5" else "origin.example"
        assert (place, server.port) in proxy.asked
        assert {host for host, _ in proxy.asked} == {place}  # the data connections of FTP, too


@each_one_shot
async def test_the_dialer_that_is_used_decides(case):
    with case.server() as server:
        with asyncnet.use(Dialer(allow=asyncnet.public_only)):
            await refused(case, Target(server.host, server.port))
        assert server.connections.total == 0


@each_one_shot
async def test_what_one_dialer_has_opened_serves_no_other(case):
    """A pooled connection to an address is no permission to use it."""
    with case.server() as server:
        await case.call(Target(server.host, server.port))
        await case.call(Target(server.host, server.port, dialer=Dialer()))
        opened = server.connections.total
        with pytest.raises(asyncnet.ForbiddenAddress):
            outcome = await case.call(Target(server.host, server.port, dialer=Dialer(allow=asyncnet.public_only)))
            raise outcome[0].error
        assert server.connections.total == opened


# ---- http: redirects


@pytest.mark.parametrize("spelling", ["127.0.0.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "inside.example"])
async def test_a_redirect_to_a_forbidden_address_is_not_followed(spelling):
    with testing.HTTPServer({"/secret": "inside"}) as inside:
        location = f"http://{spelling}:{inside.port}/secret"
        with testing.HTTPServer({"/": testing.Response(302, {"Location": location})}) as outside:
            allowed = outside.port
            dialer = Dialer(allow=lambda address, port: port == allowed, hosts={"inside.example": "127.0.0.1"})
            with pytest.raises(asyncnet.ForbiddenAddress) as caught:
                await asyncnet.http.fetch(outside.url("/"), dialer=dialer)
            assert str(inside.port) in str(caught.value)
        assert inside.connections.total == 0


async def test_a_redirect_goes_through_the_proxy_too():
    with testing.HTTPServer({"/page": "inside"}) as inside:
        redirect = testing.Response(302, {"Location": f"http://inside.example:{inside.port}/page"})
        with testing.HTTPServer({"/": redirect}) as outside, Proxy(places={"inside.example": "127.0.0.1"}) as proxy:
            page = await asyncnet.http.fetch(outside.url("/"), dialer=Dialer(proxy=proxy.url()))
            assert page.text == "inside"
            assert proxy.asked == [("127.0.0.1", outside.port), ("inside.example", inside.port)]


async def test_sessions_of_aiohttp_dial_through_the_dialer():
    aiohttp = pytest.importorskip("aiohttp")
    with testing.HTTPServer({"/": "hello"}) as server:
        outside = asyncnet.http.connector(Dialer(allow=asyncnet.public_only))
        async with aiohttp.ClientSession(connector=outside) as session:
            with pytest.raises((aiohttp.ClientError, asyncnet.ForbiddenAddress), match="not permitted"):
                await session.get(server.url("/"))
        assert server.connections.total == 0
        dialer = Dialer(hosts={"origin.example": "127.0.0.1"})
        async with aiohttp.ClientSession(connector=asyncnet.http.connector(dialer)) as session:
            async with session.get(f"http://origin.example:{server.port}/") as response:
                assert await response.text() == "hello"
        await asyncio.sleep(0)


# ---- ftp: data connections

FTP = [case for case in ALL if case.name in ("ftp.Client.fetch", "ftp.Client.store", "ftp.Client.list", "ftp.download")]


@pytest.mark.parametrize("case", FTP, ids=[case.name for case in FTP])
async def test_a_data_connection_is_judged_like_any_other(case):
    with case.server() as server:
        control = server.port
        dialer = Dialer(allow=lambda address, port: port == control)
        with pytest.raises(asyncnet.ForbiddenAddress) as caught:
            await case.call(Target(server.host, server.port, dialer=dialer))
    assert f":{control} is not permitted" not in str(caught.value)

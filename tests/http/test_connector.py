"""Users' own aiohttp sessions through our Dialer."""

from __future__ import annotations

import aiohttp
import pytest

import asyncnet
from asyncnet import http, testing
from asyncnet.http.aiohttp_connector import PublicConnector

pytestmark = pytest.mark.asyncio


@pytest.fixture
def server():
    routes = {"/": "hello", "/away": testing.Response(302, {"Location": "http://nowhere.invalid/"})}
    with testing.HTTPServer(routes) as running:
        yield running


async def test_names_and_reuse(server):
    dialer = asyncnet.Dialer(hosts={"example.org": "127.0.0.1"})
    async with aiohttp.ClientSession(connector=http.connector(dialer)) as session:
        for _ in range(3):
            async with session.get(server.url(host="example.org")) as response:
                assert await response.text() == "hello"
    assert server.connections.total == 1


async def test_the_current_dialer(server):
    with asyncnet.use(asyncnet.Dialer(hosts={"example.org": "127.0.0.1"})):
        connector = http.connector()
    async with aiohttp.ClientSession(connector=connector) as session:
        async with session.get(server.url(host="example.org")) as response:
            assert response.status == 200


@pytest.mark.parametrize("address", ["127.0.0.1", "[::ffff:127.0.0.1]", "localhost"])
async def test_the_policy_judges_every_address(server, address):
    async with aiohttp.ClientSession(connector=http.connector(asyncnet.Dialer(allow=asyncnet.public_only))) as session:
        with pytest.raises(aiohttp.ClientConnectorError, match="not permitted") as caught:
            await session.get(f"http://{address}:{server.port}/")
        assert isinstance(caught.value.__cause__, asyncnet.ForbiddenAddress)
    assert server.connections.total == 0


async def test_redirects_are_judged_too(server):
    dialer = asyncnet.Dialer(hosts={"nowhere.invalid": "10.0.0.1"}, allow=lambda address, port: address.is_loopback)
    async with aiohttp.ClientSession(connector=http.connector(dialer)) as session:
        with pytest.raises(aiohttp.ClientConnectorError, match="not permitted"):
            await session.get(server.url("/away"))


async def test_errors_are_those_of_aiohttp(server):
    async with aiohttp.ClientSession(connector=http.connector()) as session:
        with pytest.raises(aiohttp.ClientConnectorError, match="refused"):
            await session.get("http://127.0.0.1:1/")
        with pytest.raises(ValueError, match="Dialer"):
            await session.get(server.url(), proxy="http://127.0.0.1:1/")


async def test_tls():
    authority = testing.CertificateAuthority()
    with testing.HTTPServer({"/": "safe"}, ssl=authority.server_context("localhost")) as server:
        url = server.url(host="localhost")
        trusting = asyncnet.Dialer(ssl_context=authority.client_context())
        async with aiohttp.ClientSession(connector=http.connector(trusting)) as session:
            async with session.get(url) as response:
                assert await response.text() == "safe"
            async with session.get(url, ssl=authority.client_context()) as response:
                assert await response.text() == "safe"
            async with session.get(url, ssl=False) as response:
                assert await response.text() == "safe"
            with pytest.raises(ValueError, match="fingerprint"):
                await session.get(url, ssl=aiohttp.Fingerprint(b"x" * 32))
        async with aiohttp.ClientSession(connector=http.connector()) as session:
            with pytest.raises(aiohttp.ClientConnectorError, match="certificate"):
                await session.get(url)


async def test_a_silent_peer_ends_by_the_session_timeout():
    with testing.BlackHole() as hole:
        timeout = aiohttp.ClientTimeout(total=0.3)
        async with aiohttp.ClientSession(connector=http.connector(), timeout=timeout) as session:
            with pytest.raises((aiohttp.ClientError, TimeoutError)):
                await session.get(f"http://{hole.host}:{hole.port}/")


async def test_it_is_a_dialer_or_nothing():
    with pytest.raises(TypeError):
        http.connector("http://proxy/")


async def test_by_the_public_interface_alone(server):
    dialer = asyncnet.Dialer(
        hosts={"example.org": "127.0.0.1", "nowhere.invalid": "10.0.0.1"}, allow=lambda a, p: a.is_loopback
    )
    async with aiohttp.ClientSession(connector=PublicConnector(dialer)) as session:
        async with session.get(server.url(host="example.org")) as response:
            assert await response.text() == "hello"
        with pytest.raises(aiohttp.ClientConnectorError, match="not permitted"):
            await session.get(server.url("/away"))
    async with aiohttp.ClientSession(connector=PublicConnector(asyncnet.Dialer(allow=asyncnet.public_only))) as session:
        for address in ("127.0.0.1", "[::ffff:127.0.0.1]"):
            with pytest.raises(aiohttp.ClientConnectorError, match="not permitted"):
                await session.get(f"http://{address}:{server.port}/")
    with pytest.raises(ValueError, match="proxy"):
        PublicConnector(asyncnet.Dialer(proxy="http://127.0.0.1:1"))

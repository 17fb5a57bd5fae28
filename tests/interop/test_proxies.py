"""Every protocol through tinyproxy (HTTP CONNECT) and microsocks (SOCKS5)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

import asyncnet
from asyncnet import Dialer, testing
from tests.contract.case import Target
from tests.contract.table import CASES
from tests.interop.conftest import free_port, program, running

pytestmark = [pytest.mark.asyncio, pytest.mark.interop("tinyproxy, microsocks")]

TINYPROXY = """
Port {port}
Listen 127.0.0.1
Timeout 60
MaxClients 50
Allow 127.0.0.1
LogLevel Warning
{login}
"""
KINDS = ["http", "socks5", "socks5h"]


@contextlib.contextmanager
def tinyproxy(folder, login: str) -> Iterator[str]:
    port = free_port()
    config = folder / f"tinyproxy-{port}.conf"
    config.write_text(TINYPROXY.format(port=port, login=f"BasicAuth {login.replace(':', ' ')}" if login else ""))
    with running([program("tinyproxy"), "-d", "-c", str(config)], port, folder=folder):
        yield f"127.0.0.1:{port}"


@contextlib.contextmanager
def microsocks(folder, login: str) -> Iterator[str]:
    port = free_port()
    options = [] if not login else ["-u", login.partition(":")[0], "-P", login.partition(":")[2]]
    with running([program("microsocks"), "-i", "127.0.0.1", "-p", str(port), *options], port, folder=folder):
        yield f"127.0.0.1:{port}"


@pytest.fixture(scope="module", params=["", "user:sesam"], ids=["open", "login"])
def places(request, folder) -> Iterator[dict[str, str]]:
    """The URL of each kind of proxy, with what it wants to know."""
    login = request.param
    userinfo = f"{login}@" if login else ""
    with tinyproxy(folder, login) as http, microsocks(folder, login) as socks:
        yield {kind: f"{kind}://{userinfo}{http if kind == 'http' else socks}" for kind in KINDS}


CALLS = [case for case in CASES if case.client is None and case.name.partition(".")[0] not in ("dns", "udp")]


@pytest.mark.parametrize("case", CALLS, ids=[case.name for case in CALLS])
@pytest.mark.parametrize("kind", KINDS)
async def test_every_one_shot_goes_through(places, kind, case):
    with case.server() as server:
        async with testing.no_leaks():
            await case.call(Target(server.host, server.port, dialer=Dialer(proxy=places[kind])))
        # These proxies close both directions when one ends, an exchange's half-close included: the call may be faster
        # than the server's accept.
        await server.wait_until(lambda: server.connections.total >= 1)


@pytest.mark.parametrize("kind", KINDS)
async def test_tls_goes_through_and_is_verified_by_name(places, kind):
    ca = testing.CertificateAuthority()
    with testing.HTTPServer({"/": "hello"}, ssl=ca.server_context("localhost")) as server:
        dialer = Dialer(proxy=places[kind], ssl_context=ca.client_context())
        page = await asyncnet.http.fetch(server.url("/", host="localhost"), dialer=dialer)
        assert page.text == "hello"
        with pytest.raises(asyncnet.TLSError, match=r"certificate is for localhost, not 127\.0\.0\.1"):
            await asyncnet.http.fetch(server.url("/"), dialer=dialer)


@pytest.mark.parametrize("kind", KINDS)
async def test_what_the_server_says_first_is_heard(places, kind):
    with testing.TCPServer([testing.Send(b"220 hello\r\n"), testing.Stall()]) as server:
        stream = await Dialer(proxy=places[kind]).connect("127.0.0.1", server.port, timeout=10)
        assert await stream.receive_line() == b"220 hello"
        await stream.close()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_target_that_refuses_is_no_connection(places, kind):
    async with testing.no_leaks():
        with pytest.raises(asyncnet.ConnectError) as caught:
            await Dialer(proxy=places[kind]).connect("127.0.0.1", free_port(), timeout=10)
    assert caught.value.phase == "proxy"
    assert "gave no connection to 127.0.0.1:" in str(caught.value)
    assert "sesam" not in str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_wrong_login_is_an_authentication_error(places, kind):
    if "sesam" not in places[kind]:
        return  # this one lets everybody in
    for url in (places[kind].replace("sesam", "wrong"), places[kind].replace("user:sesam@", "")):
        with pytest.raises(asyncnet.AuthenticationError) as caught:
            await Dialer(proxy=url).connect("127.0.0.1", free_port(), timeout=10)
        assert caught.value.phase == "proxy"
        assert "wrong" not in str(caught.value)


@pytest.mark.parametrize("kind", ["http", "socks5"])
async def test_a_policy_is_kept_in_front_of_the_proxy(places, kind):
    with testing.TCPServer() as server:
        dialer = Dialer(proxy=places[kind], allow=asyncnet.public_only, hosts={"inside.example": "127.0.0.1"})
        for host in ("127.0.0.1", "localhost", "inside.example", "2130706433"):
            with pytest.raises(asyncnet.ForbiddenAddress):
                await dialer.connect(host, server.port, timeout=10)
        assert server.connections.total == 0

"""What the environment says, for those who ask."""

from __future__ import annotations

import pytest

import asyncnet
from asyncnet import http, testing
from asyncnet.http.auth import Basic
from asyncnet.http.environment import EnvironmentProxies, read_netrc
from asyncnet.http.urls import parse_http_url

NETRC = "machine example.org login user password secret\ndefault login any password other\n"


@pytest.fixture
def netrc(tmp_path):
    path = tmp_path / "netrc"
    path.write_text(NETRC)
    path.chmod(0o600)
    return path


def test_logins(netrc, monkeypatch):
    for logins in (read_netrc(netrc),):
        assert logins.find(parse_http_url("https://example.org/")) == Basic("user", "secret")
        assert logins.find(parse_http_url("http://example.org/")) is None
        assert logins.find(parse_http_url("https://other.org/")) is None
    monkeypatch.setenv("NETRC", str(netrc))
    assert read_netrc(None).find(parse_http_url("https://example.org/")) is not None
    monkeypatch.delenv("NETRC")
    monkeypatch.setenv("HOME", str(netrc.parent))
    assert read_netrc(None).find(parse_http_url("https://example.org/")) is None


def test_a_malformed_file_does_not_show_its_secrets(tmp_path):
    path = tmp_path / "netrc"
    path.write_text("machine h login u passwort s3cret\n")
    path.chmod(0o600)
    with pytest.raises(ValueError, match="malformed") as caught:
        read_netrc(path)
    assert "s3cret" not in str(caught.value)
    with pytest.raises(OSError):
        read_netrc(tmp_path / "missing")


@pytest.mark.parametrize(
    ("variables", "url", "proxy"),
    [
        ({"http_proxy": "http://p:3128"}, "http://h/", "http://p:3128"),
        ({"http_proxy": "p:3128"}, "http://h/", "http://p:3128"),
        ({"http_proxy": "http://p:3128"}, "https://h/", None),
        ({"HTTPS_PROXY": "http://p:3128"}, "https://h/", "http://p:3128"),
        ({"all_proxy": "socks5://p:1080"}, "https://h/", "socks5://p:1080"),
        ({"all_proxy": "http://p:1", "no_proxy": "h"}, "https://h/", None),
        ({"all_proxy": "http://p:1", "no_proxy": ".example.org"}, "https://www.example.org/", None),
        ({"all_proxy": "http://p:1", "no_proxy": "*"}, "https://h/", None),
        ({}, "http://h/", None),
    ],
)
def test_proxy_variables(monkeypatch, variables, url, proxy):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    base = asyncnet.Dialer(allow=asyncnet.public_only)
    proxies = EnvironmentProxies(base)
    chosen = proxies.dialer_for(parse_http_url(url))
    if proxy is None:
        assert chosen is base
    else:
        assert str(chosen.proxy) == proxy
        assert chosen.allow is asyncnet.public_only
        assert proxies.dialer_for(parse_http_url(url)) is chosen
    own = asyncnet.Dialer(proxy="http://mine:1")
    assert EnvironmentProxies(own).dialer_for(parse_http_url(url)) is own


@pytest.mark.asyncio
async def test_a_client_with_netrc(netrc):
    authority = testing.CertificateAuthority()
    with testing.HTTPServer({"*": "x"}, ssl=authority.server_context("example.org", "other.org")) as server:
        names = {"example.org": "127.0.0.1", "other.org": "127.0.0.1"}
        dialer = asyncnet.Dialer(ssl_context=authority.client_context(), hosts=names)
        for setting, host, sent in (
            (netrc, "example.org", True),
            (netrc, "other.org", False),
            (False, "example.org", False),
        ):
            async with http.Client(dialer=dialer, netrc=setting) as client:
                await client.fetch(server.url(host=host))
                assert (server.requests[-1].header("Authorization") is not None) == sent
        async with http.Client(dialer=dialer, netrc=str(netrc)) as client:
            await client.fetch(server.url(host="example.org"), auth=("a", "b"))
            assert server.requests[-1].header("Authorization") == Basic("a", "b").header()
        with pytest.raises(OSError):
            await http.Client(netrc="/no/such/file").open()


@pytest.mark.asyncio
async def test_a_client_with_the_proxy_variables(monkeypatch):
    # A proxy that only says no: what counts is that it was asked.
    async def refuse(reader, writer):
        asked.append(await reader.readline())
        writer.write(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")

    asked: list[bytes] = []
    with testing.HTTPServer(script=refuse) as proxy, testing.HTTPServer({"*": "x"}) as server:
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        async with http.Client(environment_proxy=True, retries=0) as client:
            with pytest.raises(asyncnet.AsyncNetError):
                await client.fetch(server.url())
            with pytest.raises(asyncnet.AsyncNetError):
                await client.fetch(server.url())
        assert asked[0] == b"CONNECT 127.0.0.1:%d HTTP/1.1\r\n" % server.port
        async with http.Client() as client:
            assert (await client.fetch(server.url())).ok

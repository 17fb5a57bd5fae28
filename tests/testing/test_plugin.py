"""The fixtures, used here and in a run of their own."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

TESTS = r"""
import asyncio
import smtplib
import socket
import ssl
import sys
import urllib.request

import pytest


def test_loading_the_plugin_loads_nothing_else():
    for name in ("aiohttp", "aiodns", "asyncnet.core", "asyncnet.testing.server"):
        assert name not in sys.modules


def test_http(asyncnet_http_server, asyncnet_no_leaks):
    asyncnet_http_server.routes["/"] = "hello"
    with urllib.request.urlopen(asyncnet_http_server.url("/")) as response:
        assert response.read() == b"hello"


def test_https(asyncnet_https_server, asyncnet_ca):
    asyncnet_https_server.routes["/"] = "hello"
    url = asyncnet_https_server.url("/", host="localhost")
    with urllib.request.urlopen(url, context=asyncnet_ca.client_context()) as response:
        assert response.read() == b"hello"


def test_smtp(asyncnet_smtp_server, asyncnet_ca):
    with smtplib.SMTP("localhost", asyncnet_smtp_server.port, timeout=5) as client:
        client.starttls(context=asyncnet_ca.client_context())
        client.login("user", "secret")
        client.sendmail("a@example", "b@example", b"x")
    assert len(asyncnet_smtp_server.messages) == 1


def test_tcp_udp_dns(asyncnet_tcp_server, asyncnet_udp_server, asyncnet_dns_server):
    with socket.create_connection(asyncnet_tcp_server.address, timeout=5) as client:
        client.sendall(b"x")
        assert client.recv(1) == b"x"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(5)
        client.sendto(b"y", asyncnet_udp_server.address)
        assert client.recv(1) == b"y"
    asyncnet_dns_server.records["x.example", "A"] = "192.0.2.1"
    assert asyncnet_dns_server.queries == []


@pytest.mark.asyncio
async def test_files_mail_and_news(asyncnet_ftp_server, asyncnet_pop3_server, asyncnet_nntp_server, asyncnet_ca):
    import asyncnet

    asyncnet_ftp_server.put("/new/a", b"x")
    async with asyncnet.ftp.Client(*asyncnet_ftp_server.address) as ftp:
        assert await ftp.fetch("/new/a") == b"x"
    asyncnet_pop3_server.deliver(b"Subject: one\r\n\r\n")
    dialer = asyncnet.Dialer(ssl_context=asyncnet_ca.client_context())
    messages = await asyncnet.pop3.fetch(
        "localhost", asyncnet_pop3_server.port, username="user", password="secret", dialer=dialer
    )
    assert [message["Subject"] for message in messages] == ["one"]
    async with asyncnet.nntp.Client(*asyncnet_nntp_server.address) as nntp:
        assert (await nntp.group("misc.test")).count == 0
        asyncnet_nntp_server.groups["misc.test"].append(b"Message-ID: <1@a.example>\r\n\r\nx\r\n")
        assert (await nntp.group("misc.test")).count == 1
    await asyncnet.close()


@pytest.mark.asyncio
async def test_in_a_coroutine(asyncnet_tcp_server):
    reader, writer = await asyncio.open_connection(*asyncnet_tcp_server.address)
    writer.write(b"x")
    assert await reader.read(1) == b"x"
    writer.close()
    await writer.wait_closed()


def test_a_leak_is_found(asyncnet_no_leaks):
    test_a_leak_is_found.kept = socket.socket()
"""


def test_the_fixtures_work_in_a_run_of_their_own(tmp_path: pathlib.Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    (tmp_path / "test_inner.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "asyncnet.testing.plugin"]
    source = pathlib.Path(__file__).parents[2] / "src"
    environment = {**os.environ, "PYTHONPATH": str(source), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command += ["-p", "pytest_asyncio.plugin", "-W", "error", "."]
    result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert "8 passed" in result.stdout, result.stdout + result.stderr
    assert "1 error" in result.stdout
    assert "left behind: TCP socket" in result.stdout

"""The connection of a command protocol beside scripted servers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

import asyncnet
from asyncnet.core.access import Access
from asyncnet.core.line_connection import LineConnection
from asyncnet.core.operation import Operation
from asyncnet.testing import Close, Cut, Expect, Reset, Send, Stall, TCPServer

pytestmark = pytest.mark.asyncio


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail(Access):
    tls_port: ClassVar[int] = 995


@asynccontextmanager
async def opening(
    server: TCPServer, dialer: asyncnet.Dialer | None = None, max_line: int = 1000, **changes: Any
) -> AsyncIterator[tuple[LineConnection, Operation]]:
    access = Mail(host=server.host, port=server.port, dialer=dialer, **changes)
    connection = LineConnection("pop3", access, max_line=max_line)
    async with Operation("pop3", "open", peer=access.peer, timeout=10) as operation:
        try:
            await connection.dial(operation, access.choose_dialer())
            yield connection, operation
        finally:
            connection.abort()


@asynccontextmanager
async def connected(server: TCPServer, **options: Any) -> AsyncIterator[LineConnection]:
    async with opening(server, **options) as (connection, _):
        yield connection


@pytest.mark.parametrize("fragment", [None, 1])
async def test_lines_come_without_their_ends(fragment):
    with TCPServer([Send(b"+OK one\r\n+OK two\n\r\n", fragment), Stall()]) as server:
        async with connected(server) as connection:
            assert [await connection.line() for _ in range(3)] == [b"+OK one", b"+OK two", b""]
            assert connection.quiet
            assert not connection.encrypted


async def test_what_is_sent_and_a_polite_end():
    with TCPServer([Expect(b"QUIT\r\n"), Send(b"+OK\r\n"), Close()]) as server:
        async with connected(server) as connection:
            await connection.send(b"QUIT\r\n")
            assert await connection.line() == b"+OK"
            await connection.close()
            assert connection.stream.closed


async def test_words_that_nobody_has_taken():
    with TCPServer([Send(b"one\r\ntwo"), Stall()]) as server:
        async with connected(server) as connection:
            assert connection.quiet
            assert await connection.line() == b"one"
            while len(connection.buffer) < 3:
                await connection.receive()
            assert not connection.quiet, "a part of a line"


async def test_words_that_were_received_and_not_even_looked_at():
    with TCPServer([Send(b"one\r\n"), Stall()]) as server:
        async with connected(server) as connection:
            async with asyncio.timeout(10):
                while connection.stream.bytes_received < 5:
                    await asyncio.sleep(0)
            assert not connection.quiet


async def test_a_line_over_the_limit():
    with TCPServer([Send(b"x" * 5000), Stall()]) as server:
        with pytest.raises(asyncnet.LimitExceeded):
            async with connected(server, max_line=1000) as connection:
                await connection.line()


@pytest.mark.parametrize("end", [Close(), Cut(), Reset()])
async def test_a_server_that_goes_away(end):
    with TCPServer([Send(b"half"), end]) as server:
        with pytest.raises((asyncnet.ConnectionLost, asyncnet.ConnectError)) as caught:
            async with connected(server) as connection:
                await connection.line()
        assert (caught.value.protocol, caught.value.operation) == ("pop3", "open")


async def test_sending_to_one_who_has_gone():
    with TCPServer([Reset()]) as server:
        with pytest.raises((asyncnet.ConnectionLost, asyncnet.ConnectError)) as caught:
            async with connected(server) as connection:
                async with asyncio.timeout(10):
                    while True:
                        await connection.send(b"NOOP\r\n")
                        await asyncio.sleep(0)
        assert (caught.value.protocol, caught.value.operation) == ("pop3", "open")


# ---- TLS on the way


@pytest.mark.parametrize(
    ("changes", "offered", "wanted"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"starttls": False}, True, False),
        ({"starttls": False, "username": "a", "password": "b"}, False, False),
        ({"starttls": True}, True, True),
        ({"username": "a", "password": "b"}, True, True),
    ],
)
async def test_when_to_go_on_in_tls(changes, offered, wanted):
    connection = LineConnection("pop3", Mail(host="localhost", port=110, **changes))
    assert connection.wants_starttls(offered=offered) is wanted


@pytest.mark.parametrize(
    ("changes", "why"), [({"starttls": True}, "starttls=True"), ({"username": "a", "password": "b"}, "credentials")]
)
async def test_required_and_not_offered(changes, why):
    connection = LineConnection("pop3", Mail(host="localhost", port=110, **changes))
    with pytest.raises(asyncnet.TLSError, match=why) as caught:
        connection.wants_starttls(offered=False, name="STLS")
    assert "STLS" in str(caught.value)
    assert caught.value.phase == "starttls"


@pytest.mark.parametrize("own", [False, True])
async def test_tls_from_the_first_byte(ca, own):
    context = ca.client_context()
    given = {"ssl": context} if own else {"ssl": True, "dialer": asyncnet.Dialer(ssl_context=context)}
    with TCPServer([Send(b"+OK\r\n"), Stall()], ssl=ca.server_context("localhost", "127.0.0.1")) as server:
        async with connected(server, **given) as connection:
            assert connection.encrypted
            assert await connection.line() == b"+OK"
            assert not connection.wants_starttls(offered=True)


async def upgrade(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, context: Any, more: bytes = b"") -> None:
    writer.write(b"go\r\n" + more)
    await writer.drain()
    await writer.start_tls(context)
    writer.write(b"inside\r\n")
    await reader.read(1)


@pytest.mark.parametrize("own", [False, True])
async def test_starttls(ca, own):
    context, inside = ca.client_context(), ca.server_context("localhost", "127.0.0.1")
    given = {"ssl": context, "starttls": True} if own else {"dialer": asyncnet.Dialer(ssl_context=context)}
    with TCPServer(lambda reader, writer: upgrade(reader, writer, inside)) as server:
        async with opening(server, **given) as (connection, operation):
            assert await connection.line() == b"go"
            await connection.start_tls(operation, asyncnet.Dialer(ssl_context=context))
            assert connection.encrypted
            assert await connection.line() == b"inside"


async def test_words_before_the_handshake_are_refused(ca):
    inside = ca.server_context("localhost", "127.0.0.1")
    with TCPServer(lambda reader, writer: upgrade(reader, writer, inside, b"+OK injected\r\n")) as server:
        async with opening(server) as (connection, operation):
            assert await connection.line() == b"go"
            with pytest.raises(asyncnet.ProtocolError, match="before the TLS handshake"):
                await connection.start_tls(operation, asyncnet.Dialer(ssl_context=ca.client_context()))
            assert not connection.encrypted


async def test_a_certificate_that_nobody_trusts_is_the_clients_own_error(ca):
    inside = ca.server_context("localhost", "127.0.0.1")
    with TCPServer(lambda reader, writer: upgrade(reader, writer, inside)) as server:
        with pytest.raises(asyncnet.TLSError) as caught:
            async with opening(server) as (connection, operation):
                await connection.line()
                await connection.start_tls(operation, asyncnet.Dialer())
        assert (caught.value.protocol, caught.value.operation) == ("pop3", "open")

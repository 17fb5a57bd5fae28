"""The TLS handshake where it is a part of something larger: behind STARTTLS, and on FTP's data connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

import asyncnet
from asyncnet import Dialer, testing

pytestmark = pytest.mark.asyncio

CA = testing.CertificateAuthority()

# What a server says up to the point from which TLS is to be spoken.
STARTS = {
    "smtp": (b"220 hi\r\n", b"250-hi\r\n250 STARTTLS\r\n", b"220 go on\r\n"),
    "pop3": (b"+OK hi\r\n", b"+OK\r\nSTLS\r\n.\r\n", b"+OK go on\r\n"),
    "nntp": (b"200 hi\r\n", b"101 hi\r\nVERSION 2\r\nREADER\r\nSTARTTLS\r\n.\r\n", b"382 go on\r\n"),
    "ftp": (b"220 hi\r\n", b"234 go on\r\n"),
}
CLIENTS: dict[str, Callable[..., Any]] = {
    "smtp": asyncnet.smtp.Client,
    "pop3": asyncnet.pop3.Client,
    "nntp": asyncnet.nntp.Client,
    "ftp": asyncnet.ftp.Client,
}
SERVERS: dict[str, Callable[..., Any]] = {
    "smtp": testing.SMTPServer,
    "pop3": testing.POP3Server,
    "nntp": testing.NNTPServer,
    "ftp": testing.FTPServer,
}
each_protocol = pytest.mark.parametrize("protocol", STARTS)


@asynccontextmanager
async def silent_in_tls(protocol: str) -> AsyncIterator[testing.TCPServer]:
    """A server that agrees to TLS and then says nothing."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for said in STARTS[protocol]:
            writer.write(said)
            await reader.readline()
        while await reader.read(1000):
            pass

    with testing.TCPServer(script) as server:
        yield server


def client(protocol: str, port: int, **options: Any) -> Any:
    dialer = Dialer(ssl_context=CA.client_context())
    return CLIENTS[protocol]("127.0.0.1", port, ssl=False, starttls=True, dialer=dialer, **options)


@each_protocol
async def test_it_is_a_part_of_the_operation_that_asked_for_it(protocol: str) -> None:
    with SERVERS[protocol](starttls=CA.server_context()) as server, asyncnet.trace() as trace:
        await (await client(protocol, server.port).open()).close()
    (operation,) = trace.operations
    assert operation.name == f"{protocol} open"
    (starttls,) = [span for span in operation.children if span.name == "starttls"]
    (tls,) = starttls.children
    assert (tls.name, tls.attributes["server_hostname"], tls.error) == ("tls", "127.0.0.1", None)
    assert tls.attributes["version"] == "TLSv1.3"


@each_protocol
async def test_a_silent_one_is_a_timeout_of_the_phase_tls(protocol: str) -> None:
    async with silent_in_tls(protocol) as server, testing.no_leaks():
        with pytest.raises(asyncnet.OperationTimeout) as caught:
            await client(protocol, server.port, timeout=0.3).open()
    assert (caught.value.operation, caught.value.phase) == ("open", "tls")


@each_protocol
async def test_a_certificate_that_nobody_trusts_is_an_error_of_the_phase_tls(protocol: str) -> None:
    with SERVERS[protocol](starttls=CA.server_context("other.example")) as server:
        with pytest.raises(asyncnet.TLSError, match=r"other\.example") as caught:
            await client(protocol, server.port).open()
    assert (caught.value.protocol, caught.value.operation, caught.value.phase) == (protocol, "open", "tls")


@pytest.mark.parametrize(
    ("script", "words", "may_want_reuse"),
    [
        ([testing.Send(b"oops\r\n"), testing.Stall()], "does not speak TLS (it said 'oops')", False),
        ([testing.Close()], "during the TLS handshake", True),
    ],
)
async def test_that_of_a_data_connection_fails_in_clear_words(
    script: list[testing.Step], words: str, may_want_reuse: bool
) -> None:
    with testing.TCPServer(script) as elsewhere:
        replies = {"EPSV": f"229 in that direction (|||{elsewhere.port}|)", "RETR": "150 here it comes"}
        with testing.FTPServer(starttls=CA.server_context(), replies=replies) as server:
            ftp = await client("ftp", server.port).open()
            with pytest.raises(asyncnet.TLSError) as caught:
                await ftp.fetch("/hello")
            assert ftp.closed
    assert words in caught.value.args[0]
    assert ("may demand" in caught.value.args[0]) == may_want_reuse
    assert "(tls)" not in caught.value.args[0]


async def test_that_of_a_data_connection_is_in_the_trace() -> None:
    with testing.FTPServer({"/hello": b"hello"}, starttls=CA.server_context()) as server:
        async with client("ftp", server.port) as ftp:
            with asyncnet.trace() as trace:
                assert await ftp.fetch("/hello") == b"hello"
    (operation,) = trace.operations
    (data,) = [span for span in operation.children if span.name == "data"]
    assert [span.name for span in data.children] == ["connect", "tls"]
    assert data.children[1].attributes["version"] == "TLSv1.3"

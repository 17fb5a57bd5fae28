"""Checked by mypy, never run: what a user's type checker sees."""

from __future__ import annotations

import socket
from collections.abc import AsyncGenerator
from email.message import EmailMessage
from ipaddress import IPv4Address, IPv6Address
from typing import Any, assert_type

import asyncnet


async def number() -> int:
    return 1


def allow(address: IPv4Address | IPv6Address, port: int) -> bool:
    return port == 443


def root() -> None:
    assert_type(asyncnet.run(number()), int)
    assert_type(asyncnet.Outcome("item", value=1).unwrap(), int)
    with asyncnet.trace() as trace:
        assert_type(trace, asyncnet.Trace)
        assert_type(trace.spans, list[asyncnet.Span])
    with asyncnet.use(asyncnet.Dialer(allow=allow)) as dialer:
        assert_type(dialer, asyncnet.Dialer)
    asyncnet.Dialer(allow=asyncnet.public_only)


def errors(error: asyncnet.AsyncNetError, timeout: asyncnet.OperationTimeout, no: asyncnet.ReplyError) -> None:
    assert_type(error.attempts, tuple[asyncnet.Attempt, ...])
    assert_type(error.maybe_done, bool)
    assert_type(no.code, int | str | None)
    as_builtin: TimeoutError = timeout
    del as_builtin


async def dialer(dialer: asyncnet.Dialer) -> None:
    assert_type(await dialer.connect("example.org", 443, ssl=True, timeout=5), asyncnet.tcp.Stream)
    assert_type(await dialer.connect_socket("example.org", 443), socket.socket)


async def dns() -> None:
    assert_type(await asyncnet.dns.resolve("example.org"), tuple[IPv4Address | IPv6Address, ...])
    assert_type(await asyncnet.dns.reverse("127.0.0.1"), tuple[str, ...])
    async for outcome in asyncnet.dns.lookup_many(["example.org"], "A", concurrency=10):
        assert_type(outcome, asyncnet.Outcome[asyncnet.dns.Answer[Any]])
    async with asyncnet.dns.Resolver(nameservers=["127.0.0.1:53"]) as resolver:
        assert_type(resolver, asyncnet.dns.Resolver)


async def http() -> None:
    page = await asyncnet.http.fetch("https://example.org/", timeout=None)
    assert_type(page, asyncnet.http.Page)
    assert_type(page.text, str)
    assert_type(page.content, bytes)
    assert_type(page.status, int)
    assert_type(page.title, str | None)
    assert_type(await asyncnet.http.fetch_image("https://example.org/a.png"), asyncnet.http.Image)
    async with asyncnet.http.Client(base_url="https://example.org/") as client:
        assert_type(await client.request("POST", "/", json={"a": 1}), asyncnet.http.Page)


async def tcp() -> None:
    async def handler(stream: asyncnet.tcp.Stream) -> None:
        assert_type(await stream.receive(), bytes)
        async for chunk in stream:
            assert_type(chunk, bytes)

    async with asyncnet.tcp.Server(handler) as server:
        assert_type(server.port, int)
        async with asyncnet.tcp.Client("127.0.0.1", server.port) as stream:
            assert_type(stream, asyncnet.tcp.Client)
            assert_type(await stream.receive_line(), bytes)
    assert_type(await asyncnet.tcp.exchange("127.0.0.1", 7, b"", max_bytes=10), bytes)


async def shout(datagram: asyncnet.udp.Datagram) -> bytes | None:
    return datagram.data.upper() or None


async def udp() -> None:
    assert_type(await asyncnet.udp.exchange("127.0.0.1", 9, b"?", timeout=None), bytes)
    async with asyncnet.udp.Client("127.0.0.1", 9, on_overflow="pause") as client:
        assert_type(client, asyncnet.udp.Client)
        assert_type(await client.receive(timeout=1), bytes)
        assert_type(await client.receive_many(10), list[bytes])
        assert_type(await client.send_many([b"a", bytearray(b"b")]), int)
        assert_type(await client.send_many(memoryview(b"ab"), size=1), int)
        async for data in client:
            assert_type(data, bytes)
    async with asyncnet.udp.Server(shout, multicast=["239.1.1.1"]) as server:
        async for datagram in server:
            assert_type(datagram, asyncnet.udp.Datagram)
            await server.send(datagram.data, datagram.peer)
            await server.send(b"x", ("127.0.0.1", 9))
        assert_type(server.stats.dropped_by_kernel, int | None)
    media = await asyncnet.udp.receive_media("127.0.0.1", 5004)
    assert_type(media.missing, tuple[range, ...])
    assert_type(await asyncnet.udp.send_media(b"x", "127.0.0.1", 5004, parity=(6, 6)), asyncnet.udp.SentMedia)
    asyncnet.udp.Client("127.0.0.1", 9, on_overflow="explode")  # type: ignore[arg-type]  # only three words are known


async def smtp() -> None:
    message = asyncnet.smtp.compose(sender="me@example.org", to="you@example.org", subject="", text="")
    assert_type(message, EmailMessage)
    report = await asyncnet.smtp.send(message, "smtp.example.org", 587, username="me", password="secret")
    assert_type(report.accepted, tuple[str, ...])


async def refused(generator: AsyncGenerator[int, None], outcome: asyncnet.Outcome[int]) -> None:
    """Each of these must be an error to a type checker; an unused ignore is one, too."""
    asyncnet.run(generator)  # type: ignore[arg-type]  # not a coroutine
    _ = asyncnet.nothing  # type: ignore[attr-defined]  # no such name
    await asyncnet.tcp.exchange("host", 1, b"", 5)  # type: ignore[call-arg]  # keyword-only
    outcome.value = 1  # type: ignore[misc]  # it is frozen

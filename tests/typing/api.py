"""Checked by mypy, never run: what a user's type checker sees."""

from __future__ import annotations

import socket
from collections.abc import AsyncGenerator, Mapping
from datetime import datetime
from email.message import EmailMessage
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any, Literal, assert_type

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
    assert_type(report.refused, Mapping[str, asyncnet.ReplyError])
    async with asyncnet.smtp.Client("smtp.example.org", token=token, username="me") as client:
        assert_type(client, asyncnet.smtp.Client)
        dsn = asyncnet.smtp.DSN(notify=("success", "failure"), returned="headers")
        assert_type(await client.send(b"", sender="", recipients=["a@b.example"], dsn=dsn), asyncnet.smtp.SendReport)
    async with asyncnet.smtp.Pool("smtp.example.org", size=3) as pool:
        async for outcome in pool.send_many([message, b""]):
            assert_type(outcome, asyncnet.Outcome[asyncnet.smtp.SendReport])
    asyncnet.smtp.DSN(notify=("always",))  # type: ignore[arg-type]  # four words are known


async def token() -> str:
    return "fresh"


async def ftp(path: Path) -> None:
    assert_type(await asyncnet.ftp.download("ftp://example.org/a", path), asyncnet.ftp.Transfer)
    assert_type(await asyncnet.ftp.upload(path, "ftp://me@example.org/a", password="x"), asyncnet.ftp.Transfer)
    async with asyncnet.ftp.Client("ftp.example.org", username="me", password="secret") as client:
        assert_type(client, asyncnet.ftp.Client)
        entries = await client.list("/pub")
        assert_type(entries, tuple[asyncnet.ftp.Entry, ...])
        assert_type(entries[0].size, int | None)
        assert_type(entries[0].modified, datetime | None)
        assert_type(entries[0].kind, Literal["file", "directory", "link", "other"])
        assert_type(await client.fetch("/a"), bytes)
        assert_type((await client.download("/a", path, progress=lambda done, total: None)).checked,
                    Literal["hash", "size"] | None)  # fmt: skip
        async for entry in client.walk():
            assert_type(entry, asyncnet.ftp.Entry)
    await client.store("/a", "text")  # type: ignore[arg-type]  # bytes only
    asyncnet.ftp.Client("ftp.example.org", 21, "me")  # type: ignore[call-arg]  # keyword-only


async def pop3() -> None:
    assert_type(await asyncnet.pop3.fetch("pop.example.org", username="me", token=token), list[asyncnet.pop3.Message])
    async with asyncnet.pop3.Client("pop.example.org", username="me", password="secret") as client:
        assert_type(client, asyncnet.pop3.Client)
        assert_type(await client.list(), list[asyncnet.pop3.Item])
        message = await client.fetch(1)
        as_standard: EmailMessage = message
        assert_type(message.uid, str | None)
        assert_type(await client.fetch_bytes(1), bytes)
        assert_type(await client.headers(1, lines=3), asyncnet.pop3.Message)
        async for each in client.messages():
            assert_type(each, asyncnet.pop3.Message)
    del as_standard
    await client.fetch("1")  # type: ignore[arg-type]  # numbers only


async def nntp(article: EmailMessage) -> None:
    got = await asyncnet.nntp.fetch("news.example.org", 563, message_id="<id@example.org>")
    assert_type(got, asyncnet.nntp.Article)
    assert_type(got.body, str)
    assert_type(got.number, int | None)
    async with asyncnet.nntp.Client("news.example.org") as client:
        assert_type(client, asyncnet.nntp.Client)
        assert_type(await client.capabilities(), frozenset[str])
        assert_type(await client.groups("misc.*"), list[asyncnet.nntp.Group])
        assert_type((await client.group("misc.test")).count, int)
        assert_type(await client.date(), datetime)
        assert_type(await client.head(1), EmailMessage)
        assert_type(await client.body("<id@example.org>"), bytes)
        assert_type(await client.stat(1), asyncnet.nntp.Stat)
        assert_type(await client.post(article), str)
        async for overview in client.overviews(1, 2):
            assert_type(overview, asyncnet.nntp.Overview)
        async for outcome in client.fetch_many([1, "<id@example.org>"]):
            assert_type(outcome, asyncnet.Outcome[asyncnet.nntp.Article])


async def refused(generator: AsyncGenerator[int, None], outcome: asyncnet.Outcome[int]) -> None:
    """Each of these must be an error to a type checker; an unused ignore is one, too."""
    asyncnet.run(generator)  # type: ignore[arg-type]  # not a coroutine
    _ = asyncnet.nothing  # type: ignore[attr-defined]  # no such name
    await asyncnet.tcp.exchange("host", 1, b"", 5)  # type: ignore[call-arg]  # keyword-only
    outcome.value = 1  # type: ignore[misc]  # it is frozen

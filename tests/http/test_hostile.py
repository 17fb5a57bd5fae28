"""Servers that break the rules: a typed error or the right result, in time, within limits, nothing left."""

from __future__ import annotations

import asyncio
import gzip
import time

import brotli
import pytest
from backports import zstd

import asyncnet
from asyncnet import http, testing

pytestmark = pytest.mark.asyncio

OK = b"HTTP/1.1 200 OK\r\n"
LOST, LIMIT, BROKEN = asyncnet.ConnectionLost, asyncnet.LimitExceeded, asyncnet.ProtocolError

HINTS = b"HTTP/1.1 103 Early Hints\r\n"

# What comes, and what becomes of it: content, an error, or either where it depends on how the bytes arrive.
RESPONSES = {
    "length too short": (OK + b"Content-Length: 3\r\n\r\nabcdef", (b"abc", BROKEN)),
    "length too long": (OK + b"Content-Length: 9\r\n\r\nabc", LOST),
    "length negative": (OK + b"Content-Length: -1\r\n\r\nabc", BROKEN),
    "length no number": (OK + b"Content-Length: 3x\r\n\r\nabc", BROKEN),
    "length hexadecimal": (OK + b"Content-Length: 0x3\r\n\r\nabc", BROKEN),
    "length enormous": (OK + b"Content-Length: 99999999999999999999999\r\n\r\nabc", BROKEN),
    "length twice, different": (OK + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", BROKEN),
    "length and chunked": (OK + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", BROKEN),
    "no length, closed": (OK + b"\r\nabc", b"abc"),
    "http 1.0": (b"HTTP/1.0 200 OK\r\n\r\nabc", b"abc"),
    "chunked": (OK + b"Transfer-Encoding: chunked\r\n\r\n1;x=y\r\na\r\n2\r\nbc\r\n0\r\nTrailer: x\r\n\r\n", b"abc"),
    "chunk cut": (OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab", LOST),
    "last chunk missing": (OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", LOST),
    "chunk size no number": (OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n0\r\n\r\n", BROKEN),
    "chunk size negative": (OK + b"Transfer-Encoding: chunked\r\n\r\n-2\r\nab\r\n0\r\n\r\n", BROKEN),
    "chunk size enormous": (OK + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffffff\r\nab\r\n0\r\n\r\n", BROKEN),
    "chunk longer than it says": (OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nabXXX\r\n0\r\n\r\n", BROKEN),
    "status line missing": (b"hello\r\n\r\n", BROKEN),
    "status no number": (b"HTTP/1.1 abc OK\r\n\r\n", BROKEN),
    "status too short": (b"HTTP/1.1 20\r\n\r\n", BROKEN),
    "version unknown": (b"HTTP/9.9 200 OK\r\n\r\n", BROKEN),
    "not http": (b"220 smtp.example.org ESMTP\r\n", BROKEN),
    "tls": (b"\x15\x03\x01\x00\x02\x02\x0a", BROKEN),
    "nothing": (b"", LOST),
    "half a head": (OK + b"Content-Le", LOST),
    "header without colon": (OK + b"broken\r\nContent-Length: 3\r\n\r\nabc", BROKEN),
    "header with nul": (OK + b"X: a\0b\r\nContent-Length: 3\r\n\r\nabc", BROKEN),
    "space before colon": (OK + b"Content-Length : 3\r\n\r\nabc", (b"abc", BROKEN)),
    "line too long": (OK + b"X: " + b"a" * 100_000 + b"\r\n\r\n", LIMIT),
    "reason too long": (b"HTTP/1.1 200 " + b"a" * 100_000 + b"\r\n\r\n", LIMIT),
    "name too long": (OK + b"a" * 100_000 + b": x\r\n\r\n", LIMIT),
    "too many headers": (OK + b"X: y\r\n" * 1000 + b"\r\n", LIMIT),
    "informational": (HINTS + b"Link: x\r\n\r\n" + HINTS + b"\r\n" + OK + b"Content-Length: 1\r\n\r\na", b"a"),
    "switching protocols": (b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", BROKEN),
    "informational without end": (b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100, BROKEN),
    "no content with content": (b"HTTP/1.1 204 No Content\r\n\r\nabc", (b"", BROKEN)),
    "gzip corrupt": (OK + b"Content-Encoding: gzip\r\nContent-Length: 8\r\n\r\nnot gzip", BROKEN),
    "gzip cut": (OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"x" * 1000)[:-9], LOST),
    "gzip and an error page in plain": (OK + b"Content-Encoding: gzip\r\n\r\n<html>oops</html>", BROKEN),
    "coding unknown": (OK + b"Content-Encoding: rot13\r\nContent-Length: 3\r\n\r\nnop", BROKEN),
    "six layers": (OK + b"Content-Encoding: gzip,gzip,gzip,gzip,gzip,gzip\r\nContent-Length: 1\r\n\r\nx", BROKEN),
    "charset that is none": (OK + b"Content-Type: text/html; charset=rot13\r\nContent-Length: 3\r\n\r\nabc", b"abc"),
    "two responses": ((OK + b"Content-Length: 1\r\n\r\na") * 2, b"a"),
    "others' cookies": (OK + b"Set-Cookie: a=1; Domain=a.org\r\nSet-Cookie: \x01\r\nContent-Length: 1\r\n\r\na", b"a"),
}  # fmt: skip


@pytest.mark.parametrize("name", RESPONSES)
@pytest.mark.parametrize("step", [None, 1], ids=["whole", "byte by byte"])
async def test_responses(name, step):
    response, expected = RESPONSES[name]
    if step == 1 and len(response) > 10_000:
        return  # the same code sees it

    async def talk(reader, writer):
        for start in range(0, len(response), step or max(1, len(response))):
            writer.write(response[start : start + (step or len(response))])
            await writer.drain()

    with testing.HTTPServer({"*": testing.Raw(talk)}) as server:
        async with testing.no_leaks():
            async with http.Client(retries=0, timeout=5) as client:
                content, error = expected if isinstance(expected, tuple) else (expected, expected)
                found: object
                try:
                    found = await client.fetch(server.url())
                except asyncnet.AsyncNetError as caught:
                    found = caught
                if isinstance(found, http.Page):
                    assert found.content == content
                    assert found.text is not None
                else:
                    assert type(found) is error
                    assert found.peer == server.url()
                    assert "\n" not in str(found)
                    assert "^" not in str(found)  # in one line it points at nothing
                    assert len(str(found)) < 500
                    assert client.stats.open == 0


async def test_what_comes_after_a_response_is_never_taken_for_the_next():
    first = OK + b"Content-Length: 1\r\n\r\na" + OK + b"Content-Length: 6\r\n\r\nforged"

    async def talk(reader, writer):
        writer.write(first)
        await testing.until_gone(reader)

    with testing.HTTPServer({"/a": testing.Raw(talk), "/b": "honest"}) as server:
        async with http.Client() as client:
            assert (await client.fetch(server.url("/a"))).content == b"a"
            assert (await client.fetch(server.url("/b"))).text == "honest"
        assert [request.connection for request in server.requests] == [1, 2]


async def test_what_comes_while_a_connection_is_idle_is_never_taken_for_an_answer():
    forge = testing.Gate()

    async def talk(reader, writer):
        writer.write(OK + b"Content-Length: 1\r\n\r\na")
        await forge.wait()
        writer.write(OK + b"Content-Length: 6\r\n\r\nforged")
        await writer.drain()
        await testing.until_gone(reader)

    with testing.HTTPServer({"/a": testing.Raw(talk), "/b": "honest"}) as server:
        async with http.Client() as client:
            await client.fetch(server.url("/a"))
            assert client.stats.idle == 1
            forge.set()
            connection = next(iter(client._engine.pool._stations.values())).idle[0][0]
            for _ in range(100_000):
                if not connection.reusable:
                    break
                await asyncio.sleep(0)
            assert (await client.fetch(server.url("/b"))).text == "honest"


ENDLESS = {
    "head": (b"HTTP/1.1 200 OK\r\n", b"X-Filler: " + b"y" * 1000 + b"\r\n"),
    "reason": (b"HTTP/1.1 200 ", b"y" * 1000),
    "informational": (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 20),
    "body": (OK + b"\r\n", b"y" * 65536),
    "chunks": (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1000\r\n" + b"y" * 4096 + b"\r\n"),
    "chunk extension": (OK + b"Transfer-Encoding: chunked\r\n\r\n1;", b"y" * 65536),
    "tiny chunks with extensions": (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1;" + b"y" * 4000 + b"\r\nz\r\n"),
    "trailers": (OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n", b"X: " + b"y" * 1000 + b"\r\n"),
    "empty gzip members": (OK + b"Content-Encoding: gzip\r\n\r\n", gzip.compress(b"") * 500),
}


@pytest.mark.parametrize("name", ENDLESS)
async def test_what_has_no_end(name):
    start, more = ENDLESS[name]

    async def talk(reader, writer):
        writer.write(start)
        while True:
            writer.write(more)
            await writer.drain()

    with testing.HTTPServer({"*": testing.Raw(talk)}) as server:
        async with testing.no_leaks():
            started = time.monotonic()
            with pytest.raises((LIMIT, BROKEN)):
                await http.fetch(server.url(), retries=0, max_bytes=2_000_000, timeout=20)
            assert time.monotonic() - started < 10
            await asyncnet.close()


BOMB = bytes(50_000_000)


@pytest.mark.parametrize(
    ("coding", "packed"),
    [("gzip", gzip.compress(BOMB)), ("br", brotli.compress(BOMB, quality=1)), ("zstd", zstd.compress(BOMB)),
     ("gzip, gzip", gzip.compress(gzip.compress(BOMB))), ("br, gzip", gzip.compress(brotli.compress(BOMB, quality=1)))],
)  # fmt: skip
async def test_bombs(coding, packed):
    with testing.HTTPServer({"*": testing.Response(200, {"Content-Encoding": coding}, packed)}) as server:
        with pytest.raises(LIMIT):
            await http.fetch(server.url())


async def test_endless_redirects_with_bodies():
    def onwards(request):
        return testing.Response(302, {"Location": f"/{int(request.path[1:]) + 1}"}, b"x" * 1_000_000)

    with testing.HTTPServer({"*": onwards}) as server:
        with pytest.raises(LIMIT, match="redirects"):
            await http.fetch(server.url("/0"))


@pytest.mark.parametrize("length", [b"Content-Length: 100\r\n", b""], ids=["in the middle", "of no known length"])
async def test_a_reset_of_a_body(length):
    async def talk(reader, writer):
        writer.write(OK + length + b"\r\nabc")
        await testing.flush(writer)
        testing.reset(writer)

    with testing.HTTPServer({"*": testing.Raw(talk)}) as server:
        with pytest.raises(LOST):
            await http.fetch(server.url(), retries=0)

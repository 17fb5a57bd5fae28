"""Bodies past the parser: the buffers, the end, the cut, and the connection afterwards."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

import asyncnet
from asyncnet import http, testing

pytestmark = pytest.mark.asyncio

BODY = bytes(range(251)) * 10_000


MIB = 1 << 20


@pytest.mark.parametrize("size", [0, 1, 1000, MIB - 1, MIB, MIB + 1, 11 * MIB + 7])
async def test_any_size(tmp_path, size):
    body = (BODY * (size // len(BODY) + 1))[:size]
    with testing.HTTPServer({"/": body, "/after": "next"}) as server:
        async with http.Client(base_url=server.url()) as client:
            got = await client.download("/", tmp_path / "x")
            assert got.size == size
            assert got.path.read_bytes() == body
            assert (await client.fetch("/after")).text == "next"
            assert server.connections.total <= 2  # large bodies have connections of their own


@pytest.mark.parametrize("tls", [False, True])
async def test_downloads_keep_their_connection(tmp_path, tls):
    authority = testing.CertificateAuthority()
    context = authority.server_context() if tls else None
    with testing.HTTPServer({"/": BODY, "/closing": testing.Response(body=BODY, close=True)}, ssl=context) as server:
        dialer = asyncnet.Dialer(ssl_context=authority.client_context())
        async with http.Client(base_url=server.url(), dialer=dialer) as client:
            for path in ("/", "/", "/closing", "/"):
                got = await client.download(path, tmp_path / "x")
                assert got.path.read_bytes() == BODY
            assert server.connections.total == 2


async def test_what_came_before_a_cut_is_kept(tmp_path):
    cut = 1_500_000
    with testing.HTTPServer({"/": testing.Response(200, {"ETag": '"v"'}, BODY, cut_at=cut)}) as server:
        with pytest.raises(asyncnet.ConnectionLost, match="cut") as caught:
            await http.download(server.url(), tmp_path / "x", retries=0)
        assert caught.value.phase == "transfer"
        assert (tmp_path / "x.part").stat().st_size == cut


async def test_a_reset_is_a_cut(tmp_path):
    async def talk(reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY[:100_000])
        await testing.flush(writer)
        testing.reset(writer)

    with testing.HTTPServer({"/": testing.Raw(talk)}) as server:
        with pytest.raises(asyncnet.ConnectionLost):
            await http.download(server.url(), tmp_path / "x", retries=0)


async def test_slow_but_not_idle(tmp_path):
    async def drip(reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n")
        for _ in range(30):
            writer.write(b"x")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.02):
                    await testing.until_gone(reader)
                    return

    with testing.HTTPServer({"/": testing.Raw(drip)}) as server:
        got = await http.download(server.url(), tmp_path / "x", idle_timeout=0.2, min_rate=None)
        assert got.size == 30
        with pytest.raises(asyncnet.OperationTimeout, match="fewer than 1000 per second"):
            await http.download(server.url(), tmp_path / "x", idle_timeout=0.2, min_rate=1000, retries=0)


async def test_more_than_the_length_is_not_taken(tmp_path):
    async def talk(reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + BODY[:1_000_000] + b"too much")
        await testing.until_gone(reader)

    with testing.HTTPServer({"/": testing.Raw(talk), "/after": "honest"}) as server:
        async with http.Client(base_url=server.url()) as client:
            got = await client.download("/", tmp_path / "x")
            assert got.path.read_bytes() == BODY[:1_000_000]
            got = await client.download("/after", tmp_path / "y")
            assert got.path.read_bytes() == b"honest"


async def test_cancelled_while_it_fills(tmp_path):
    with testing.HTTPServer({"/": testing.Response(body=BODY, stall_at=500_000)}) as server:
        async with http.Client(base_url=server.url()) as client:
            task = asyncio.create_task(client.download("/", tmp_path / "x"))
            await server.wait_until(lambda: len(server.requests) == 1)
            for _ in range(20):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert client.stats.open == 0

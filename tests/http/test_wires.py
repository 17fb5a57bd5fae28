"""What every wire on aiohttp has to do, by its own protocol and by its public interface alone."""

from __future__ import annotations

import asyncio

import pytest

import asyncnet
from asyncnet import http, testing
from asyncnet.http.aiohttp_session import SessionWire
from asyncnet.http.aiohttp_wire import AiohttpWire

pytestmark = pytest.mark.asyncio

WIRES = {"handler": AiohttpWire, "session": SessionWire}


@pytest.fixture(params=WIRES)
def wire(request):
    return WIRES[request.param]


def echo(request: testing.Request) -> testing.Response:
    fields = "".join(f"{name}: {value}\n" for name, value in request.headers)
    return testing.Response(200, body=f"{request.method} {request.target}\n{fields}\n".encode() + request.body)


async def test_requests_arrive_as_they_were_made(wire):
    async def pieces():
        yield b"one "
        yield b"two"

    async def reached(**arguments) -> bytes:
        async with http.Client(wire=wire(), headers={"X-A": "ü"}) as client:
            page = await client.request("POST", server.url("/a%20b?c=d%2Fe"), **arguments)
        return page.content

    with testing.HTTPServer({"*": echo}) as server:
        for arguments, body in (
            ({}, b""),
            ({"data": b"bytes"}, b"bytes"),
            ({"data": b"x" * 200_000}, b"x" * 200_000),
            ({"data": pieces()}, b"one two"),
            ({"json": [1]}, b"[1]"),
        ):
            content = await reached(**arguments)
            head, _, found = content.partition(b"\n\n")
            assert found == body
            assert head.startswith(b"POST /a%20b?c=d%2Fe\n")
            names = [line.partition(b":")[0].lower() for line in head.split(b"\n")[1:]]
            assert names.count(b"host") == names.count(b"user-agent") == names.count(b"accept-encoding") == 1
            assert (b"content-length" in names) != (b"transfer-encoding" in names)


async def test_connections_are_reused_and_closed(wire):
    with testing.HTTPServer({"/": "x", "/close": testing.Response(body=b"x", close=True)}) as server:
        async with http.Client(wire=wire()) as client:
            for path in ("/", "/", "/close", "/", "/"):
                assert (await client.fetch(server.url(path))).text == "x"
            assert server.connections.total == 2
        await server.wait_until(lambda: server.connections.open == 0)


async def test_redirects_codings_and_heads(wire):
    import gzip

    packed = testing.Response(200, {"Content-Encoding": "gzip"}, gzip.compress(b"text" * 100))
    with testing.HTTPServer({"/a": testing.Response(302, {"Location": "/b"}), "/b": packed}) as server:
        async with http.Client(wire=wire()) as client:
            assert (await client.fetch(server.url("/a"))).content == b"text" * 100
            assert (await client.request("HEAD", server.url("/b"))).content == b""
            async with client.stream("GET", server.url("/b")) as response:
                assert await response.read() == b"text" * 100


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (b"", asyncnet.ConnectionLost),
        (b"nonsense\r\n\r\n", asyncnet.ProtocolError),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", asyncnet.ConnectionLost),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", asyncnet.ConnectionLost),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000 + b"\r\n\r\n", asyncnet.LimitExceeded),
    ],
)
async def test_broken_responses(wire, response, error):
    with testing.HTTPServer({"*": testing.Raw(response)}) as server:
        async with testing.no_leaks():
            async with http.Client(wire=wire(), retries=0) as client:
                with pytest.raises(error):
                    await client.fetch(server.url())


async def test_tls_names_and_policy(wire):
    authority = testing.CertificateAuthority()
    with testing.HTTPServer({"*": "x"}, ssl=authority.server_context("example.org")) as server:
        trusting = asyncnet.Dialer(ssl_context=authority.client_context(), hosts={"example.org": "127.0.0.1"})
        async with http.Client(wire=wire(), dialer=trusting, retries=0) as client:
            assert (await client.fetch(server.url(host="example.org"))).text == "x"
            with pytest.raises(asyncnet.TLSError):
                await client.fetch(server.url())
        strict = asyncnet.Dialer(allow=asyncnet.public_only)
        async with http.Client(wire=wire(), dialer=strict, retries=0) as client:
            with pytest.raises(asyncnet.ForbiddenAddress):
                await client.fetch(server.url())


async def test_cancelled_and_timed_out(wire):
    with testing.HTTPServer({"/": testing.Response(delay=3600), "/ok": "x"}) as server:
        async with testing.no_leaks():
            async with http.Client(wire=wire()) as client:
                with pytest.raises(asyncnet.OperationTimeout):
                    await client.fetch(server.url(), timeout=0.1)
                task = asyncio.create_task(client.fetch(server.url()))
                await server.wait_until(lambda: len(server.requests) == 2)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                assert client.stats.open == 0
                assert (await client.fetch(server.url("/ok"))).text == "x"


async def test_downloads(wire, tmp_path):
    body = bytes(range(256)) * 8000
    with testing.HTTPServer({"/": testing.Resource(body, cuts=[1_000_000, None])}) as server:
        async with http.Client(wire=wire()) as client:
            got = await client.download(server.url(), tmp_path / "x")
            assert got.path.read_bytes() == body


async def test_an_idle_connection_that_the_server_closed(wire):
    with testing.HTTPServer({"*": [testing.Response(body=b"1"), testing.Raw(b""), "2"]}) as server:
        async with http.Client(wire=wire()) as client:
            await client.fetch(server.url())
            assert (await client.fetch(server.url())).text == "2"

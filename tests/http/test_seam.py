"""The seam: another wire in place of aiohttp, and what is left when a loop ends in the wrong way."""

from __future__ import annotations

import gzip
import subprocess
import sys
from collections import deque

import pytest

import asyncnet
from asyncnet import http, testing
from asyncnet.http.headers import Headers


class Response:
    """A response out of memory."""

    def __init__(self, status: int, fields: dict[str, str], body: bytes) -> None:
        self.status, self.reason = status, "OK"
        self.headers = Headers(fields.items())
        self.length = None
        self.coded = "Content-Encoding" in fields
        self.sets_cookies = "Set-Cookie" in fields
        self._pieces = deque([body[:5], body[5:]])

    async def receive(self) -> bytes:
        return self._pieces.popleft() if self._pieces else b""

    def take(self) -> bytes | None:
        return None

    def direct(self) -> None:
        return None


class Connection:
    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self.reusable, self.written, self.closed = True, True, False

    async def exchange(self, request) -> Response:
        self._wire.heads.append(request.head.decode())
        return Response(*self._wire.answers.popleft())

    def abort(self) -> None:
        self.closed = True

    drop = abort

    async def wait_closed(self) -> None:
        assert self.closed


class Wire:
    """A wire that opens nothing."""

    def __init__(self, *answers: tuple[int, dict[str, str], bytes]) -> None:
        self.answers = deque(answers)
        self.heads: list[str] = []
        self.connections: list[Connection] = []

    async def connect(self, operation, origin) -> Connection:
        self.connections.append(Connection(self))
        return self.connections[-1]


@pytest.mark.asyncio
async def test_policies_stand_above_any_wire(tmp_path):
    wire = Wire(
        (302, {"Location": "/next", "Set-Cookie": "a=1"}, b""),
        (503, {"Retry-After": "0"}, b"busy"),
        (200, {"Content-Encoding": "gzip", "Content-Type": "text/html"}, gzip.compress(b"<title>found</title>")),
        (200, {}, b"downloaded"),
    )
    async with http.Client(base_url="http://example.org/", wire=wire) as client:
        page = await client.fetch("/first")
        assert page.title == "found"
        assert [attempt.error for attempt in page.attempts] == ["302", "503", ""]
        assert [head.split(" ", 2)[1] for head in wire.heads] == ["/first", "/next", "/next"]
        assert ["Cookie: a=1" in head for head in wire.heads] == [False, True, True]
        assert (await client.download("/file", tmp_path / "x")).size == 10
        assert client.stats.opened == 2  # one for pages, one for large bodies
    assert all(connection.closed for connection in wire.connections)


CLOSED_LOOPS = """
import asyncio, gc, os, stat, sys
import asyncnet

def sockets():
    found = 0
    for name in os.listdir("/dev/fd"):
        try:
            found += stat.S_ISSOCK(os.stat(f"/dev/fd/{name}").st_mode)
        except OSError:
            pass
    return found

def new_loop():
    if sys.argv[2] == "uvloop":
        import uvloop
        return uvloop.new_event_loop()
    loop = asyncio.SelectorEventLoop()
    loop.slow_callback_duration = 60.0
    return loop

before = sockets()
loop = new_loop()
page = loop.run_until_complete(asyncnet.http.fetch(sys.argv[1]))
assert page.ok
loop.close()  # no shutdown_asyncgens: nobody has told the pool
loop = new_loop()
page = loop.run_until_complete(asyncnet.http.fetch(sys.argv[1]))
assert page.ok
loop.run_until_complete(loop.shutdown_asyncgens())
loop.close()
gc.collect()
assert sockets() == before, (before, sockets())
"""


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_loops_that_end_without_a_word(loop):
    # uvloop itself closes what is open and warns of it.
    strict = ["-X", "dev", "-W", "error"] if loop == "asyncio" else ["-W", "ignore"]
    with testing.HTTPServer({"/": "x"}) as server:
        command = [sys.executable, *strict, "-c", CLOSED_LOOPS, server.url(), loop]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.asyncio
async def test_a_client_that_was_never_closed_says_nothing():
    with testing.HTTPServer({"/": "x"}) as server:
        client = await http.Client().open()
        await client.fetch(server.url())
        client.abort()
        assert client.stats.open == 0
        with pytest.raises(asyncnet.StateError):
            await client.fetch(server.url())

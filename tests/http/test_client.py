"""The client: defaults, bodies, cookies, credentials, the pool, streams."""

from __future__ import annotations

import asyncio
import base64
import email
import io
import json
import os

import pytest

import asyncnet
from asyncnet import http, testing
from asyncnet.core.files import run_in_file_thread

pytestmark = pytest.mark.asyncio


def echo(request: testing.Request) -> testing.Response:
    told = {
        "method": request.method,
        "target": request.target,
        "headers": dict(request.headers),
        "body": request.body.hex(),
    }
    return testing.Response(200, {"Content-Type": "application/json"}, json.dumps(told))


async def body_of(client: http.Client, **arguments) -> tuple[dict[str, str], bytes]:
    told = (await client.request("POST", "/", **arguments)).json()
    return told["headers"], bytes.fromhex(told["body"])


@pytest.fixture
def server():
    with testing.HTTPServer({"*": echo}) as running:
        yield running


# ---- where, and with what


async def test_relative_urls_are_below_the_base(server):
    async with http.Client(base_url=server.url("/v1")) as client:
        assert (await client.fetch("users")).json()["target"] == "/v1/users"
        assert (await client.fetch("/users", params={"a": 1})).json()["target"] == "/users?a=1"
        assert (await client.fetch(server.url("/whole"))).json()["target"] == "/whole"
        with pytest.raises(ValueError):
            await client.fetch("a\nb")
    async with http.Client() as client:
        with pytest.raises(ValueError, match="scheme"):
            await client.fetch("users")


async def test_defaults_and_what_a_call_says_instead(server):
    async with http.Client(headers={"X-A": "1", "X-B": "2"}, cookies={"c": "3"}, auth=("user", "secret")) as client:
        told = (await client.fetch(server.url(), headers={"x-a": "9"})).json()["headers"]
        assert (told["x-a"], told["X-B"], told["Cookie"]) == ("9", "2", "c=3")
        assert told["Authorization"] == "Basic " + base64.b64encode(b"user:secret").decode()
        told = (await client.fetch(server.url(), auth=http.Bearer("tok"))).json()["headers"]
        assert told["Authorization"] == "Bearer tok"
        assert "secret" not in repr(client.__dict__["_auth"])


async def test_what_is_for_the_base_goes_nowhere_else(server):
    with testing.HTTPServer({"*": echo}) as other:
        keys = {
            "base_url": other.url("/"),
            "auth": ("u", "p"),
            "cookies": {"c": "1"},
            "headers": {"X-Key": "k", "Accept": "a"},
        }
        async with http.Client(**keys) as client:
            told = (await client.fetch(server.url())).json()["headers"]
            assert not {"Authorization", "Cookie", "X-Key"} & set(told)
            assert told["Accept"] == "a"
            told = (await client.fetch("/")).json()["headers"]
            assert {"Authorization", "Cookie", "X-Key"} <= set(told)


async def test_methods(server):
    async with http.Client(base_url=server.url()) as client:
        for method in ("GET", "post", "PUT", "Patch", "DELETE", "OPTIONS", "PROPFIND"):
            assert (await client.request(method, "/")).json()["method"] == method.upper()
        page = await client.request("HEAD", "/")
        assert (page.status, page.content) == (200, b"")
        assert int(page.headers["Content-Length"]) > 0
        assert client.stats.opened == 1
        for bad in ("", "GE T", "GET\r\n", "CONNECT", "é"):
            with pytest.raises(ValueError):
                await client.request(bad, "/")
        with pytest.raises(TypeError):
            await client.request(1, "/")
        headers = (await client.request("POST", "/")).json()["headers"]
        assert headers["Content-Length"] == "0"


# ---- bodies


async def test_bodies(server, tmp_path):
    file = tmp_path / "data.png"
    file.write_bytes(b"file content")

    async def pieces():
        for piece in (b"one ", b"", bytearray(b"two")):
            yield piece

    async with http.Client(base_url=server.url()) as client:
        for arguments, content, content_type in [
            ({"json": {"a": [1, "é"]}}, '{"a":[1,"é"]}'.encode(), "application/json"),
            ({"data": b"raw"}, b"raw", "application/octet-stream"),
            ({"data": memoryview(b"raw")}, b"raw", "application/octet-stream"),
            ({"data": "text é"}, "text é".encode(), "text/plain; charset=utf-8"),
            ({"data": {"a": "x y", "b": [1, 2]}}, b"a=x+y&b=1&b=2", "application/x-www-form-urlencoded"),
            ({"data": [("a", "1"), ("a", "2")]}, b"a=1&a=2", "application/x-www-form-urlencoded"),
            ({"data": file}, b"file content", "image/png"),
            ({"data": pieces()}, b"one two", "application/octet-stream"),
            ({"data": b"x" * 300_000}, b"x" * 300_000, "application/octet-stream"),
            ({"json": None}, b"", None),
        ]:
            headers, body = await body_of(client, **arguments)
            assert body == content
            assert headers.get("Content-Type") == content_type
            assert ("Transfer-Encoding" in headers) == (type(arguments.get("data")).__name__ == "async_generator")
        headers, _ = await body_of(client, data=b"{}", headers={"content-type": "application/x-own"})
        assert headers["content-type"] == "application/x-own"
        assert client.stats.opened == 1


async def test_bodies_from_open_files_and_generators(server, tmp_path):
    path = tmp_path / "data.png"
    path.write_bytes(b"file content" * 50_000)
    reader, writer = os.pipe()
    os.write(writer, b"through a pipe")
    os.close(writer)

    def pieces():
        yield from (b"one ", b"", bytearray(b"two"))

    with path.open("rb") as file, os.fdopen(reader, "rb") as pipe:
        file.seek(5)
        async with http.Client(base_url=server.url()) as client:
            for data, content, content_type, sized in [
                (pieces(), b"one two", "application/octet-stream", False),
                ((b"a", b"b"), b"ab", "application/octet-stream", False),
                (io.BytesIO(b"in memory"), b"in memory", "application/octet-stream", True),
                (file, (b"file content" * 50_000)[5:], "image/png", True),
                (pipe, b"through a pipe", "application/octet-stream", False),
            ]:
                headers, body = await body_of(client, data=data)
                assert body == content
                assert headers["Content-Type"] == content_type
                assert ("Content-Length" in headers) == sized
            assert not file.closed
            file.seek(0)
            headers, body = await body_of(
                client, files={"a": file, "b": io.BytesIO(b"bytes"), "c": ("c.txt", io.BytesIO(b"text"))}
            )
            assert headers["Content-Length"] == str(len(body))
        assert b'name="a"; filename="data.png"\r\nContent-Type: image/png\r\n\r\nfile content' in body
        assert b'name="b"; filename="file"\r\nContent-Type: application/octet-stream\r\n\r\nbytes\r\n' in body
        assert b'name="c"; filename="c.txt"\r\nContent-Type: text/plain\r\n\r\ntext\r\n' in body


async def test_an_upload_of_no_known_length_goes_in_chunks(server):
    reader, writer = os.pipe()
    os.write(writer, b"through a pipe")
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        async with http.Client(base_url=server.url()) as client:
            headers, body = await body_of(client, files={"a": pipe})
    assert headers["Transfer-Encoding"] == "chunked"
    assert b"\r\n\r\nthrough a pipe\r\n" in body


async def test_an_open_file_is_not_sent_twice():
    with testing.HTTPServer({"/": testing.Response(307, {"Location": "/next"}), "/next": "x"}) as server:
        async with http.Client(base_url=server.url()) as client:
            for arguments in ({"data": io.BytesIO(b"x")}, {"files": {"a": io.BytesIO(b"x")}}, {"data": iter([b"x"])}):
                with pytest.raises(asyncnet.ProtocolError, match="cannot be sent again"):
                    await client.request("POST", "/", **arguments)


async def test_multipart(server, tmp_path):
    file = tmp_path / "picture.png"
    file.write_bytes(b"\x89PNG")
    async with http.Client(base_url=server.url()) as client:
        headers, body = await body_of(
            client,
            data={"field": 'quo"te', "many": ["1", "2"]},
            files={"a": file, "b": b"bytes", "c": ('n\r\n".txt', b"named"), "d": ("x", file, "text/own")},
        )
    message = email.message_from_bytes(b"Content-Type: " + headers["Content-Type"].encode() + b"\r\n\r\n" + body)
    parts = [
        (part["Content-Disposition"], part.get_content_type(), part.get_payload(decode=True)) for part in message.walk()
    ][1:]
    assert parts == [
        ('form-data; name="field"', "text/plain", b'quo"te'),
        ('form-data; name="many"', "text/plain", b"1"),
        ('form-data; name="many"', "text/plain", b"2"),
        ('form-data; name="a"; filename="picture.png"', "image/png", b"\x89PNG"),
        ('form-data; name="b"; filename="file"', "application/octet-stream", b"bytes"),
        ('form-data; name="c"; filename="n%0D%0A%22.txt"', "text/plain", b"named"),
        ('form-data; name="d"; filename="x"', "text/own", b"\x89PNG"),
    ]
    assert headers["Content-Length"] == str(len(body))


@pytest.mark.parametrize(
    "arguments",
    [{"json": {"a": float("nan")}}, {"json": 1, "data": b"x"}, {"json": 1, "files": {}},
     {"files": {"a": ("n", b"x", "t\r\nX: y")}}],
)  # fmt: skip
async def test_bodies_with_bad_values(server, arguments):
    async with http.Client(base_url=server.url()) as client:
        with pytest.raises(ValueError):
            await client.request("POST", "/", **arguments)
    assert server.requests == []


@pytest.mark.parametrize(
    "arguments",
    [{"data": 5}, {"data": io.StringIO("text")}, {"files": {"a": io.StringIO("text")}},
     {"json": object()}, {"data": {"a": object()}}, {"data": "x", "files": {"a": b""}},
     {"files": {"a": "text"}}, {"files": {1: b""}}, {"data": {"a": object()}, "files": {"a": b""}},
     {"files": {"a": (1, b"")}}],
)  # fmt: skip
async def test_bodies_of_bad_types(server, arguments):
    async with http.Client(base_url=server.url()) as client:
        with pytest.raises(TypeError):
            await client.request("POST", "/", **arguments)
    assert server.requests == []


async def test_a_stream_that_fails_raises_its_own_error(server):
    async def broken():
        yield b"begun"
        raise KeyError("mine")

    async def wrong():
        yield "text"

    async with http.Client(base_url=server.url()) as client:
        with pytest.raises(KeyError, match="mine"):
            await client.request("POST", "/", data=broken())
        with pytest.raises(TypeError, match="bytes"):
            await client.request("POST", "/", data=wrong())
        assert client.stats.open == 0
        with pytest.raises(OSError):
            await client.request("POST", "/", data=__import__("pathlib").Path("/no/such/file"))


async def test_a_file_that_shrinks_while_it_is_sent(server, tmp_path):
    file = tmp_path / "data"
    file.write_bytes(b"x" * 1_000_000)
    body = await http.client.make_body(data=file)
    file.write_bytes(b"x" * 10)
    with pytest.raises(ValueError, match="shorter"):
        async for _ in body.content():
            pass


async def test_an_answer_before_the_body_is_sent_ends_the_upload():
    sent = 0

    async def endless():
        nonlocal sent
        while True:
            sent += 1
            yield b"x" * 65536

    async def refuse(reader, writer):
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
        await testing.until_gone(reader)

    # The script talks before it reads the body: the kit would read it all.
    async def script(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        await refuse(reader, writer)

    with testing.HTTPServer(script=script) as server:
        async with http.Client(base_url=server.url()) as client:
            page = await client.request("POST", "/", data=endless(), timeout=10)
            assert (page.status, page.content) == (413, b"no")
            assert client.stats.open == 0  # that connection is of no use any more


async def counting(reader, writer):
    """Says yes at once, and afterwards how many bytes of the body came."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    count = 0
    while size := int(await reader.readuntil(b"\r\n"), 16):
        await reader.readexactly(size + 2)
        count += size
    await reader.readexactly(2)
    told = str(count).encode()
    writer.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(told), told))
    await testing.until_gone(reader)


async def test_an_early_yes_does_not_end_the_upload():
    answered = asyncio.Event()

    async def body():
        yield b"x" * 65536
        await answered.wait()
        for _ in range(100):
            yield b"x" * 65536

    with testing.HTTPServer(script=counting) as server:
        async with testing.no_leaks(), http.Client(base_url=server.url()) as client:
            async with client.stream("POST", "/", data=body(), timeout=20) as response:
                assert response.status == 200
                answered.set()
                assert await response.read() == b"%d" % (101 * 65536)


@pytest.mark.parametrize("awaited", [True, False])
async def test_a_stream_that_fails_after_an_early_yes_raises_its_own_error(awaited):
    answered = asyncio.Event()

    async def body():
        yield b"x"
        await answered.wait()
        raise KeyError("mine")

    with testing.HTTPServer(script=counting) as server:
        async with testing.no_leaks(), http.Client(base_url=server.url()) as client:
            async with client.stream("POST", "/", data=body(), timeout=20) as response:
                if awaited:
                    answered.set()
                    with pytest.raises(KeyError, match="mine"):
                        await response.read()
            assert client.stats.open == 0


@pytest.mark.parametrize("streamed", [True, False])
async def test_a_reset_ends_an_upload_that_never_waits(streamed):
    sent = 0

    async def pieces():
        nonlocal sent
        while sent < 16_000:
            sent += 1
            yield b"x" * 65536

    async def script(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        testing.reset(writer)

    with testing.HTTPServer(script=script) as server:
        async with testing.no_leaks(), http.Client(base_url=server.url()) as client:
            with pytest.raises(asyncnet.ConnectionLost) as caught:
                await client.request("POST", "/", data=pieces() if streamed else bytes(100_000_000), timeout=20)
            assert caught.value.maybe_done
            assert sent < 16_000  # not all of it went into the void
            assert client.stats.open == 0


async def test_redirects_and_bodies():
    routes = {
        "/307": testing.Response(307, {"Location": "/"}),
        "/303": testing.Response(303, {"Location": "/"}),
        "/": echo,
    }

    async def once():
        yield b"once"

    with testing.HTTPServer(routes) as server:
        async with http.Client(base_url=server.url()) as client:
            told = (await client.request("POST", "/307", data=b"again")).json()
            assert (told["method"], bytes.fromhex(told["body"])) == ("POST", b"again")
            told = (await client.request("POST", "/303", data=b"gone")).json()
            assert (told["method"], told["body"]) == ("GET", "")
            assert "Content-Type" not in told["headers"]
            with pytest.raises(asyncnet.ProtocolError, match="cannot be sent again"):
                await client.request("POST", "/307", data=once())
            told = (await client.request("POST", "/303", data=once())).json()
            assert told["method"] == "GET"


# ---- cookies and credentials


async def test_cookies_are_kept_for_their_host():
    routes = {"/set": testing.Response(200, [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2; Path=/deep")]), "*": echo}
    with testing.HTTPServer(routes) as server:
        async with http.Client(base_url=server.url(), cookies={"own": "0"}) as client:
            await client.fetch("/set")
            assert (await client.fetch("/")).json()["headers"]["Cookie"] == "own=0; a=1"
            assert (await client.fetch("/deep/x")).json()["headers"]["Cookie"] == "own=0; b=2; a=1"
            assert len(client.cookies) == 2
            client.cookies.clear()
            assert (await client.fetch("/")).json()["headers"]["Cookie"] == "own=0"


def digest_door(user: str, password: str, nonces: list[str]):
    """A route that wants digest authentication by RFC 7616, and checks it with the standard library's hashes."""
    import hashlib
    import re

    def sha(text: str) -> str:
        return hashlib.sha256(text.encode()).hexdigest()

    def door(request: testing.Request) -> testing.Response:
        given = dict(re.findall(r'(\w+)="?([^",]*)"?', request.header("Authorization") or ""))
        if given.get("nonce") == nonces[-1]:
            first = sha(f"{user}:door:{password}")
            second = sha(f"{request.method}:{given['uri']}")
            expected = sha(f"{first}:{given['nonce']}:{given['nc']}:{given['cnonce']}:auth:{second}")
            if given["response"] == expected and given["uri"] == request.target:
                return testing.Response(200, body=f"welcome {given['nc']}")
        challenge = f'Digest realm="door", nonce="{nonces[-1]}", qop="auth", algorithm=SHA-256, opaque="o"'
        return testing.Response(401, {"WWW-Authenticate": challenge})

    return door


async def test_digest():
    nonces = ["first"]
    with testing.HTTPServer({"*": digest_door("user", "secret", nonces)}) as server:
        async with http.Client(base_url=server.url(), auth=http.Digest("user", "secret")) as client:
            assert (await client.fetch("/a?b=1")).text == "welcome 00000001"
            assert (await client.fetch("/c")).text == "welcome 00000002"
            assert (await client.request("POST", "/c", data=b"x")).text == "welcome 00000003"
            assert len(server.requests) == 4  # one challenge for all
            nonces.append("second")
            page = await client.fetch("/")
            assert page.text == "welcome 00000001"
            assert [attempt.error for attempt in page.attempts] == ["401", ""]
        async with http.Client(base_url=server.url(), auth=http.Digest("user", "wrong")) as client:
            with pytest.raises(asyncnet.AuthenticationError):
                await client.fetch("/")


async def test_digest_without_a_challenge_or_with_a_body_that_is_gone():
    nonces = ["n"]

    async def once():
        yield b"x"

    with testing.HTTPServer({"/": digest_door("u", "p", nonces), "/no": testing.Response(401)}) as server:
        async with http.Client(base_url=server.url(), auth=http.Digest("u", "p")) as client:
            assert (await client.request("GET", "/no")).status == 401
            assert (await client.request("POST", "/", data=once())).status == 401


# ---- the pool


async def test_per_host_places_and_stats():
    gate = testing.Gate()

    async def wait(request):
        await gate.wait()
        return b"x"

    with testing.HTTPServer({"/": wait}) as server:
        async with http.Client(base_url=server.url(), per_host=2) as client:
            tasks = [asyncio.create_task(client.fetch("/")) for _ in range(5)]
            await server.wait_until(lambda: len(server.requests) == 2)
            assert (client.stats.open, client.stats.idle, client.stats.waiting) == (2, 0, 3)
            tasks[2].cancel()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert client.stats.waiting == 2
            gate.set()
            await asyncio.gather(*tasks, return_exceptions=True)
            stats = client.stats
            assert (stats.open, stats.idle, stats.waiting, stats.opened, stats.reused) == (2, 2, 0, 2, 2)
        assert client.stats.open == 0


async def test_cancelled_requests_give_their_places_back():
    with testing.HTTPServer({"/": testing.Response(delay=3600), "/ok": "x"}) as server:
        async with http.Client(base_url=server.url(), per_host=10) as client:
            tasks = [asyncio.create_task(client.fetch("/")) for _ in range(300)]
            await server.wait_until(lambda: len(server.requests) == 10)
            for task in tasks:
                task.cancel()
            assert all(
                isinstance(r, asyncio.CancelledError) for r in await asyncio.gather(*tasks, return_exceptions=True)
            )
            assert (client.stats.open, client.stats.waiting) == (0, 0)
            assert (await client.fetch("/ok")).text == "x"


async def test_closing_ends_what_is_under_way():
    with testing.HTTPServer({"/": testing.Response(delay=3600)}) as server:
        client = await http.Client(base_url=server.url(), per_host=1).open()
        tasks = [asyncio.create_task(client.fetch("/")) for _ in range(2)]
        await server.wait_until(lambda: len(server.requests) == 1)
        await client.close()
        for error in await asyncio.gather(*tasks, return_exceptions=True):
            assert isinstance(error, asyncnet.AsyncNetError), error


async def test_rate():
    with testing.HTTPServer({"/": "x"}) as server:
        async with http.Client(base_url=server.url(), rate=50) as client:
            loop = asyncio.get_running_loop()
            started = loop.time()
            await asyncio.gather(*(client.fetch("/") for _ in range(6)))
            assert loop.time() - started >= 5 / 50 - 0.01


async def test_bad_settings():
    for arguments in ({"per_host": 0}, {"max_connections": 0}, {"retries": -1}, {"rate": -1}, {"ssl": False},
                      {"base_url": "x"}, {"server_hostname": "a b"}):  # fmt: skip
        with pytest.raises(ValueError):
            http.Client(**arguments)
    for arguments in ({"per_host": "1"}, {"dialer": "x"}, {"ssl": "x"}, {"netrc": 5}, {"headers": "x"}):
        with pytest.raises(TypeError):
            http.Client(**arguments)


# ---- streams


async def test_a_stream():
    with testing.HTTPServer(
        {"/": testing.Response(200, {"X-A": "1"}, [b"one ", b"two ", b"three"]), "/end": "x"}
    ) as server:
        async with http.Client(base_url=server.url()) as client:
            async with client.stream("GET", "/") as response:
                assert (response.status, response.headers["X-A"], response.url) == (200, "1", server.url())
                assert response.length is None
                assert b"".join([piece async for piece in response]) == b"one two three"
                assert await response.receive() == b""
            assert client.stats.idle == 1
            async with client.stream("POST", "/end", data=b"x", raise_for_status=True) as response:
                assert response.length == 1
                assert await response.read() == b"x"
                assert "Response 200" in repr(response)
            assert client.stats.opened == 1


async def test_a_stream_that_is_left_early_drops_its_connection():
    with testing.HTTPServer({"/": testing.Response(body=b"x" * 10_000_000)}) as server:
        async with http.Client(base_url=server.url()) as client:
            async with client.stream("GET", "/") as response:
                assert await response.receive()
            assert client.stats.open == 0
            with pytest.raises(ZeroDivisionError):
                async with client.stream("GET", "/") as response:
                    raise ZeroDivisionError
            assert client.stats.open == 0


@pytest.mark.parametrize("whole", [True, False])
async def test_a_response_whose_block_has_ended_is_closed(whole):
    with testing.HTTPServer({"/": testing.Response(body=b"x" * 3_000_000)}) as server:
        async with http.Client(base_url=server.url()) as client:
            async with client.stream("GET", "/") as response:
                assert await (response.read() if whole else response.receive())
            for use in (response.receive, response.read, response.__aiter__().__anext__):
                with pytest.raises(asyncnet.StateError, match=r"http stream .*the response is closed"):
                    await use()
            assert (await client.fetch("/")).status == 200


async def test_a_stream_that_says_no():
    with testing.HTTPServer({"/": testing.Response(404, body="why")}) as server:
        async with http.Client(base_url=server.url()) as client:
            with pytest.raises(asyncnet.ReplyError) as caught:
                async with client.stream("GET", "/", raise_for_status=True):
                    pytest.fail("the block must not run")
            assert caught.value.response.text == "why"
            async with client.stream("GET", "/") as response:
                assert response.status == 404


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"idle_timeout": 0.2}, "no byte for 0.2 s"),
        ({"timeout": 0.3, "idle_timeout": None}, "not done within"),
        ({"idle_timeout": 0.2, "min_rate": None}, "no byte for 0.2 s"),
    ],
)
async def test_a_stream_that_stalls(limits, message):
    with testing.HTTPServer({"/": testing.Response(body=b"x" * 100, stall_at=10)}) as server:
        async with http.Client(base_url=server.url()) as client:
            async with client.stream("GET", "/", **limits) as response:
                with pytest.raises(asyncnet.OperationTimeout, match=message) as caught:
                    await response.read()
            assert (caught.value.protocol, caught.value.operation, caught.value.phase) == ("http", "stream", "transfer")
            assert caught.value.elapsed is not None


async def test_a_stream_that_drips():
    gate = testing.Gate()

    async def drip():
        while not gate.is_set():
            yield b"x"
            await asyncio.sleep(0)

    async def slow():
        loop = asyncio.get_running_loop()
        while not gate.is_set():
            yield b"x"
            moment = loop.create_future()
            loop.call_later(0.02, moment.set_result, None)
            await moment

    with testing.HTTPServer({"/": lambda request: testing.Response(body=slow())}) as server:
        async with http.Client(base_url=server.url()) as client:
            async with client.stream("GET", "/", idle_timeout=0.2, min_rate=10_000) as response:
                with pytest.raises(asyncnet.OperationTimeout, match="fewer than 10000 per second"):
                    await response.read()
        gate.set()


async def test_a_stream_that_never_begins():
    with testing.HTTPServer({"/": testing.Response(delay=3600)}) as server:
        async with http.Client(base_url=server.url(), retries=0) as client:
            with pytest.raises(asyncnet.OperationTimeout, match=r"no answer for 0\.2 s"):
                async with client.stream("GET", "/", idle_timeout=0.2):
                    pytest.fail("the block must not run")


async def test_a_stream_has_limits_too():
    import gzip

    routes = {
        "/": testing.Response(body=[b"x" * 600, b"y" * 600]),
        "/z": testing.Response(200, {"Content-Encoding": "gzip"}, gzip.compress(bytes(10**7))),
    }
    with testing.HTTPServer(routes) as server:
        async with http.Client(base_url=server.url()) as client:
            for path, limit in (("/", 1000), ("/z", 10**6), ("/z", None)):
                with pytest.raises(asyncnet.LimitExceeded) as caught:
                    async with client.stream("GET", path, max_bytes=limit) as response:
                        async for _ in response:
                            pass
                assert caught.value.peer == server.url(path)
            assert client.stats.open == 0


@pytest.mark.parametrize("busy", [False, True])
async def test_a_client_whose_loop_is_closed_can_be_aborted(server, busy):
    async def use() -> http.Client:
        client = await http.Client(base_url=server.url()).open()
        if busy:
            stream = client.stream("GET", "/")
            await stream.__aenter__()
        await client.fetch("/")
        return client

    def use_and_abort() -> http.Client:
        client = asyncio.run(use())
        assert not client.closed
        client.abort()
        client.abort()
        return client

    client = await run_in_file_thread(use_and_abort)
    assert client.closed
    assert client.stats.open == 0

"""`fetch`: the way of one request through redirects, retries, limits and time."""

from __future__ import annotations

import asyncio
import gzip
import pickle

import brotli
import pytest

import asyncnet
from asyncnet import http, testing

pytestmark = pytest.mark.asyncio

HTML = {"Content-Type": "text/html; charset=utf-8"}


def path_of(server: testing.HTTPServer) -> list[str]:
    return [request.path for request in server.requests]


async def test_a_page():
    body = "<title>Grüße</title><a href='/next'>n</a><a href='#x'>x</a>"
    with testing.HTTPServer({"/dir/": testing.Response(200, HTML, body)}) as server:
        page = await http.fetch(server.url("/dir/#part"))
        assert (page.status, page.reason, page.ok) == (200, "OK", True)
        assert page.url == server.url("/dir/#part")
        assert page.text == body
        assert page.title == "Grüße"
        assert page.links == (server.url("/next"), server.url("/dir/#x"))
        assert page.encoding == "utf-8"
        assert page.headers["content-type"] == HTML["Content-Type"]
        assert page.history == ()
        assert [attempt.error for attempt in page.attempts] == [""]
        assert 0 <= page.elapsed < 5
        request = server.requests[0]
        assert request.target == "/dir/"
        assert request.header("Host") == f"127.0.0.1:{server.port}"
        assert request.header("Accept-Encoding") == "gzip, deflate, br, zstd"
        assert request.header("User-Agent").startswith("asyncnet")
        assert request.header("Connection") is None


async def test_connections_are_kept_and_closed():
    with testing.HTTPServer({"*": "x"}) as server:
        for number in range(5):
            await http.fetch(server.url(f"/{number}"))
        assert server.connections.total == 1
        await asyncnet.close()
        await server.wait_until(lambda: server.connections.open == 0)


async def test_params_and_headers():
    with testing.HTTPServer({"*": "x"}) as server:
        await http.fetch(server.url("/?a=1"), params={"b": "x y"}, headers={"X-One": "1", "user-agent": "mine"})
        request = server.requests[0]
        assert request.query == {"a": ["1"], "b": ["x y"]}
        assert request.header("X-One") == "1"
        assert [value for name, value in request.headers if name.lower() == "user-agent"] == ["mine"]


@pytest.mark.parametrize(
    ("packed", "coding"),
    [(gzip.compress(b"text" * 999), "gzip"), (brotli.compress(b"text" * 999), "br"), (b"text" * 999, "identity")],
)
async def test_content_codings(packed, coding):
    with testing.HTTPServer({"/": testing.Response(200, {"Content-Encoding": coding}, packed)}) as server:
        assert (await http.fetch(server.url())).content == b"text" * 999


# ---- redirects


async def test_redirects_are_followed_and_told():
    routes = {
        "/a": testing.Response(302, {"Location": "/b#there"}),
        "/b": testing.Response(301, {"Location": "c"}),
        "/c": "end",
    }
    with testing.HTTPServer(routes) as server:
        page = await http.fetch(server.url("/a"))
        assert page.url == server.url("/c#there")
        assert [(hop.url, hop.status, hop.location) for hop in page.history] == [
            (server.url("/a"), 302, "/b#there"),
            (server.url("/b#there"), 301, "c"),
        ]
        assert [attempt.error for attempt in page.attempts] == ["302", "301", ""]
        assert server.connections.total == 1


async def test_redirects_are_not_followed_when_not_wanted():
    with testing.HTTPServer({"/a": testing.Response(302, {"Location": "/b"})}) as server:
        page = await http.fetch(server.url("/a"), follow_redirects=False)
        assert (page.status, page.headers["Location"]) == (302, "/b")


async def test_too_many_redirects():
    with testing.HTTPServer(lambda r: testing.Response(302, {"Location": f"/{int(r.path[1:]) + 1}"})) as server:
        with pytest.raises(asyncnet.LimitExceeded, match="more than 10 redirects"):
            await http.fetch(server.url("/0"))
        assert len(server.requests) == 11


async def test_redirects_in_a_circle():
    routes = {"/a": testing.Response(302, {"Location": "/b"}), "/b": testing.Response(302, {"Location": "/a"})}
    with testing.HTTPServer(routes) as server:
        with pytest.raises(asyncnet.ProtocolError, match="circle"):
            await http.fetch(server.url("/a"))
        assert len(server.requests) == 2


async def test_a_redirect_to_itself_that_sets_a_cookie_is_no_circle():
    def door(request: testing.Request):
        if request.header("Cookie") == "in=1":
            return "inside"
        return testing.Response(302, {"Location": "/", "Set-Cookie": "in=1"})

    with testing.HTTPServer({"/": door}) as server:
        assert (await http.fetch(server.url("/"))).text == "inside"
        await http.fetch(server.url("/"))  # one-shots share connections, not cookies
        assert [request.header("Cookie") for request in server.requests] == [None, "in=1", None, "in=1"]


@pytest.mark.parametrize("location", ["ftp://h/", "http://", "javascript:alert(1)", "http://h:99999/"])
async def test_a_bad_place_is_a_protocol_error(location):
    with testing.HTTPServer({"/": testing.Response(302, {"Location": location})}) as server:
        with pytest.raises(asyncnet.ProtocolError, match="redirected"):
            await http.fetch(server.url())


async def test_secrets_do_not_cross_origins():
    with testing.HTTPServer({"*": "x"}) as other:
        routes = {
            "/away": testing.Response(302, {"Location": other.url("/")}),
            "/stay": testing.Response(302, {"Location": "/end"}),
            "/end": "x",
        }
        with testing.HTTPServer(routes) as server:
            secrets = {"Authorization": "Bearer t0ken", "Cookie": "a=1", "X-Api-Key": "k", "Accept-Language": "de"}
            await http.fetch(server.url("/away"), headers=secrets)
            for name in ("Authorization", "Cookie", "X-Api-Key"):
                assert other.requests[0].header(name) is None
            assert other.requests[0].header("Accept-Language") == "de"
            await http.fetch(server.url("/stay"), headers=secrets)
            assert server.requests[-1].header("X-Api-Key") == "k"
            await http.fetch(server.url("/away"), auth=("user", "secret"))
            assert server.requests[-1].header("Authorization").startswith("Basic ")
            assert other.requests[1].header("Authorization") is None
            page = await http.fetch(server.url("/stay").replace("http://", "http://user:secret@"))
            assert server.requests[-1].header("Authorization") == "Basic dXNlcjpzZWNyZXQ="
            assert "secret" not in page.url + repr(page) + repr(page.attempts)


async def test_no_step_down_to_http():
    authority = testing.CertificateAuthority()
    dialer = asyncnet.Dialer(ssl_context=authority.client_context())
    with testing.HTTPServer({"*": "x"}) as plain:
        with testing.HTTPServer(
            {"/": testing.Response(302, {"Location": plain.url("/")})}, ssl=authority.server_context()
        ) as server:
            with pytest.raises(asyncnet.ProtocolError, match="not encrypted"):
                await http.fetch(server.url("/"), dialer=dialer)
            assert plain.requests == []
            async with http.Client(dialer=dialer, allow_downgrade=True) as client:
                assert (await client.fetch(server.url("/"))).text == "x"


async def test_redirects_pass_the_address_policy():
    allowed = asyncnet.Dialer(allow=lambda address, port: port == server.port)
    with (
        testing.HTTPServer({"*": "x"}) as inner,
        testing.HTTPServer({"/": testing.Response(302, {"Location": inner.url("/")})}) as server,
    ):
        with pytest.raises(asyncnet.ForbiddenAddress):
            await http.fetch(server.url("/"), dialer=allowed)
        assert inner.connections.total == 0


# ---- retries


async def test_a_busy_server_is_asked_again():
    with testing.HTTPServer(
        {"/": [testing.Response(503), testing.Response(429, {"Retry-After": "0"}), "at last"]}
    ) as server:
        page = await http.fetch(server.url())
        assert page.text == "at last"
        assert [attempt.error for attempt in page.attempts] == ["503", "429", ""]
        assert server.connections.total == 1


async def test_retries_end():
    with testing.HTTPServer({"/": testing.Response(503, body="down")}) as server:
        with pytest.raises(asyncnet.ReplyError) as caught:
            await http.fetch(server.url(), retries=1)
        assert len(server.requests) == 2
        assert caught.value.code == 503
        assert caught.value.response.text == "down"
        assert [attempt.error for attempt in caught.value.attempts] == ["503", ""]
        page = await http.fetch(server.url(), retries=0, raise_for_status=False)
        assert page.status == 503


async def test_a_long_retry_after_is_not_waited_for():
    with testing.HTTPServer({"/": testing.Response(503, {"Retry-After": "3600"})}) as server:
        with pytest.raises(asyncnet.ReplyError):
            await http.fetch(server.url())
        assert len(server.requests) == 1


async def test_a_wait_beyond_the_deadline_is_not_begun():
    with testing.HTTPServer({"/": testing.Response(503, {"Retry-After": "50"})}) as server:
        with pytest.raises(asyncnet.ReplyError):
            await http.fetch(server.url(), timeout=5)


async def test_a_cut_body_is_fetched_again():
    routes = {"/": [testing.Response(body=b"x" * 100, cut_at=50), testing.Response(body=b"y" * 100)]}
    with testing.HTTPServer(routes) as server:
        page = await http.fetch(server.url())
        assert page.content == b"y" * 100
        assert "cut" in page.attempts[0].error
        assert page.attempts[1].error == ""


async def test_a_cut_body_is_never_a_success():
    with testing.HTTPServer({"/": testing.Response(body=b"x" * 100, cut_at=50)}) as server:
        with pytest.raises(asyncnet.ConnectionLost) as caught:
            await http.fetch(server.url())
        error = caught.value
        assert len(error.attempts) == 3
        assert error.phase == "transfer"
        assert error.peer == server.url()
        assert isinstance(error, ConnectionError)
        assert pickle.loads(pickle.dumps(error)).attempts == error.attempts


async def test_an_idle_connection_that_the_server_closed_is_no_failure():
    with testing.HTTPServer({"*": [testing.Response(body=b"1", close=False), testing.Raw(b""), "2"]}) as server:
        await http.fetch(server.url())
        page = await http.fetch(server.url(), retries=0)  # the script closes the kept connection without an answer
        assert page.text == "2"
        assert [attempt.error == "" for attempt in page.attempts] == [False, True] or len(page.attempts) == 1


async def test_what_is_not_idempotent_is_not_repeated():
    with testing.HTTPServer({"/": testing.Raw(b"")}) as server:
        async with http.Client() as client:
            with pytest.raises(asyncnet.ConnectionLost) as caught:
                await client.request("POST", server.url(), data=b"x")
        assert caught.value.maybe_done
        assert len(server.requests) == 1
    with testing.HTTPServer({"/": testing.Response(503)}) as server:
        async with http.Client() as client:
            assert (await client.request("POST", server.url(), data=b"x")).status == 503
        assert len(server.requests) == 1


@pytest.mark.parametrize("fault", [{"cut_at": 50}, {"stall_at": 50}])
async def test_what_is_not_idempotent_is_not_repeated_when_its_answer_is_cut(fault):
    with testing.HTTPServer({"/": testing.Response(body=b"x" * 100, **fault)}) as server:
        async with http.Client() as client:
            with pytest.raises((asyncnet.ConnectionLost, asyncnet.OperationTimeout)) as caught:
                await client.request("POST", server.url(), data=b"x", timeout=0.3 if "stall_at" in fault else 10)
        assert caught.value.maybe_done
        assert caught.value.phase == "transfer"
        assert len(server.requests) == 1


async def test_what_was_posted_before_a_redirect_may_have_been_done():
    routes = {"/form": testing.Response(303, {"Location": "/done"}), "/done": testing.Raw(b"")}
    with testing.HTTPServer(routes) as server:
        async with http.Client(base_url=server.url(), retries=0) as client:
            with pytest.raises(asyncnet.ConnectionLost) as caught:
                await client.request("POST", "/form", data=b"x")
            assert caught.value.maybe_done
            with pytest.raises(asyncnet.ConnectionLost) as caught:
                await client.request("GET", "/done")
            assert not caught.value.maybe_done


async def test_a_timeout_of_a_post_may_have_been_done():
    with testing.HTTPServer({"/": testing.Response(stall_at=0, body=b"x", delay=60)}) as server:
        async with http.Client() as client:
            with pytest.raises(asyncnet.OperationTimeout) as caught:
                await client.request("POST", server.url(), data=b"x", timeout=0.2)
        assert caught.value.maybe_done
        assert caught.value.phase == "request"


# ---- limits and time


@pytest.mark.parametrize(
    "response",
    [
        testing.Response(body=b"x" * 1001),
        testing.Response(body=[b"x" * 500, b"y" * 501]),
        testing.Response(200, {"Content-Encoding": "gzip"}, gzip.compress(b"x" * 1001)),
    ],
)
async def test_max_bytes(response):
    with testing.HTTPServer({"/": response}) as server:
        with pytest.raises(asyncnet.LimitExceeded, match="1000"):
            await http.fetch(server.url(), max_bytes=1000)
        assert len((await http.fetch(server.url(), max_bytes=1001)).content) == 1001


async def test_what_is_announced_as_too_long_is_not_read():
    sent = 0

    async def endless():
        nonlocal sent
        while True:
            sent += 1
            yield b"x" * 65536

    with testing.HTTPServer({"/": testing.Response(200, {"Content-Length": "99999999999"}, b"x")}) as server:
        with pytest.raises(asyncnet.LimitExceeded, match="has 99999999999 bytes"):
            await http.fetch(server.url())
    with testing.HTTPServer({"/": lambda r: testing.Response(body=endless())}) as server:
        with pytest.raises(asyncnet.LimitExceeded):
            await http.fetch(server.url(), max_bytes=1_000_000)
        assert sent * 65536 < 30_000_000


@pytest.mark.parametrize(
    ("response", "phase"),
    [(testing.Response(delay=60), "request"), (testing.Response(body=b"x" * 100, stall_at=10), "transfer")],
)
async def test_timeouts_name_the_phase(response, phase):
    with testing.HTTPServer({"/": response}) as server:
        with pytest.raises(asyncnet.OperationTimeout) as caught:
            await http.fetch(server.url(), timeout=0.2)
        assert caught.value.phase == phase
        assert not caught.value.maybe_done
        assert isinstance(caught.value, TimeoutError)


async def test_a_cancelled_request_drops_its_connection():
    gate = testing.Gate()

    async def slow(request: testing.Request):
        await gate.wait()
        return b"late"

    with testing.HTTPServer({"/slow": slow, "/": "x"}) as server:
        task = asyncio.create_task(http.fetch(server.url("/slow")))
        await server.wait_until(lambda: len(server.requests) == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await http.fetch(server.url("/"))).text == "x"
        assert server.connections.total == 2
        gate.set()


# ---- statuses and revalidation


@pytest.mark.parametrize(
    ("status", "kind"), [(404, asyncnet.ReplyError), (401, asyncnet.AuthenticationError), (500, asyncnet.ReplyError)]
)
async def test_statuses_that_say_no(status, kind):
    with testing.HTTPServer({"/": testing.Response(status, body="why")}) as server:
        with pytest.raises(kind) as caught:
            await http.fetch(server.url())
        assert (caught.value.code, caught.value.response.text) == (status, "why")
        assert str(status) in str(caught.value)
        assert (await http.fetch(server.url(), raise_for_status=False)).status == status


@pytest.mark.parametrize(
    "validators", [{"etag": '"v1"'}, {"etag": None, "last_modified": "Mon, 01 Jan 2024 00:00:00 GMT"}]
)
async def test_if_changed_since(validators):
    routes = {
        "/": testing.Resource(b"content", headers={"X-A": "1"}, **validators),
        "/r": testing.Response(302, {"Location": "/"}),
    }
    with testing.HTTPServer(routes) as server:
        first = await http.fetch(server.url("/r"))
        again = await http.fetch(server.url("/r"), if_changed_since=first)
        assert (again.status, again.unchanged, again.content) == (304, True, b"content")
        assert again.headers["X-A"] == "1"
        assert not first.unchanged
        # The condition is for the place where the page was found, not for those on the way.
        assert [bool(r.header("If-None-Match") or r.header("If-Modified-Since")) for r in server.requests] == [
            False,
            False,
            False,
            True,
        ]
        server.routes["/"] = testing.Resource(b"new", etag='"v2"', last_modified="Tue, 02 Jan 2024 00:00:00 GMT")
        changed = await http.fetch(server.url("/"), if_changed_since=again)
        assert (changed.status, changed.content) == (200, b"new")


# ---- bad input, TLS, trace


@pytest.mark.parametrize(
    "arguments",
    [
        {"url": "http://h/\n"},
        {"url": "http://"},
        {"url": "ftp://h/"},
        {"url": "http://h:65536/"},
        {"url": "http://user name@h/"},
        {"headers": {"A": "b\r\nC: d"}},
        {"headers": {"Content-Length": "5"}},
        {"headers": {"Transfer-Encoding": "chunked"}},
        {"max_bytes": -1},
        {"retries": -1},
        {"timeout": -1},
        {"ssl": False},
        {"auth": ("a:b", "c")},
    ],
)
async def test_bad_values_are_refused_before_any_io(arguments):
    with pytest.raises(ValueError):
        await http.fetch(**{"url": "http://127.0.0.1:1/", **arguments})


@pytest.mark.parametrize(
    "arguments",
    [{"url": b"http://h/"}, {"headers": {"A": 1}}, {"max_bytes": "1"}, {"retries": 1.5}, {"timeout": "1"},
     {"ssl": "yes"}, {"auth": "user"}, {"dialer": "x"}, {"if_changed_since": "x"}, {"params": "a=b"}],
)  # fmt: skip
async def test_bad_types_are_refused_before_any_io(arguments):
    with pytest.raises(TypeError):
        await http.fetch(**{"url": "http://127.0.0.1:1/", **arguments})


async def test_https():
    authority = testing.CertificateAuthority()
    with testing.HTTPServer({"*": "safe"}, ssl=authority.server_context("example.org")) as server:
        dialer = asyncnet.Dialer(ssl_context=authority.client_context(), hosts={"example.org": "127.0.0.1"})
        assert (await http.fetch(server.url("/", host="example.org"), dialer=dialer)).text == "safe"
        page = await http.fetch(server.url("/"), dialer=dialer, server_hostname="example.org")
        assert page.text == "safe"
        with pytest.raises(asyncnet.TLSError, match="certificate"):
            await http.fetch(server.url("/"), dialer=dialer)
        with pytest.raises(asyncnet.TLSError, match="not trusted"):
            await http.fetch(server.url("/"))
        assert (await http.fetch(server.url("/"), ssl=authority.client_context(), server_hostname="example.org")).ok


async def test_plain_text_on_a_tls_port():
    async def greet(reader, writer):
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        await testing.until_gone(reader)

    with testing.HTTPServer(script=greet) as server:
        with pytest.raises(asyncnet.TLSError):
            await http.fetch(server.url().replace("http://", "https://"))


async def test_a_body_cut_without_close_notify_is_an_error():
    authority = testing.CertificateAuthority()

    async def cut(reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhalf")
        await writer.drain()
        await testing.cut(writer)

    with testing.HTTPServer({"/": testing.Raw(cut)}, ssl=authority.server_context()) as server:
        with pytest.raises(asyncnet.ConnectionLost):
            await http.fetch(server.url(), ssl=authority.client_context())
    whole = testing.Raw(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nwhole")
    with testing.HTTPServer({"/": whole}, ssl=authority.server_context()) as server:
        assert (await http.fetch(server.url(), ssl=authority.client_context())).text == "whole"


async def test_a_pooled_connection_serves_its_own_kind_only():
    authority = testing.CertificateAuthority()
    with testing.HTTPServer({"*": "x"}, ssl=authority.server_context("localhost", "127.0.0.1")) as server:
        one, two = asyncnet.Dialer(), asyncnet.Dialer()
        first, second = authority.client_context(), authority.client_context()
        for dialer, context, name in [
            (one, first, None),
            (one, first, None),
            (two, first, None),
            (one, second, None),
            (one, first, "localhost"),
        ]:
            await http.fetch(server.url(), dialer=dialer, ssl=context, server_hostname=name)
        assert [request.connection for request in server.requests] == [1, 1, 2, 3, 4]


async def test_the_trace_tells_the_story():
    routes = {"/": [testing.Response(503), testing.Response(302, {"Location": "/end"})], "/end": b"x" * 5_000_000}
    with testing.HTTPServer(routes) as server, asyncnet.trace() as trace:
        await http.fetch(server.url().replace("http://", "http://user:secret@"), headers={"X-Key": "secret"})
        names = [span.name for span in trace.spans]
        assert names[0] == "http fetch"
        assert [name for name in names if name in ("request", "backoff", "transfer")] == [
            "request",
            "backoff",
            "request",
            "request",
            "transfer",
        ]
        assert "secret" not in str(trace) + repr(trace.to_dict())


async def test_use_of_a_dialer():
    with testing.HTTPServer({"*": "x"}) as server:
        with asyncnet.use(asyncnet.Dialer(hosts={"nowhere.invalid": "127.0.0.1"})):
            assert (await http.fetch(f"http://nowhere.invalid:{server.port}/")).text == "x"
        assert server.requests[0].header("Host") == f"nowhere.invalid:{server.port}"

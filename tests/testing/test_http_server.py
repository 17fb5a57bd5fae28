"""The scripted HTTP server, asked by the standard library and by hand."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import socket
import ssl
from collections.abc import AsyncIterator
from typing import Any

import pytest

from asyncnet import testing


def ask(
    server: testing.HTTPServer, method: str, target: str, **settings: Any
) -> tuple[http.client.HTTPResponse, bytes]:
    with contextlib.closing(http.client.HTTPConnection(server.host, server.port, timeout=5.0)) as client:
        client.request(method, target, **settings)
        response = client.getresponse()
        return response, response.read()


def talk(server: testing.HTTPServer, data: bytes) -> bytes:
    """Send bytes, close the sending side and read to the end."""
    with socket.create_connection(server.address, timeout=5.0) as client:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: client.recv(65536), b""))


def test_routes_and_records() -> None:
    with testing.HTTPServer({"/": "text", "/b": b"bytes", "POST /form": lambda r: r.body, "*": "rest"}) as server:
        response, body = ask(server, "GET", "/?q=1", headers={"X-A": "b"})
        assert (response.status, response.reason, body) == (200, "OK", b"text")
        assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert response.headers["Date"]
        assert ask(server, "GET", "/b")[1] == b"bytes"
        assert ask(server, "POST", "/form", body=b"sent")[1] == b"sent"
        assert ask(server, "GET", "/form")[1] == b"rest"
        seen = server.requests
        assert [(r.method, r.target, r.connection) for r in seen][:3] == [
            ("GET", "/?q=1", 1),
            ("GET", "/b", 2),
            ("POST", "/form", 3),
        ]
        assert seen[0].header("x-a") == "b"
        assert seen[0].peer[0] == "127.0.0.1"
        assert seen[2].body == b"sent"
        server.block_until(lambda: server.connections == (0, 4))


def test_an_unknown_path_is_a_404_and_a_function_can_serve_all() -> None:
    with testing.HTTPServer() as server:
        assert ask(server, "GET", "/x")[0].status == 404
        server.routes["/x"] = "now"
        assert ask(server, "GET", "/x")[1] == b"now"
    with testing.HTTPServer(lambda request: request.target) as server:
        assert ask(server, "GET", "/any")[1] == b"/any"


def test_a_list_is_taken_in_turn() -> None:
    with testing.HTTPServer({"/": [testing.Response(503), b"one", b"last"]}) as server:
        assert [ask(server, "GET", "/")[1] for _ in range(4)] == [b"", b"one", b"last", b"last"]


def test_one_connection_takes_many_requests() -> None:
    with testing.HTTPServer({"/": "a", "/bye": testing.Response(close=True)}) as server:
        with contextlib.closing(http.client.HTTPConnection(*server.address, timeout=5.0)) as client:
            for _ in range(3):
                client.request("GET", "/")
                assert client.getresponse().read() == b"a"
            client.request("GET", "/bye")
            response = client.getresponse()
            response.read()
            assert response.headers["Connection"] == "close"
        assert [r.connection for r in server.requests] == [1, 1, 1, 1]


async def pieces() -> AsyncIterator[bytes]:
    yield b"a" * 10
    await asyncio.sleep(0)
    yield b"b"


@pytest.mark.parametrize("body", [[b"a" * 10, b"b"], pieces()])
def test_chunked_bodies(body: Any) -> None:
    with testing.HTTPServer(
        {"/": testing.Response(body=body), "/c": testing.Response(body="x", chunked=True)}
    ) as server:
        response, content = ask(server, "GET", "/")
        assert response.headers["Transfer-Encoding"] == "chunked"
        assert content == b"a" * 10 + b"b"
        assert talk(server, b"GET /c HTTP/1.1\r\n\r\n").endswith(b"\r\n\r\n1\r\nx\r\n0\r\n\r\n")


def test_an_old_client_gets_no_chunks() -> None:
    with testing.HTTPServer({"/": testing.Response(body=[b"a", b"b"])}) as server:
        answer = talk(server, b"GET / HTTP/1.0\r\n\r\n")
        assert b"chunked" not in answer
        assert b"Connection: close" in answer
        assert answer.endswith(b"\r\n\r\nab")


def test_request_bodies_in_chunks_and_after_continue() -> None:
    with testing.HTTPServer({"/": lambda r: r.body}) as server:
        head = b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n"
        answer = talk(server, head + b"3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: t\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")
        assert answer.endswith(b"abcde")


def test_a_request_body_has_a_limit() -> None:
    with testing.HTTPServer({"/": "x"}, max_body=3) as server:
        assert talk(server, b"POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nabcd") == b""
        assert server.requests == []


def test_bodiless_responses() -> None:
    with testing.HTTPServer({"/": "text", "/none": testing.Response(204), "/odd": testing.Response(299)}) as server:
        response, body = ask(server, "HEAD", "/")
        assert (body, response.headers["Content-Length"]) == (b"", "4")
        assert "Content-Length" not in ask(server, "GET", "/none")[0].headers
        assert ask(server, "GET", "/odd")[0].reason == ""


def test_a_resource_is_cut_and_resumed() -> None:
    content = bytes(range(256)) * 100
    with testing.HTTPServer({"/": testing.Resource(content, cuts=[1000])}) as server:
        with pytest.raises(http.client.IncompleteRead) as caught:
            ask(server, "GET", "/")
        assert caught.value.partial == content[:1000]
        response, rest = ask(server, "GET", "/", headers={"Range": "bytes=1000-"})
        assert response.status == 206
        assert caught.value.partial + rest == content


def test_a_body_can_be_cut_in_chunks_and_stall() -> None:
    routes = {
        "/cut": testing.Response(body=[b"abc", b"def"], cut_at=4),
        "/stall": testing.Response(body=b"abc", stall_at=1, delay=0.001),
    }
    with testing.HTTPServer(routes) as server:
        assert talk(server, b"GET /cut HTTP/1.1\r\n\r\n").endswith(b"3\r\nabc\r\n1\r\nd\r\n")
        with socket.create_connection(server.address, timeout=0.05) as client:
            client.sendall(b"GET /stall HTTP/1.1\r\n\r\n")
            received = b""
            with pytest.raises(TimeoutError):
                while True:
                    received += client.recv(4096)
        assert received.endswith(b"\r\n\r\na")
        server.block_until(lambda: server.connections.open == 0)


def test_raw_answers_and_scripts() -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"spoken to " + await reader.readline())

    with testing.HTTPServer({"/": testing.Raw(b"garbage"), "/s": testing.Raw(speak)}) as server:
        assert talk(server, b"GET / HTTP/1.1\r\n\r\n") == b"garbage"
        assert talk(server, b"GET /s HTTP/1.1\r\n\r\nmore\n") == b"spoken to more\n"
    with testing.HTTPServer(script=speak) as server:
        assert talk(server, b"hello\n") == b"spoken to hello\n"
        assert server.requests == []


@pytest.mark.parametrize("data", [b"GET /\r\n\r\n", b"\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n"])
def test_broken_requests_end_the_connection(data: bytes) -> None:
    with testing.HTTPServer({"/": "x"}) as server:
        assert talk(server, data)[:16] in (b"", b"HTTP/1.1 400 Bad")
        assert server.requests == []


def test_https(ca: testing.CertificateAuthority) -> None:
    with testing.HTTPServer({"/": "secret"}, ssl=ca.server_context()) as server:
        assert server.url("/", host="localhost") == f"https://localhost:{server.port}/"
        client = http.client.HTTPSConnection("localhost", server.port, timeout=5.0, context=ca.client_context())
        with contextlib.closing(client):
            client.request("GET", "/")
            assert client.getresponse().read() == b"secret"


def test_a_cut_over_tls_sends_no_close_notify(ca: testing.CertificateAuthority) -> None:
    big = bytes(1 << 20)
    with testing.HTTPServer({"/": testing.Response(body=big, cut_at=1 << 19)}, ssl=ca.server_context()) as server:
        with socket.create_connection(server.address, timeout=5.0) as plain:
            with ca.client_context().wrap_socket(
                plain, server_hostname="localhost", suppress_ragged_eofs=False
            ) as client:
                client.sendall(b"GET / HTTP/1.1\r\n\r\n")
                received = 0
                with pytest.raises(ssl.SSLEOFError):
                    while chunk := client.recv(65536):
                        received += len(chunk)
        assert received >= 1 << 19  # everything before the cut has arrived


def test_a_failed_handshake_is_a_connection(ca: testing.CertificateAuthority) -> None:
    with testing.HTTPServer({"/": "x"}, ssl=ca.server_context()) as server:
        assert not talk(server, b"GET / HTTP/1.1\r\n\r\n").startswith(b"HTTP")
        server.block_until(lambda: server.connections == (0, 1))
        assert server.requests == []


def test_urls() -> None:
    with testing.HTTPServer(host="::1") as server:
        assert server.url() == f"http://[::1]:{server.port}/"
        assert ask(server, "GET", "/")[0].status == 404


def test_a_unix_socket(tmp_path: Any) -> None:
    path = str(tmp_path / "s")
    with testing.HTTPServer({"/": "x"}, path=path) as server:
        assert path in repr(server)
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(5.0)
            client.connect(path)
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert b"".join(iter(lambda: client.recv(4096), b"")).endswith(b"\r\n\r\nx")
        assert server.requests[0].peer == ("", 0)


def test_a_failing_route_fails_the_test() -> None:
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        with testing.HTTPServer({"/": lambda request: 1 // 0}) as server:
            assert talk(server, b"GET / HTTP/1.1\r\n\r\n") == b""

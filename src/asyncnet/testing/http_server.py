"""An HTTP/1.1 server with scripted routes."""

from __future__ import annotations

import asyncio
import http
import inspect
import ssl as _ssl
from collections.abc import AsyncIterable, Awaitable, Callable, Mapping
from email.utils import formatdate
from typing import Any, ClassVar

from .http_message import Raw, Request, Resource, Response, Route, pairs
from .server import StreamServer
from .sockets import cut, until_gone

__all__ = ["HTTPServer"]

_REASONS = {status.value: status.phrase for status in http.HTTPStatus}


class HTTPServer(StreamServer):
    """An HTTP server that answers from a table of routes and records what it was asked.

    Keys are a path (``"/page"``) or a method and a path (``"POST /form"``);
    ``"*"`` is what every other path gets, else it is a 404.  Values:

    * bytes or text: a 200 with that body;
    * a `Response`; a `Resource` with ETag and ranges; `Raw` bytes or a raw script;
    * a list of these: one for each request in turn, the last one from then on;
    * a function of the `Request`, plain or async, that returns one of these.

    Attributes:
        routes: the table; it can be changed at any time.
        requests: every `Request` received, in order.

    Example:
        ```python
        with testing.HTTPServer({"/": "hello", "/busy": [testing.Response(503), "at last"]}) as server:
            page = await asyncnet.http.fetch(server.url("/busy"))
            assert page.text == "at last"
            assert [request.path for request in server.requests] == ["/busy", "/busy"]
        ```
    """

    _name: ClassVar[str] = "http"

    def __init__(
        self,
        routes: Mapping[str, Route] | Callable[[Request], Any] | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        ssl: _ssl.SSLContext | None = None,
        path: str | None = None,
        script: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]] | None = None,
        max_body: int = 1 << 28,
    ) -> None:
        """Store the script.

        Args:
            routes: the table, or one function for all requests.
            host: the address to bind.
            port: the port to bind, 0 for a free one.
            ssl: a server's context, for HTTPS; ``None`` is plain HTTP.
            path: a Unix socket to listen on in place of host and port.
            script: talks on each connection in place of the routes.
            max_body: the largest request body taken, in bytes.
        """
        super().__init__(host=host, port=port, ssl=ssl, path=path)
        self.routes: dict[str, Any] = dict(routes) if isinstance(routes, Mapping) else {"*": routes} if routes else {}
        self.script = script
        self._max_body = max_body
        self._requests: list[Request] = []
        self._turns: dict[str, int] = {}

    @property
    def requests(self) -> list[Request]:
        """The requests received so far."""
        with self._signal.lock:
            return list(self._requests)

    def url(self, path: str = "/", *, host: str | None = None) -> str:
        """The URL of a path on this server.

        Args:
            path: begins with a slash.
            host: a name to put in place of the address.
        """
        name = host or (f"[{self.host}]" if ":" in self.host else self.host)
        return f"{'https' if self.ssl else 'http'}://{name}:{self.port}{path}"

    # -- one connection -----------------------------------------------------

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        if self.script is not None:
            await self.script(reader, writer)
            return
        while (request := await self._read_request(reader, writer, number)) is not None:
            with self._signal.lock:
                self._requests.append(request)
            self._signal.notify()
            route = await self._route(request)
            if isinstance(route, Raw):
                await _send_raw(route, reader, writer)
                return
            response = route.respond(request) if isinstance(route, Resource) else _response(route)
            if not await _Sender(reader, writer, request).send(response):
                return

    async def _read_request(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> Request | None:
        line = await reader.readline()
        while line in (b"\r\n", b"\n"):  # RFC 9112 section 2.2: empty lines before a request are ignored
            line = await reader.readline()
        if not line:
            return None
        parts = line.decode("latin-1").split()
        if len(parts) != 3:
            writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return None
        headers = await _read_fields(reader)
        fields = {name.lower(): value for name, value in headers}
        if fields.get("expect", "").lower() == "100-continue":
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = await self._read_body(reader, fields)
        peer = writer.get_extra_info("peername")
        known = (peer[0], peer[1]) if isinstance(peer, tuple) else ("", 0)
        return Request(parts[0], parts[1], headers, body, number, known, parts[2])

    async def _read_body(self, reader: asyncio.StreamReader, fields: Mapping[str, str]) -> bytes:
        if "chunked" in fields.get("transfer-encoding", "").lower():
            body = bytearray()
            while size := int((await _line(reader)).partition(b";")[0], 16):
                self._check_size(len(body) + size)
                body += await reader.readexactly(size)
                await reader.readline()
            await _read_fields(reader)
            return bytes(body)
        length = int(fields.get("content-length", 0))
        self._check_size(length)
        return await reader.readexactly(length)

    def _check_size(self, size: int) -> None:
        if size > self._max_body:
            raise EOFError("the request body is too large")

    # -- routes -------------------------------------------------------------

    async def _route(self, request: Request) -> Any:
        for key in (f"{request.method} {request.path}", request.path, request.target, "*"):
            if key in self.routes:
                return await self._choose(key, self.routes[key], request)
        return Response(404, body=f"no {request.path} here\n")

    async def _choose(self, key: str, route: Any, request: Request) -> Any:
        if isinstance(route, list):
            turn = self._turns.get(key, 0)
            self._turns[key] = turn + 1
            route = route[min(turn, len(route) - 1)]
        if callable(route):
            result = route(request)
            return await result if inspect.isawaitable(result) else result
        return route


async def _line(reader: asyncio.StreamReader) -> bytes:
    line = await reader.readline()
    if not line:
        raise EOFError  # a client that gave its request up
    return line


async def _read_fields(reader: asyncio.StreamReader) -> tuple[tuple[str, str], ...]:
    headers = []
    while (line := await reader.readline()) not in (b"\r\n", b"\n"):
        if not line:
            raise EOFError
        name, _, value = line.decode("latin-1").partition(":")
        headers.append((name.strip(), value.strip()))
    return tuple(headers)


def _response(route: Any) -> Response:
    if isinstance(route, Response):
        return route
    if isinstance(route, str):
        return Response(200, {"Content-Type": "text/plain; charset=utf-8"}, route)
    return Response(200, {"Content-Type": "application/octet-stream"}, route)


async def _send_raw(raw: Raw, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    if isinstance(raw.script, bytes):
        writer.write(raw.script)
        await writer.drain()
    else:
        await raw.script(reader, writer)


class _Sender:
    """Sends one response; the body goes through the faults that it is to have."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: Request) -> None:
        self._reader = reader
        self._writer = writer
        self._request = request
        self._sent = 0

    async def send(self, response: Response) -> bool:
        """Send it; returns whether the connection can take another request."""
        if response.delay:
            await asyncio.sleep(response.delay)
        body = response.body.encode() if isinstance(response.body, str) else response.body
        bodiless = self._request.method == "HEAD" or response.status in (204, 304) or response.status < 200
        keep = not response.close and self._request.version == "HTTP/1.1"
        keep = keep and (self._request.header("Connection") or "").lower() != "close"
        chunked = self._request.version == "HTTP/1.1" and (response.chunked or not isinstance(body, bytes))
        self._writer.write(_head(response, body, chunked, keep))
        if bodiless:
            await self._writer.drain()
            return keep
        keep = keep and (chunked or isinstance(body, bytes))
        async for piece in _pieces(body):
            if not await self._send_piece(piece, chunked, response):
                return False
        if chunked:
            self._writer.write(b"0\r\n\r\n")
        await self._writer.drain()
        return keep

    async def _send_piece(self, piece: bytes, chunked: bool, response: Response) -> bool:
        end = min((n for n in (response.cut_at, response.stall_at) if n is not None), default=None)
        part = piece if end is None else piece[: max(0, end - self._sent)]
        self._sent += len(part)
        if part:
            self._writer.write(b"%x\r\n%b\r\n" % (len(part), part) if chunked else part)
            await self._writer.drain()
        if end is None or self._sent < end:
            return True
        if end == response.stall_at:
            await until_gone(self._reader)
        else:
            await cut(self._writer)
        return False


async def _pieces(body: Any) -> AsyncIterable[bytes]:
    if isinstance(body, bytes):
        yield body
    elif isinstance(body, AsyncIterable):
        async for piece in body:
            yield piece
    else:
        for piece in body:
            yield piece


def _head(response: Response, body: Any, chunked: bool, keep: bool) -> bytes:
    reason = response.reason
    if reason is None:
        reason = _REASONS.get(response.status, "")
    headers = pairs(response.headers)
    present = {name.lower() for name, _ in headers}
    if "date" not in present:
        headers.append(("Date", formatdate(usegmt=True)))
    if chunked:
        headers.append(("Transfer-Encoding", "chunked"))
    elif isinstance(body, bytes) and "content-length" not in present and response.status not in (204, 304):
        headers.append(("Content-Length", str(len(body))))
    if not keep:
        headers.append(("Connection", "close"))
    lines = [f"HTTP/1.1 {response.status} {reason}", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"

"""aiohttp as a wire by its public interface alone: for releases that lack what `aiohttp_handler` stands on.

Each connection is a session of its own, over a connector that is handed a
socket which our dialer has connected already: so names, policy and proxy hold
here too.  It is slower, and bounds neither chunk extensions nor informational
responses; all else is as with `aiohttp_wire`.
"""

from __future__ import annotations

import asyncio
import socket
import ssl

import aiohttp
import yarl
from aiohttp.abc import AbstractResolver, ResolveResult

from ..core.operation import Operation
from ..core.tls import explain_tls
from ..errors import AsyncNetError, ConnectionLost, LimitExceeded, ProtocolError, TLSError
from .headers import Headers
from .wire import Origin, WireRequest

__all__ = ["SessionWire"]

_MAX_LINE = 16 * 1024
_READ_BUFFER = 4 * 1024 * 1024
_ADDRESS = "192.0.2.1"  # RFC 5737: stands for what has been dialled; nobody dials it


class _Connected(socket.socket):
    """A socket that is connected already; what would connect it has nothing left to do."""

    def connect(self, address: object, /) -> None:
        """Be connected."""


class _Named(AbstractResolver):
    """One made-up address for every name: the dialer has seen to that."""

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=_ADDRESS, port=port, family=socket.AF_INET, proto=0, flags=0),
        ]

    async def close(self) -> None:
        """Nothing is open."""


class SessionConnection:
    """One connection; see `wire.WireConnection`."""

    def __init__(self, sock: socket.socket, origin: Origin) -> None:
        self._socket: socket.socket | None = _Connected(sock.family, sock.type, sock.proto, fileno=sock.detach())
        self._socket.setblocking(False)
        self._origin = origin
        connector = aiohttp.TCPConnector(
            limit=1,
            resolver=_Named(),
            use_dns_cache=False,
            keepalive_timeout=3600,
            socket_factory=lambda info: self._hand_over(),
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            read_bufsize=_READ_BUFFER,
            max_line_size=_MAX_LINE,
            max_field_size=_MAX_LINE,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        )
        self._response: aiohttp.ClientResponse | None = None
        self._ending: asyncio.Task[None] | None = None
        self._spoilt = False
        self.written = False

    def _hand_over(self) -> socket.socket:
        # Asked for a second time, it would be for a request that aiohttp repeats behind our back.
        sock, self._socket = self._socket, None
        if sock is None:
            raise ConnectionResetError("the connection was closed")
        return sock

    @property
    def reusable(self) -> bool:
        return not self._spoilt and not self._session.closed and self._response is not None

    @property
    def closed(self) -> bool:
        return self._ending is not None and self._ending.done()

    async def exchange(self, request: WireRequest) -> SessionResponse:
        method, target, headers = _parse(request.head)
        origin = self._origin
        url = yarl.URL(
            f"{origin.scheme}://{origin.host if ':' not in origin.host else f'[{origin.host}]'}:{origin.port}{target}",
            encoded=True,
        )
        self.written = True
        try:
            response = await self._session.request(
                method,
                url,
                headers=headers,
                data=request.body,
                allow_redirects=False,
                ssl=origin.context or True,
                server_hostname=(origin.server_hostname or origin.host).rstrip(".") if origin.context else None,
            )
        except BaseException as error:
            self.abort()
            if isinstance(error, Exception):
                raise _explain(error, origin) from error
            raise
        self._response = response
        closing = response.headers.get("Connection", "").lower() == "close"
        self._spoilt = closing or response.version != aiohttp.HttpVersion11
        return SessionResponse(response)

    def abort(self) -> None:
        self._spoilt = True
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if self._response is not None:
            self._response.close()
        if self._ending is None:
            self._ending = asyncio.ensure_future(self._session.close())

    def drop(self) -> None:
        if self._socket is not None:
            self._socket.close()
        # What the session holds goes with its loop.

    async def wait_closed(self) -> None:
        if self._ending is not None:
            await asyncio.wait([self._ending])


class SessionResponse:
    """One response; see `wire.WireResponse`."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.status = response.status
        self.reason = response.reason or ""
        self.headers = Headers.from_raw(response.raw_headers)
        self.coded = "Content-Encoding" in response.headers
        self.sets_cookies = "Set-Cookie" in response.headers
        length = response.headers.get("Content-Length", "")
        self.length = int(length) if length.isdigit() and length.isascii() else None
        self._content = response.content

    async def receive(self) -> bytes:
        try:
            return await self._content.readany()
        except Exception as error:
            raise _explain(error, None) from error

    def take(self) -> bytes | None:
        return None

    def direct(self) -> None:
        return None


class SessionWire:
    """Opens connections through the origin's dialer and gives each to a session of aiohttp."""

    async def connect(self, operation: Operation, origin: Origin) -> SessionConnection:
        """Dial; the TLS handshake comes with the first request."""
        return SessionConnection(await origin.dialer.dial(operation, origin.host, origin.port), origin)


def _parse(head: bytes) -> tuple[str, str, list[tuple[str, str]]]:
    line, *fields = head.decode().split("\r\n")[:-2]
    method, target, _ = line.split(" ")
    headers = [(name, value) for name, _, value in (field.partition(": ") for field in fields)]
    # The session adds these by itself.
    return method, target, [pair for pair in headers if pair[0] not in ("Content-Length", "Transfer-Encoding")]


def _explain(error: Exception, origin: Origin | None) -> AsyncNetError:
    """Turn an error of aiohttp into one of ours."""
    text = " ".join(str(error).split())[:200] or type(error).__name__
    if isinstance(error, AsyncNetError):
        return error
    if isinstance(error, aiohttp.ClientConnectorCertificateError) and origin is not None:
        refusal = error.certificate_error
        if isinstance(refusal, ssl.SSLError):
            return explain_tls(refusal, None, origin.host, origin.port)
    if isinstance(error, aiohttp.ClientSSLError):
        return TLSError(f"handshake failed: {text}", phase="tls")
    if isinstance(error, aiohttp.ClientPayloadError):
        return ConnectionLost(f"the body was cut: {text}", phase="transfer")
    if isinstance(error, aiohttp.ServerDisconnectedError | OSError):
        return ConnectionLost(f"the connection was lost: {text}", phase="request")
    if "bytes" in text and "more than" in text:
        return LimitExceeded(f"a line is over the limit: {text}", phase="request")
    return ProtocolError(f"no valid HTTP: {text}", phase="request")

"""aiohttp as a wire: its protocol and parser below our pool and policies.

With `aiohttp_handler` and `aiohttp_connector` all that knows aiohttp; imported
when the first client is opened.  No session, connector, cookie jar,
decompression, redirect or hidden retry of aiohttp is used.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, cast

import aiohttp

from ..core.direct import Direct
from ..core.operation import Operation
from ..errors import AsyncNetError, ConnectionLost, LimitExceeded, ProtocolError
from .aiohttp_handler import LAX_PARSER, MAX_FIELDS, Handler, PlainTransport, check_hooks, explain
from .handshake import open_transport
from .headers import Headers
from .wire import Origin, WireRequest

__all__ = ["AiohttpWire"]

RECEIVE_BUFFER = 256 * 1024  # bytes received at once
MAX_INFORMATIONAL = 32
_TURN = 16  # pieces of a body written before others have a turn
_DRAIN_ABOVE = 64 * 1024  # bytes: larger bodies are written piece by piece


class _BodyFailed(Exception):
    """Carries what the caller's body iterator raised to whoever waits for the response."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error


class AiohttpConnection:
    """One connection; see `wire.WireConnection`."""

    __slots__ = ("_handler", "_loop", "_writer", "written")

    def __init__(self, loop: asyncio.AbstractEventLoop, handler: Handler) -> None:
        self._loop = loop
        self._handler = handler
        self._writer: asyncio.Task[None] | None = None
        self.written = False

    @property
    def reusable(self) -> bool:
        handler = self._handler
        return not handler.should_close and handler.is_connected() and (self._writer is None or self._writer.done())

    async def exchange(self, request: WireRequest) -> AiohttpResponse:
        handler = self._handler
        transport = handler.transport
        self.written = False
        self._writer = None
        if transport is None or transport.is_closing():
            raise ConnectionLost("the peer closed the connection", phase="request")
        handler.begin(request.method)
        body = request.body
        self.written = True
        if body is None:
            transport.write(request.head)
        elif isinstance(body, bytes) and len(body) <= _DRAIN_ABOVE:
            transport.write(request.head + body)
        else:
            transport.write(request.head)
            self._writer = self._loop.create_task(self._write_body(body, request.chunked))
            self._writer.add_done_callback(self._writing_ended)
        try:
            message, payload = await handler.read()
            if message.code < 200:
                message, payload = await self._skip_informational(message)
            if self._writer is not None and message.code >= 300:
                await self._end_writing()
        except BaseException as error:
            self.abort()
            if isinstance(error, _BodyFailed):
                raise error.error from None
            if isinstance(error, AsyncNetError) or not isinstance(error, Exception):
                raise
            raise explain(error) from error
        handler.answering = payload
        if self._writer is not None and self._writer.done():
            self._writing_ended(self._writer)  # had it failed in this very turn, nobody would have been told
        if LAX_PARSER:
            self._check_fields(message)
        return AiohttpResponse(handler, message, payload)

    def _check_fields(self, message: Any) -> None:
        """What newer releases of aiohttp refuse by themselves."""
        error: AsyncNetError | None = None
        if len(message.raw_headers) > MAX_FIELDS:
            error = LimitExceeded(f"more than {MAX_FIELDS} header fields", phase="request")
        elif any(b"\0" in value for _, value in message.raw_headers):  # RFC 9110 section 5.5
            error = ProtocolError("a header field holds NUL", phase="request")
        if error is not None:
            self.abort()
            raise error

    async def _skip_informational(self, message: Any) -> tuple[Any, Any]:
        for _ in range(MAX_INFORMATIONAL):
            if message.code == 101:  # nothing here asks for an upgrade
                raise ProtocolError("the server switched protocols without being asked", phase="request")
            message, payload = await self._handler.read()
            if message.code >= 200:
                return message, payload
        raise ProtocolError(f"more than {MAX_INFORMATIONAL} informational responses", phase="request")

    async def _write_body(self, body: bytes | AsyncIterator[bytes], chunked: bool) -> None:
        handler, count = self._handler, 0
        async with contextlib.aclosing(_pieces(body)) as pieces:
            async for piece in pieces:
                if handler.transport is None or handler.transport.is_closing():
                    return  # the reader of the response learns why
                handler.transport.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
                await handler._drain_helper()
                count += 1
                if count % _TURN == 0:
                    await asyncio.sleep(0)  # neither the body nor the kernel may ever have made us wait
        if chunked and handler.transport is not None:
            handler.transport.write(b"0\r\n\r\n")

    async def _end_writing(self) -> None:
        """The answer is a no: the rest of the body is not wanted any more (RFC 9112 section 9.5)."""
        writer, self._writer = self._writer, None
        assert writer is not None
        if not writer.done():
            self._handler.force_close()
            writer.cancel()
            await asyncio.wait([writer])

    def _writing_ended(self, writer: asyncio.Task[None]) -> None:
        error = None if writer.cancelled() else writer.exception()
        if error is not None:
            self._handler.force_close()
            if not isinstance(error, aiohttp.ClientError):
                # The caller's own iterator failed: the response, or the rest of it, will never come.
                self._handler.set_exception(_BodyFailed(error))
                answering = self._handler.answering
                if answering is not None and not answering.is_eof():
                    answering.set_exception(_BodyFailed(error))
                    self._handler.abort()

    @property
    def closed(self) -> bool:
        return self._handler.lost.done()

    def abort(self) -> None:
        if self._writer is not None:
            self._writer.cancel()
            self._writer = None
        self._handler.abort()

    def drop(self) -> None:
        transport = self._handler.transport
        sock = transport.get_extra_info("socket") if transport is not None else None
        # Its own close would call into a loop that is no more.  uvloop has closed its sockets
        # together with the loop, and its stand-in cannot be closed.
        inner = getattr(sock, "_sock", sock)
        if isinstance(inner, socket.socket):
            inner.close()

    async def wait_closed(self) -> None:
        await asyncio.shield(self._handler.lost)


class AiohttpResponse:
    """One response; see `wire.WireResponse`."""

    __slots__ = ("_handler", "_payload", "_rescued", "coded", "headers", "length", "reason", "sets_cookies", "status")

    def __init__(self, handler: Handler, message: Any, payload: Any) -> None:
        self._handler = handler
        self.status: int = message.code
        self.reason: str = message.reason
        self.headers = Headers.from_raw(message.raw_headers)
        fields = message.headers  # a multidict in C
        self.coded: bool = "Content-Encoding" in fields
        self.sets_cookies: bool = "Set-Cookie" in fields
        length: str = fields.get("Content-Length", "")
        self.length = int(length) if length.isdigit() and length.isascii() else None
        self._payload = payload
        self._rescued = False

    async def receive(self) -> bytes:
        try:
            piece: bytes = await self._payload.readany()
        except Exception as error:
            if not self._rescued:
                # What arrived before the failure is still good for a download that goes on later.
                self._rescued = True
                rest: bytes = self._payload._read_nowait(-1)
                if rest:
                    return rest
            if isinstance(error, _BodyFailed):
                raise error.error from None
            raise explain(error) from error.__cause__
        return piece

    def direct(self) -> Direct | None:
        return self._handler.bypass(self._payload, self.length)

    def take(self) -> bytes | None:
        payload = self._payload
        if payload.is_eof() and payload.exception() is None:
            whole: bytes = payload.read_nowait(-1)
            return whole
        return None


class AiohttpWire:
    """Opens connections through the origin's dialer and puts aiohttp's protocol on them."""

    def __init__(self) -> None:
        # All connections of a loop receive into one buffer: what they get is copied before the next one does.
        self._buffer = memoryview(bytearray(RECEIVE_BUFFER))
        check_hooks(Handler(asyncio.get_running_loop(), self._buffer))

    async def connect(self, operation: Operation, origin: Origin) -> AiohttpConnection:
        """Dial, and do the TLS handshake where the origin has a context."""
        sock = await origin.dialer.dial(operation, origin.host, origin.port)
        loop = operation.loop
        handler = Handler(loop, self._buffer)
        if origin.context is None and (origin.bulk or isinstance(loop, asyncio.SelectorEventLoop)):
            # For small pages not where the loop's own transports are compiled (uvloop).
            handler.connection_made(cast(asyncio.Transport, PlainTransport(loop, sock, handler)))
            return AiohttpConnection(loop, handler)
        name = origin.server_hostname or origin.host
        await open_transport(operation, sock, handler, context=origin.context, name=name, port=origin.port)
        return AiohttpConnection(operation.loop, handler)


async def _pieces(body: bytes | AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    if isinstance(body, bytes):
        view = memoryview(body)
        for start in range(0, len(view), _DRAIN_ABOVE):
            yield bytes(view[start : start + _DRAIN_ABOVE])
    else:
        async for piece in body:
            if piece:  # an empty chunk would end the chunked coding
                yield piece

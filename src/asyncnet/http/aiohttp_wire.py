"""aiohttp as a wire: its protocol and parser below our pool and policies.

The only module that imports aiohttp; imported when the first connection is
made.  What is used is `aiohttp.client_proto.ResponseHandler`, the protocol
that all of aiohttp's connectors put on a transport, with its C parser: no
session, connector, cookie jar, decompression, redirect or hidden retry.

What the parser leaves open is closed here: the bytes of a head, of informational
responses and of chunk extensions are bounded, a body that ends with the
connection must have ended in good order, and a broken chunk reaches the reader.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import socket
import ssl as _ssl
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, cast

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong

from ..core.operation import Operation
from ..core.transport import Transport
from ..errors import AsyncNetError, ConnectionLost, LimitExceeded, ProtocolError
from .direct import Direct
from .handshake import open_transport
from .headers import Headers
from .wire import Origin, WireRequest

__all__ = ["AiohttpWire"]

RECEIVE_BUFFER = 256 * 1024  # bytes received at once
READ_BUFFER = 4 * 1024 * 1024  # bytes that may wait for the reader; measured 2.8 times faster than aiohttp's 256 KiB
MAX_LINE = 16 * 1024  # bytes of a status line or one field
MAX_FIELDS = 256
MAX_HEAD = 512 * 1024  # bytes before the final response's body begins, informational responses included
MAX_INFORMATIONAL = 32
FRAMING_ALLOWANCE = 256 * 1024  # bytes of chunk framing and trailers ...
FRAMING_RATIO = 16  # ... and for each byte of content; one-byte chunks have five
_DRAIN_ABOVE = 64 * 1024  # bytes: larger bodies are written piece by piece

_PARAMETERS: dict[str, Any] = {
    name: value
    for name, value in {
        "read_until_eof": True,
        "auto_decompress": False,
        "read_bufsize": READ_BUFFER,
        "max_line_size": MAX_LINE,
        "max_field_size": MAX_LINE,
        "max_headers": MAX_FIELDS,
    }.items()
    # Not every release of aiohttp knows each of them.
    if name in inspect.signature(ResponseHandler.set_response_params).parameters
}


class _Handler(ResponseHandler):
    """aiohttp's protocol, with bounds on what it would swallow without end."""

    def __init__(self, loop: asyncio.AbstractEventLoop, target: memoryview) -> None:
        super().__init__(loop)
        self.target = target  # of `_PlainTransport`
        self.direct: Direct | None = None
        self.lost = loop.create_future()
        self.raw = 0  # bytes received since the request began
        self.answering: Any = None  # the payload of the final response
        self.failure: AsyncNetError | None = None

    def begin(self, method: str) -> None:
        self.raw = 0
        self.answering = None
        # A parser goes on with the next message; what differs is only whether it has a body.
        if self._parser is None or (method == "HEAD") != self._skip_payload:
            self.set_response_params(skip_payload=method == "HEAD", **_PARAMETERS)

    def buffer_updated(self, nbytes: int) -> None:
        if self.direct is not None:
            self.direct.updated(nbytes)
        else:
            self.data_received(bytes(self.target[:nbytes]))

    def connection_failed(self, exc: Exception) -> None:
        """Nothing yet: `connection_lost` comes with the same error."""

    def bypass(self, payload: Any, length: int | None) -> Direct | None:
        """Let the rest of this body come without the parser, if that can be."""
        transport = self.transport
        if length is None or not isinstance(transport, _PlainTransport) or transport.is_closing():
            return None
        if payload.is_eof() or payload.exception() is not None or self._reading_paused or self._tail:
            return None
        buffer = self.target

        def aim(view: memoryview | None) -> None:
            if view is not None:
                self.target = view
            else:  # the body is complete; the parser, which does not know, is done with
                self.target, self.direct = buffer, None
                self._parser = self._payload = self.answering = None

        self.direct = Direct(transport, aim, payload._read_nowait(-1), length - payload.total_bytes)
        return self.direct

    def eof_received(self) -> None:
        super().eof_received()
        if self.transport is not None:
            self.transport.close()

    def data_received(self, data: bytes) -> None:
        self.raw += len(data)
        super().data_received(data)
        answering = self.answering
        if answering is None:
            if self.raw > MAX_HEAD and self._head_is_endless():
                self.fail(LimitExceeded(f"more than {MAX_HEAD} bytes before a response", phase="request"))
        elif self._exception is not None:
            # The parser tells the queue of messages; the reader of this body must hear it too.
            self.fail(explain(self._exception))
        elif self.raw > FRAMING_ALLOWANCE and (
            self.raw > FRAMING_ALLOWANCE + MAX_HEAD + (FRAMING_RATIO + 1) * answering.total_bytes
        ):
            self.fail(LimitExceeded("the chunk framing is larger than the content allows", phase="transfer"))

    def _head_is_endless(self) -> bool:
        # A final response may wait unread in the queue, its body behind it.
        if self._payload is not None and self._payload.total_bytes:
            return bool(self.raw - self._payload.total_bytes > MAX_HEAD)
        return True

    def fail(self, error: AsyncNetError) -> None:
        """Let whoever reads have this error, and drop the connection."""
        if self.failure is None:
            self.failure = error
            self.set_exception(error)
            for payload in (self._payload, self.answering):
                if payload is not None and not payload.is_eof() and payload.exception() is None:
                    payload.set_exception(error)
        if self.transport is not None:
            self.transport.abort()

    def abort(self) -> None:
        """Drop the connection now."""
        # Our own: that of aiohttp is younger than the oldest release that we work with.
        if self.transport is not None:
            self.transport.abort()

    def resume_reading(self, resume_parser: bool = True) -> None:
        # Asked for after each read; most of the time nothing was paused.
        if self._reading_paused or getattr(self, "_buffer_paused", False):
            super().resume_reading(resume_parser)

    def connection_lost(self, exc: BaseException | None) -> None:
        payload = self._payload
        if payload is not None and not payload.is_eof() and payload.exception() is None and self._was_cut(exc):
            payload.set_exception(ConnectionLost("the connection was cut before the end of the body", phase="transfer"))
        super().connection_lost(exc)
        if self.direct is not None:
            self.direct.lost()
        if not self.lost.done():
            self.lost.set_result(None)

    def _was_cut(self, exc: BaseException | None) -> bool:
        """Whether the end of the stream is no proof that the body is whole (RFC 9112 section 9.8)."""
        if exc is not None:
            return True
        ssl_object = self.transport.get_extra_info("ssl_object") if self.transport is not None else None
        if ssl_object is None:
            return False
        try:
            return bool(ssl_object.read(1))
        except _ssl.SSLZeroReturnError:
            return False  # close_notify has been seen
        except (_ssl.SSLError, ValueError):
            return True


class _BodyFailed(Exception):
    """Carries what the caller's body iterator raised to whoever waits for the response."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error


class AiohttpConnection:
    """One connection; see `wire.WireConnection`."""

    __slots__ = ("_handler", "_loop", "_writer", "written")

    def __init__(self, loop: asyncio.AbstractEventLoop, handler: _Handler) -> None:
        self._loop = loop
        self._handler = handler
        self._writer: asyncio.Task[None] | None = None
        self.written = False

    @property
    def reusable(self) -> bool:
        handler = self._handler
        return not handler.should_close and handler.is_connected() and self._writer is None

    async def exchange(self, request: WireRequest) -> AiohttpResponse:
        handler = self._handler
        transport = handler.transport
        self.written = False
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
            if self._writer is not None:
                await self._end_writing()
        except BaseException as error:
            self.abort()
            if isinstance(error, _BodyFailed):
                raise error.error from None
            if isinstance(error, AsyncNetError) or not isinstance(error, Exception):
                raise
            raise explain(error) from error
        handler.answering = payload
        return AiohttpResponse(handler, message, payload)

    async def _skip_informational(self, message: Any) -> tuple[Any, Any]:
        for _ in range(MAX_INFORMATIONAL):
            if message.code == 101:  # nothing here asks for an upgrade
                raise ProtocolError("the server switched protocols without being asked", phase="request")
            message, payload = await self._handler.read()
            if message.code >= 200:
                return message, payload
        raise ProtocolError(f"more than {MAX_INFORMATIONAL} informational responses", phase="request")

    async def _write_body(self, body: bytes | AsyncIterator[bytes], chunked: bool) -> None:
        handler = self._handler
        async with contextlib.aclosing(_pieces(body)) as pieces:
            async for piece in pieces:
                if handler.transport is None:
                    return  # the reader of the response learns why
                handler.transport.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
                await handler._drain_helper()
        if chunked and handler.transport is not None:
            handler.transport.write(b"0\r\n\r\n")

    async def _end_writing(self) -> None:
        """The answer is there: the rest of the body is not wanted any more (RFC 9112 section 9.5)."""
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
                # The caller's own iterator failed: the response will never come.
                self._handler.set_exception(_BodyFailed(error))

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

    def __init__(self, handler: _Handler, message: Any, payload: Any) -> None:
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


class _PlainTransport(Transport):
    """Our own transport, which needs half the time of asyncio's for a small page; what aiohttp asks it for besides."""

    __slots__ = ()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self.socket if name == "socket" else default


class AiohttpWire:
    """Opens connections through the origin's dialer and puts aiohttp's protocol on them."""

    def __init__(self) -> None:
        # All connections of a loop receive into one buffer: what they get is copied before the next one does.
        self._buffer = memoryview(bytearray(RECEIVE_BUFFER))

    async def connect(self, operation: Operation, origin: Origin) -> AiohttpConnection:
        """Dial, and do the TLS handshake where the origin has a context."""
        sock = await origin.dialer.dial(operation, origin.host, origin.port)
        loop = operation.loop
        handler = _Handler(loop, self._buffer)
        if origin.context is None and (origin.bulk or isinstance(loop, asyncio.SelectorEventLoop)):
            # For small pages not where the loop's own transports are compiled (uvloop).
            handler.connection_made(cast(asyncio.Transport, _PlainTransport(loop, sock, handler)))
            return AiohttpConnection(loop, handler)
        name = origin.server_hostname or origin.host
        await open_transport(operation, sock, handler, context=origin.context, name=name, port=origin.port)
        return AiohttpConnection(operation.loop, handler)


def explain(error: BaseException) -> AsyncNetError:
    """Turn an error of aiohttp into one of ours."""
    if isinstance(error, AsyncNetError):
        return error
    cause = error.__cause__ or error
    if isinstance(cause, LineTooLong) or "Too many headers" in str(cause):
        return LimitExceeded("a line or the number of header fields is over the limit", phase="request")
    if isinstance(error, aiohttp.ClientPayloadError):
        return ConnectionLost(f"the body was cut: {_first_line(cause)}", phase="transfer")
    if isinstance(error, HttpProcessingError):
        return ProtocolError(f"no valid HTTP: {_first_line(cause)}", phase="request")
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return ConnectionLost("the peer closed the connection without an answer", phase="request")
    if isinstance(error, OSError):
        return ConnectionLost(f"the connection was lost: {error.strerror or error}", phase="request")
    return ProtocolError(f"no valid HTTP: {_first_line(error)}", phase="request")


def _first_line(error: BaseException) -> str:
    message = getattr(error, "message", "") or str(error) or type(error).__name__
    return " ".join(message.split())[:200]


async def _pieces(body: bytes | AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    if isinstance(body, bytes):
        view = memoryview(body)
        for start in range(0, len(view), _DRAIN_ABOVE):
            yield bytes(view[start : start + _DRAIN_ABOVE])
    else:
        async for piece in body:
            if piece:  # an empty chunk would end the chunked coding
                yield piece

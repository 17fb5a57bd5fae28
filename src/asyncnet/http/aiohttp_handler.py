"""aiohttp's protocol and parser, with bounds on what they would swallow without end.

What is used is `aiohttp.client_proto.ResponseHandler`, the protocol that all of
aiohttp's connectors put on a transport, with its C parser.  What the parser
leaves open is closed here: the bytes of a head, of informational responses and
of chunk extensions are bounded, a body that ends with the connection must have
ended in good order, and a broken chunk reaches the reader.
"""

from __future__ import annotations

import asyncio
import inspect
import ssl as _ssl
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong

from ..core.direct import Direct
from ..core.transport import Transport
from ..errors import AsyncNetError, ConnectionLost, LimitExceeded, ProtocolError

__all__ = ["LAX_PARSER", "MAX_FIELDS", "Handler", "PlainTransport", "check_hooks", "explain"]

READ_BUFFER = 4 * 1024 * 1024  # bytes that may wait for the reader; measured 2.8 times faster than aiohttp's 256 KiB
MAX_LINE = 16 * 1024  # bytes of a status line or one field
MAX_FIELDS = 256
MAX_HEAD = 512 * 1024  # bytes before the final response's body begins, informational responses included
FRAMING_ALLOWANCE = 256 * 1024  # bytes of chunk framing and trailers ...
FRAMING_RATIO = 16  # ... and for each byte of content; one-byte chunks have five

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

# Older releases count no header fields and let NUL pass.
LAX_PARSER = "max_headers" not in _PARAMETERS


class Handler(ResponseHandler):
    """aiohttp's protocol, with bounds on what it would swallow without end."""

    def __init__(self, loop: asyncio.AbstractEventLoop, target: memoryview) -> None:
        super().__init__(loop)
        self.target = target  # of `PlainTransport`
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
        if length is None or not isinstance(transport, PlainTransport) or transport.is_closing():
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

    def resume_reading(self, resume_parser: bool | None = None) -> None:
        # Asked for after each read; most of the time nothing was paused.
        if self._reading_paused or getattr(self, "_buffer_paused", False):
            if resume_parser is None:  # aiohttp 3.13 knows no such argument
                super().resume_reading()
            else:
                super().resume_reading(resume_parser)

    def connection_lost(self, exc: BaseException | None) -> None:
        payload = self._payload
        if payload is not None and not payload.is_eof() and payload.exception() is None and self._was_cut(exc):
            payload.set_exception(ConnectionLost("the connection was cut before the end of the body", phase="transfer"))
        waiter = self._drain_waiter
        super().connection_lost(exc)
        if waiter is not None and waiter.done() and not waiter.cancelled():
            waiter.exception()  # of an upload that nobody writes any more
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


# Of ResponseHandler and its bases, not documented: `aiohttp_session` does without.
_HOOKS = """
    _drain_helper _exception _parser _payload _reading_paused _skip_payload _tail
    connection_lost data_received eof_received force_close is_connected read resume_reading set_exception should_close
"""


def check_hooks(handler: Handler) -> None:
    """Raise `AttributeError` if this release of aiohttp lacks something that is used here."""
    for name in _HOOKS.split():
        getattr(handler, name)


class PlainTransport(Transport):
    """Our own transport, which needs half the time of asyncio's for a small page; what aiohttp asks it for besides."""

    __slots__ = ()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self.socket if name == "socket" else default


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
    # aiohttp points at the place with a caret below it, which means nothing in one line.
    return " ".join(message.split()).removesuffix(" ^").rstrip(".: ")[:200]

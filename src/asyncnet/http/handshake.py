"""A connected socket becomes a transport of the loop, with TLS where there is a context; one place for what fails."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import socket
import ssl as _ssl

from ..core.operation import ATTEMPT_TIMEOUT, Operation
from ..core.tls import broken_handshake, explain_tls
from ..errors import OperationTimeout

__all__ = ["ALPN", "open_transport"]

ALPN = ("http/1.1",)  # RFC 7301: what is spoken here, for servers that would choose HTTP/2
_TURNS = 3  # of the loop, after which each handshake has begun


async def open_transport(
    operation: Operation,
    sock: socket.socket,
    protocol: asyncio.Protocol,
    *,
    context: _ssl.SSLContext | None,
    name: str,
    port: int,
) -> None:
    """Put a protocol on a socket; the socket is closed if that fails.

    Args:
        operation: whose deadline and trace it belongs to.
        sock: connected, non-blocking.
        protocol: for one of the loop's own transports.
        context: for TLS, ``None`` for none.
        name: to verify.
        port: the peer's, for the words of an error.

    Raises:
        TLSError: the handshake or the certificate failed.
        OperationTimeout: the handshake took more than 10 s.
    """
    try:
        if context is None:
            await operation.loop.create_connection(lambda: protocol, sock=sock)
            return
        name = name.rstrip(".").partition("%")[0]  # certificates know neither the root's dot nor zones
        with operation.span("tls", server_hostname=name) as span:
            async with asyncio.timeout(ATTEMPT_TIMEOUT) as limit:
                transport = await _secured(operation.loop, sock, protocol, context, name)
            session: _ssl.SSLObject = transport.get_extra_info("ssl_object")
            span.attributes.update(version=session.version(), alpn=session.selected_alpn_protocol())
    except BaseException as error:
        sock.close()
        if isinstance(error, _ssl.SSLError):
            raise explain_tls(error, None, name, port) from error
        if isinstance(error, TimeoutError) and limit.expired():
            raise OperationTimeout(f"no TLS handshake within {ATTEMPT_TIMEOUT:g} s", phase="tls") from error
        if isinstance(error, OSError):
            raise broken_handshake(error) from error
        raise


async def _secured(
    loop: asyncio.AbstractEventLoop,
    sock: socket.socket,
    protocol: asyncio.Protocol,
    context: _ssl.SSLContext,
    name: str,
) -> asyncio.Transport:
    """Do the handshake, in a task of its own: a cancellation has to wait until it has begun.

    uvloop begins it a turn after it was asked to. Cancelled before, it loses sight of the connection, goes on
    with the handshake all the same, and in the end calls the loop's exception handler.
    """
    doing = loop.create_connection(lambda: protocol, sock=sock, ssl=context, server_hostname=name)
    handshake = loop.create_task(doing, context=contextvars.Context())
    try:
        await asyncio.wait([handshake])
    except asyncio.CancelledError:
        for _ in range(_TURNS):
            with contextlib.suppress(asyncio.CancelledError):  # the first one is on its way out
                await asyncio.sleep(0)
        handshake.cancel()
        while not handshake.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([handshake])
        if not handshake.cancelled() and handshake.exception() is None:
            handshake.result()[0].abort()
        raise
    transport, _ = handshake.result()
    return transport

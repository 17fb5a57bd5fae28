"""A client's TLS handshake as a part of the operation that needs it: in its time, its trace, its words."""

from __future__ import annotations

import ssl as _ssl

from ..errors import OperationTimeout, ProtocolError
from .attempts import within_attempt
from .operation import Operation
from .stream import Stream

__all__ = ["secure", "secure_aside", "upgrade"]


async def secure(operation: Operation, stream: Stream, context: _ssl.SSLContext, name: str | None) -> None:
    """Do the handshake, which takes 10 s at most; the caller drops the stream if it fails.

    Args:
        operation: whose time this is.
        stream: connected, and nothing was said on it yet.
        context: a client's.
        name: the name to verify.

    Raises:
        TLSError: handshake or certificate failed.
        OperationTimeout: it took longer.
    """
    with operation.span("tls", server_hostname=name) as span:
        try:
            await within_attempt(operation, stream._secure(context, server_side=False, server_hostname=name))
        except TimeoutError as error:
            raise OperationTimeout(f"TLS handshake: {error.strerror}", phase="tls") from error
        span.attributes.update(_agreed(stream))


async def upgrade(operation: Operation, stream: Stream, context: _ssl.SSLContext, name: str) -> None:
    """Go on in TLS where the peer has agreed to it (STARTTLS); the stream is aborted if that fails.

    Raises:
        ProtocolError: the peer sent bytes before the handshake, which an
            attacker could have put there (RFC 3207 section 6).
        TLSError, OperationTimeout: as for `secure`.
    """
    try:
        if early := stream._early:
            raise ProtocolError(f"the peer sent {early} bytes before the TLS handshake", phase="tls")
        await secure(operation, stream, context, name)
    except BaseException:
        stream.abort()
        raise


async def secure_aside(
    operation: Operation, stream: Stream, context: _ssl.SSLContext, name: str, session: _ssl.SSLSession | None
) -> None:
    """Do the handshake beside other things, in a task of its own; the caller bounds it in time.

    Args:
        operation: whose trace it is in.
        stream: connected.
        context: a client's.
        name: the name to verify.
        session: an earlier one to take up, of the same context.

    Raises:
        TLSError: handshake or certificate failed.
    """
    with operation.part("tls", server_hostname=name) as span:
        await stream._secure(context, server_side=False, server_hostname=name, session=session)
        span.attributes.update(_agreed(stream))


def _agreed(stream: Stream) -> dict[str, str | None]:
    """What the two have agreed on, for the trace."""
    tls = stream.ssl_object
    return {} if tls is None else {"version": tls.version(), "alpn": tls.selected_alpn_protocol()}

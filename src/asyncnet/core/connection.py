"""A connection's life, its TLS, its facts, and what its errors say."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl as _ssl
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Self

from ..errors import (
    AsyncNetError,
    Attempt,
    ConnectionLost,
    OperationTimeout,
    ProtocolError,
    StateError,
    TLSError,
)
from .address import Endpoint
from .client import BaseClient
from .operation import DEFAULT_TIMEOUT, Operation, Timeout, check_timeout
from .proxy_protocol import header_length, parse_header
from .span import Span
from .tcp_info import TCPInfo, tcp_info
from .tls import TLSLayer, broken_handshake, broken_record, check_tls, choose_context, explain_tls
from .trace import Trace
from .wire import Wire

__all__ = ["Connection"]

_NO_TIMINGS: Mapping[str, float] = MappingProxyType({})
_LINGER = 2.0  # seconds for the peer to take what was sent and to close


class Connection(BaseClient):
    """What `Stream` receives and sends on: it opens, secures, closes and explains.

    A subclass of `BaseClient`, so that every stream lives and dies like every client.
    """

    __slots__ = (
        "_attempts", "_context", "_dialled", "_ending", "_life", "_local", "_own_timeout", "_protocol_name", "_remote",
        "_timings", "_wire",
    )  # fmt: skip

    _protocol = "tcp"

    def __init__(self, *, protocol: str = "tcp", peer: str | None = None, timeout: Timeout = ...) -> None:
        # `...` tells "30 for sending, none for receiving" from a limit that was chosen for all.
        self._own_timeout: Timeout = timeout if timeout is ... else check_timeout(timeout)
        super().__init__(peer=peer, timeout=DEFAULT_TIMEOUT if self._own_timeout is ... else self._own_timeout)
        self._protocol_name = protocol
        self._wire: Wire | None = None
        self._ending = False
        self._dialled: tuple[str, int] | None = None  # where to: behind a proxy the peer is that
        self._context: _ssl.SSLContext | None = None  # of the dialer: for a later start_tls
        self._life: tuple[Trace, Span] | None = None
        self._attempts: tuple[Attempt, ...] = ()
        self._timings: Mapping[str, float] = _NO_TIMINGS
        self._remote: Endpoint | str | None = None  # both outlive the connection
        self._local: Endpoint | str | None = None

    # ---- life

    async def __aenter__(self) -> Self:
        # A dialer's and a server's streams are open already.
        return self if self._state == "open" else await self.open()

    def _attach(self, sock: socket.socket) -> None:
        """Take over a connected, non-blocking socket; it is closed if that fails."""
        loop = asyncio.get_running_loop()
        try:
            self._wire = Wire(loop, sock)
        except BaseException:
            sock.close()
            raise
        self._loop = loop
        self._remote = self._name(socket.socket.getpeername)
        if self._peer is None:
            self._peer = str(self._remote)

    async def _secure(
        self,
        context: _ssl.SSLContext,
        *,
        server_side: bool,
        server_hostname: str | None,
        session: _ssl.SSLSession | None = None,
    ) -> None:
        """Do the TLS handshake; the caller bounds it in time and drops the stream if it fails."""
        wire = self._wire
        assert wire is not None
        layer = TLSLayer(context, server_side=server_side, server_hostname=server_hostname, session=session)
        try:
            wire.begin_tls(layer)
            while not layer.established:
                if wire.failure is not None and not isinstance(wire.failure, EOFError):
                    raise wire.failure
                if wire.eof:
                    raise TLSError("the peer closed the connection during the TLS handshake", phase="tls")
                await wire.wait_readable()
        except _ssl.SSLError as error:
            place = self._dialled or self.peer
            port = place[1] if isinstance(place, tuple) else None
            raise explain_tls(error, layer, server_hostname, port) from error
        except (OSError, EOFError) as error:
            if isinstance(error, AsyncNetError):
                raise
            raise broken_handshake(error) from error

    @property
    def _early(self) -> int:
        """How many bytes were received that nobody has taken."""
        return 0 if self._wire is None else self._wire.size

    @property
    def _unsent(self) -> int:
        """How many bytes the peer's kernel has yet to take."""
        return 0 if self._wire is None or self._wire.lost else self._wire.transport.unsent()

    async def _read_proxy_header(self) -> None:
        """Take the peer's name from the PROXY header of a load balancer; the caller bounds it in time."""
        wire = self._wire
        assert wire is not None
        while (length := header_length(wire.gather())) is None or wire.size < length:
            if wire.eof:
                raise ConnectionLost("closed before the PROXY header was complete")
            await wire.wait_readable()
        named = parse_header(wire.take(length))
        if named is not None:
            self._remote = named
            self._peer = str(named)

    def _trace_life(self, trace: Trace | None) -> None:
        """Have a span from here to the end of the stream: receiving and sending have none of their own."""
        if trace is not None:
            self._life = trace, trace.begin(f"{self._protocol_name} transfer", {"peer": self._peer})

    def _end_life(self) -> None:
        if self._life is not None:
            (trace, span), self._life = self._life, None
            span.attributes.update(sent=self.bytes_sent, received=self.bytes_received)
            if (info := self.info) is not None:
                span.attributes.update(rtt_ms=round(1000 * info.rtt, 3), retransmits=info.retransmits)
            trace.end(span)

    async def _goodbye(self) -> None:
        self._end_life()
        wire = self._wire
        if wire is not None and not wire.lost:
            self._send_close_notify(wire)
            if not wire.eof and (wire.tls is not None or wire.size):
                await self._linger(wire)
            wire.transport.close()
            await wire.wait_closed()

    async def _linger(self, wire: Wire) -> None:
        """Let the peer close first: a socket that is closed with bytes unread is reset, and what was sent may be lost.

        TLS 1.3 sends session tickets whenever it likes, so that there may always be such bytes.
        """
        wire.wake_reader()
        wire.transport.write_eof()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LINGER):
                while not wire.eof:
                    wire.discard()
                    await wire.wait_readable()

    def _drop(self) -> None:
        self._end_life()
        wire = self._wire
        if wire is not None and not wire.lost:
            if self._loop is None or self._loop.is_closed():
                wire.transport.socket.close()  # no loop will do it
            else:
                wire.abort()

    def _send_close_notify(self, wire: Wire) -> None:
        if wire.tls is not None and wire.tls.established and not self._ending:
            self._ending = True
            wire.tls.end()
            wire.flush_tls()

    # ---- TLS

    async def start_tls(
        self,
        ssl: _ssl.SSLContext | None = None,
        *,
        server_side: bool = False,
        server_hostname: str | None = None,
        timeout: Timeout = ...,
    ) -> None:
        """Go on in TLS (STARTTLS).

        Args:
            ssl: the context; ``None`` for the dialer's, or the default client context.
            server_side: whether this end is the server; it needs a context.
            server_hostname: the name to verify; ``None`` for the host that was dialled.
            timeout: seconds for the handshake; ``None`` for no limit.

        Raises:
            ProtocolError: the peer sent bytes before the handshake, which an
                attacker could have put there (RFC 3207 section 6).
            TLSError: handshake or certificate failed. The stream is aborted after either.
        """
        wire = self._writable("start_tls")
        if wire.tls is not None:
            raise self._misused("the stream speaks TLS already", "start_tls")
        if server_side and ssl is None:
            raise ValueError("a TLS server needs an ssl.SSLContext with its certificate")
        check_tls(ssl, server_hostname, server_side=server_side)
        context = choose_context(ssl, self._context, default=True)
        assert context is not None
        name = None if server_side else server_hostname or (self._dialled and self._dialled[0])
        async with Operation(
            self._protocol_name, "start_tls", peer=self._peer, timeout=self._limit(timeout, self._timeout)
        ) as operation:
            try:
                with operation.span("tls", server_hostname=name) as span:
                    if self._early:
                        raise ProtocolError(f"the peer sent {self._early} bytes before the TLS handshake")
                    await self._secure(context, server_side=server_side, server_hostname=name)
                    if (session := self.ssl_object) is not None:
                        span.attributes.update(version=session.version(), alpn=session.selected_alpn_protocol())
            except BaseException:
                self.abort()
                raise

    # ---- facts

    @property
    def peer(self) -> Endpoint | str | None:
        """The peer's address; a path for a Unix socket; ``None`` before it is open."""
        return self._remote

    @property
    def local(self) -> Endpoint | str | None:
        """The own address; a path for a Unix socket; ``None`` before it is open."""
        if self._local is None:
            self._local = self._name(socket.socket.getsockname)
        return self._local

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """One `Attempt` for each address that was tried to open it; empty for the streams of a server."""
        return self._attempts

    @property
    def timings(self) -> Mapping[str, float]:
        """How many seconds opening it took: ``connect``, names included, and ``tls``."""
        return self._timings

    @property
    def ssl_object(self) -> _ssl.SSLObject | None:
        """The TLS session, ``None`` in plaintext."""
        return None if self._wire is None or self._wire.tls is None else self._wire.tls.object

    @property
    def bytes_sent(self) -> int:
        """Bytes taken from the caller so far, before encryption."""
        return 0 if self._wire is None else self._wire.bytes_sent

    @property
    def bytes_received(self) -> int:
        """Bytes received from the peer so far, after decryption."""
        return 0 if self._wire is None else self._wire.bytes_received

    @property
    def info(self) -> TCPInfo | None:
        """The kernel's view of the connection; ``None`` where it gives none."""
        wire = self._wire
        return None if wire is None or wire.lost else tcp_info(wire.transport.socket)

    def __repr__(self) -> str:
        tls = "" if self.ssl_object is None else f", {self.ssl_object.version()}"
        return (
            f"<{type(self).__name__} {self._peer or ''} {self._state}{tls}, "
            f"{self.bytes_sent} bytes sent, {self.bytes_received} received>"
        )

    # ---- inside

    def _name(self, ask: Callable[[socket.socket], Any]) -> Endpoint | str | None:
        if self._wire is None:
            return None
        try:
            name = ask(self._wire.transport.socket)
        except OSError:  # it is closed, or the peer is gone
            return None
        if isinstance(name, tuple):
            return Endpoint.from_sockaddr(name)
        return name.decode(errors="replace") if isinstance(name, bytes) else name

    def _readable(self, operation: str) -> Wire:
        wire = self._wire
        if wire is None or self._state != "open":
            raise self._unusable(operation)
        if asyncio.get_running_loop() is not self._loop:
            self._check_loop(operation)
        if wire.reader is not None and not wire.reader.done():
            raise self._misused("another task is receiving on this stream", operation)
        return wire

    def _writable(self, operation: str) -> Wire:
        wire = self._wire
        if wire is None or self._state != "open":
            raise self._unusable(operation)
        if asyncio.get_running_loop() is not self._loop:
            self._check_loop(operation)
        if self._ending:
            raise self._misused("the sending direction was ended by send_eof", operation)
        if wire.lost or (wire.failure is not None and not isinstance(wire.failure, EOFError)):
            raise self._lost(wire, operation)
        return wire

    async def _room(self, wire: Wire, timeout: Timeout) -> None:
        """Wait until the peer has taken enough."""
        self._check_loop("send")
        limit = self._limit(timeout, self._timeout)
        assert self._loop is not None
        try:
            await wire.wait_writable(None if limit is None else self._loop.time() + limit)
        except TimeoutError:
            raise self._timed_out("the peer does not take what was sent", limit, "send") from None
        if self._state != "open":
            raise self._unusable("send")
        if wire.lost:
            raise self._lost(wire, "send")

    def _unusable(self, operation: str) -> StateError:
        wire = self._wire
        if wire is not None and self._state == "opening":
            return self._misused("the stream is still being opened", operation)
        state = "closed" if self._state in ("closed", "closing") else "not open"
        return self._misused(f"the stream is {state}", operation)

    def _limit(self, timeout: Timeout, default: float | None) -> float | None:
        if timeout is not ...:
            return check_timeout(timeout)
        return default if self._own_timeout is ... else self._own_timeout

    def _end_of_stream(self, wire: Wire, operation: str) -> bytes:
        if self._state != "open":
            raise self._unusable(operation)
        if wire.failure is not None:
            raise self._lost(wire, operation)
        return b""

    def _cut(self, wire: Wire, operation: str, what: str) -> AsyncNetError:
        if self._state != "open":
            return self._unusable(operation)
        if wire.failure is not None and not isinstance(wire.failure, EOFError):
            return self._lost(wire, operation)
        return self._explained(ConnectionLost(f"the peer closed the connection after {what}"), operation)

    def _lost(self, wire: Wire, operation: str) -> AsyncNetError:
        failure = wire.failure
        if isinstance(failure, EOFError):
            error: AsyncNetError = ConnectionLost("cut without TLS close_notify: data may be missing")
        elif isinstance(failure, _ssl.SSLError):
            error = broken_record(failure)
        elif isinstance(failure, TimeoutError):
            error = OperationTimeout(str(failure))
        else:
            error = ConnectionLost(f"the connection is gone: {failure or 'closed by the peer'}")
            if isinstance(failure, OSError):
                error.errno = failure.errno
        error.__cause__ = failure
        return self._explained(error, operation)

    def _timed_out(self, message: str, timeout: Timeout, operation: str) -> OperationTimeout:
        limit = self._limit(timeout, self._timeout)
        error = OperationTimeout(f"{message} within {limit:g} s", phase="transfer", elapsed=limit)
        self._explained(error, operation)
        return error

    def _explained(self, error: AsyncNetError, operation: str) -> AsyncNetError:
        error.protocol, error.operation, error.peer = self._protocol_name, operation, self._peer
        error.phase = error.phase or "transfer"
        return error

    def _misused(self, message: str, name: str) -> StateError:
        return StateError(message, protocol=self._protocol_name, operation=name, peer=self._peer)

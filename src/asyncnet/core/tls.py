"""TLS in one place: contexts, the layer over memory buffers, and errors in plain words.

Verified by default, TLS 1.2 at least (RFC 8996), host name or IP checked (RFC 9525).
The layer moves bytes between a plain transport and `ssl.SSLObject` by itself:
so it sees close_notify (RFC 8446 section 6.1), what stands after an upgrade,
and sessions, on every event loop alike.
"""

from __future__ import annotations

import contextlib
import functools
import os
import ssl as _ssl

from ..errors import ProtocolError, TLSError
from .address import check_host

__all__ = ["TLSLayer", "check_tls", "choose_context", "client_context", "explain_tls"]

_RECORD = 16_384  # bytes: the most one TLS record holds (RFC 8446 section 5.1)


@functools.cache
def client_context() -> _ssl.SSLContext:
    """The context that clients share: system trust store, verified, TLS 1.2 at least."""
    context = _ssl.create_default_context()
    context.minimum_version = _ssl.TLSVersion.TLSv1_2
    # A peer that asks to renegotiate in TLS 1.2 would make a write wait for a read.
    context.options |= _ssl.OP_NO_RENEGOTIATION
    keylog = os.environ.get("SSLKEYLOGFILE")
    if keylog and not context.keylog_filename:
        context.keylog_filename = keylog
    return context


def check_tls(ssl: object, server_hostname: object = None) -> None:
    """Raise `TypeError` or `ValueError` for what cannot be used, before any I/O."""
    if not (ssl is None or isinstance(ssl, bool | _ssl.SSLContext)):
        raise TypeError(f"ssl must be a bool, an ssl.SSLContext or None, not {type(ssl).__name__}")
    if server_hostname is not None:
        check_host(server_hostname, "server_hostname")


def choose_context(
    ssl: bool | _ssl.SSLContext | None, dialer_context: _ssl.SSLContext | None = None, *, default: bool = False
) -> _ssl.SSLContext | None:
    """The context to use, ``None`` for no TLS.

    Args:
        ssl: what the call said; a context of its own wins.
        dialer_context: the dialer's ``ssl_context``.
        default: what ``ssl=None`` means for this protocol and port.
    """
    check_tls(ssl)
    if isinstance(ssl, _ssl.SSLContext):
        return ssl
    if default if ssl is None else ssl:
        return dialer_context or client_context()
    return None


class TLSLayer:
    """One TLS session over two memory buffers; knows no transport.

    Attributes:
        object: the `ssl.SSLObject`, for certificates, ciphers and sessions.
        established: whether the handshake is complete.
        ended: whether the peer's close_notify has been seen.
    """

    __slots__ = ("_first", "_incoming", "_outgoing", "_pending", "ended", "established", "object")

    def __init__(
        self,
        context: _ssl.SSLContext,
        *,
        server_side: bool,
        server_hostname: str | None,
        session: _ssl.SSLSession | None = None,
    ) -> None:
        self._incoming = _ssl.MemoryBIO()
        self._outgoing = _ssl.MemoryBIO()
        self.object = context.wrap_bio(
            self._incoming, self._outgoing, server_side, server_hostname=server_hostname, session=session
        )
        self.established = False
        self.ended = False
        self._pending = bytearray()  # plaintext that OpenSSL would not take yet
        self._first = b""  # what the peer began with: to say what it speaks, if not TLS

    def feed(self, data: memoryview, plaintext: list[bytes]) -> None:
        """Take ciphertext; append what it decrypts to. Raises `ssl.SSLError`."""
        if not self.established:
            if len(self._first) < 80:
                self._first += bytes(data[: 80 - len(self._first)])
            self._incoming.write(data)
            if not self.handshake():
                return
        else:
            self._incoming.write(data)
        read = self.object.read
        try:
            while chunk := read(_RECORD):
                plaintext.append(chunk)
            self.ended = True
        except _ssl.SSLWantReadError:
            pass
        except _ssl.SSLZeroReturnError:
            self.ended = True
        if self._pending:
            data, self._pending = memoryview(self._pending), bytearray()
            self.write(data)

    def handshake(self) -> bool:
        """Take the next step; return whether it was the last one."""
        try:
            self.object.do_handshake()
        except _ssl.SSLWantReadError:
            return False
        self.established = True
        return True

    def write(self, data: bytes | memoryview) -> None:
        """Encrypt; `take_output` has the ciphertext."""
        if self._pending:
            self._pending += data
            return
        try:
            self.object.write(data)
        except _ssl.SSLWantReadError:
            self._pending += data

    def take_output(self) -> bytes:
        """The ciphertext that is due to the peer."""
        return self._outgoing.read()

    def end(self) -> None:
        """Put our close_notify into the output; reading stays possible."""
        # The peer's own close_notify is still to come, or the session is broken: ours is out either way.
        with contextlib.suppress(_ssl.SSLError):
            self.object.unwrap()

    @property
    def greeting(self) -> str:
        """What the peer began with, if it was readable text and no TLS record."""
        line = self._first.split(b"\n", 1)[0].strip()
        return line.decode("ascii") if line.isascii() and (line[:1].isalnum() or line[:1] in b"+*") else ""


def explain_tls(error: _ssl.SSLError, layer: TLSLayer | None, name: str | None, port: int | None = None) -> TLSError:
    """Say in one line what went wrong in a handshake, and what to do where we know it."""
    if isinstance(error, _ssl.SSLCertVerificationError):
        problem = (error.verify_message or "certificate verify failed").rstrip(".")
        hint = {
            18: "; give an ssl.SSLContext that trusts it if it is meant to be self-signed",
            19: "; give an ssl.SSLContext that trusts its authority (load_verify_locations)",
            20: "; give an ssl.SSLContext that trusts its authority (load_verify_locations)",
        }.get(error.verify_code, "")
        return TLSError(f"certificate of {name or 'the peer'} refused: {problem}{hint}", phase="tls")
    greeting = layer.greeting if layer is not None else ""
    if greeting:
        where = f"port {port}" if port else "the peer"
        if greeting.startswith(("220", "+OK", "200", "201", "* OK")):
            return TLSError(f"{where} speaks STARTTLS, not TLS from the first byte (it said {greeting!r})", phase="tls")
        return TLSError(f"{where} does not speak TLS (it said {greeting!r})", phase="tls")
    reason = (error.reason or str(error) or type(error).__name__).replace("_", " ").lower()
    return TLSError(f"handshake with {name or 'the peer'} failed: {reason}", phase="tls")


def broken_record(error: _ssl.SSLError) -> ProtocolError:
    """The error for TLS that breaks after its handshake."""
    reason = (error.reason or str(error)).replace("_", " ").lower()
    return ProtocolError(f"the peer sent a broken TLS record: {reason}", phase="tls")

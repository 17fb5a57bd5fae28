"""TLS in one place: contexts, the layer over memory buffers, and errors in plain words.

Verified by default, TLS 1.2 at least (RFC 8996), host name or IP checked (RFC 9525).
The layer moves bytes between a plain transport and `ssl.SSLObject` by itself:
so it sees close_notify (RFC 8446 section 6.1), what stands after an upgrade,
and sessions, on every event loop alike.
"""

from __future__ import annotations

import contextlib
import functools
import ssl as _ssl

from ..errors import AsyncNetError, ProtocolError, TLSError
from .address import check_host
from .certificate import Certificate, explain_refusal

__all__ = [
    "TLSLayer", "broken_handshake", "broken_record", "check_side", "check_tls", "choose_context", "client_context",
    "explain_tls",
]  # fmt: skip

_RECORD = 16_384  # bytes: the most one TLS record holds (RFC 8446 section 5.1)
_FIRST = 80  # bytes that are kept of what the peer began with

# What OpenSSL says of bytes that are no TLS at all.
_NO_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "RECORD_LAYER_FAILURE"})
_TOO_OLD = frozenset({"UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION", "WRONG_SSL_VERSION"})


@functools.cache
def client_context(*alpn: str) -> _ssl.SSLContext:
    """The context that clients share: system trust store, verified, TLS 1.2 at least, SSLKEYLOGFILE honoured.

    Args:
        alpn: the protocols to offer in the handshake (RFC 7301), such as ``"http/1.1"``.
    """
    context = _ssl.create_default_context()
    context.minimum_version = _ssl.TLSVersion.TLSv1_2
    # A peer that asks to renegotiate in TLS 1.2 would make a write wait for a read.
    context.options |= _ssl.OP_NO_RENEGOTIATION
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


def check_tls(ssl: object, server_hostname: object = None, *, server_side: bool = False) -> None:
    """Raise `TypeError` or `ValueError` for what cannot be used, before any I/O."""
    _check_kind(ssl)
    if isinstance(ssl, _ssl.SSLContext):
        check_side(ssl, "ssl", server_side=server_side)
    if server_hostname is not None:
        check_host(server_hostname, "server_hostname")


def _check_kind(ssl: object) -> None:
    if not (ssl is None or isinstance(ssl, bool | _ssl.SSLContext)):
        raise TypeError(f"ssl must be a bool, an ssl.SSLContext or None, not {type(ssl).__name__}")


def check_side(context: _ssl.SSLContext, name: str, *, server_side: bool) -> None:
    """Raise `ValueError` for a context that was made for the other end of a connection."""
    wrong = _ssl.PROTOCOL_TLS_CLIENT if server_side else _ssl.PROTOCOL_TLS_SERVER
    if context.protocol == wrong:
        this, other = ("server", "client") if server_side else ("client", "server")
        raise ValueError(
            f"{name} is a {other}'s context, and this is the {this}: make it of PROTOCOL_TLS_{this.upper()}"
        )


def choose_context(
    ssl: bool | _ssl.SSLContext | None,
    dialer_context: _ssl.SSLContext | None = None,
    *,
    default: bool = False,
    alpn: tuple[str, ...] = (),
) -> _ssl.SSLContext | None:
    """The context to use, ``None`` for no TLS.

    Args:
        ssl: what the call said; a context of its own wins.
        dialer_context: the dialer's ``ssl_context``.
        default: what ``ssl=None`` means for this protocol and port.
        alpn: what the protocol offers in the handshake; the context of a caller or a
            dialer has its own, which only its owner may change.
    """
    _check_kind(ssl)
    if isinstance(ssl, _ssl.SSLContext):
        return ssl
    if default if ssl is None else ssl:
        return dialer_context or client_context(*alpn)
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
        name = None if server_hostname is None else _verified_name(server_hostname)
        self.object = context.wrap_bio(
            self._incoming, self._outgoing, server_side, server_hostname=name, session=session
        )
        self.established = False
        self.ended = False
        self._pending = bytearray()  # plaintext that OpenSSL would not take yet
        self._first = b""  # what the peer began with: to say what it speaks, if not TLS

    def feed(self, data: memoryview, plaintext: list[bytes]) -> None:
        """Take ciphertext; append what it decrypts to. Raises `ssl.SSLError`."""
        if not self.established:
            if len(self._first) < _FIRST:
                self._first += bytes(data[: _FIRST - len(self._first)])
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

    @property
    def serves_another(self) -> bool:
        """Whether the peer refused every protocol that was offered: the alert of RFC 7301 section 3.2."""
        # Pythons before 3.13 have no word for it, so it is read from the record: type 21, alert 120.
        return self._first[:1] == b"\x15" and self._first[5:7] == b"\x02\x78"


def _verified_name(host: str) -> str:
    """The name that a certificate and SNI can hold: no trailing dot (RFC 6066 section 3), no zone."""
    return check_host(host, "server_hostname").rstrip(".").partition("%")[0]


def explain_tls(error: _ssl.SSLError, layer: TLSLayer | None, name: str | None, port: int | None = None) -> TLSError:
    """Say in one line what went wrong in a handshake, and what to do where we know it.

    Args:
        error: what the handshake raised.
        layer: the layer that did it, ``None`` where an engine has its own.
        name: the name that was to be verified.
        port: the peer's.
    """
    where = f"port {port}" if port else "the peer"
    reason = _reason(error)
    if isinstance(error, _ssl.SSLCertVerificationError):
        message = explain_refusal(error.verify_code, error.verify_message, name, _unverified_chain(error))
    elif greeting := layer.greeting if layer is not None else "":
        speaks_first = greeting.startswith(("220", "+OK", "200", "201", "* OK"))
        problem = "speaks STARTTLS, not TLS from the first byte" if speaks_first else "does not speak TLS"
        message = f"{where} {problem} (it said {greeting!r})"
    elif reason in _NO_TLS:
        message = f"{where} does not speak TLS"
    elif reason in _TOO_OLD:
        message = f"{where} speaks no TLS that is new enough (1.2 by default)"
    elif layer is not None and layer.serves_another:
        message = f"{where} says that it serves another protocol (ALPN)"
    elif reason == "TLSV1_UNRECOGNIZED_NAME":
        message = f"{where} serves nothing under the name {name}"
    else:
        message = f"handshake with {name or 'the peer'} failed: {_words(error)}"
    return TLSError(message, phase="tls")


def _unverified_chain(error: _ssl.SSLError) -> list[Certificate]:
    """The certificates that were refused, as far as this Python shows them."""
    # getpeercert() gives nothing before the handshake is complete, and asyncio's own SSL layer does not
    # show its object at all; but the object's method is the last Python code that the error came through.
    traceback = error.__traceback__
    owner = None
    while traceback is not None:
        found = traceback.tb_frame.f_locals.get("self")
        owner = found if isinstance(found, _ssl.SSLObject) else owner
        traceback = traceback.tb_next
    # Public only from 3.13 on, and there as DER; this is what it stands on.
    get_chain = getattr(getattr(owner, "_sslobj", None), "get_unverified_chain", None)
    with contextlib.suppress(Exception):
        return [certificate.get_info() for certificate in get_chain() or ()] if get_chain is not None else []
    return []


def broken_handshake(error: OSError | EOFError) -> TLSError:
    """The error for a connection that ends in the middle of a handshake."""
    words = getattr(error, "strerror", None) or str(error)
    if not words:  # a bare ConnectionResetError is all that the event loops' own TLS says of it
        return TLSError("the peer closed the connection during the TLS handshake", phase="tls")
    return TLSError(f"the connection broke during the TLS handshake: {words}", phase="tls")


def broken_record(error: _ssl.SSLError) -> AsyncNetError:
    """The error for TLS that breaks after its handshake."""
    if "ALERT" in _reason(error):
        # TLS 1.3 clients are through before the server has looked at their certificate (RFC 8446 section 4.4.2.4).
        return TLSError(f"the peer ended TLS: {_words(error)}", phase="tls")
    return ProtocolError(f"the peer sent a broken TLS record: {_words(error)}", phase="tls")


def _reason(error: _ssl.SSLError) -> str:
    # Only what OpenSSL has raised has one.
    return getattr(error, "reason", None) or ""


def _words(error: _ssl.SSLError) -> str:
    return (_reason(error) or str(error) or type(error).__name__).replace("_", " ").lower()

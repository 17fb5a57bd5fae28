"""Every error of asyncnet, in one tree.

::

    AsyncNetError
    ├── ResolveError   (OSError)             a name could not be turned into an address
    │   ├── NameNotFound                     the name does not exist (NXDOMAIN)
    │   └── NoData                           the name exists, not with that type
    ├── ConnectError   (ConnectionError)     no connection came about; see .attempts
    │   ├── ForbiddenAddress                 the dialer's policy forbids the address
    │   └── TLSError                         handshake, certificate, or TLS required and not offered
    ├── ConnectionLost (ConnectionError)     the peer vanished in the middle; truncated bodies too
    ├── OperationTimeout (TimeoutError)      the time given was not enough
    ├── LimitExceeded                        more than max_bytes or another limit of ours
    ├── ProtocolError                        the peer broke the protocol
    ├── ReplyError                           the peer said a clear no: .code .text .response
    │   └── AuthenticationError              ... to our credentials
    └── StateError     (RuntimeError)        closed, not open, busy, or wrong event loop

Misuse by the caller is ``ValueError`` or ``TypeError``, raised before any I/O.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = [
    "AsyncNetError",
    "Attempt",
    "AuthenticationError",
    "ConnectError",
    "ConnectionLost",
    "ForbiddenAddress",
    "LimitExceeded",
    "NameNotFound",
    "NoData",
    "OperationTimeout",
    "ProtocolError",
    "ReplyError",
    "ResolveError",
    "StateError",
    "TLSError",
]


@dataclass(frozen=True, slots=True)
class Attempt:
    """A plain record of one try: one address dialled, or one request sent.

    Attributes:
        target: what was tried, such as ``"192.0.2.1:443"``.
        error: why it failed in one line; empty for the one that succeeded.
        errno: the operating system's number, ``None`` if it gave none.
        elapsed: seconds from its start to its end.
    """

    target: str
    error: str = ""
    errno: int | None = None
    elapsed: float = 0.0


class AsyncNetError(Exception):
    """The root of all errors that asyncnet raises on purpose.

    ``args == (message,)``; the fields below are keyword-only, and what the
    raising place does not know is filled in by the operation it belongs to.

    Attributes:
        protocol: the namespace, such as ``"smtp"``.
        operation: the call, such as ``"send"``.
        peer: whom it was about: ``"host:port"``, a URL or a name; never a secret.
        phase: where it stopped, such as ``"connect"``, ``"tls"`` or ``"transfer"``.
        attempts: an :class:`Attempt` for each address or request that was tried.
        elapsed: seconds since the operation began.
        maybe_done: the peer may have carried the operation out although no
            answer was seen; such an operation is never repeated by asyncnet.
    """

    protocol: str | None
    operation: str | None
    peer: str | None
    phase: str | None
    attempts: tuple[Attempt, ...]
    elapsed: float | None
    maybe_done: bool

    def __init__(
        self,
        message: str = "",
        *,
        protocol: str | None = None,
        operation: str | None = None,
        peer: str | None = None,
        phase: str | None = None,
        attempts: tuple[Attempt, ...] = (),
        elapsed: float | None = None,
        maybe_done: bool = False,
    ) -> None:
        super().__init__(message)
        self.protocol = protocol
        self.operation = operation
        self.peer = peer
        self.phase = phase
        self.attempts = tuple(attempts)
        self.elapsed = elapsed
        self.maybe_done = maybe_done
        # OSError keeps errno outside __dict__ and would drop it on a copy, so
        # it is set only where the attempts agree and carried by __reduce__.
        numbers = {attempt.errno for attempt in self.attempts}
        error: BaseException = self
        if isinstance(error, OSError) and len(numbers) == 1:
            error.errno = numbers.pop()

    def __str__(self) -> str:
        message = str(self.args[0]).strip() if self.args else ""
        what = " ".join(part for part in (self.protocol, self.operation, self.peer) if part)
        where = []
        if self.phase:
            where.append(self.phase)
        if self.elapsed is not None:
            where.append(f"after {self.elapsed:.2f} s")
        if len(self.attempts) > 1:
            where.append(f"{len(self.attempts)} attempts")
        text = f"{what}: {message or type(self).__name__}" if what else message or type(self).__name__
        if where:
            text += f" ({', '.join(where)})"
        # One line, whatever a hostile peer put into its words.
        return "".join(c if c.isprintable() else " " if c in "\r\n\t" else f"\\x{ord(c):02x}" for c in text)

    def __reduce__(self) -> tuple[Any, ...]:
        state = dict(self.__dict__)
        if isinstance(self, OSError) and self.errno is not None:
            state["errno"] = self.errno
        return (type(self), self.args, state)


class ResolveError(AsyncNetError, OSError):
    """A name could not be turned into an address, or its records not be had."""


class NameNotFound(ResolveError):
    """The name does not exist: NXDOMAIN (RFC 1035 section 4.1.1, RFC 8020)."""


class NoData(ResolveError):
    """The name exists but has no record of the asked type (RFC 2308 section 2.2)."""


class ConnectError(AsyncNetError, ConnectionError):
    """No connection came about; ``attempts`` tells what was tried for each address."""


class ForbiddenAddress(ConnectError):
    """The dialer's ``allow`` policy forbids the address that was to be dialled."""


class TLSError(ConnectError):
    """The TLS handshake or the certificate failed, or TLS was required and not offered."""


class ConnectionLost(AsyncNetError, ConnectionError):
    """The peer vanished in the middle, or what it sent was cut short."""


class OperationTimeout(AsyncNetError, TimeoutError):
    """The operation did not end within the time it was given; ``phase`` says where it was."""


class LimitExceeded(AsyncNetError):
    """The peer sent more than ``max_bytes`` or another limit of ours allows."""


class ProtocolError(AsyncNetError):
    """The peer sent something that its protocol does not allow."""


class ReplyError(AsyncNetError):
    """The peer answered, and the answer is a clear no.

    Attributes:
        code: the peer's code: an ``int`` (SMTP, FTP, NNTP, HTTP), a ``str``
            (POP3 response codes) or ``None`` where it gave none.
        text: the peer's own words.
        response: the whole response where there is one, such as the HTTP page.
    """

    code: int | str | None
    text: str
    response: Any

    def __init__(
        self,
        message: str = "",
        *,
        code: int | str | None = None,
        text: str = "",
        response: Any = None,
        protocol: str | None = None,
        operation: str | None = None,
        peer: str | None = None,
        phase: str | None = None,
        attempts: tuple[Attempt, ...] = (),
        elapsed: float | None = None,
        maybe_done: bool = False,
    ) -> None:
        super().__init__(
            message,
            protocol=protocol,
            operation=operation,
            peer=peer,
            phase=phase,
            attempts=attempts,
            elapsed=elapsed,
            maybe_done=maybe_done,
        )
        self.code = code
        self.text = text
        self.response = response


class AuthenticationError(ReplyError):
    """The peer refused the credentials, or offers no way to use them safely."""


class StateError(AsyncNetError, RuntimeError):
    """The object is closed, not open, busy, or belongs to another event loop."""

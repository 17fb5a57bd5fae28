"""The seam: what carries HTTP/1.1 messages, seen from the policies above it.

A wire opens connections and moves one request and one response at a time over
each.  It follows no redirect, keeps no cookie, undoes no coding and repeats
nothing.  `Pool` and the policies know these protocols only; another engine is
another implementation of them.
"""

from __future__ import annotations

import ssl as _ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from ..core.dialer import Dialer
from ..core.direct import Direct
from ..core.operation import Operation
from .headers import Headers

__all__ = ["Origin", "Wire", "WireConnection", "WireRequest", "WireResponse"]


@dataclass(frozen=True, slots=True)
class Origin:
    """What must be equal for a connection to be used again: the pool's key.

    Dialer and context count by identity: what they stand for - policy, proxy,
    trust - is not to be shared because it looks alike.
    """

    scheme: str
    host: str
    port: int
    dialer: Dialer
    context: _ssl.SSLContext | None  # None: no TLS
    server_hostname: str | None = None
    bulk: bool = False  # whether it is for large bodies

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


@dataclass(slots=True)  # not frozen: that would cost a third of a microsecond for each field
class WireRequest:
    """One request, ready to be written.

    Attributes:
        method: a token, upper case.
        head: the request line and all fields, ending in the empty line.
        body: all of it, or pieces, or ``None`` for none.
        chunked: send the pieces in the chunked coding (RFC 9112 section 7.1); else
            their total is what ``Content-Length`` in the head says.
    """

    method: str
    head: bytes
    body: bytes | AsyncIterator[bytes] | None = None
    chunked: bool = False


class WireResponse(Protocol):
    """One response whose head has arrived."""

    status: int
    reason: str
    headers: Headers
    length: int | None  # of Content-Length
    coded: bool  # whether there is a Content-Encoding
    sets_cookies: bool

    async def receive(self) -> bytes:
        """The next piece of the body as it came, ``b""`` at its end.

        Raises:
            ConnectionLost: the body was cut.
            ProtocolError: its framing is broken.
        """

    def direct(self) -> Direct | None:
        """The rest of the body past all parsing, where the wire and this body allow it; instead of `receive`."""

    def take(self) -> bytes | None:
        """The rest of the body if all of it has arrived in good order, else ``None``."""


class WireConnection(Protocol):
    """One connection, used by one exchange at a time."""

    @property
    def reusable(self) -> bool:
        """Whether it stands, between two exchanges, with nothing unread on it."""

    @property
    def written(self) -> bool:
        """Whether a byte of the current request may have reached the peer."""

    @property
    def closed(self) -> bool:
        """Whether its socket is closed."""

    async def exchange(self, request: WireRequest) -> WireResponse:
        """Send a request and return its response when the head is there.

        Raises:
            ConnectionLost: the peer closed without an answer.
            ProtocolError, LimitExceeded: what came is no head, or an endless one.
        """

    def abort(self) -> None:
        """Drop it now; never waits, never raises.  Idempotent."""

    def drop(self) -> None:
        """Close the socket without touching the event loop, which may be closed."""

    async def wait_closed(self) -> None:
        """Wait until the socket of an aborted connection is closed."""


class Wire(Protocol):
    """Opens connections."""

    async def connect(self, operation: Operation, origin: Origin) -> WireConnection:
        """Dial, and do the TLS handshake where the origin has a context."""

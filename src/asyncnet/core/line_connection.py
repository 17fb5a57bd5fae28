"""The connection of a command protocol: lines out, lines and blocks in, TLS on the way.

What SMTP, FTP, POP3 and NNTP have in common below their commands.  It is dropped
after any mishap and never used again: the answer to a command that was given up
would be taken for that to the next one.
"""

from __future__ import annotations

import ssl as _ssl

from ..errors import AsyncNetError, ConnectionLost, ProtocolError, TLSError
from .access import Access
from .dialer import Dialer
from .handshake import upgrade
from .lines import MAX_LINE, LineBuffer
from .operation import Operation
from .stream import Stream
from .tls import choose_context

__all__ = ["LineConnection"]


class LineConnection:
    """One connection to a server; used inside the operations of a client, which bound it in time.

    Args:
        protocol: the namespace, such as ``"pop3"``.
        access: where, and how TLS comes about.
        max_line: bytes in one line of the server.

    Attributes:
        buffer: what was received and not yet taken.
    """

    __slots__ = ("_access", "_fed", "_stream", "buffer")

    def __init__(self, protocol: str, access: Access, *, max_line: int = MAX_LINE) -> None:
        self._access = access
        self._stream = Stream(protocol=protocol, peer=access.peer, timeout=None)
        self._fed = 0
        self.buffer = LineBuffer(max_line=max_line)

    @property
    def encrypted(self) -> bool:
        """Whether it speaks TLS."""
        return self._stream.ssl_object is not None

    @property
    def quiet(self) -> bool:
        """Whether nothing was received that nobody has taken."""
        return not len(self.buffer) and self._stream.bytes_received == self._fed

    @property
    def stream(self) -> Stream:
        """What it stands on."""
        return self._stream

    async def dial(self, operation: Operation, dialer: Dialer) -> None:
        """Connect, with TLS from the first byte where the access says so."""
        access = self._access
        await dialer.dial_stream(
            operation, self._stream, access.host, access.port,
            ssl=(access.ssl or True) if access.implicit_tls else False,
            server_hostname=access.server_hostname, local_address=access.local_address, alpn=access.alpn,
        )  # fmt: skip

    def wants_starttls(self, *, offered: bool, name: str = "STARTTLS") -> bool:
        """Whether to go on in TLS now.

        Raises:
            TLSError: it is required and not offered.
        """
        access = self._access
        if self.encrypted or access.starttls is False:
            return False
        if not offered and access.tls_required:
            why = "credentials were given" if access.starttls is None else "starttls=True"
            raise TLSError(f"the server does not offer {name}, and it is required ({why})", phase="starttls")
        return offered

    async def start_tls(self, operation: Operation, dialer: Dialer) -> None:
        """Go on in TLS; the server has agreed to it."""
        if not self.quiet:
            # Somebody put it there, to be taken for the server's word inside TLS (RFC 3207 section 6).
            raise ProtocolError("the server sent more than its reply before the TLS handshake")
        access = self._access
        own = access.ssl if isinstance(access.ssl, _ssl.SSLContext) else None
        context = choose_context(own, dialer.ssl_context, default=True, alpn=access.alpn)
        assert context is not None
        await upgrade(operation, self._stream, context, access.server_hostname or access.host)

    async def send(self, data: bytes) -> None:
        """Send bytes: whole commands, or a block."""
        try:
            await self._stream.send(data)
        except AsyncNetError as error:
            error.operation = error.phase = None
            raise

    async def receive(self) -> None:
        """Wait until there is more in `buffer`.

        Raises:
            ConnectionLost: the server has closed the connection.
        """
        try:
            data = await self._stream.receive()
        except AsyncNetError as error:
            error.operation = error.phase = None
            raise
        if not data:
            raise ConnectionLost("the server closed the connection")
        self._fed += len(data)
        self.buffer.feed(data)

    async def line(self) -> bytes:
        """Wait for the next line, and take it without its end."""
        while (line := self.buffer.take_line()) is None:
            await self.receive()
        return line

    async def close(self) -> None:
        """End the connection politely."""
        await self._stream.close()

    def abort(self) -> None:
        """Drop the connection now."""
        self._stream.abort()

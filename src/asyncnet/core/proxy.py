"""Proxies: HTTP CONNECT (RFC 9110 section 9.3.6) and SOCKS5 (RFC 1928, RFC 1929).

The proxy is handed the target over a connected socket; nothing of what the
target says is read.  Credentials come from the proxy's URL, written by the caller.
"""

from __future__ import annotations

import base64
import ipaddress
import socket
from dataclasses import dataclass, field

from ..errors import AuthenticationError, ConnectError, ProtocolError
from .address import parse_literal, parse_url
from .sockets import receive_exactly, receive_head, send_all

__all__ = ["Proxy", "parse_proxy"]

_HEAD_LIMIT = 16_384  # bytes: a proxy's answer to CONNECT
_PORTS = {"http": 8080, "socks5": 1080, "socks5h": 1080}
_SOCKS_REPLIES = {
    1: "general failure",
    2: "forbidden by its rules",
    3: "network unreachable",
    4: "host unreachable",
    5: "connection refused",
    6: "TTL expired",
    7: "command not supported",
    8: "address type not supported",
}


@dataclass(frozen=True, slots=True)
class Proxy:
    """Where a proxy is and how it is spoken to; hashable, its secret never shown."""

    scheme: str
    host: str
    port: int
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"

    @property
    def resolves(self) -> bool:
        """Whether it is handed names rather than addresses."""
        return self.scheme != "socks5"

    async def tunnel(self, sock: socket.socket, host: str, port: int) -> None:
        """Ask the proxy, on a socket connected to it, for a connection to the target."""
        try:
            if self.scheme == "http":
                await self._connect(sock, host, port)
            else:
                await self._socks(sock, host, port)
        except (EOFError, ValueError) as error:
            raise ProtocolError(f"proxy {self}: {error}", phase="proxy") from error
        except OSError as error:
            if isinstance(error, ConnectError):
                raise
            raise ConnectError(f"proxy {self}: {error.strerror or error}", phase="proxy") from error

    async def _connect(self, sock: socket.socket, host: str, port: int) -> None:
        target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
        if self.username is not None:
            token = base64.b64encode(f"{self.username}:{self.password or ''}".encode()).decode()
            lines.append(f"Proxy-Authorization: Basic {token}")
        await send_all(sock, "\r\n".join([*lines, "", ""]).encode("ascii"))
        head = await receive_head(sock, _HEAD_LIMIT)
        status = head.split(b"\r\n", 1)[0].decode("latin-1")
        version, _, rest = status.partition(" ")
        if not version.startswith("HTTP/1.") or not rest[:3].isdigit():
            raise ProtocolError(f"proxy {self} answered {status[:60]!r} to CONNECT", phase="proxy")
        code = int(rest[:3])
        if code == 407:
            raise AuthenticationError(f"proxy {self} wants other credentials", code=code, text=rest[4:], phase="proxy")
        if not 200 <= code < 300:
            raise ConnectError(f"proxy {self} refused {target}: {rest[:80]}", phase="proxy")

    async def _socks(self, sock: socket.socket, host: str, port: int) -> None:
        methods = b"\x00\x02" if self.username is not None else b"\x00"
        await send_all(sock, b"\x05" + bytes([len(methods)]) + methods)
        version, method = await receive_exactly(sock, 2)
        if version != 5:
            raise ProtocolError(f"proxy {self} does not speak SOCKS5", phase="proxy")
        if method == 2 and self.username is not None:
            await self._socks_login(sock)
        elif method != 0:
            raise AuthenticationError(f"proxy {self} wants other credentials", phase="proxy")
        literal = parse_literal(host)
        if isinstance(literal, ipaddress.IPv4Address):
            target = b"\x01" + literal.packed
        elif literal is not None:
            target = b"\x04" + literal.packed
        else:
            name = host.encode("ascii")
            target = b"\x03" + bytes([len(name)]) + name
        await send_all(sock, b"\x05\x01\x00" + target + port.to_bytes(2, "big"))
        version, reply, _, kind = await receive_exactly(sock, 4)
        if version != 5:
            raise ProtocolError(f"proxy {self} does not speak SOCKS5", phase="proxy")
        if reply:
            words = _SOCKS_REPLIES.get(reply, f"reply {reply}")
            raise ConnectError(f"proxy {self} could not connect to {host}:{port}: {words}", phase="proxy")
        length = {1: 4, 4: 16}.get(kind)
        if kind == 3:
            length = (await receive_exactly(sock, 1))[0]
        if length is None:
            raise ProtocolError(f"proxy {self} answered with address type {kind}", phase="proxy")
        await receive_exactly(sock, length + 2)

    async def _socks_login(self, sock: socket.socket) -> None:
        username, password = (self.username or "").encode(), (self.password or "").encode()
        await send_all(sock, b"\x01" + bytes([len(username)]) + username + bytes([len(password)]) + password)
        _, status = await receive_exactly(sock, 2)
        if status:
            raise AuthenticationError(f"proxy {self} refused the credentials", code=status, phase="proxy")


def parse_proxy(text: object) -> Proxy:
    """Read ``http://``, ``socks5://`` or ``socks5h://`` with optional ``user:password@``."""
    if not isinstance(text, str):
        raise TypeError(f"proxy must be a URL or None, not {type(text).__name__}")
    url = parse_url(text, _PORTS)
    if url.path not in ("", "/") or url.query:
        raise ValueError("proxy must be scheme://host:port without a path")
    for secret in (url.username, url.password):
        if secret is not None and len(secret.encode()) > 255:
            raise ValueError("the proxy's user name and password hold at most 255 bytes each (RFC 1929)")
    return Proxy(url.scheme, url.host, url.port, url.username, url.password)



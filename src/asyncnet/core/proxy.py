"""Proxies: where one is, and the way through it.

The proxy is handed the target over a connected socket; nothing of what the
target says is read.  Credentials come from the proxy's URL, written by the
caller, and are never shown.

Why these two conversations are our own and not python-socks': it dials the
proxy itself, resolves names in the default thread pool, takes the answer to
CONNECT to be whatever one read returns (an answer in two pieces fails, and what
the target said behind it is swallowed), and closes its socket while the event
loop still watches the descriptor.  A safe dialer could not use any of that.
"""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from ..errors import AsyncNetError, AuthenticationError, ConnectError, OperationTimeout, ProtocolError
from .address import Endpoint, check_host, parse_url
from .attempts import Hopeless, within_attempt
from .operation import Operation
from .proxy_messages import (
    NO_LOGIN,
    PASSWORD,
    connect_request,
    read_connect_answer,
    read_socks_bound,
    read_socks_login,
    read_socks_method,
    read_socks_reply,
    socks_greeting,
    socks_login,
    socks_request,
)
from .sockets import receive_exactly, receive_head, send_all

__all__ = ["Proxy", "open_tunnel", "parse_proxy"]

_HEAD_LIMIT = 16_384  # bytes: a proxy's answer to CONNECT
_PORTS = {"http": 8080, "socks5": 1080, "socks5h": 1080}


@dataclass(frozen=True, slots=True)
class Proxy:
    """Where a proxy is and how it is spoken to; hashable, its secret never shown."""

    scheme: str
    host: str
    port: int
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return f"{self.scheme}://{Endpoint(self.host, self.port)}"

    @property
    def takes_names(self) -> bool:
        """Whether it is handed names rather than addresses."""
        return self.scheme != "socks5"

    async def tunnel(self, operation: Operation, sock: socket.socket, host: str, port: int) -> None:
        """Ask the proxy, on a socket connected to it, for a connection to the target.

        Raises:
            ConnectError: the proxy could not or would not connect to the target, or broke off.
            AuthenticationError: it wants other credentials.
            ProtocolError: it speaks something else.
            OperationTimeout: it gave no answer for 10 s.
        """
        operation.phase = "proxy"
        target = str(Endpoint(host, port))
        converse = self._connect if self.scheme == "http" else self._socks
        with operation.part("tunnel", proxy=str(self), target=target):
            try:
                await within_attempt(operation, converse(sock, host, port))
            except AsyncNetError:
                raise
            except ValueError as error:
                raise ProtocolError(f"proxy {self}: {error}", phase="proxy") from error
            except EOFError as error:
                raise ConnectError(f"proxy {self} closed the connection: {error}", phase="proxy") from error
            except TimeoutError as error:
                raise OperationTimeout(f"proxy {self}: {error.strerror}", phase="proxy") from error
            except OSError as error:
                raise ConnectError(f"proxy {self}: {error.strerror or error}", phase="proxy") from error

    async def _connect(self, sock: socket.socket, host: str, port: int) -> None:
        await send_all(sock, connect_request(host, port, self.username, self.password))
        code, words = read_connect_answer(await receive_head(sock, _HEAD_LIMIT))
        if code in (401, 407):  # RFC 9110 section 15.5.8 has 407; tinyproxy 1.11 says 401 to a wrong password
            raise self._wants_login(code, words)
        if not 200 <= code < 300:
            raise self._refused(host, port, f"{code} {words}".strip())

    async def _socks(self, sock: socket.socket, host: str, port: int) -> None:
        await send_all(sock, socks_greeting(self.username is not None))
        method = read_socks_method(await receive_exactly(sock, 2))
        if method == PASSWORD and self.username is not None:
            await send_all(sock, socks_login(self.username, self.password or ""))
            if not read_socks_login(await receive_exactly(sock, 2)):
                raise self._wants_login(None, "")
        elif method != NO_LOGIN:
            raise self._wants_login(None, "")
        await send_all(sock, socks_request(host, port))
        problem = read_socks_reply(await receive_exactly(sock, 2))
        if problem is not None:
            raise self._refused(host, port, problem)
        await receive_exactly(sock, read_socks_bound(await receive_exactly(sock, 3)))

    def _refused(self, host: str, port: int, words: str) -> ConnectError:
        return ConnectError(f"proxy {self} gave no connection to {Endpoint(host, port)}: {words}", phase="proxy")

    def _wants_login(self, code: int | None, words: str) -> AuthenticationError:
        what = "other credentials" if self.username is not None else "credentials"
        return AuthenticationError(f"proxy {self} wants {what}", code=code, text=words, phase="proxy")


async def open_tunnel(
    operation: Operation, proxy: Proxy, reach: Callable[[], Awaitable[socket.socket]], target: Endpoint
) -> socket.socket:
    """Connect to a target, an address or a name, through a proxy.

    Args:
        operation: whose time this is.
        proxy: whom to ask.
        reach: connects to the proxy.
        target: for what.

    Raises:
        Hopeless: the proxy cannot be reached, so no other address of the target could be either.
        ConnectError, AuthenticationError, ProtocolError, OperationTimeout: as for `Proxy.tunnel`.
    """
    try:
        sock = await reach()
    except AsyncNetError as error:
        error.args = (f"proxy {proxy}: {error.args[0]}",)
        raise Hopeless(error) from error
    try:
        await proxy.tunnel(operation, sock, target.host, target.port)
    except BaseException:
        sock.close()
        raise
    return sock


def parse_proxy(text: object) -> Proxy:
    """Read ``http://``, ``socks5://`` or ``socks5h://`` with optional ``user:password@``."""
    if not isinstance(text, str):
        raise TypeError(f"proxy must be a URL or None, not {type(text).__name__}")
    try:
        url = parse_url(text, _PORTS)
    except ValueError as error:
        raise ValueError(f"proxy: {error}") from None
    if url.path not in ("", "/") or url.query or url.fragment:
        raise ValueError("proxy must be scheme://host:port without a path")
    for secret in (url.username, url.password):
        # RFC 1929 has one byte for the length; a user name with a colon could not be told from its password (RFC 7617).
        if secret is not None and len(secret.encode()) > 255:
            raise ValueError("user name and password of the proxy hold at most 255 bytes each")
    if url.username is not None and ":" in url.username and url.scheme == "http":
        raise ValueError("the user name of an http:// proxy must not contain a colon")
    return Proxy(url.scheme, check_host(url.host), url.port, url.username, url.password)

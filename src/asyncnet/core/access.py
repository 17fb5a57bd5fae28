"""How to reach and enter a server of a command protocol: checked before any I/O."""

from __future__ import annotations

import ssl as _ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias

from .address import Endpoint, check_host, check_port, check_text
from .dialer import Dialer, current_dialer
from .target import LocalAddress, check_local_address
from .tls import check_tls

__all__ = ["Access", "Token"]

# An OAuth token, or an async function that returns a fresh one.
Token: TypeAlias = "str | Callable[[], Awaitable[str]]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The options of a connection; secrets are not in the repr.

    A protocol says by a subclass on which port TLS begins with the first byte, and what
    it is called in the handshake (ALPN, RFC 7301) if IANA has given it a name.

    Attributes:
        host, port: the server.
        username: whom to log in, ``None`` for nobody.
        password: with ``username``.
        token: instead of a password: an OAuth token, or an async function that returns one.
        ssl: TLS from the first byte; ``None``: on the port that is for it.
        starttls: ``True`` required, ``False`` never, ``None`` used when offered and required with credentials.
        server_hostname: the name to verify, ``None`` for ``host``.
        local_address: ``(host, port)`` to bind.
        dialer: opens the connection, ``None`` for the current one.
    """

    tls_port: ClassVar[int]
    alpn: ClassVar[tuple[str, ...]] = ()

    host: str
    port: int
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    token: Token | None = field(default=None, repr=False)
    ssl: bool | _ssl.SSLContext | None = None
    starttls: bool | None = None
    server_hostname: str | None = None
    local_address: LocalAddress | None = None
    dialer: Dialer | None = None

    def __post_init__(self) -> None:
        # A frozen dataclass is set up through object.__setattr__: what is stored is what was checked.
        object.__setattr__(self, "host", check_host(self.host))
        check_port(self.port)
        check_tls(self.ssl, self.server_hostname)
        if self.server_hostname is not None:
            object.__setattr__(self, "server_hostname", check_host(self.server_hostname, "server_hostname"))
        object.__setattr__(self, "local_address", check_local_address(self.local_address))
        if self.dialer is not None and not isinstance(self.dialer, Dialer):
            raise TypeError(f"dialer must be a Dialer or None, not {type(self.dialer).__name__}")
        self._check_login()
        self._check_starttls()

    def _check_login(self) -> None:
        if self.username is not None and not check_text(self.username, "username"):
            raise ValueError("username must not be empty")
        if self.password is not None:
            check_text(self.password, "password")
        if isinstance(self.token, str):
            check_text(self.token, "token")
        elif self.token is not None and not callable(self.token):
            raise TypeError(f"token must be a str or an async function, not {type(self.token).__name__}")
        if self.password is not None and self.token is not None:
            raise ValueError("give a password or a token, not both")
        if self.has_secret != (self.username is not None):
            raise ValueError("a login needs both username and password, or username and token")

    def _check_starttls(self) -> None:
        if self.starttls not in (True, False, None):
            raise TypeError(f"starttls must be True, False or None, not {self.starttls!r}")
        if self.starttls and (self.ssl is True or (self.ssl is None and self.port == self.tls_port)):
            raise ValueError("TLS from the first byte leaves no place for STARTTLS: give ssl=False or starttls=None")

    @property
    def peer(self) -> str:
        """The server as errors name it."""
        return str(Endpoint(self.host, self.port))

    @property
    def has_secret(self) -> bool:
        """Whether there is something that must not travel in clear."""
        return self.password is not None or self.token is not None

    @property
    def implicit_tls(self) -> bool:
        """Whether TLS begins with the first byte."""
        if isinstance(self.ssl, _ssl.SSLContext):
            return self.starttls is not True  # with starttls=True it is the context for that
        return self.port == self.tls_port if self.ssl is None else self.ssl

    @property
    def tls_required(self) -> bool:
        """Whether to go on in clear is out of the question."""
        return self.starttls is True or (self.starttls is None and self.has_secret)

    def choose_dialer(self) -> Dialer:
        """Who opens the connection; to be asked at the public entry."""
        return self.dialer or current_dialer()

    async def secret(self) -> str:
        """The password, the token, or a fresh one from the function that gives them."""
        if self.password is not None:
            return self.password
        if isinstance(self.token, str):
            return self.token
        assert self.token is not None
        token = await self.token()
        if not isinstance(token, str) or not token or not token.isprintable():
            raise TypeError("the token function must return a str of printable characters")
        return token

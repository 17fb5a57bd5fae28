"""How to reach and enter a server: what `send`, `Client` and `Pool` share, checked before any I/O."""

from __future__ import annotations

import ssl as _ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from ..core.address import Endpoint, check_host, check_port, check_text
from ..core.dialer import Dialer
from ..core.target import LocalAddress, check_local_address
from ..core.tls import check_tls

__all__ = ["Options", "Token"]

IMPLICIT_TLS_PORT = 465  # RFC 8314 section 3.3

# An OAuth token, or an async function that returns a fresh one.
Token: TypeAlias = "str | Callable[[], Awaitable[str]]"


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a connection; secrets are not in the repr.

    Attributes:
        host, port: the server.
        username: whom to log in, ``None`` for nobody.
        password: with ``username``.
        token: instead of a password: an OAuth token, or an async function that returns one.
        ssl: TLS from the first byte; ``None``: on port 465.
        starttls: ``True`` required, ``False`` never, ``None`` used when offered and required with credentials.
        server_hostname: the name to verify, ``None`` for ``host``.
        local_address: ``(host, port)`` to bind.
        local_hostname: what to call ourselves, ``None`` for our address.
        dialer: opens the connection, ``None`` for the current one.
    """

    host: str
    port: int = 587
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    token: Token | None = field(default=None, repr=False)
    ssl: bool | _ssl.SSLContext | None = None
    starttls: bool | None = None
    server_hostname: str | None = None
    local_address: LocalAddress | None = None
    local_hostname: str | None = None
    dialer: Dialer | None = None

    def __post_init__(self) -> None:
        # A frozen dataclass is set up through object.__setattr__: what is stored is what was checked.
        object.__setattr__(self, "host", check_host(self.host))
        check_port(self.port)
        check_tls(self.ssl, self.server_hostname)
        if self.server_hostname is not None:
            object.__setattr__(self, "server_hostname", check_host(self.server_hostname, "server_hostname"))
        object.__setattr__(self, "local_address", check_local_address(self.local_address))
        if self.local_hostname is not None:
            _check_local_hostname(self.local_hostname)
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
        given = self.password is not None or self.token is not None
        if given != (self.username is not None):
            raise ValueError("a login needs both username and password, or username and token")

    def _check_starttls(self) -> None:
        if self.starttls not in (True, False, None):
            raise TypeError(f"starttls must be True, False or None, not {self.starttls!r}")
        if self.starttls and (self.ssl is True or (self.ssl is None and self.port == IMPLICIT_TLS_PORT)):
            raise ValueError("TLS from the first byte leaves no place for STARTTLS: give ssl=False or starttls=None")

    @property
    def peer(self) -> str:
        """The server as errors name it."""
        return str(Endpoint(self.host, self.port))

    @property
    def implicit_tls(self) -> bool:
        """Whether TLS begins with the first byte."""
        if isinstance(self.ssl, _ssl.SSLContext):
            return self.starttls is not True  # with starttls=True it is the context for that
        return self.port == IMPLICIT_TLS_PORT if self.ssl is None else self.ssl

    @property
    def tls_required(self) -> bool:
        """Whether to go on in clear is out of the question."""
        return self.starttls is True or (self.starttls is None and self.username is not None)


def _check_local_hostname(name: str) -> None:
    check_text(name, "local_hostname")
    if not (name.startswith("[") and name.endswith("]") and name.isascii() and " " not in name):
        check_host(name, "local_hostname")

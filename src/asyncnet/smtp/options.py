"""How to reach and enter a server: what `send`, `Client` and `Pool` share, checked before any I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..core.access import Access, Token
from ..core.address import check_host, check_text

__all__ = ["Options", "Token"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(Access):
    """The options of a connection; secrets are not in the repr.

    Attributes:
        local_hostname: what to call ourselves, ``None`` for our address.
    """

    tls_port: ClassVar[int] = 465  # RFC 8314 section 3.3

    port: int = 587
    local_hostname: str | None = None

    def __post_init__(self) -> None:
        # No super(): a dataclass with slots is a new class, which a bare super() does not know.
        Access.__post_init__(self)
        if self.local_hostname is not None:
            _check_local_hostname(self.local_hostname)


def _check_local_hostname(name: str) -> None:
    check_text(name, "local_hostname")
    if not (name.startswith("[") and name.endswith("]") and name.isascii() and " " not in name):
        check_host(name, "local_hostname")

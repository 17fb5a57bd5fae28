"""Name servers as a caller writes them.

Pure.  They are addresses, because a name would need a name server to be found.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .address import Endpoint, check_host, parse_literal, split_host_port

__all__ = ["Nameserver", "check_nameservers", "parse_engine_server"]

_PORT = 53
_TLS_PORT = 853  # RFC 7858 section 3.1
_TLS = "tls://"


@dataclass(frozen=True, slots=True)
class Nameserver:
    """One name server.

    Attributes:
        endpoint: its address and port.
        tls: whether it is spoken to over TLS (RFC 7858).
        hostname: the name or address that its certificate must be for.
    """

    endpoint: Endpoint
    tls: bool = False
    hostname: str | None = None

    def __str__(self) -> str:
        return f"{_TLS}{self.endpoint}" if self.tls else str(self.endpoint)

    @property
    def for_engine(self) -> str:
        """As c-ares reads it: the zone of a link-local address comes last."""
        address, _, zone = self.endpoint.host.partition("%")
        return str(Endpoint(address, self.endpoint.port)) + (f"%{zone}" if zone else "")


def check_nameservers(nameservers: Iterable[str] | None) -> tuple[Nameserver, ...] | None:
    """Read what a caller gave, or raise before any I/O; ``None`` stands for the system's.

    Raises:
        TypeError: not a list of strings.
        ValueError: a name instead of an address, a bad port, none at all, or some with TLS and some without.
    """
    if nameservers is None:
        return None
    if isinstance(nameservers, str | bytes) or not isinstance(nameservers, Iterable):
        raise TypeError("nameservers must be a list of strings, such as ['192.0.2.1:53']")
    checked = tuple(_parse(text) for text in nameservers)
    if not checked:
        raise ValueError("nameservers must name at least one; None stands for the system's")
    if len({server.tls for server in checked}) > 1:
        # What was to be asked in private would else be asked in the open when a server fails.
        raise ValueError("nameservers must all be tls:// or none")
    return checked


def parse_engine_server(text: str) -> Nameserver:
    """Read a name server as c-ares writes it: ``host:port`` or ``[host]:port``, the zone of a link-local one last."""
    place, _, zone = text.partition("%")
    host, port = split_host_port(place, _PORT)
    return Nameserver(Endpoint(f"{host}%{zone}" if zone else host, port))


def _parse(text: object) -> Nameserver:
    if not isinstance(text, str):
        raise TypeError(f"a nameserver must be a str such as '192.0.2.1:53', not {type(text).__name__}")
    tls = text.startswith(_TLS)
    place, mark, name = text.removeprefix(_TLS).partition("#") if tls else (text, "", "")
    host, port = split_host_port(place, _TLS_PORT if tls else _PORT)
    address = parse_literal(host)
    if address is None:
        raise ValueError(f"a nameserver must be given by its address, not by a name: {text!r}")
    if port == 0 or address.is_unspecified:
        raise ValueError(f"no nameserver can be at {text!r}")
    hostname = check_host(name, "the name of a nameserver") if mark else host
    return Nameserver(Endpoint(host, port), tls, hostname if tls else None)

r"""The records of the domain name system as values.

Pure.  A record holds what its type says and nothing else: the owner's name and
the time to live belong to the answer, because they are the same for each
record of a set (RFC 2181 section 5.2).  Names are text without the final dot,
in the presentation form of RFC 1035 section 5.1: a byte that is not printable
ASCII is ``\DDD``, so that a hostile name stays one harmless word.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Any

__all__ = [
    "AAAA",
    "CAA",
    "CNAME",
    "HTTPS",
    "MX",
    "NAPTR",
    "NS",
    "PTR",
    "RECORD_TYPES",
    "SOA",
    "SRV",
    "SVCB",
    "TLSA",
    "TXT",
    "URI",
    "A",
    "Record",
    "check_type",
    "rank",
]


@dataclass(frozen=True, slots=True)
class A:
    """An IPv4 address (RFC 1035 section 3.4.1).

    Attributes:
        address: the address.
    """

    address: IPv4Address

    def __str__(self) -> str:
        return str(self.address)


@dataclass(frozen=True, slots=True)
class AAAA:
    """An IPv6 address (RFC 3596).

    Attributes:
        address: the address.
    """

    address: IPv6Address

    def __str__(self) -> str:
        return str(self.address)


@dataclass(frozen=True, slots=True)
class _Target:
    """What points to another name."""

    target: str

    def __str__(self) -> str:
        return self.target


@dataclass(frozen=True, slots=True)
class CNAME(_Target):
    """The name is an alias (RFC 1035 section 3.3.1).

    Attributes:
        target: the name it stands for.
    """


@dataclass(frozen=True, slots=True)
class NS(_Target):
    """A name server of the zone (RFC 1035 section 3.3.11).

    Attributes:
        target: the server's name.
    """


@dataclass(frozen=True, slots=True)
class PTR(_Target):
    """A pointer, mostly from an address to a name (RFC 1035 section 3.3.12).

    Attributes:
        target: the name pointed to.
    """


@dataclass(frozen=True, slots=True)
class MX:
    """A mail exchanger (RFC 5321 section 5.1).

    Attributes:
        preference: the lower, the sooner it is to be tried.
        exchange: the server's name; ``"."`` says that the domain takes no mail (RFC 7505).
    """

    preference: int
    exchange: str

    def __str__(self) -> str:
        return f"{self.preference} {self.exchange}"


@dataclass(frozen=True, slots=True)
class SOA:
    """The start of a zone (RFC 1035 section 3.3.13); times are seconds.

    Attributes:
        mname: the primary name server.
        rname: the mailbox of who is responsible, its ``@`` written as a dot.
        serial: the version of the zone.
        refresh: when a secondary asks for a new version.
        retry: when it asks again after a failure.
        expire: when it stops answering without the primary.
        minimum: how long a negative answer may be kept (RFC 2308 section 4).
    """

    mname: str
    rname: str
    serial: int
    refresh: int
    retry: int
    expire: int
    minimum: int

    def __str__(self) -> str:
        return f"{self.mname} {self.rname} {self.serial} {self.refresh} {self.retry} {self.expire} {self.minimum}"


@dataclass(frozen=True, slots=True)
class SRV:
    """Where a service is (RFC 2782).

    Attributes:
        priority: the lower, the sooner it is to be tried.
        weight: the share among those of one priority.
        port: the service's port.
        target: the server's name; ``"."`` says that the service is not offered.
    """

    priority: int
    weight: int
    port: int
    target: str

    def __str__(self) -> str:
        return f"{self.priority} {self.weight} {self.port} {self.target}"


@dataclass(frozen=True, slots=True)
class TXT:
    """Text (RFC 1035 section 3.3.14).

    Attributes:
        strings: the byte strings, each at most 255 long, as they were sent.
    """

    strings: tuple[bytes, ...]

    @property
    def text(self) -> str:
        r"""The strings joined, as SPF and DKIM read them (RFC 7208 section 3.3); UTF-8, other bytes as ``\xNN``."""
        return b"".join(self.strings).decode("utf-8", "backslashreplace")

    def __str__(self) -> str:
        return " ".join(f'"{_quoted(string)}"' for string in self.strings)


@dataclass(frozen=True, slots=True)
class CAA:
    """Who may issue certificates (RFC 8659).

    Attributes:
        flags: 128 if the issuer must understand the tag.
        tag: the property, such as ``"issue"``.
        value: its value, such as ``"letsencrypt.org"``.
    """

    flags: int
    tag: str
    value: str

    def __str__(self) -> str:
        return f'{self.flags} {self.tag} "{self.value}"'


@dataclass(frozen=True, slots=True)
class NAPTR:
    """A rewriting rule (RFC 3403 section 4.1).

    Attributes:
        order: rules are used in this order.
        preference: among those of one order.
        flags: how to go on, such as ``"S"``.
        services: what it is for.
        regexp: the substitution, empty if there is a replacement.
        replacement: the next name, ``"."`` if there is a regexp.
    """

    order: int
    preference: int
    flags: str
    services: str
    regexp: str
    replacement: str

    def __str__(self) -> str:
        return f'{self.order} {self.preference} "{self.flags}" "{self.services}" "{self.regexp}" {self.replacement}'


@dataclass(frozen=True, slots=True)
class TLSA:
    """A certificate of a TLS server (RFC 6698 section 2.1).

    Attributes:
        usage: what the data constrains, 0 to 3.
        selector: 0 the whole certificate, 1 its public key.
        matching_type: 0 the data itself, 1 its SHA-256, 2 its SHA-512.
        data: what to compare with.
    """

    usage: int
    selector: int
    matching_type: int
    data: bytes

    def __str__(self) -> str:
        return f"{self.usage} {self.selector} {self.matching_type} {self.data.hex()}"


@dataclass(frozen=True, slots=True)
class URI:
    """A resource (RFC 7553).

    Attributes:
        priority: the lower, the sooner it is to be tried.
        weight: the share among those of one priority.
        target: the URI.
    """

    priority: int
    weight: int
    target: str

    def __str__(self) -> str:
        return f'{self.priority} {self.weight} "{self.target}"'


@dataclass(frozen=True, slots=True)
class SVCB:
    """How to reach a service (RFC 9460).

    Attributes:
        priority: 0 makes it an alias; else the lower, the sooner it is to be tried.
        target: the server's name; ``"."`` is the owner itself.
        params: number and value of each parameter as they were sent; the
            properties below read the usual ones.
    """

    priority: int
    target: str
    params: tuple[tuple[int, bytes], ...] = ()

    def _param(self, number: int) -> bytes:
        return next((value for key, value in self.params if key == number), b"")

    @property
    def alpn(self) -> tuple[str, ...]:
        """The protocols offered, such as ``("h2", "h3")``; empty if not given."""
        return tuple(part.decode("ascii", "backslashreplace") for part in _strings(self._param(1)))

    @property
    def port(self) -> int | None:
        """The port, ``None`` if it is the scheme's own."""
        value = self._param(3)
        return int.from_bytes(value) if len(value) == 2 else None

    @property
    def ipv4_hints(self) -> tuple[IPv4Address, ...]:
        """IPv4 addresses to begin with."""
        value = self._param(4)
        return tuple(IPv4Address(value[i : i + 4]) for i in range(0, len(value) - 3, 4))

    @property
    def ipv6_hints(self) -> tuple[IPv6Address, ...]:
        """IPv6 addresses to begin with."""
        value = self._param(6)
        return tuple(IPv6Address(value[i : i + 16]) for i in range(0, len(value) - 15, 16))

    def __str__(self) -> str:
        words = [str(self.priority), self.target]
        for number, value in self.params:
            words.append(f'{_PARAMS.get(number, f"key{number}")}="{self._shown(number, value)}"')
        return " ".join(words)

    def _shown(self, number: int, value: bytes) -> str:
        shown = {1: self.alpn, 3: (self.port,), 4: self.ipv4_hints, 6: self.ipv6_hints}.get(number)
        return _quoted(value) if shown is None else ",".join(map(str, shown))


@dataclass(frozen=True, slots=True)
class HTTPS(SVCB):
    """How to reach a web server (RFC 9460 section 9); the fields of `SVCB`."""


_PARAMS = {0: "mandatory", 1: "alpn", 2: "no-default-alpn", 3: "port", 4: "ipv4hint", 5: "ech", 6: "ipv6hint"}

Record = A | AAAA | CAA | CNAME | HTTPS | MX | NAPTR | NS | PTR | SOA | SRV | SVCB | TLSA | TXT | URI

# The numbers of the IANA registry "Resource Record (RR) TYPEs".
RECORD_TYPES: dict[str, int] = {
    "A": 1,
    "NS": 2,
    "CNAME": 5,
    "SOA": 6,
    "PTR": 12,
    "MX": 15,
    "TXT": 16,
    "AAAA": 28,
    "SRV": 33,
    "NAPTR": 35,
    "TLSA": 52,
    "SVCB": 64,
    "HTTPS": 65,
    "URI": 256,
    "CAA": 257,
}


def check_type(type: str) -> str:
    """The type's name in capitals, or raise before any query."""
    if not isinstance(type, str):
        raise TypeError(f"type must be the name of a record type, such as 'MX', not {type!r}")
    known = type.upper()
    if known not in RECORD_TYPES:
        raise ValueError(f"unknown record type {type!r}: asyncnet knows {', '.join(sorted(RECORD_TYPES))}")
    return known


def rank(record: Any) -> tuple[int, int]:
    """What an answer is sorted by: the order in which its records are to be tried."""
    match record:
        case MX(preference=preference):
            return (preference, 0)
        case NAPTR(order=order, preference=preference):
            return (order, preference)
        case SRV(priority=priority) | URI(priority=priority) | SVCB(priority=priority):
            return (priority, 0)
    return (0, 0)


def _strings(data: bytes) -> Iterator[bytes]:
    """The length-prefixed strings in it; a cut one is left out."""
    while data and len(data) > data[0]:
        yield data[1 : 1 + data[0]]
        data = data[1 + data[0] :]


def _quoted(data: bytes) -> str:
    return "".join(f"\\{c:03d}" if c < 32 or c > 126 else f"\\{c:c}" if c in b'"\\' else chr(c) for c in data)

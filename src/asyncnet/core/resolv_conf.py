"""resolv.conf(5): which names a short name may mean, and who is asked.

Pure.  The system's name servers are not taken from here but from the engine,
which also knows where macOS and Windows keep theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["ResolvConf", "candidates", "parse_resolv_conf"]

_MAX_NDOTS = 15  # as in the C library


@dataclass(frozen=True, slots=True)
class ResolvConf:
    """What the file says.

    Attributes:
        domains: what is appended, in this order.
        ndots: a name with at least so many dots is tried as it is first.
        nameservers: as they are written; whoever uses them has to check them.
    """

    domains: tuple[str, ...] = ()
    ndots: int = 1
    nameservers: tuple[str, ...] = ()


def parse_resolv_conf(text: str) -> ResolvConf:
    """Read the text of a resolv.conf; the last ``search`` or ``domain`` line counts."""
    domains: tuple[str, ...] = ()
    ndots = 1
    nameservers: list[str] = []
    for line in text.splitlines():
        words = line.split()
        match words:
            case ["search", *names]:
                domains = tuple(name for word in names if (name := word.strip(".").lower()))
            case ["domain", name, *_]:
                domains = (name.strip(".").lower(),) if name.strip(".") else ()
            case ["nameserver", address, *_]:
                nameservers.append(address)
            case ["options", *options]:
                for option in options:
                    word, _, number = option.partition(":")
                    if word == "ndots" and number.isascii() and number.isdigit():
                        ndots = min(int(number), _MAX_NDOTS)
    return ResolvConf(domains, ndots, tuple(nameservers))


def candidates(name: str, search: Sequence[str], ndots: int) -> tuple[str, ...]:
    """The names to ask for, in this order; a final dot means that the name is whole.

    Source: RFC 1123 section 6.1.4.3, RFC 1535.
    """
    if name.endswith(".") or not search:
        return (name if name == "." else name.removesuffix("."),)
    longer = tuple(whole for domain in search if len(whole := f"{name}.{domain}") <= 253)
    return (name, *longer) if name.count(".") >= ndots else (*longer, name)

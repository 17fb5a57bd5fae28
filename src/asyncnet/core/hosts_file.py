"""The hosts file: names and addresses that need no server.

Pure: text in, table out (hosts(5)).  A line that makes no sense is skipped, as everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TypeVar

__all__ = ["Hosts", "parse_hosts"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Hosts:
    """A hosts file, read.

    Attributes:
        addresses: for each name in small letters its addresses, in the order of the file.
        names: for each address its names, the first of a line in front.
    """

    addresses: dict[str, tuple[IPv4Address | IPv6Address, ...]] = field(default_factory=dict)
    names: dict[IPv4Address | IPv6Address, tuple[str, ...]] = field(default_factory=dict)


def parse_hosts(text: str) -> Hosts:
    """Read the text of a hosts file."""
    hosts = Hosts()
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        if len(words) < 2:
            continue
        try:
            address = ip_address(words[0])
        except ValueError:
            continue
        for word in words[1:]:
            name = word.rstrip(".").lower()
            if not name:
                continue
            hosts.addresses[name] = _with(hosts.addresses.get(name, ()), address)
            hosts.names[address] = _with(hosts.names.get(address, ()), name)
    return hosts


def _with(known: tuple[T, ...], new: T) -> tuple[T, ...]:
    return known if new in known else (*known, new)

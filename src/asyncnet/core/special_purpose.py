"""The IANA special-purpose address registries of IPv4 and IPv6, as a dated table.

``ipaddress.is_global`` differs between Python releases and lacks entries: that of
3.11 takes ``64:ff9b::7f00:1``, ``2002:7f00:1::``, ``3fff::1`` and ``5f00::1`` for
global.  What may be dialled must not depend on the interpreter, so the table is ours.

Sources: https://www.iana.org/assignments/iana-ipv4-special-registry and
https://www.iana.org/assignments/iana-ipv6-special-registry (RFC 6890, RFC 8190).
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import NamedTuple

__all__ = ["SPECIAL_PURPOSE_IPV4", "SPECIAL_PURPOSE_IPV6", "TABLE_DATE", "SpecialPurpose", "find_entry"]

TABLE_DATE = "2025-10-09"  # both registries' "last updated" when the table was compared with them


class SpecialPurpose(NamedTuple):
    """One row of a registry.

    Attributes:
        network: the address block.
        name: the registry's name for it.
        source: the RFC that asked for it.
        globally_reachable: the registry's flag; ``None`` where it says "N/A" or nothing.
    """

    network: IPv4Network | IPv6Network
    name: str
    source: str
    globally_reachable: bool | None


def _ipv4(block: str, name: str, source: str, globally_reachable: bool | None) -> SpecialPurpose:
    return SpecialPurpose(IPv4Network(block), name, source, globally_reachable)


def _ipv6(block: str, name: str, source: str, globally_reachable: bool | None) -> SpecialPurpose:
    return SpecialPurpose(IPv6Network(block), name, source, globally_reachable)


SPECIAL_PURPOSE_IPV4: tuple[SpecialPurpose, ...] = (
    _ipv4("0.0.0.0/8", "This network", "RFC 791", False),
    _ipv4("0.0.0.0/32", "This host on this network", "RFC 1122", False),
    _ipv4("10.0.0.0/8", "Private-Use", "RFC 1918", False),
    _ipv4("100.64.0.0/10", "Shared Address Space", "RFC 6598", False),
    _ipv4("127.0.0.0/8", "Loopback", "RFC 1122", False),
    _ipv4("169.254.0.0/16", "Link Local", "RFC 3927", False),
    _ipv4("172.16.0.0/12", "Private-Use", "RFC 1918", False),
    _ipv4("192.0.0.0/24", "IETF Protocol Assignments", "RFC 6890", False),
    _ipv4("192.0.0.0/29", "IPv4 Service Continuity Prefix", "RFC 7335", False),
    _ipv4("192.0.0.8/32", "IPv4 dummy address", "RFC 7600", False),
    _ipv4("192.0.0.9/32", "Port Control Protocol Anycast", "RFC 7723", True),
    _ipv4("192.0.0.10/32", "Traversal Using Relays around NAT Anycast", "RFC 8155", True),
    _ipv4("192.0.0.170/32", "NAT64/DNS64 Discovery", "RFC 8880", False),
    _ipv4("192.0.0.171/32", "NAT64/DNS64 Discovery", "RFC 8880", False),
    _ipv4("192.0.2.0/24", "Documentation (TEST-NET-1)", "RFC 5737", False),
    _ipv4("192.31.196.0/24", "AS112-v4", "RFC 7535", True),
    _ipv4("192.52.193.0/24", "AMT", "RFC 7450", True),
    _ipv4("192.88.99.0/24", "Deprecated (6to4 Relay Anycast)", "RFC 7526", None),
    _ipv4("192.88.99.2/32", "6a44-relay anycast address", "RFC 6751", False),
    _ipv4("192.168.0.0/16", "Private-Use", "RFC 1918", False),
    _ipv4("192.175.48.0/24", "Direct Delegation AS112 Service", "RFC 7534", True),
    _ipv4("198.18.0.0/15", "Benchmarking", "RFC 2544", False),
    _ipv4("198.51.100.0/24", "Documentation (TEST-NET-2)", "RFC 5737", False),
    _ipv4("203.0.113.0/24", "Documentation (TEST-NET-3)", "RFC 5737", False),
    _ipv4("240.0.0.0/4", "Reserved", "RFC 1112", False),
    _ipv4("255.255.255.255/32", "Limited Broadcast", "RFC 8190", False),
    # Not of this registry, but no unicast either.
    _ipv4("224.0.0.0/4", "Multicast", "RFC 5771", False),
)

SPECIAL_PURPOSE_IPV6: tuple[SpecialPurpose, ...] = (
    _ipv6("::1/128", "Loopback Address", "RFC 4291", False),
    _ipv6("::/128", "Unspecified Address", "RFC 4291", False),
    _ipv6("::ffff:0:0/96", "IPv4-mapped Address", "RFC 4291", False),
    _ipv6("64:ff9b::/96", "IPv4-IPv6 Translat.", "RFC 6052", True),
    _ipv6("64:ff9b:1::/48", "IPv4-IPv6 Translat.", "RFC 8215", False),
    _ipv6("100::/64", "Discard-Only Address Block", "RFC 6666", False),
    _ipv6("100:0:0:1::/64", "Dummy IPv6 Prefix", "RFC 9780", False),
    _ipv6("2001::/23", "IETF Protocol Assignments", "RFC 2928", False),
    _ipv6("2001::/32", "TEREDO", "RFC 4380", None),
    _ipv6("2001:1::1/128", "Port Control Protocol Anycast", "RFC 7723", True),
    _ipv6("2001:1::2/128", "Traversal Using Relays around NAT Anycast", "RFC 8155", True),
    _ipv6("2001:1::3/128", "DNS-SD Service Registration Protocol Anycast", "RFC 9665", True),
    _ipv6("2001:2::/48", "Benchmarking", "RFC 5180", False),
    _ipv6("2001:3::/32", "AMT", "RFC 7450", True),
    _ipv6("2001:4:112::/48", "AS112-v6", "RFC 7535", True),
    _ipv6("2001:10::/28", "Deprecated (previously ORCHID)", "RFC 4843", None),
    _ipv6("2001:20::/28", "ORCHIDv2", "RFC 7343", True),
    _ipv6("2001:30::/28", "Drone Remote ID Protocol Entity Tags (DETs) Prefix", "RFC 9374", True),
    _ipv6("2001:db8::/32", "Documentation", "RFC 3849", False),
    _ipv6("2002::/16", "6to4", "RFC 3056", None),
    _ipv6("2620:4f:8000::/48", "Direct Delegation AS112 Service", "RFC 7534", True),
    _ipv6("3fff::/20", "Documentation", "RFC 9637", False),
    _ipv6("5f00::/16", "Segment Routing (SRv6) SIDs", "RFC 9602", False),
    _ipv6("fc00::/7", "Unique-Local", "RFC 4193", False),
    _ipv6("fe80::/10", "Link-Local Unicast", "RFC 4291", False),
    # Not of this registry, but no unicast either.
    _ipv6("ff00::/8", "Multicast", "RFC 4291", False),
)


def _by_length(table: tuple[SpecialPurpose, ...]) -> tuple[tuple[int, int, SpecialPurpose], ...]:
    """Integers to compare with, the longest prefix first, so that the first hit is the most specific."""
    ordered = sorted(table, key=lambda entry: entry.network.prefixlen, reverse=True)
    return tuple((int(entry.network.netmask), int(entry.network.network_address), entry) for entry in ordered)


_IPV4 = _by_length(SPECIAL_PURPOSE_IPV4)
_IPV6 = _by_length(SPECIAL_PURPOSE_IPV6)


def find_entry(address: IPv4Address | IPv6Address) -> SpecialPurpose | None:
    """Return the most specific entry that holds an address, or ``None`` if it is an ordinary one."""
    number = int(address)
    for mask, start, entry in _IPV4 if isinstance(address, IPv4Address) else _IPV6:
        if number & mask == start:
            return entry
    return None

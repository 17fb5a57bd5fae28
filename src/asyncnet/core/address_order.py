"""In which order a host's addresses are tried: RFC 6724 section 6, then RFC 8305 section 4.

Pure: which source address the kernel would use towards a destination is asked of
a function.  IPv4 addresses take part as IPv4-mapped ones.  Rules that can not be
applied from here:

* 3 (deprecated sources), 4 (home addresses) and 7 (native transport) need to know
  the state of the interfaces, which no portable call tells.
* 9 (longest matching prefix) is applied to IPv6 only.  An IPv4 source is mostly a
  private one behind a translator: what it shares with a destination says nothing of
  the distance, yet would always prefer the same one of many and so defeat round-robin
  DNS.  The RFC lets rule 9 be superseded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network

from .address import Address

__all__ = ["interleave", "sort_destinations"]

_LINK_LOCAL, _SITE_LOCAL, _GLOBAL = 0x2, 0x5, 0xE  # scopes as multicast addresses spell them (RFC 4291 section 2.7)
_INTERFACE_ID_BITS = 64  # RFC 4291 section 2.5.4; rule 9 counts what comes before it
_MAPPED = 0xFFFF << 32  # ::ffff:0:0/96

# RFC 6724 section 2.1, the longest prefix first: (mask, start, precedence, label).
_POLICY_TABLE = tuple(
    (int(network.netmask), int(network.network_address), precedence, label)
    for network, precedence, label in (
        (IPv6Network("::1/128"), 50, 0),
        (IPv6Network("::ffff:0:0/96"), 35, 4),
        (IPv6Network("::/96"), 1, 3),
        (IPv6Network("2001::/32"), 5, 5),
        (IPv6Network("2002::/16"), 30, 2),
        (IPv6Network("3ffe::/16"), 1, 12),
        (IPv6Network("fec0::/10"), 1, 11),
        (IPv6Network("fc00::/7"), 3, 13),
        (IPv6Network("::/0"), 40, 1),
    )
)


def sort_destinations(addresses: Iterable[Address], source_for: Callable[[Address], Address | None]) -> list[Address]:
    """Order addresses by preference: the first is the one to try first.

    Args:
        addresses: of one host; equals stay in the order given (rule 10).
        source_for: the own address that would be used towards one, ``None`` if there
            is no way to it; asked once for each, and not at all for a single address.

    Source: RFC 6724 section 6.
    """
    destinations = list(addresses)
    if len(destinations) > 1:
        destinations.sort(key=lambda destination: _rank(destination, source_for(destination)))
    return destinations


def interleave(addresses: Iterable[Address], first_family_count: int = 1) -> list[Address]:
    """Let the families take turns, so that one that is broken delays little.

    Args:
        addresses: in order of preference; the first one's family begins.
        first_family_count: how many of that family come before the first of the other.

    Source: RFC 8305 section 4.
    """
    ordered = list(addresses)
    if not ordered:
        return ordered
    first = [address for address in ordered if address.version == ordered[0].version]
    other = [address for address in ordered if address.version != ordered[0].version]
    head = max(0, first_family_count - 1)
    mixed, rest = first[:head], first[head:]
    for index in range(max(len(rest), len(other))):
        mixed += rest[index : index + 1] + other[index : index + 1]
    return mixed


def _rank(destination: Address, source: Address | None) -> tuple[bool, bool, bool, int, int, int]:
    """The rules as a sort key.

    That needs an order in which all can be compared, which rule 9 alone does not give:
    it holds within a family only.  But two families never come to it, as no other
    prefix of the table has the precedence of IPv4.
    """
    scope = _scope(destination)
    precedence, label = _policy(destination)
    same_scope = source is not None and _scope(source) == scope
    same_label = source is not None and _policy(source)[1] == label
    return (
        source is None,  # rule 1: avoid unusable destinations
        not same_scope,  # rule 2: prefer matching scope
        not same_label,  # rule 5: prefer matching label
        -precedence,  # rule 6: prefer higher precedence
        scope,  # rule 8: prefer smaller scope
        -_common_prefix_length(destination, source),  # rule 9: use longest matching prefix
    )


def _as_ipv6(address: Address) -> int:
    return _MAPPED | int(address) if isinstance(address, IPv4Address) else int(address)


def _policy(address: Address) -> tuple[int, int]:
    """Precedence and label (RFC 6724 section 2.1)."""
    number = _as_ipv6(address)
    return next((precedence, label) for mask, start, precedence, label in _POLICY_TABLE if number & mask == start)


def _scope(address: Address) -> int:
    """RFC 6724 section 3.1, and 3.2 for IPv4: private addresses are global, loopback is link-local."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return _scope(address.ipv4_mapped)
        if address.is_multicast:
            return int(address) >> 112 & 0xF
        if address.is_site_local:
            return _SITE_LOCAL
    return _LINK_LOCAL if address.is_link_local or address.is_loopback else _GLOBAL


def _common_prefix_length(destination: Address, source: Address | None) -> int:
    if not isinstance(destination, IPv6Address) or not isinstance(source, IPv6Address):
        return 0
    difference = (int(destination) ^ int(source)) >> _INTERFACE_ID_BITS
    return _INTERFACE_ID_BITS - difference.bit_length()

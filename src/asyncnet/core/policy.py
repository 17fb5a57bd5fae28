"""What may be dialled: judged on the address itself, and on every IPv4 address inside it.

Pure.  An IPv6 address can be another way to write an IPv4 one: a gateway, or this
host itself, takes ``::ffff:7f00:1`` or ``64:ff9b::7f00:1`` to ``127.0.0.1``.  A
policy that forbids the one and sees only the other has forbidden nothing, so
`permits` shows it both.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from types import CoroutineType
from typing import TypeAlias

from .special_purpose import find_entry

__all__ = ["Allow", "embedded", "permits", "public_only"]

Allow: TypeAlias = "Callable[[IPv4Address | IPv6Address, int], bool]"

_GLOBAL_UNICAST = 0b001  # 2000::/3, the only block that IANA hands out of (RFC 4291 section 2.4)
_NAT64_LOCAL = int(IPv6Network("64:ff9b:1::/48").network_address) >> 80

# Prefixes of 96 bits after which the last 32 are an IPv4 address.
_LAST_32_BITS = frozenset(
    int(IPv6Network(block).network_address) >> 32
    for block in (
        "::/96",  # IPv4-compatible, deprecated (RFC 4291 section 2.5.5.1)
        "::ffff:0:0/96",  # IPv4-mapped: the kernel itself speaks IPv4 then (RFC 4291 section 2.5.5.2)
        "::ffff:0:0:0/96",  # IPv4-translated (RFC 2765 section 2.1)
        "64:ff9b::/96",  # NAT64 (RFC 6052 section 2.1)
    )
)
_ISATAP = frozenset({0x00005EFE, 0x02005EFE})  # RFC 5214 section 6.1: the first half of the interface identifier


def embedded(address: IPv4Address | IPv6Address) -> tuple[IPv4Address, ...]:
    """Return the IPv4 addresses that an IPv6 address carries, without doubles.

    IPv4-mapped, -compatible and -translated, NAT64 with the well-known and the local
    prefix, 6to4, Teredo (server and client) and ISATAP.  A NAT64 prefix that a network
    chose for itself can not be told from ordinary addresses.

    Source: RFC 4291 section 2.5.5, RFC 6052, RFC 8215, RFC 3056, RFC 4380, RFC 5214.
    """
    if isinstance(address, IPv4Address):
        return ()
    number = int(address)
    found: list[int] = []
    if number >> 32 in _LAST_32_BITS:
        if number > 1:  # "::" and "::1" are none
            found.append(number)
    elif number >> 80 == _NAT64_LOCAL:
        found += _local_nat64(number)
    elif number >> 112 == 0x2002:
        found.append(number >> 80)
    elif number >> 96 == 0x20010000:
        # RFC 4380 section 4: the client's address is stored with all its bits inverted.
        found += [number >> 64, ~number]
    if number >> 32 & 0xFFFFFFFF in _ISATAP:
        found.append(number)
    return tuple(IPv4Address(value) for value in dict.fromkeys(value & 0xFFFFFFFF for value in found))


def _local_nat64(number: int) -> list[int]:
    """Read 64:ff9b:1::/48 in each of the layouts of RFC 6052 section 2.2 that fit in it.

    The network has chosen one, and which is not to be seen.  A shorter layout that
    gives 0.x.y.z is none: it is what the others' zeros look like.
    """
    layouts = (
        (number >> 48 & 0xFFFF0000) | (number >> 40 & 0xFFFF),  # /48: 16 bits, the octet of zeros, 16 bits
        (number >> 40 & 0xFF000000) | (number >> 32 & 0xFFFFFF),  # /56: 8 bits, the octet, 24 bits
        number >> 24 & 0xFFFFFFFF,  # /64: the octet, 32 bits
    )
    return [*(value for value in layouts if value >> 24), number]


def public_only(address: IPv4Address | IPv6Address, port: int) -> bool:
    """Allow globally reachable unicast addresses only; for ``Dialer(allow=public_only)``.

    By asyncnet's own dated table of the IANA special-purpose registries, the same on
    every Python.  Of IPv6 only 2000::/3 counts, and NAT64 (64:ff9b::/96) with a public
    address inside; what the registries call neither reachable nor not (6to4, Teredo)
    is refused.

    Args:
        address: what is about to be dialled.
        port: not looked at.

    Source: RFC 6890, RFC 8190.

    Example:
        >>> from ipaddress import ip_address
        >>> public_only(ip_address("9.9.9.9"), 443), public_only(ip_address("10.0.0.1"), 443)
        (True, False)
    """
    entry = find_entry(address)
    if entry is not None:
        reachable = entry.globally_reachable is True
    else:
        reachable = isinstance(address, IPv4Address) or int(address) >> 125 == _GLOBAL_UNICAST
    return reachable and all(public_only(inner, port) for inner in embedded(address))


def permits(allow: Allow, address: IPv4Address | IPv6Address, port: int) -> bool:
    """Say whether a policy allows an address and every IPv4 address inside it.

    Args:
        allow: the caller's policy; it sees addresses without their zone.
        address: what is about to be dialled.
        port: the port there.

    Raises:
        TypeError: the policy gave something else than a ``bool``.  A coroutine function
            would otherwise allow everything, as a coroutine object counts as true.
    """
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        address = IPv6Address(int(address))
    return all(_ask(allow, one, port) for one in (address, *embedded(address)))


def _ask(allow: Allow, address: IPv4Address | IPv6Address, port: int) -> bool:
    answer: object = allow(address, port)
    if isinstance(answer, bool):
        return answer
    if isinstance(answer, CoroutineType):
        answer.close()  # or it would warn that nobody awaited it
    raise TypeError(f"allow must return a bool, not {type(answer).__name__}")

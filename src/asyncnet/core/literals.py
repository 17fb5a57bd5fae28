"""IP addresses as text: what spells one, and how it is written.

Pure.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import TypeAlias

__all__ = ["MAX_INPUT", "Address", "address_text", "parse_literal"]

Address: TypeAlias = "IPv4Address | IPv6Address"

# Longer is refused unread: mapping may shorten a non-ASCII name, but not that much,
# and what is cached stays bounded.
MAX_INPUT = 512

_IPV4_PART = re.compile(r"0[xX](?P<hex>[0-9a-fA-F]*)|0(?P<octal>[0-7]+)|(?P<decimal>0|[1-9][0-9]*)")
_ZONE = re.compile(r"[A-Za-z0-9._~-]{1,64}")


def parse_literal(host: str) -> Address | None:
    """Return the address that ``host`` spells, or ``None`` if it spells none.

    ASCII only: give it what `check_host` returned where the text is a stranger's.

    Args:
        host: such as ``"127.0.0.1"``, ``"0x7f.1"``, ``"2130706433"``, ``"::1"``,
            ``"[::1]"`` or ``"fe80::1%eth0"``.
    """
    return _parse_literal(host) if len(host) <= MAX_INPUT else None


def address_text(address: Address) -> str:
    """Return an address in its usual text, the same on every Python (RFC 5952)."""
    if isinstance(address, IPv6Address) and (mapped := address.ipv4_mapped) is not None:
        # RFC 5952 section 5; Python writes it so from 3.13 on.
        return f"::ffff:{mapped}" + (f"%{address.scope_id}" if address.scope_id else "")
    return str(address)


@lru_cache(maxsize=4096)  # every operation asks, mostly for the same hosts
def _parse_literal(host: str) -> Address | None:
    if ":" not in host:
        return _parse_ipv4(host)
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    zone = host.partition("%")[2]
    if zone and not _ZONE.fullmatch(zone):
        return None
    try:
        return IPv6Address(host)
    except AddressValueError:
        return None


def _parse_ipv4(text: str) -> IPv4Address | None:
    """One to four parts, each decimal, octal or hexadecimal; the last fills what is left."""
    parts = text.removesuffix(".").split(".")
    if len(parts) > 4:
        return None
    value = 0
    for index, part in enumerate(parts):
        match = _IPV4_PART.fullmatch(part)
        if match is None:
            return None
        if match["decimal"]:
            number = int(match["decimal"])
        else:
            number = int(match["octal"], 8) if match["octal"] else int(match["hex"] or "0", 16)
        bits = 8 if index < len(parts) - 1 else 8 * (5 - len(parts))
        if number >> bits:
            return None
        value = value << bits | number
    return IPv4Address(value)

"""Mail addresses: what may stand in an envelope, checked before any I/O.

Theory: an address is ``local-part@domain`` (RFC 5321 section 4.1.2).  The
local part belongs to the receiving host alone and is passed on as it came,
case included; a part outside of ASCII needs SMTPUTF8 (RFC 6531).  A domain
outside of ASCII never does: it has an ASCII form (IDNA, RFC 5890), which is
what goes into the envelope and into composed headers.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from email.headerregistry import Address
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from ..core.address import check_host, check_text

__all__ = ["Mailbox", "MailboxLike", "check_address", "parse_mailbox", "parse_mailboxes"]

_MAX_ADDRESS = 254  # octets: a path holds 256 with its brackets (RFC 5321 section 4.5.3.1.3)

# Dots may stand anywhere: addresses like "a..b@" exist although RFC 5322 section 3.2.3 has no place for them.
_ATOM = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.\-\u0080-\U0010ffff]+")
_QUOTED = re.compile(r'"(?:[^"\\\x00-\x1f\x7f]|\\[\x20-\x7e])*"')


class Mailbox(NamedTuple):
    """A display name, ``""`` for none, and an address."""

    name: str
    address: str


# What people write: "ann@example.org", "Ann <ann@example.org>", ("Ann", "ann@example.org"), or the standard library's.
MailboxLike: TypeAlias = str | tuple[str, str] | Address


def check_address(address: str, name: str = "address") -> str:
    """Return the address as it stands in an envelope, its domain in lower-case ASCII.

    Args:
        address: ``local@domain``, ``local@[192.0.2.1]``, ``local@[IPv6:2001:db8::1]`` or ``postmaster``.
        name: what to call it in an error.

    Raises:
        TypeError: not a str.
        ValueError: not an address, or it could break out of a command line.

    Source: RFC 5321 section 4.1.2, RFC 6531 section 3.3
    """
    check_text(address, name)
    local, at, domain = address.rpartition("@")
    if not at and address.lower() == "postmaster":
        return address  # the one local part that needs no domain (RFC 5321 section 4.1.1.3)
    if not at or not local or not domain:
        raise ValueError(f"{name} must look like 'name@example.org', not {address!r}")
    if not (_ATOM.fullmatch(local) or _QUOTED.fullmatch(local)):
        raise ValueError(f"{name} has a local part that is not allowed: {address!r}")
    try:
        local.encode()
        checked = f"{local}@{_check_domain(domain)}"
    except ValueError as error:
        raise ValueError(f"{name} {address!r}: {error}") from None
    if len(checked.encode()) > _MAX_ADDRESS:
        raise ValueError(f"{name} is longer than {_MAX_ADDRESS} octets: {address[:40]!r}...")
    return checked


def _check_domain(domain: str) -> str:
    """Check a name or an address literal (RFC 5321 section 4.1.3)."""
    if not domain.startswith("["):
        if ":" in domain:
            raise ValueError("an IPv6 address stands in brackets, as [IPv6:2001:db8::1]")
        return check_host(domain, "domain")
    inside = domain[1:-1]
    if not domain.endswith("]"):
        raise ValueError("the bracket is not closed")
    if inside[:5].lower() == "ipv6:":
        return f"[IPv6:{ipaddress.IPv6Address(inside[5:])}]"
    return f"[{ipaddress.IPv4Address(inside)}]"


def parse_mailbox(mailbox: MailboxLike, name: str = "address") -> Mailbox:
    """Split what a person wrote into display name and checked address.

    Raises:
        TypeError: neither text, a pair nor an `email.headerregistry.Address`.
        ValueError: see `check_address`; several addresses in one text are refused too.
    """
    if isinstance(mailbox, Address):
        return Mailbox(check_text(mailbox.display_name, name), check_address(mailbox.addr_spec, name))
    if type(mailbox) is str and len(mailbox) <= _MAX_ADDRESS:
        return _parse_short(mailbox, name)
    if isinstance(mailbox, tuple):
        if len(mailbox) != 2:
            raise ValueError(f"{name} as a tuple must be (name, address), not {len(mailbox)} items")
        return Mailbox(check_text(mailbox[0], name), check_address(mailbox[1], name))
    return _parse_text(mailbox, name)


def _parse_text(text: str, name: str) -> Mailbox:
    text = check_text(text, name).strip()
    if not text.endswith(">"):
        if "," in text and "@" in text.split(",")[0] and not _QUOTED.match(text):
            raise ValueError(f"{name} must be one address; give several as a list, not {text!r}")
        return Mailbox("", check_address(text, name))
    display, bracket, address = text[:-1].rpartition("<")
    if not bracket:
        raise ValueError(f"{name} must look like 'Name <name@example.org>', not {text!r}")
    display = display.strip()
    if _QUOTED.fullmatch(display):
        display = re.sub(r"\\(.)", r"\1", display[1:-1])
    elif "@" in display and ("," in display or "<" in display):
        raise ValueError(f"{name} must be one address; give several as a list, not {text!r}")
    return Mailbox(display, check_address(address.strip(), name))


# Those who send much send to the same people again.
_parse_short = lru_cache(4096)(_parse_text)


def parse_mailboxes(mailboxes: MailboxLike | Iterable[MailboxLike], name: str = "address") -> tuple[Mailbox, ...]:
    """Parse one mailbox or several, in the order given.

    A tuple of two strings of which the first holds no ``@`` is one mailbox.
    """
    if isinstance(mailboxes, list):
        return tuple([parse_mailbox(one, name) for one in mailboxes])
    if isinstance(mailboxes, str | Address):
        return (parse_mailbox(mailboxes, name),)
    if isinstance(mailboxes, bytes | bytearray | memoryview) or not isinstance(mailboxes, Iterable):
        raise TypeError(f"{name} must be an address or several, not {type(mailboxes).__name__}")
    if isinstance(mailboxes, tuple) and len(mailboxes) == 2 and isinstance(mailboxes[0], str):
        first = mailboxes[0]
        if "@" not in first and first.lower() != "postmaster":
            return (parse_mailbox(mailboxes, name),)  # type: ignore[arg-type]  # told apart by its first item
    return tuple(parse_mailbox(one, name) for one in mailboxes)

"""Who a message is from and for, read from its headers or given by the caller.

The envelope is what mail servers act on; the headers are what people read
(RFC 5321 section 2.3.1).  Bcc is both: it names recipients, and must not be
seen by the others, so `serialise` takes it out.
"""

from __future__ import annotations

import email.header
import email.policy
import re
from collections.abc import Iterable
from dataclasses import dataclass
from email.headerregistry import Address, AddressHeader
from functools import lru_cache
from typing import Any, Literal, TypeAlias

from .mailbox import MailboxLike, check_address, parse_mailbox, parse_mailboxes

__all__ = ["DSN", "Envelope", "make_envelope", "shows_international"]

Field: TypeAlias = tuple[str, Any]  # a header's name and its value, as a message object or raw text holds it

_SHOWN = frozenset(["from", "sender", "reply-to", "to", "cc", "resent-from", "resent-sender", "resent-to", "resent-cc"])
# What most headers hold, without comments, groups, quotes and encoded words; all else goes to the full parser.
_PLAIN = re.compile(
    r"\s*(?:[A-Za-z0-9 ._'-]*<([A-Za-z0-9._+=-]+@[A-Za-z0-9.-]+)>|([A-Za-z0-9._+=-]+@[A-Za-z0-9.-]+))\s*"
)

_SHORT = 512  # characters of a header that is remembered
_LOST = ("invalid address", "invalid mailbox", "missing '.' between words")

Notify: TypeAlias = Literal["success", "failure", "delay", "never"]


@dataclass(frozen=True, slots=True)
class DSN:
    """What delivery status notifications to ask for; the server must offer DSN.

    Attributes:
        notify: the events to be told of, or ``("never",)``; empty leaves it to the server.
        returned: how much of the message comes back with a failure, ``None`` leaves it to the server.
        envelope_id: comes back in every notification, ``None`` for none.

    Source: RFC 3461

    Example:
        >>> DSN(notify=("success", "failure"), returned="headers").rcpt_parameters()
        ('NOTIFY=SUCCESS,FAILURE',)
    """

    notify: tuple[Notify, ...] = ()
    returned: Literal["full", "headers"] | None = None
    envelope_id: str | None = None

    def __post_init__(self) -> None:
        if isinstance(self.notify, str) or not set(self.notify) <= {"success", "failure", "delay", "never"}:
            raise ValueError(f"notify must hold 'success', 'failure', 'delay' or 'never', not {self.notify!r}")
        if "never" in self.notify and len(self.notify) > 1:
            raise ValueError("'never' excludes every other notification")
        if self.returned not in ("full", "headers", None):
            raise ValueError(f"returned must be 'full', 'headers' or None, not {self.returned!r}")
        if self.envelope_id is not None:
            identity = self.envelope_id
            if not (0 < len(identity) <= 100 and identity.isascii() and identity.isprintable()):
                raise ValueError("envelope_id must be 1 to 100 printable ASCII characters")  # RFC 3461 section 4.4

    def mail_parameters(self) -> tuple[str, ...]:
        """What to add to MAIL."""
        parameters = []
        if self.returned is not None:
            parameters.append("RET=FULL" if self.returned == "full" else "RET=HDRS")
        if self.envelope_id is not None:
            parameters.append(f"ENVID={_xtext(self.envelope_id)}")
        return tuple(parameters)

    def rcpt_parameters(self, recipient: str | None = None) -> tuple[str, ...]:
        """What to add to the RCPT of a recipient, whose address then comes back in the notifications."""
        notify = (f"NOTIFY={','.join(self.notify).upper()}",) if self.notify else ()
        # RFC 3461 section 4.2; an address outside of ASCII would need the forms of RFC 6533 section 3.
        return (*notify, f"ORCPT=rfc822;{_xtext(recipient)}") if recipient and recipient.isascii() else notify


def _xtext(text: str) -> str:
    """RFC 3461 section 4."""
    return re.sub(r"[^!-*,-<>-~]", lambda found: f"+{ord(found[0]):02X}", text)


@dataclass(frozen=True, slots=True)
class Envelope:
    """Sender, recipients, and whether the addresses need SMTPUTF8.

    Attributes:
        sender: ``""`` is the null reverse-path of notifications (RFC 5321 section 4.5.5).
        recipients: each once, in order.
        international: an address has characters outside of ASCII in its local part.
    """

    sender: str
    recipients: tuple[str, ...]
    international: bool = False


def make_envelope(
    fields: Iterable[Field],
    sender: MailboxLike | None = None,
    recipients: MailboxLike | Iterable[MailboxLike] | None = None,
) -> Envelope:
    """The envelope of a message, from its headers where the caller does not say.

    Sender comes before From (RFC 5322 section 3.6.2), and a message that was
    sent on is described by its Resent- fields (section 3.6.6).

    Args:
        fields: the header fields, in order; not looked at where both of the others are given.
        sender: the reverse-path; ``""`` for the null one, ``None`` for the header's.
        recipients: ``None`` for those of To, Cc and Bcc.

    Raises:
        TypeError, ValueError: no sender, no recipient, or an address that is none.
    """
    if sender is not None and recipients is not None:
        return _envelope(_sender(sender), _recipients(recipients))
    named: dict[str, list[Any]] = {}
    for name, value in fields:
        named.setdefault(name.lower(), []).append(value)
    resent = named.get("resent-date", [])
    if len(resent) > 1:
        raise ValueError("the message was sent on more than once: give sender and recipients")
    prefix = "resent-" if resent else ""
    if sender is not None:
        reverse = _sender(sender)
    else:
        origins = named.get(prefix + "sender") or named.get(prefix + "from", [])
        reverse = next((a for value in origins for a in _addresses("From", value)), "")
        if not reverse:
            raise ValueError("the message has no From header: give sender")
    if recipients is not None:
        forward = _recipients(recipients)
    else:
        forward = [
            address
            for name in ("to", "cc", "bcc")
            for value in named.get(prefix + name, [])
            for address in _addresses(name, value)
        ]
    return _envelope(reverse, forward)


def shows_international(fields: Iterable[Field]) -> bool:
    """Whether an address that travels in a header needs SMTPUTF8."""
    for name, value in fields:
        if name.lower() in _SHOWN and not str(value).isascii():
            try:
                if not all(address.isascii() for address in _addresses(name, value)):
                    return True
            except ValueError:
                continue  # it holds no address that we could misread
    return False


def _sender(sender: MailboxLike) -> str:
    return "" if sender == "" else parse_mailbox(sender, "sender").address


def _recipients(recipients: MailboxLike | Iterable[MailboxLike]) -> list[str]:
    return [mailbox.address for mailbox in parse_mailboxes(recipients, "recipients")]


def _envelope(sender: str, recipients: list[str]) -> Envelope:
    if not recipients:
        raise ValueError("the message has no recipient: give recipients")
    everybody = tuple(dict.fromkeys(recipients)) if len(recipients) > 1 else (recipients[0],)
    return Envelope(sender, everybody, not (sender.isascii() and all(map(str.isascii, everybody))))


def _addresses(name: str, value: Any) -> Iterable[str]:
    """The addresses of a header's value, whatever kind of message it comes from."""
    if not isinstance(value, AddressHeader):
        text = str(value)  # a str, or an email.header.Header of the old kind
        plain = _plain_addresses(name, text) if len(text) <= _SHORT else None
        if plain is not None:
            return plain
        value = _parse(name, text)
    # The parser of the standard library makes the best of what it is given, and drops the rest of it.
    if any(defect in str(found) for found in value.defects for defect in _LOST):
        raise ValueError(f"the header {name.capitalize()} does not hold addresses only: {str(value)!r:.80}")
    return [_checked(name, address) for address in value.addresses]


def _checked(name: str, address: Address) -> str:
    spec = address.addr_spec if address.domain else address.username
    if not address.domain and "@" in spec:
        raise ValueError(f"the header {name.capitalize()} hides an address in an encoded word: {spec!r}")
    return check_address(spec, f"the header {name.capitalize()}")


@lru_cache(4096)  # those who send much send from the same address, and to the same people again
def _plain_addresses(name: str, text: str) -> tuple[str, ...] | None:
    """The addresses of a header that needs no parser, ``None`` if it does."""
    parts = [_PLAIN.fullmatch(part) for part in text.split(",")]
    if "=?" in text or not all(parts):
        return None
    return tuple([check_address(part[1] or part[2], name) for part in parts if part is not None])


def _parse(name: str, text: str) -> Any:
    try:
        # Bytes outside of ASCII come as surrogates: they are UTF-8 (RFC 6532) or nothing we can use.
        text = text.encode("utf-8", "surrogateescape").decode("utf-8")
    except UnicodeError:
        raise ValueError(f"the header {name.capitalize()} is neither ASCII nor UTF-8") from None
    return email.policy.SMTPUTF8.header_factory(name, " ".join(text.splitlines()))

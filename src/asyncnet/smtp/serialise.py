"""A message as the bytes that go out, without Bcc.

The standard library's generator does it, with a policy of ours that writes
the headers it can write at once.  That is faster, most headers being short
and ASCII; and addresses come out right: its own folding has dropped the quotes
of a name with a comma, which made two addresses of one, and writes a domain
outside of ASCII as an encoded word, which RFC 2047 section 5 forbids.
"""

from __future__ import annotations

import email.generator
import email.header
import email.policy
import io
import re
from collections.abc import Iterator
from email.headerregistry import Address, AddressHeader
from email.message import Message
from email.policy import EmailPolicy
from functools import lru_cache
from typing import Any, TypeAlias

from ..core.address import check_host

__all__ = ["AnyMessage", "find_message_id", "flatten", "header_fields", "split_head", "strip_bcc"]

AnyMessage: TypeAlias = "Message[Any, Any]"

_BCC = re.compile(rb"^(?:resent-)?bcc[ \t]*:.*\r\n(?:[ \t].*\r\n)*", re.I | re.M)
_FIELD = re.compile(r"^((?:resent-)?(?:from|sender|to|cc|bcc|date))[ \t]*:(.*(?:\r\n[ \t].*)*)\r\n", re.I | re.M)
_MESSAGE_ID = re.compile(rb"message-id[ \t]*:\s*([!-~]+)[ \t]*\r\n", re.I)
# A phrase that needs no quotes (RFC 5322 section 3.2.3, RFC 6532 section 3.2).
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u0080-\U0010ffff -]+")


def split_head(data: bytes) -> tuple[bytes, bytes]:
    """Header block with its last line end, and the rest; CRLF ends the lines."""
    if data.startswith(b"\r\n"):
        return b"", data
    end = data.find(b"\r\n\r\n") + 2
    return (data, b"") if end == 1 else (data[:end], data[end:])


def strip_bcc(head: bytes) -> bytes:
    """A header block without its Bcc and Resent-Bcc fields, all else untouched."""
    found = b"\n" + head.lower()
    return _BCC.sub(b"", head) if b"\nbcc" in found or b"\nresent-bcc" in found else head


def find_message_id(head: bytes) -> str | None:
    """The Message-ID of a header block."""
    start = (b"\n" + head.lower()).find(b"\nmessage-id")
    found = _MESSAGE_ID.match(head, start) if start >= 0 else None
    return found[1].decode() if found is not None else None


def header_fields(head: bytes) -> Iterator[tuple[str, str]]:
    """The fields of a header block that matter to an envelope; bytes outside of UTF-8 as surrogates."""
    for found in _FIELD.finditer(head.decode("utf-8", "surrogateescape")):
        yield found[1], found[2].replace("\r\n", "").strip()


def flatten(message: AnyMessage, *, international: bool = False, eight_bit: bool = True) -> bytes:
    """A message object as bytes without Bcc; its line ends are still to be made canonical.

    Args:
        message: an `EmailMessage` or an older `email.message.Message`; it is not changed.
        international: leave headers in UTF-8 (RFC 6532) instead of encoding them.
        eight_bit: bodies may hold bytes outside of ASCII (RFC 6152).
    """
    hidden = [name for name in ("Bcc", "Resent-Bcc") if name in message]
    if hidden:
        message = _copy(message)
        for name in hidden:
            del message[name]
    given = message.policy
    cte_type = "8bit" if eight_bit else "7bit"
    policy: email.policy.Policy[Any]
    if type(given) is EmailPolicy:
        policy = ours = _policy(international, cte_type, given.max_line_length, given.refold_source)
        payload = None if message.is_multipart() else message.get_payload()
        if isinstance(payload, str) and payload.isascii() and message.get_content_maintype() not in _CONTAINERS:
            # What the generator would do, without its detours.
            headers = b"".join([ours.fold_binary(name, value) for name, value in message.raw_items()])
            return b"%b\r\n%b" % (headers, payload.encode("ascii"))
    else:
        # Somebody's own policy, or the one of old: theirs to say how things are written.
        policy = given.clone(linesep="\r\n", cte_type=cte_type)
        if isinstance(policy, EmailPolicy):
            policy = policy.clone(utf8=international)
    out = io.BytesIO()
    email.generator.BytesGenerator(out, mangle_from_=False, policy=policy).flatten(message)
    return out.getvalue()


_CONTAINERS = ("multipart", "message")


def _copy(message: AnyMessage) -> AnyMessage:
    """A shallow copy: deleting a header of it leaves the original's alone."""
    copied = type(message).__new__(type(message))
    copied.__dict__.update(message.__dict__)
    return copied


@lru_cache(64)
def _policy(utf8: bool, cte_type: str, max_line_length: int | None, refold_source: str) -> _Policy:
    return _Policy(
        linesep="\r\n", utf8=utf8, cte_type=cte_type, max_line_length=max_line_length, refold_source=refold_source
    )


class _Policy(EmailPolicy):
    """Writes headers itself where it is sure what they mean; else as the standard library does."""

    def fold_binary(self, name: str, value: Any) -> bytes:
        room = self.max_line_length or 998  # RFC 5322 section 2.1.1
        if isinstance(value, AddressHeader):
            if value and not value.defects:  # type: ignore[attr-defined]  # typeshed does not know that it is a header
                return self._fold_addresses(name, value, room)
        elif hasattr(value, "name"):  # set by the program: a value in one piece, decoded
            text = str(value)
            if text.isascii() and text.isprintable() and len(name) + 2 + len(text) <= room and "=?" not in text:
                return f"{name}: {text}\r\n".encode("ascii")
        return super().fold_binary(name, value)

    def _fold_addresses(self, name: str, value: Any, room: int) -> bytes:
        parts: list[str] = []
        for group in value.groups:
            members = [self._format(address) for address in group.addresses]
            if group.display_name is None:
                parts += members
            else:
                parts.append(f"{self._phrase(group.display_name)}: {', '.join(members)};")
        line = f"{name}: {parts[0]}"
        lines = []
        for part in parts[1:]:
            if len(line) + 2 + len(part) > room:
                lines.append(line + ",")
                line = " " + part
            else:
                line = f"{line}, {part}"
        return "\r\n".join([*lines, line, ""]).encode("utf-8" if self.utf8 else "ascii")

    def _format(self, address: Address) -> str:
        spec = address.addr_spec if address.domain else address.username
        if not address.domain.isascii():
            spec = f"{spec.rpartition('@')[0]}@{check_host(address.domain, 'domain')}"
        return f"{self._phrase(address.display_name)} <{spec}>" if address.display_name else spec

    def _phrase(self, text: str) -> str:
        """A display name as atoms, a quoted string, or encoded words (RFC 2047 section 5)."""
        if "=?" not in text and (self.utf8 or text.isascii()):  # "=?" would be read as an encoded word
            if _ATOMS.fullmatch(text):
                return text
            escaped = re.sub(r'(["\\])', r"\\\1", text)
            return f'"{escaped}"'
        return email.header.Header(text, "utf-8", maxlinelen=70).encode(linesep="\r\n")

r"""Internet messages from bytes: what the standard library's parser gives, sooner.

Pure.  The parser of `email` looks at every line and asks each message for its content
type, which the modern policy works out in half a millisecond.  A message of one part,
which most are, needs neither: its headers are taken line by line, its body in one piece.
Whatever is not plainly of that kind goes the long way, and the result is the same.
"""

from __future__ import annotations

import email.policy
import re
from email.message import EmailMessage
from email.parser import BytesParser
from typing import TypeVar

__all__ = ["parse_message"]

MessageT = TypeVar("MessageT", bound=EmailMessage)

_POLICY = email.policy.default

# Whole fields, folded or not (RFC 5322 section 2.2), with CRLF and nothing else at their ends.
_FIELD = re.compile(r"[!-9;-~]+:[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*")
_SEVERAL_PARTS = re.compile(r"multipart|message|=\?", re.IGNORECASE)


def parse_message(data: bytes, kind: type[MessageT]) -> MessageT:
    r"""Parse a message; never fails, what is wrong with it is told by its ``defects``.

    Args:
        data: the message with CRLF at the ends of its lines.
        kind: the class to make, and of its parts if it has several.

    Example:
        >>> parse_message(b"Subject: =?utf-8?q?caf=C3=A9?=\r\n\r\ntext\r\n", EmailMessage)["Subject"]
        'café'
    """
    end = data.find(b"\r\n\r\n")
    if end > 0:
        fields = _split_fields(data[: end + 2].decode("ascii", "surrogateescape"))
        if fields is not None:
            message = kind(policy=_POLICY)
            for name, value in fields:
                message.set_raw(name, value)
            message.set_payload(data[end + 4 :].decode("ascii", "surrogateescape"))
            return message
    parsed: MessageT = BytesParser(kind, policy=_POLICY).parsebytes(data)  # type: ignore[assignment]  # it makes kind
    return parsed


def _split_fields(head: str) -> list[tuple[str, str]] | None:
    """The fields of a head as the policy stores them; ``None`` if it is not of the plain kind."""
    fields = []
    stop = 0
    for match in _FIELD.finditer(head):
        if match.start() != stop:
            return None
        stop = match.end()
        name, value = _POLICY.header_source_parse([match.group()])
        if name.lower() == "content-type" and _SEVERAL_PARTS.search(value):
            return None
        fields.append((name, value))
    return fields if stop == len(head) else None

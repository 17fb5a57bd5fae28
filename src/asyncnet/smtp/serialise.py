"""A message as the bytes that go out, without Bcc.

An `EmailMessage` takes the standard library's generator some 100 µs; the
pieces most messages are made of - short ASCII headers, addresses - do not
need it, and its folding of addresses has dropped quotes (a name with a comma
became two addresses).  So headers that we can write at once are written here,
and everything else goes its way.
"""

from __future__ import annotations

import email.generator
import email.policy
import io
import re
from collections.abc import Iterator
from email.message import Message
from email.policy import EmailPolicy
from typing import Any, TypeAlias

__all__ = ["AnyMessage", "flatten", "header_fields", "strip_bcc"]

AnyMessage: TypeAlias = "Message[Any, Any]"

_LINE_END = rb"(?:\r\n|\r(?!\n)|\n)"  # a bare CR goes out as CRLF, so it ends a header line here too
_HEAD_END = re.compile(_LINE_END + _LINE_END)
_BCC = re.compile(
    rb"(?:^|(?<=\n)|(?<=\r))(?:resent-)?bcc[ \t]*:[^\r\n]*(?:" + _LINE_END + rb"[ \t][^\r\n]*)*" + _LINE_END, re.I
)
_UNFOLD = re.compile(r"(?:\r\n|\r|\n)(?=[ \t])")
_SPLIT = re.compile(r"\r\n|\r|\n")


def split_head(data: bytes) -> tuple[bytes, bytes]:
    """Header block with its last line end, and the rest."""
    if data[:1] in (b"\r", b"\n"):
        return b"", data
    end = _HEAD_END.search(data)
    if end is None:
        return (data, b"") if data.endswith((b"\r", b"\n")) else (data + b"\r\n", b"")
    middle = end.start() + (2 if data.startswith(b"\r\n", end.start()) else 1)
    return data[:middle], data[middle:]


def strip_bcc(data: bytes) -> bytes:
    """The message without its Bcc and Resent-Bcc headers, all else untouched."""
    head, rest = split_head(data)
    stripped = _BCC.sub(b"", head)
    return data if len(stripped) == len(head) else stripped + rest


def header_fields(data: bytes) -> Iterator[tuple[str, str]]:
    """The header fields of a message in bytes, unfolded; bytes outside of UTF-8 as surrogates."""
    head = split_head(data)[0].decode("utf-8", "surrogateescape")
    for line in _SPLIT.split(_UNFOLD.sub("", head)):
        name, colon, value = line.partition(":")
        if colon:
            yield name.rstrip(" \t"), value.strip(" \t")


def flatten(message: AnyMessage, *, international: bool = False, eight_bit: bool = True) -> bytes:
    """A message object as bytes, with CRLF line ends and without Bcc.

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
    policy = message.policy.clone(linesep="\r\n", cte_type="8bit" if eight_bit else "7bit")
    if isinstance(policy, EmailPolicy):
        policy = policy.clone(utf8=international)
    out = io.BytesIO()
    email.generator.BytesGenerator(out, mangle_from_=False, policy=policy).flatten(message)
    return out.getvalue()


def _copy(message: AnyMessage) -> AnyMessage:
    """A shallow copy: deleting a header of it leaves the original's alone."""
    copied = type(message).__new__(type(message))
    copied.__dict__.update(message.__dict__)
    return copied

"""A message made ready: envelope, commands, and the bytes, made once however often it is sent."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterable
from dataclasses import replace
from email.message import Message
from typing import TypeAlias

from ..core.lines import dot_stuff, dot_unstuff, format_command
from ..errors import ReplyError
from .envelope import DSN, make_envelope, shows_international
from .extensions import Extensions
from .mailbox import MailboxLike
from .serialise import AnyMessage, find_message_id, flatten, header_fields, split_head, strip_bcc

__all__ = ["Mail", "MessageLike"]

MessageLike: TypeAlias = "AnyMessage | bytes | bytearray | memoryview"
_Sender: TypeAlias = MailboxLike | None
_Recipients: TypeAlias = MailboxLike | Iterable[MailboxLike] | None


class Mail:
    """What a transaction needs to know of a message.

    Raises when it is made, before any I/O, what is the caller's to mend; and
    `ReplyError` without a code where the server lacks what the message needs.

    Attributes:
        envelope: sender and recipients.
        international: whether it needs SMTPUTF8.
        message_id: the Message-ID header, ``None`` if there is none.
    """

    __slots__ = ("_dsn", "_message", "_stuffed", "envelope", "international", "message_id")

    def __init__(
        self,
        message: MessageLike,
        sender: _Sender = None,
        recipients: _Recipients = None,
        dsn: DSN | None = None,
    ) -> None:
        if dsn is not None and not isinstance(dsn, DSN):
            raise TypeError(f"dsn must be a DSN, not {type(dsn).__name__}")
        self._dsn = dsn
        self._message: AnyMessage | None = None
        if isinstance(message, Message):
            self._message = message
            self._take_object(message, sender, recipients)
        elif isinstance(message, bytes | bytearray | memoryview):
            self._take_bytes(message, sender, recipients)
        else:
            raise TypeError(f"message must be an EmailMessage or bytes, not {type(message).__name__}")

    def _take_object(self, message: AnyMessage, sender: _Sender, recipients: _Recipients) -> None:
        fields = list(message.raw_items())
        self.envelope = make_envelope(fields, sender, recipients)
        self.international = self.envelope.international or shows_international(fields)
        self.message_id = next((str(value).strip() for name, value in fields if name.lower() == "message-id"), None)
        # Now, because the caller may change the message as soon as we wait for something.
        self._stuffed = {True: dot_stuff(flatten(message, international=self.international))}

    def _take_bytes(self, message: bytes | bytearray | memoryview, sender: _Sender, recipients: _Recipients) -> None:
        # Canonical first: a lone CR before "Bcc:" becomes a line end, so it must be one when Bcc is looked for.
        stuffed = dot_stuff(message)
        head, rest = split_head(stuffed)
        self.envelope = make_envelope(header_fields(head), sender, recipients)
        # Any header in UTF-8 needs SMTPUTF8 (RFC 6532 section 3); in another charset it is merely wrong.
        self.international = self.envelope.international or (not head.isascii() and _is_utf8(head))
        self.message_id = find_message_id(head)
        shown = strip_bcc(head)
        self._stuffed = {True: stuffed if shown is head else shown + rest}

    def only(self, recipients: Iterable[str]) -> Mail:
        """The same message for some of its recipients; it is not serialised again."""
        mail = Mail.__new__(Mail)
        for name in self.__slots__:
            setattr(mail, name, getattr(self, name))
        mail.envelope = replace(self.envelope, recipients=tuple(recipients))
        return mail

    @property
    def size(self) -> int:
        """Octets, counted as RFC 1870 section 5 does: with CRLF, without dot-stuffing and the last dot."""
        return _size(self._stuffed[True])

    def content(self, extensions: Extensions) -> bytes:
        """What follows DATA: CRLF line ends, dots doubled, the last dot included.

        A server without 8BITMIME is given the bodies in base64 or
        quoted-printable instead (RFC 6152 section 3).
        """
        # SMTPUTF8 includes 8BITMIME (RFC 6531 section 3.1).
        eight_bit = extensions.eight_bit or extensions.utf8 or self._stuffed[True].isascii()
        if eight_bit not in self._stuffed:
            message = self._message or email.message_from_bytes(
                dot_unstuff(self._stuffed[True][:-3]), policy=email.policy.SMTP
            )
            try:
                data = flatten(message, eight_bit=False)
                data.decode("ascii")
            except (UnicodeError, LookupError):  # it does not say what its bytes mean
                raise _lacking("8BITMIME", "the message holds bytes outside of ASCII") from None
            self._stuffed[False] = dot_stuff(data)
        return self._stuffed[eight_bit]

    def commands(self, extensions: Extensions) -> list[bytes]:
        """MAIL, one RCPT a recipient, DATA; checked against what the server can."""
        content = self.content(extensions)
        size = _size(content) if "SIZE" in extensions.keywords else 0
        if extensions.size is not None and size > extensions.size:
            raise ReplyError(
                f"the message has {size:,} bytes, the server takes {extensions.size:,}", text=f"SIZE {extensions.size}"
            )
        if self.international and not extensions.utf8:
            raise _lacking("SMTPUTF8", "an address or header has characters outside of ASCII")
        dsn = self._dsn
        if dsn is not None and not extensions.dsn:
            raise _lacking("DSN", "notifications were asked for")
        mail: list[str] = []
        if "SIZE" in extensions.keywords:
            mail.append(f"SIZE={size}")
        if not content.isascii():
            mail.append("BODY=8BITMIME")
        if self.international:
            mail.append("SMTPUTF8")
        if dsn is not None:
            mail += dsn.mail_parameters()
        encoding = "utf-8" if self.international else "ascii"
        return [
            format_command(f"MAIL FROM:<{self.envelope.sender}>", *mail, encoding=encoding),
            *(
                format_command(f"RCPT TO:<{to}>", *(dsn.rcpt_parameters(to) if dsn else ()), encoding=encoding)
                for to in self.envelope.recipients
            ),
            b"DATA\r\n",
        ]


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _size(stuffed: bytes) -> int:
    return len(stuffed) - 3 - stuffed.count(b"\n..") - stuffed.startswith(b"..")


def _lacking(extension: str, why: str) -> ReplyError:
    return ReplyError(f"the server does not offer {extension}: {why}", text=f"no {extension}")

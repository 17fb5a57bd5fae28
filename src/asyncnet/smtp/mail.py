"""A message made ready: envelope, commands, and the bytes, made once however often it is sent."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterable
from email.message import Message
from typing import TypeAlias

from ..core.lines import dot_stuff, format_command
from ..errors import ReplyError
from .envelope import DSN, make_envelope
from .extensions import Extensions
from .mailbox import MailboxLike
from .serialise import AnyMessage, flatten, header_fields, strip_bcc

__all__ = ["Mail", "MessageLike"]

MessageLike: TypeAlias = "AnyMessage | bytes | bytearray | memoryview"


class Mail:
    """What a transaction needs to know of a message.

    Raises when it is made, before any I/O, what is the caller's to mend; and
    `ReplyError` without a code where the server lacks what the message needs.

    Attributes:
        envelope: sender and recipients.
        message_id: the Message-ID header, ``None`` if there is none.
    """

    __slots__ = ("_data", "_dsn", "_message", "_stuffed", "envelope", "message_id")

    def __init__(
        self,
        message: MessageLike,
        sender: MailboxLike | None = None,
        recipients: MailboxLike | Iterable[MailboxLike] | None = None,
        dsn: DSN | None = None,
    ) -> None:
        self._message: AnyMessage | None = None
        self._data = b""
        if isinstance(message, Message):
            self._message = message
            fields = [(name, value) for name, value in message.raw_items()]
        elif isinstance(message, bytes | bytearray | memoryview):
            self._data = strip_bcc(bytes(message))
            fields = list(header_fields(bytes(message)))
        else:
            raise TypeError(f"message must be an EmailMessage or bytes, not {type(message).__name__}")
        if dsn is not None and not isinstance(dsn, DSN):
            raise TypeError(f"dsn must be a DSN, not {type(dsn).__name__}")
        self.envelope = make_envelope(fields, sender, recipients)
        self.message_id = next((str(value).strip() for name, value in fields if name.lower() == "message-id"), None)
        self._dsn = dsn
        if self._message is not None:
            # The caller may change the message as soon as we wait for something.
            self._data = flatten(self._message, international=self.envelope.international)
        self._stuffed = {True: dot_stuff(self._data)}

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
            message = self._message or email.message_from_bytes(self._data, policy=email.policy.SMTP)
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
        size = _size(content)
        if extensions.size is not None and size > extensions.size:
            raise ReplyError(
                f"the message has {size:,} bytes, the server takes {extensions.size:,}", text=f"SIZE {extensions.size}"
            )
        if self.envelope.international and not extensions.utf8:
            raise _lacking("SMTPUTF8", "an address or header has characters outside of ASCII")
        if self._dsn is not None and not extensions.dsn:
            raise _lacking("DSN", "notifications were asked for")
        mail: list[str] = []
        rcpt: tuple[str, ...] = ()
        if "SIZE" in extensions.keywords:
            mail.append(f"SIZE={size}")
        if not content.isascii():
            mail.append("BODY=8BITMIME")
        if self.envelope.international:
            mail.append("SMTPUTF8")
        if self._dsn is not None:
            mail += self._dsn.mail_parameters()
            rcpt = self._dsn.rcpt_parameters()
        encoding = "utf-8" if self.envelope.international else "ascii"
        return [
            format_command(f"MAIL FROM:<{self.envelope.sender}>", *mail, encoding=encoding),
            *(format_command(f"RCPT TO:<{to}>", *rcpt, encoding=encoding) for to in self.envelope.recipients),
            b"DATA\r\n",
        ]


def _size(stuffed: bytes) -> int:
    return len(stuffed) - 3 - stuffed.count(b"\n..") - stuffed.startswith(b"..")


def _lacking(extension: str, why: str) -> ReplyError:
    return ReplyError(f"the server does not offer {extension}: {why}", text=f"no {extension}")

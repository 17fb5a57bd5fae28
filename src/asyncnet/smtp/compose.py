"""A mail from its parts: text, HTML, pictures inside it, attachments.

The tree is the one that mail programs expect (RFC 2046 section 5.1)::

    mixed
    ├── alternative
    │   ├── text/plain
    │   └── related
    │       ├── text/html
    │       └── the pictures, by Content-ID
    └── the attachments

each level only where there is something for it.
"""

from __future__ import annotations

import datetime
import email
import email.policy
import email.utils
import mimetypes
import os
import re
from collections.abc import Iterable, Mapping
from email.headerregistry import Address
from email.message import EmailMessage
from pathlib import Path
from typing import TypeAlias
from urllib.parse import quote

from ..core.address import check_text
from .mailbox import Mailbox, MailboxLike, parse_mailbox, parse_mailboxes

__all__ = ["Attachment", "compose"]

# A path, or (file name, content), or (file name, content, type such as "application/pdf").
Attachment: TypeAlias = str | os.PathLike[str] | tuple[str, bytes] | tuple[str, bytes, str]

_HEADER_NAME = re.compile(r"[!-9;-~]+")  # RFC 5322 section 2.2
_CONTENT_TYPE = re.compile(r"([A-Za-z0-9!#$&^_.+-]+)/([A-Za-z0-9!#$&^_.+-]+)")  # RFC 6838 section 4.2

# The table that comes with Python: what a machine's own files add would make mails differ from place to place.
_types = mimetypes.MimeTypes()

_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"%PDF-", "application/pdf"),
)


def compose(
    *,
    sender: MailboxLike,
    to: MailboxLike | Iterable[MailboxLike],
    subject: str,
    text: str,
    html: str | None = None,
    cc: MailboxLike | Iterable[MailboxLike] = (),
    bcc: MailboxLike | Iterable[MailboxLike] = (),
    reply_to: MailboxLike | Iterable[MailboxLike] | None = None,
    attachments: Iterable[Attachment] = (),
    inline: Iterable[Attachment] = (),
    headers: Mapping[str, str] | None = None,
) -> EmailMessage:
    """Compose a mail; the result is a standard `EmailMessage` that may be changed before it is sent.

    An address is ``"ann@example.org"``, ``"Ann <ann@example.org>"``,
    ``("Ann", "ann@example.org")`` or an `email.headerregistry.Address`.
    Date and Message-ID are set.

    Args:
        sender: who it is from.
        to: one recipient or several.
        subject: may be empty; in any language.
        text: the plain text; ``""`` together with ``html`` leaves it out.
        html: the same as HTML, ``None`` for none.
        cc: recipients of a copy.
        bcc: recipients whom the others do not see: they are in the message, and never in what is sent.
        reply_to: whom to answer, ``None`` for the sender.
        attachments: paths, ``(file name, bytes)`` or ``(file name, bytes, content type)``; a path is read now.
        inline: pictures for ``html``, given likewise; ``<img src="cid:logo.png">`` shows the one named ``logo.png``.
        headers: further header fields.

    Raises:
        TypeError, ValueError: an address, a header or a name that may not stand in a mail.
        OSError: a path that cannot be read.

    Source: RFC 5322, RFC 2045-2049, RFC 2387, RFC 2392

    Example:
        ```python
        message = asyncnet.smtp.compose(
            sender="Ann <ann@example.org>", to="bob@example.org", subject="Lunch?", text="At noon?"
        )
        ```
    """
    author = parse_mailbox(sender, "sender")
    message = EmailMessage(policy=email.policy.SMTP)
    message["From"] = _address(author)
    for name, given, argument in (
        ("To", to, "to"),
        ("Cc", cc, "cc"),
        ("Bcc", bcc, "bcc"),
        ("Reply-To", () if reply_to is None else reply_to, "reply_to"),
    ):
        mailboxes = parse_mailboxes(given, argument)
        if mailboxes:
            message[name] = [_address(mailbox) for mailbox in mailboxes]
    message["Subject"] = check_text(subject, "subject")
    message["Date"] = datetime.datetime.now(datetime.UTC)
    # Without a domain the standard library would ask the DNS, and block.
    message["Message-ID"] = email.utils.make_msgid(domain=author.address.rpartition("@")[2].strip("[]") or "localhost")
    for name, value in (headers or {}).items():
        if not _HEADER_NAME.fullmatch(check_text(name, "header name")):
            raise ValueError(f"{name!r} is no name for a header")
        message[name] = check_text(value, f"header {name}")
    _add_body(message, text, html, inline)
    for attachment in attachments:
        _attach(message, *_load(attachment, "attachment"))
    return message


def _address(mailbox: Mailbox) -> Address:
    local, _, domain = mailbox.address.rpartition("@")
    if local.startswith('"'):
        local = re.sub(r"\\(.)", r"\1", local[1:-1])
    return Address(mailbox.name, local or domain, domain if local else "")


def _add_body(message: EmailMessage, text: str, html: str | None, inline: Iterable[Attachment]) -> None:
    for body, name in ((text, "text"), (html, "html")):
        if not isinstance(body, str) and (body is not None or name == "text"):
            raise TypeError(f"{name} must be a str, not {type(body).__name__}")
        if body and "\0" in body:
            raise ValueError(f"{name} must not hold NUL")  # RFC 5322 section 2.3 knows no such character
    if text or html is None:
        message.set_content(text)
        if html is not None:
            message.add_alternative(html, subtype="html")
    else:
        message.set_content(html, subtype="html")
    pictures = [_load(picture, "inline") for picture in inline]
    if pictures and html is None:
        raise ValueError("inline pictures need html to stand in")
    page = message.get_body(("html",)) if pictures else None
    for name, data, kind in pictures:
        assert page is not None
        main, _, sub = kind.partition("/")
        page.add_related(data, main, sub, cid=f"<{quote(name)}>", filename=name, disposition="inline")


def _attach(message: EmailMessage, name: str, data: bytes, kind: str) -> None:
    main, _, sub = kind.partition("/")
    if main == "multipart" or (main == "message" and sub != "rfc822"):
        main, sub = "application", "octet-stream"  # base64 may not wrap these (RFC 2046 section 5)
    if main == "message":
        message.add_attachment(email.message_from_bytes(data, policy=email.policy.SMTP), filename=name)
    else:
        message.add_attachment(data, main, sub, filename=name, params=_charset(data) if main == "text" else None)


def _charset(data: bytes) -> dict[str, str]:
    """The charset of a text file, where that is sure."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return {}
    return {"charset": "utf-8"}


def _load(attachment: Attachment, what: str) -> tuple[str, bytes, str]:
    """File name, content and content type."""
    kind = None
    if isinstance(attachment, str | os.PathLike):
        path = Path(attachment)
        name, data = path.name, path.read_bytes()
    elif isinstance(attachment, tuple) and len(attachment) in (2, 3):
        name, content, *more = attachment
        if not isinstance(content, bytes | bytearray | memoryview):
            raise TypeError(f"the content of {what} {name!r} must be bytes, not {type(content).__name__}")
        data, kind = bytes(content), more[0] if more else None
    else:
        raise TypeError(f"{what} must be a path, (name, bytes) or (name, bytes, type), not {attachment!r:.60}")
    if not check_text(name, f"name of {what}"):
        raise ValueError(f"{what} must have a file name")
    if kind is None:
        return name, data, _guess(name, data)
    if not _CONTENT_TYPE.fullmatch(check_text(kind, "content type")):
        raise ValueError(f"the content type must look like 'application/pdf', not {kind!r}")
    return name, data, kind.lower()


def _guess(name: str, data: bytes) -> str:
    """The content type, by name first and by the first bytes where the name says nothing."""
    kind, encoding = _types.guess_type(name.replace(":", "_"), strict=False)  # "a:b" would be read as a URL
    if encoding is not None:
        return {"gzip": "application/gzip", "bzip2": "application/x-bzip2"}.get(encoding, "application/octet-stream")
    if kind is None or kind == "application/octet-stream":
        for start, sniffed in _MAGIC:
            if data.startswith(start):
                return sniffed
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return "image/webp"
    return kind or "application/octet-stream"

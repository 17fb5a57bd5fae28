"""An article: its bytes, and what they say.

Pure.  RFC 5536 (netnews articles), RFC 3977 section 3.6.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from email.message import EmailMessage, Message
from email.policy import Policy, default
from email.utils import parseaddr

from ..core.message_parser import parse_message

__all__ = ["Article", "Stat", "serialise"]


@dataclass(frozen=True, slots=True)
class Stat:
    """Where an article is.

    Attributes:
        number: in the selected group; ``None`` if it was asked for by its id.
        message_id: with its angle brackets.
    """

    number: int | None
    message_id: str


@dataclass(frozen=True, slots=True)
class Article:
    """A fetched article; it is parsed when it is first looked into.

    Attributes:
        number: in the selected group; ``None`` if it was asked for by its id.
        message_id: with its angle brackets.
        content: all of it in bytes, with CRLF line ends.
    """

    number: int | None
    message_id: str
    content: bytes = field(repr=False)
    _message: EmailMessage | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def message(self) -> EmailMessage:
        """All of it as an `email.message.EmailMessage`."""
        if self._message is None:
            # Frozen: what is remembered is what `content` says anyway.
            object.__setattr__(self, "_message", parse_message(self.content, EmailMessage))
        assert self._message is not None
        return self._message

    @property
    def headers(self) -> EmailMessage:
        """The headers, decoded: ``article.headers["Subject"]``; names in any case, ``None`` for what is not there."""
        return self.message

    @property
    def body(self) -> str:
        """The text, decoded, with plain line feeds; of an article of several parts the one to read."""
        message = self.message
        part: Message | None = message.get_body(("plain", "html")) if message.is_multipart() else message
        return "" if part is None else _text(part)

    @property
    def body_bytes(self) -> bytes:
        """The body as it came: for encodings that are none of MIME, such as yEnc."""
        return self.content.partition(b"\r\n\r\n")[2]


def _text(part: Message) -> str:
    data = part.get_payload(decode=True)
    content = data if isinstance(data, bytes) else b""
    # Articles without MIME say nothing of their charset: UTF-8 first, and Latin-1, which is never wrong.
    for charset in (part.get_content_charset() or "utf-8", "utf-8"):
        try:
            text = content.decode(charset)
            break
        except (UnicodeDecodeError, LookupError):
            continue
    else:
        text = content.decode("latin-1")
    return text.replace("\r\n", "\n")


def serialise(article: Message | bytes) -> tuple[bytes, str]:
    """An article as it is posted, and its Message-ID, which is made if it has none.

    With an id of our own a poster whose answer was lost can find out what became of it.

    Raises:
        TypeError: it is neither a message nor bytes.
        ValueError: it has no Newsgroups, no blank line, or NUL in it.
    """
    if isinstance(article, Message):
        parsed = article
        policy: Policy = article.policy if isinstance(article, EmailMessage) else default
        # News is clean for eight bits (RFC 3977 section 3.6); base64 would only make it longer.
        data = article.as_bytes(policy=policy.clone(linesep="\r\n", cte_type="8bit"))
    elif isinstance(article, bytes):
        data = article
        parsed = parse_message(data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"), EmailMessage)
    else:
        raise TypeError(f"an article must be an EmailMessage or bytes, not {type(article).__name__}")
    if b"\0" in data:
        raise ValueError("an article must not contain NUL")
    if b"\n\n" not in data.replace(b"\r\n", b"\n"):
        raise ValueError("an article needs a blank line between its headers and its body")
    if not parsed["Newsgroups"]:
        raise ValueError("an article needs a Newsgroups header")
    message_id = str(parsed["Message-ID"] or "").strip()
    if not message_id:
        domain = parseaddr(str(parsed["From"] or ""))[1].rpartition("@")[2]
        message_id = f"<{uuid.uuid4()}@{domain if domain.isascii() and domain else 'localhost'}>"
        data = b"Message-ID: " + message_id.encode() + b"\r\n" + data
    return data, message_id

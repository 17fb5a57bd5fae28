"""A message that knows where in the maildrop it was."""

from __future__ import annotations

from email.message import EmailMessage

from ..core.message_parser import parse_message
from .status import Item

__all__ = ["Message"]


class Message(EmailMessage):
    """A received message: an `email.message.EmailMessage` with a few facts more.

    Attributes:
        number: its number in the session it was fetched in; 0 for a part of a message.
        size: its bytes as received.
        uid: what names it in every session; ``None`` if it is not known.
    """

    number: int = 0
    size: int = 0
    uid: str | None = None

    def __repr__(self) -> str:
        try:
            subject = self["Subject"]
        except Exception:  # headers are parsed when they are looked at, and some cannot be
            subject = None
        shown = "without a subject" if subject is None else f"{str(subject)!r:.80}"
        number = f"{self.number} " if self.number else ""
        size = f", {self.size:,} bytes" if self.size else ""
        return f"<Message {number}{shown}{size}>"

    @classmethod
    def _parse(cls, data: bytes, item: Item) -> Message:
        message = parse_message(data, cls)
        message.number, message.size, message.uid = item.number, len(data), item.uid
        return message

"""The tasks of the SMTP, POP3 and NNTP scenarios."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from email.message import EmailMessage
from typing import Any

from .job import Job

__all__ = ["MailJob", "ReadJob", "body_of"]

SENDER, RECIPIENT = "sender@bench.test", "someone@bench.test"


class MailJob(Job):
    """Send `messages` over at most `connections` connections; phase: send.

    Each message is another one; they are `EmailMessage`s, or bytes where the setting "kind" says so.
    """

    sender, recipient = SENDER, RECIPIENT

    def __init__(self, settings: Mapping[str, int | str], loop: str, port: int) -> None:
        super().__init__(settings, loop, port)
        self.connections = self.number("connections") or 1
        self.serialised = settings.get("kind") == "serialised bytes"
        made = [_message(number) for number in range(self.number("count"))]
        self.messages: list[EmailMessage | bytes] = [bytes(one) if self.serialised else one for one in made]

    async def spread(self, send: Callable[[Any], Awaitable[Any]]) -> None:
        """Send all messages, so many at once as there may be connections."""
        import asyncio  # not for contenders without it

        messages = iter(self.messages)

        async def worker() -> None:
            for message in messages:
                await send(message)

        self.phase("send")
        await asyncio.gather(*(worker() for _ in range(self.connections)))
        self.phase("")


def _message(number: int) -> EmailMessage:
    message = EmailMessage()
    message["From"] = SENDER
    message["To"] = RECIPIENT
    message["Subject"] = f"message {number}"
    message["Message-ID"] = f"<{number}@bench.test>"
    message["Date"] = "Thu, 01 Jan 2026 00:00:00 +0000"
    message["X-Number"] = str(number)
    message.set_content("".join(f"line {line} ".ljust(63, "x") + "\n" for line in range(32)))
    return message


def body_of() -> str:
    """The body of every message and article of the servers, with plain line ends."""
    return "".join(f"line {line} ".ljust(76, "x") + "\n" for line in range(260)) + ".dot\nend\n"


class ReadJob(Job):
    """Fetch `count` messages or articles, numbered from 1, and leave subject and body of each; phase: fetch."""

    def __init__(self, settings: Mapping[str, int | str], loop: str, port: int) -> None:
        super().__init__(settings, loop, port)
        self.count = self.number("count")
        self.subjects: list[str] = []
        self.bodies: list[str] = []

    @property
    def ids(self) -> list[str]:
        """The message ids of all articles."""
        return [f"<{number}@bench.test>" for number in range(1, self.count + 1)]

    def check(self) -> None:
        if self.subjects != [f"message {number}" for number in range(1, self.count + 1)]:
            raise ValueError(f"got {len(self.subjects)} messages: {self.subjects[:3]} …")
        expected = body_of()
        for number, body in enumerate(self.bodies, 1):
            if body.replace("\r\n", "\n") != expected:
                raise ValueError(f"the body of message {number} is not what was sent: {body[:60]!r} … {body[-60:]!r}")
        if len(self.bodies) != self.count:
            raise ValueError(f"got {len(self.bodies)} bodies")

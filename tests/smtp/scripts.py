"""The bytes of a session that a scripted server knows by heart: what the client says, and what it is told."""

from __future__ import annotations

EHLO = b"EHLO c\r\n"
FLIGHT = b"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n"
OFFER = b"250-test\r\n250 PIPELINING\r\n"
TAKEN = b"250 ok\r\n250 ok\r\n354 go\r\n"


def raw(number: int) -> bytes:
    return b"Subject: %d\r\n\r\n" % number

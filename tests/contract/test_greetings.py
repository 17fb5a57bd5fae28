"""A server whose first words are not those of the protocol: a typed error, and nothing is said to it."""

from __future__ import annotations

import pytest

import asyncnet
from asyncnet import nntp, pop3, testing

pytestmark = pytest.mark.asyncio

GREETINGS = {
    "nntp": (
        b"HTTP/1.1 400 Bad Request", b"20 short", b"2000 long", b"2x0 letters", b" 200 blank", b"200 nul\0", b"",
        b"\xff\xfe", b"920 out of range", b"+OK pop", b"200-first", b"100 help follows", b"300 more", b"400 no",
        b"502 no",
    ),
    "pop3": (
        b"HTTP/1.1 400 Bad Request", b"+OKAY", b"OK hello", b"", b" +OK", b"+OK nul\0", b"+OK \r lone", b"\xff\xfe",
        b"220 smtp", b"+", b"+ bm9uY2U=", b"-ERR go away",
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("protocol", "greeting"), [(protocol, greeting) for protocol in GREETINGS for greeting in GREETINGS[protocol]]
)
async def test_a_greeting_that_is_none(protocol, greeting):
    with testing.TCPServer([testing.Send(greeting + b"\r\n"), testing.Stall()]) as server:
        if protocol == "nntp":
            client = nntp.Client(server.host, server.port, timeout=10)
        else:
            client = pop3.Client(server.host, server.port, username="ann", password="hush", starttls=False, timeout=10)
        with pytest.raises((asyncnet.ProtocolError, asyncnet.ReplyError)) as caught:
            await client.open()
        assert caught.value.phase == "greeting"
        assert "\n" not in str(caught.value)
        assert server.received == [b""], "nothing is said to such a server"

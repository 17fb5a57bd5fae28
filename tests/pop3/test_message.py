"""A message that knows where it was: pure."""

from __future__ import annotations

from asyncnet.pop3.message import Message
from asyncnet.pop3.status import Item


def test_a_message_knows_where_it_was():
    message = Message._parse(b"Subject: x\r\n\r\ntext\r\n", Item(3, 99, "u3"))
    assert isinstance(message, Message)
    assert (message.number, message.size, message.uid) == (3, 20, "u3")
    assert message["Subject"] == "x"


def test_its_parts_are_nowhere():
    data = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b--\r\n"
    message = Message._parse(data, Item(3, 99, "u3"))
    assert [(part.number, part.uid) for part in message.iter_parts()] == [(0, None)]
    assert message.number == 3

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


def test_it_shows_what_it_is():
    message = Message()
    assert repr(message) == "<Message without a subject>"
    message["Subject"] = "caf\N{LATIN SMALL LETTER E WITH ACUTE}"
    assert repr(message) == "<Message 'caf\N{LATIN SMALL LETTER E WITH ACUTE}'>"
    assert repr(Message._parse(b"Subject: x\r\n\r\n", Item(3, 99, "u3"))) == "<Message 3 'x', 14 bytes>"


def test_it_shows_itself_whatever_is_in_it():
    class Broken(Message):
        def __getitem__(self, name):
            raise IndexError(name)

    assert repr(Broken()) == "<Message without a subject>"

"""What a POP3 server says: pure."""

from __future__ import annotations

import pytest

from asyncnet import ProtocolError
from asyncnet.pop3.status import (
    Status,
    parse_capabilities,
    parse_numbers,
    parse_sizes,
    parse_status,
    parse_uids,
)


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"+OK", Status(True, "")),
        (b"+ok hello", Status(True, "hello")),
        (b"-ERR [AUTH] no", Status(False, "no", "AUTH")),
        (b"-ERR [in-use]", Status(False, "", "IN-USE")),
        (b"-ERR [SYS/TEMP] later", Status(False, "later", "SYS/TEMP")),
        (b"-ERR [] no", Status(False, "[] no")),
        (b"+ abc=", Status(True, "abc=", challenge=True)),
        (b"+", Status(True, "", challenge=True)),
        ("+OK é".encode(), Status(True, "é")),
        (b"+OK \xe9", Status(True, "é")),
    ],
)
def test_status(line, status):
    assert parse_status(line) == status


@pytest.mark.parametrize("line", [b"", b"OK", b"+OKAY", b"-ER", b"+OK\0", b"+OK a\rb", b" +OK", b"250 OK", b"\xff"])
def test_not_a_status(line):
    with pytest.raises(ProtocolError, match="not a POP3 reply"):
        parse_status(line)


def test_status_in_words():
    assert str(parse_status(b"-ERR [AUTH] no")) == "-ERR [AUTH] no"
    assert str(parse_status(b"+OK")) == "+OK"


def test_the_stamp_of_a_greeting():
    greeting = parse_status(b"+OK POP3 server ready <1896.697170952@dbc.mtview.ca.us>")  # RFC 1939 section 7
    assert greeting.stamp == "<1896.697170952@dbc.mtview.ca.us>"
    assert parse_status(b"+OK ready <nobody>").stamp is None
    assert parse_status(b"+OK <a b@c>").stamp is None


def test_numbers():
    assert parse_numbers("2 320") == (2, 320)
    assert parse_numbers("0 0") == (0, 0)
    assert parse_numbers("2 320 octets") == (2, 320)


HUGE = "9" * 19


NO_NUMBERS = ["", "2", "-1 5", "1 -5", "a b", "2  3", HUGE + " 1", "1 " + HUGE, "１ ２", "+1 2", "\udcff 1"]


@pytest.mark.parametrize("text", NO_NUMBERS)
def test_no_numbers(text):
    with pytest.raises(ProtocolError):
        parse_numbers(text)


def test_sizes():
    assert parse_sizes(b"1 120\r\n2 200\r\n") == {1: 120, 2: 200}
    assert parse_sizes(b"") == {}


NO_SIZES = [b"1", b"", b"-1 5", b"0 5", b"1 -5", b"x 5", b"1 5\r\n1 6", HUGE.encode() + b" 5", b"1\t5"]


@pytest.mark.parametrize("line", NO_SIZES)
def test_no_sizes(line):
    with pytest.raises(ProtocolError):
        parse_sizes(line + b"\r\n")


def test_uids():
    assert parse_uids(b"1 whqtswO00WBw418f9t5JxYwZ\r\n2 Q \r\n") == {1: "whqtswO00WBw418f9t5JxYwZ", 2: "Q"}


@pytest.mark.parametrize("line", [b"1", b"1 ", b"1 a b", b"0 a", b"1 a\r\n1 a", b"1 \xe9", b"1 a\0"])
def test_no_uids(line):
    with pytest.raises(ProtocolError):
        parse_uids(line + b"\r\n")


def test_capabilities():
    block = b"top\r\nSASL PLAIN XOAUTH2\r\n\r\nEXPIRE 60\r\n"
    assert parse_capabilities(block) == {"TOP": (), "SASL": ("PLAIN", "XOAUTH2"), "EXPIRE": ("60",)}
    assert parse_capabilities(b"") == {}

"""Messages from bytes: the short way gives what the standard library's parser gives."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage

import pytest

from asyncnet.core.message_parser import parse_message

PLAIN = b"From: Ann <ann@example.org>\r\nSubject: =?utf-8?q?caf=C3=A9?= and\r\n more\r\n\r\none\r\n\r\ntwo\r\n"

MESSAGES = {
    "plain": PLAIN,
    "no body": b"Subject: x\r\n\r\n",
    "no blank line": b"Subject: x\r\n",
    "nothing": b"",
    "body only": b"\r\nbody\r\n",
    "8 bit": b"Subject: caf\xc3\xa9\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nna\xc3\xafve\r\n",
    "base64": b"Content-Type: text/plain; charset=latin-1\r\nContent-Transfer-Encoding: base64\r\n\r\n6eg=\r\n",
    "quoted": b"Content-Type: text/html; charset=utf-8\r\n"
    b"Content-Transfer-Encoding: quoted-printable\r\n\r\n=C3=A9\r\n",
    "parts": b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    b"--b\r\n\r\none\r\n--b\r\nSubject: t\r\n\r\ntwo\r\n--b--\r\n",
    "Multipart": b"content-type:\r\n MULTIPART/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b--\r\n",
    "parts missing": b"Content-Type: multipart/mixed\r\n\r\nno boundary\r\n",
    "a message": b"Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ntext\r\n",
    "no header": b"Subject: x\r\nnothing here\r\nFrom: y\r\n\r\nbody\r\n",
    "first line folded": b" folded\r\nSubject: x\r\n\r\nbody\r\n",
    "last line no header": b"Subject: x\r\nnothing here\r\n\r\nbody\r\n",
    "mbox": b"From ann Thu Jan  1 00:00:00 2024\r\nSubject: x\r\n\r\nbody\r\n",
    "bare line feeds": b"Subject: x\nFrom: y\n\nbody\n",
    "bare line feed in the head": b"Subject: x\nFrom: y\r\n\r\nbody\r\n",
    "bare return in the head": b"Subject: x\rFrom: y\r\n\r\nbody\r\n",
    "bare ones in the body": b"Subject: x\r\n\r\none\ntwo\rthree\r\n",
    "other line ends": b"Subject: a\x0bb\x1cc\r\n\r\nx\x0by\r\n",
    "empty value": b"Subject:\r\nFrom: \r\n folded\r\n\r\nbody\r\n",
    "empty name": b": x\r\nFrom: y\r\n\r\nbody\r\n",
    "twice": b"Received: a\r\nReceived: b\r\n\r\nbody\r\n",
}


def told(message: EmailMessage) -> object:
    return (
        message.items(),
        message.raw_items and list(message.raw_items()),
        message.get_payload() if not message.is_multipart() else [told(part) for part in message.iter_parts()],
        [repr(defect) for defect in message.defects],
        message.preamble,
        message.epilogue,
        message.get_unixfrom(),
        message.as_bytes() if not message.defects else None,
    )


@pytest.mark.parametrize("name", MESSAGES)
def test_the_result_is_that_of_the_standard_library(name):
    data = MESSAGES[name]
    expected = email.message_from_bytes(data, policy=email.policy.default)
    assert isinstance(expected, EmailMessage)
    assert told(parse_message(data, EmailMessage)) == told(expected)


def test_headers_and_body_are_decoded():
    message = parse_message(PLAIN, EmailMessage)
    assert message["subject"] == "café and more"
    assert message.get_content() == "one\n\ntwo\n" or message.get_content() == "one\r\n\r\ntwo\r\n"
    assert parse_message(MESSAGES["8 bit"], EmailMessage).get_content().strip() == "naïve"
    assert parse_message(MESSAGES["base64"], EmailMessage).get_content().strip() == "éè"


def test_the_class_is_the_one_asked_for():
    class Own(EmailMessage):
        pass

    assert type(parse_message(PLAIN, Own)) is Own
    parsed = parse_message(MESSAGES["parts"], Own)
    assert type(parsed) is Own
    assert [part.get_content().strip() for part in parsed.iter_parts()] == ["one", "two"]

"""Articles: pure."""

from __future__ import annotations

import copy
import pickle
from email.message import EmailMessage

import pytest

from asyncnet.nntp.article import Article, serialise

PLAIN = b"Subject: =?utf-8?q?caf=C3=A9?=\r\nMessage-ID: <1@example.org>\r\n\r\none\r\n\r\ntwo\r\n"


def article(content: bytes) -> Article:
    return Article(7, "<1@example.org>", content)


def test_headers_and_body_are_decoded():
    found = article(PLAIN)
    assert found.headers["subject"] == "café"
    assert found.headers["Nothing"] is None
    assert found.body == "one\n\ntwo\n"
    assert found.body_bytes == b"one\r\n\r\ntwo\r\n"
    assert found.message is found.message
    assert "one" not in repr(found)
    assert pickle.loads(pickle.dumps(found)) == copy.copy(found) == found


@pytest.mark.parametrize(
    ("head", "body", "text"),
    [
        (b"", "naïve".encode(), "naïve"),
        (b"", b"na\xefve", "naïve"),
        (b"Content-Type: text/plain; charset=latin-1\r\n", b"na\xefve", "naïve"),
        (b"Content-Type: text/plain; charset=no-such\r\n", "naïve".encode(), "naïve"),
        (b"Content-Type: text/plain; charset=us-ascii\r\n", b"na\xefve", "naïve"),
        (b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n", b"w6k=", "é"),
        (b"Content-Type: multipart/mixed; boundary=b\r\n", b"--b\r\n\r\nread me\r\n--b--\r\n", "read me"),
        (b"Content-Type: multipart/mixed; boundary=b\r\n", b"--b\r\nContent-Type: image/png\r\n\r\nx\r\n--b--\r\n", ""),
        (b"Content-Type: multipart/mixed; boundary=b\r\n", b"no parts", "no parts"),
    ],
)
def test_bodies(head, body, text):
    assert article(b"Subject: x\r\n" + head + b"\r\n" + body).body.strip() == text


def message(**headers: str) -> EmailMessage:
    made = EmailMessage()
    for name, value in {"From": "ann@example.org", "Newsgroups": "misc.test", "Subject": "Hé", **headers}.items():
        if value:
            made[name] = value
    made.set_content("Ünder\n.\n..dots\n")
    return made


def test_a_message_is_posted_with_an_id_of_its_own():
    data, message_id = serialise(message())
    assert data.startswith(f"Message-ID: {message_id}\r\n".encode())
    assert message_id.endswith("@example.org>")
    assert serialise(message())[1] != message_id
    assert data.replace(b"\r\n", b"").count(b"\n") == 0
    assert "Ünder".encode() in data


def test_an_id_that_is_there_stays():
    data, message_id = serialise(message(**{"Message-ID": "<own@example.org>"}))
    assert message_id == "<own@example.org>"
    assert data.lower().count(b"message-id:") == 1


def test_without_a_domain_the_id_is_local():
    assert serialise(message(From=""))[1].endswith("@localhost>")
    assert serialise(b"Newsgroups: a\nFrom: x@b\xc3\xbc.example\n\ntext\n")[1].endswith("@localhost>")


def test_bytes_are_posted_as_they_are():
    raw = b"Newsgroups: a\nMessage-ID: <1@b>\n\ntext\n"
    assert serialise(raw) == (raw, "<1@b>")


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        ("text", TypeError),
        (None, TypeError),
        (b"Newsgroups: a\r\n\r\n\0", ValueError),
        (b"Newsgroups: a\r\n", ValueError),
        (b"Subject: a\r\n\r\ntext", ValueError),
        (message(Newsgroups=""), ValueError),
    ],
)
def test_what_is_no_article(bad, error):
    with pytest.raises(error):
        serialise(bad)

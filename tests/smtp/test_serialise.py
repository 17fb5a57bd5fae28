"""Messages as bytes, without Bcc."""

from __future__ import annotations

import email
import email.policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

import pytest

from asyncnet.smtp.serialise import flatten, header_fields, split_head, strip_bcc


def mail(**headers):
    message = EmailMessage()
    message["From"] = "ann@example.org"
    message["To"] = "bob@example.org"
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content("hi\n")
    return message


@pytest.mark.parametrize(
    ("data", "head"),
    [
        (b"A: 1\r\nB: 2\r\n\r\nbody\r\n\r\n", b"A: 1\r\nB: 2\r\n"),
        (b"A: 1\nB: 2\n\nbody", b"A: 1\nB: 2\n"),
        (b"A: 1\rB: 2\r\rbody", b"A: 1\rB: 2\r"),
        (b"A: 1\r\n\nbody", b"A: 1\r\n"),
        (b"A: 1\n\r\nbody", b"A: 1\n"),
        (b"\r\nbody", b""),
        (b"\nbody", b""),
        (b"A: 1\r\n", b"A: 1\r\n"),
        (b"A: 1", b"A: 1\r\n"),
        (b"", b"\r\n"),
    ],
)
def test_where_the_head_ends(data, head):
    found, rest = split_head(data)
    assert found == head
    assert (found + rest).startswith(data)


@pytest.mark.parametrize("end", [b"\r\n", b"\n", b"\r"])
@pytest.mark.parametrize("name", [b"Bcc", b"bCC", b"Resent-Bcc", b"Bcc "])
def test_bcc_is_taken_out_of_bytes(name, end):
    head = [b"From: a@example.org", name + b": eve@example.org,", b"\tmallory@example.org", b"To: b@example.org"]
    data = end.join([*head, b"", b"Bcc: stays in the body", b""])
    stripped = strip_bcc(data)
    assert stripped == end.join([head[0], head[3], b"", b"Bcc: stays in the body", b""])


def test_bcc_may_stand_first_and_last_and_alone():
    assert strip_bcc(b"Bcc: e@example.org\r\nA: 1\r\n\r\nx") == b"A: 1\r\n\r\nx"
    assert strip_bcc(b"A: 1\r\nBcc: e@example.org\r\n\r\nx") == b"A: 1\r\n\r\nx"
    assert strip_bcc(b"A: 1\r\nBcc: e@example.org") == b"A: 1\r\n"
    assert strip_bcc(b"Bcc:\r\n\r\n") == b"\r\n"


def test_what_is_no_bcc_stays():
    data = b"X-Bcc: a@example.org\r\nSubject: a\r\n bcc: b\r\nBccx: c\r\n\r\nBcc: d\r\n"
    assert strip_bcc(data) is data


def test_the_fields_of_bytes():
    data = (
        b"From: ann@example.org\r\nTo : b@example.org,\r\n\tc@example.org\r\nX: J\xc3\xb6\xff\r\nnonsense\r\n\r\nY: 1"
    )
    assert list(header_fields(data)) == [
        ("From", "ann@example.org"),
        ("To", "b@example.org,\tc@example.org"),
        ("X", "Jö\udcff"),
    ]


def test_a_message_object_goes_out_without_bcc_and_is_not_changed():
    message = mail(Bcc="eve@example.org", Resent_Bcc="mallory@example.org")
    before = message.as_bytes()
    data = flatten(message)
    assert b"eve" not in data
    assert b"mallory" not in data
    assert b"bob@example.org" in data
    assert message.as_bytes() == before


def test_line_ends_are_crlf_and_from_is_not_mangled():
    message = MIMEText("From here\non\n")
    message["From"] = "ann@example.org"
    assert flatten(message).endswith(b"\r\n\r\nFrom here\r\non\r\n")
    assert b"\n" not in flatten(message).replace(b"\r\n", b"")


def test_old_and_new_messages_alike():
    old = MIMEMultipart()
    old["Subject"] = "Grüße"
    old.attach(MIMEText("schön", "plain", "utf-8"))
    again = email.message_from_bytes(flatten(old), policy=email.policy.SMTP)
    assert again["Subject"] == "Grüße"
    assert [part.get_content() for part in again.iter_parts()] == ["schön"]


def test_international_headers_stay_utf_8():
    message = mail(Cc=Address("Jörg", "jörg", "example.org"), Subject="Grüße")
    data = flatten(message, international=True)
    assert "Cc: Jörg <jörg@example.org>\r\n".encode() in data
    assert "Subject: Grüße\r\n".encode() in data


def test_without_8bitmime_bodies_are_encoded():
    message = mail()
    message.set_content("schön\n", cte="8bit")
    assert "schön".encode() in flatten(message)
    data = flatten(message, eight_bit=False)
    assert data.isascii()
    assert email.message_from_bytes(data, policy=email.policy.SMTP).get_content() == "schön\n"

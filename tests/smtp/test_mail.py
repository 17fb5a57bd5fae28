"""A message made ready: its commands and its content, against what a server can."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage
from email.mime.text import MIMEText

import pytest

from asyncnet import ReplyError
from asyncnet.smtp.envelope import DSN
from asyncnet.smtp.extensions import NO_EXTENSIONS, parse_extensions
from asyncnet.smtp.mail import Mail

RAW = b"From: ann@example.org\r\nTo: bob@example.org\r\nMessage-ID:\r\n <1@example.org>\r\n\r\nhi\r\n"
EVERYTHING = parse_extensions(["SIZE 1000", "8BITMIME", "SMTPUTF8", "DSN"])


def message(text="hi\n", **headers):
    made = EmailMessage()
    made["From"] = "ann@example.org"
    made["To"] = "bob@example.org"
    for name, value in headers.items():
        made[name] = value
    made.set_content(text, cte="8bit" if not text.isascii() else None)
    return made


def test_bytes_go_out_as_they_are():
    mail = Mail(RAW)
    assert mail.message_id == "<1@example.org>"
    assert mail.content(NO_EXTENSIONS) == RAW + b".\r\n"
    assert mail.commands(NO_EXTENSIONS) == [
        b"MAIL FROM:<ann@example.org>\r\n",
        b"RCPT TO:<bob@example.org>\r\n",
        b"DATA\r\n",
    ]
    assert Mail(memoryview(RAW)).content(NO_EXTENSIONS) == Mail(bytearray(RAW)).content(NO_EXTENSIONS) == RAW + b".\r\n"


def test_a_message_object():
    made = message(Bcc="eve@example.org")
    mail = Mail(made)
    assert mail.message_id is None
    assert b"eve" not in mail.content(EVERYTHING)
    assert mail.commands(EVERYTHING)[1:3] == [b"RCPT TO:<bob@example.org>\r\n", b"RCPT TO:<eve@example.org>\r\n"]
    old = MIMEText("hi")
    old["From"], old["To"], old["Message-ID"] = "a@example.org", "b@example.org", "<2@example.org>"
    assert Mail(old).message_id == "<2@example.org>"


def test_it_is_serialised_once_and_at_once():
    made = message()
    mail = Mail(made)
    made.replace_header("To", "eve@example.org")
    made.set_content("changed")
    content = mail.content(EVERYTHING)
    assert b"hi\r\n" in content
    assert mail.content(EVERYTHING) is content
    assert mail.envelope.recipients == ("bob@example.org",)


def test_the_size_is_that_of_the_message_itself():
    mail = Mail(b".\n.x\n\ny", "a@example.org", "b@example.org")
    assert mail.content(EVERYTHING) == b"..\r\n..x\r\n\r\ny\r\n.\r\n"
    assert mail.size == len(b".\r\n.x\r\n\r\ny\r\n")
    assert mail.commands(EVERYTHING)[0] == b"MAIL FROM:<a@example.org> SIZE=12\r\n"


def test_smuggling_by_odd_line_ends():
    data = b"From: a@example.org\r\nTo: b@example.org\r\n\r\nx\n.\r\nMAIL FROM:<eve@example.org>\r.\r\r\n.\n\n."
    content = Mail(data).content(EVERYTHING)
    assert content.count(b"\n.\r\n") == 1
    assert content.endswith(b"\r\n..\r\n.\r\n")
    assert b"\n" not in content.replace(b"\r\n", b"")
    assert b"\r" not in content.replace(b"\r\n", b"")


def test_too_large_for_the_server():
    mail = Mail(b"x" * 999, "a@example.org", "b@example.org")
    assert mail.size == 1001
    with pytest.raises(ReplyError, match=r"1,001 bytes, the server takes 1,000") as caught:
        mail.commands(EVERYTHING)
    assert caught.value.code is None
    assert caught.value.text == "SIZE 1000"
    assert Mail(b"x" * 998, "a@example.org", "b@example.org").commands(EVERYTHING)
    assert mail.commands(parse_extensions(["SIZE"]))[0] == b"MAIL FROM:<a@example.org> SIZE=1001\r\n"


def test_eight_bits():
    mail = Mail(message("schön\n"))
    assert b" BODY=8BITMIME\r\n" in mail.commands(EVERYTHING)[0]
    assert "schön".encode() in mail.content(EVERYTHING)
    narrow = mail.content(NO_EXTENSIONS)
    assert b"BODY" not in mail.commands(NO_EXTENSIONS)[0]
    assert narrow.isascii()
    assert mail.content(NO_EXTENSIONS) is narrow
    assert email.message_from_bytes(narrow[:-3], policy=email.policy.SMTP).get_content() == "schön\n"
    assert b"BODY" not in Mail(RAW).commands(EVERYTHING)[0]


def test_eight_bits_in_bytes_are_converted_where_they_say_what_they_are():
    declared = (
        b"From: a@example.org\r\nTo: b@example.org\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
        b"Content-Transfer-Encoding: 8bit\r\n\r\nsch\xc3\xb6n\r\n"
    )
    narrow = Mail(declared).content(NO_EXTENSIONS)
    assert narrow.isascii()
    assert email.message_from_bytes(narrow[:-3], policy=email.policy.SMTP).get_content().strip() == "schön"


def test_eight_bits_that_cannot_be_converted():
    mail = Mail(b"From: a@example.org\r\nTo: b@example.org\r\n\r\n\xff")
    assert b" BODY=8BITMIME\r\n" in mail.commands(EVERYTHING)[0]
    with pytest.raises(ReplyError, match="does not offer 8BITMIME"):
        mail.commands(NO_EXTENSIONS)


def test_addresses_that_need_smtputf8():
    mail = Mail(message(Cc="jörg@example.org"))
    commands = mail.commands(EVERYTHING)
    assert commands[0].endswith(b" SMTPUTF8\r\n")
    assert commands[2] == "RCPT TO:<jörg@example.org>\r\n".encode()
    assert "Cc: jörg@example.org\r\n".encode() in mail.content(EVERYTHING)
    assert mail.content(parse_extensions(["SMTPUTF8"])) == mail.content(EVERYTHING)
    with pytest.raises(ReplyError, match="does not offer SMTPUTF8"):
        mail.commands(parse_extensions(["8BITMIME"]))


def test_notifications():
    mail = Mail(RAW, dsn=DSN(notify=("failure",), returned="full"))
    assert mail.commands(EVERYTHING)[:2] == [
        b"MAIL FROM:<ann@example.org> SIZE=81 RET=FULL\r\n",
        b"RCPT TO:<bob@example.org> NOTIFY=FAILURE ORCPT=rfc822;bob@example.org\r\n",
    ]
    with pytest.raises(ReplyError, match="does not offer DSN"):
        mail.commands(NO_EXTENSIONS)


@pytest.mark.parametrize("wrong", ["From: a\r\n\r\n", None, 7, {"From": "a"}])
def test_what_is_no_message(wrong):
    with pytest.raises(TypeError, match="message must be"):
        Mail(wrong, "a@example.org", "b@example.org")


def test_what_is_no_dsn():
    with pytest.raises(TypeError, match="dsn must be"):
        Mail(RAW, dsn={"notify": "never"})


def test_bytes_with_headers_in_utf_8_need_smtputf8():
    raw = "From: ann@example.org\r\nTo: bob@example.org\r\nSubject: Grüße\r\n\r\nx\r\n".encode()
    mail = Mail(raw)
    assert mail.international
    assert mail.commands(EVERYTHING)[0].endswith(b" BODY=8BITMIME SMTPUTF8\r\n")
    with pytest.raises(ReplyError, match="does not offer SMTPUTF8"):
        mail.commands(parse_extensions(["8BITMIME"]))


def test_bytes_with_headers_in_another_charset_go_as_they_are():
    raw = b"From: ann@example.org\r\nTo: bob@example.org\r\nSubject: Gr\xfc\xdfe\r\n\r\nx\r\n"
    mail = Mail(raw)
    assert not mail.international
    assert mail.content(EVERYTHING) == raw + b".\r\n"


def test_bcc_is_taken_out_of_bytes_with_any_line_ends():
    for end in (b"\r\n", b"\n", b"\r"):
        raw = end.join(
            [b"From: ann@example.org", b"Bcc: eve@example.org,", b" mallory@example.org", b"", b"Bcc: x", b""]
        )
        mail = Mail(raw)
        assert mail.envelope.recipients == ("eve@example.org", "mallory@example.org")
        assert mail.content(EVERYTHING) == b"From: ann@example.org\r\n\r\nBcc: x\r\n.\r\n"


def test_for_some_of_its_recipients():
    mail = Mail(RAW, recipients=["bob@example.org", "cleo@example.org"], dsn=DSN(notify=("never",)))
    rest = mail.only(["cleo@example.org"])
    assert rest.commands(EVERYTHING)[1:] == [
        b"RCPT TO:<cleo@example.org> NOTIFY=NEVER ORCPT=rfc822;cleo@example.org\r\n",
        b"DATA\r\n",
    ]
    assert rest.content(EVERYTHING) is mail.content(EVERYTHING)
    assert rest.message_id == mail.message_id
    assert mail.envelope.recipients == ("bob@example.org", "cleo@example.org")

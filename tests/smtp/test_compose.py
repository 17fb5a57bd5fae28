"""Mails from their parts: the tree, the types, and what may not stand in them."""

from __future__ import annotations

import email
import email.policy
import gzip
from email.headerregistry import Address

import pytest

from asyncnet.smtp.compose import compose

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


def tree(message):
    if message.is_multipart():
        return (message.get_content_type(), *[tree(part) for part in message.iter_parts()])
    return message.get_content_type()


def mail(**changes):
    parts = {"sender": "ann@example.org", "to": "bob@example.org", "subject": "Lunch", "text": "At noon?"}
    return compose(**{**parts, **changes})


def attached(**changes):
    """The only attachment, after a journey over the wire."""
    message = email.message_from_bytes(mail(**changes).as_bytes(), policy=email.policy.SMTP)
    (part,) = message.iter_attachments()
    return part


def test_a_plain_text():
    message = mail(text="Grüße\n.\nFrom here\n")
    assert tree(message) == "text/plain"
    assert message["From"] == "ann@example.org"
    assert message["To"] == "bob@example.org"
    assert message["Subject"] == "Lunch"
    assert message["Date"].datetime.tzinfo is not None
    assert message["Message-ID"].startswith("<")
    assert message["Message-ID"].endswith("@example.org>")
    again = email.message_from_bytes(message.as_bytes(), policy=email.policy.SMTP)
    assert again.get_content().splitlines() == ["Grüße", ".", "From here"]


def test_two_mails_have_two_message_ids():
    assert mail()["Message-ID"] != mail()["Message-ID"]


@pytest.mark.parametrize(
    ("sender", "domain"),
    [("a@[192.0.2.1]", "192.0.2.1"), ("postmaster", "postmaster"), ("a@ü.example", "xn--tda.example")],
)
def test_the_message_id_needs_no_name_service(sender, domain):
    assert mail(sender=sender)["Message-ID"].endswith(f"@{domain}>")


def test_the_whole_tree():
    message = mail(html='<img src="cid:dot.png">', inline=[("dot.png", PNG)], attachments=[("a.pdf", b"%PDF-")])
    assert tree(message) == (
        "multipart/mixed",
        ("multipart/alternative", "text/plain", ("multipart/related", "text/html", "image/png")),
        "application/pdf",
    )
    picture = message.get_body(("related",)).get_payload()[1]
    assert picture["Content-ID"] == "<dot.png>"
    assert picture.get_content_disposition() == "inline"
    assert picture.get_content() == PNG


def test_html_with_and_without_text():
    assert tree(mail(html="<b>x</b>")) == ("multipart/alternative", "text/plain", "text/html")
    assert tree(mail(text="", html="<b>x</b>")) == "text/html"
    assert tree(mail(text="", html="<b>x</b>", inline=[("dot.png", PNG)])) == (
        "multipart/related",
        "text/html",
        "image/png",
    )
    assert tree(mail(text="")) == "text/plain"


def test_everyone_who_may_be_named():
    message = mail(
        sender=("Ann", "ann@example.org"),
        to=["Bob <bob@example.org>", Address("Cleo", "cleo", "example.org")],
        cc="dan@example.org",
        bcc=["eve@example.org"],
        reply_to="office@example.org",
    )
    assert message["From"] == "Ann <ann@example.org>"
    assert message["To"] == "Bob <bob@example.org>, Cleo <cleo@example.org>"
    assert message["Cc"] == "dan@example.org"
    assert message["Bcc"] == "eve@example.org"
    assert message["Reply-To"] == "office@example.org"
    assert "Cc" not in mail()


def test_international_names_and_domains():
    message = mail(sender="Jörg Müller <j@bücher.example>", subject="Grüße aus 東京", to='"Lee, Ann" <ann@example.org>')
    again = email.message_from_bytes(message.as_bytes(), policy=email.policy.SMTP)
    assert again["Subject"] == "Grüße aus 東京"
    assert again["From"].addresses == (Address("Jörg Müller", "j", "xn--bcher-kva.example"),)
    assert again["To"].addresses == (Address("Lee, Ann", "ann", "example.org"),)


def test_local_parts_that_need_quotes():
    message = mail(to=['"john \\"J\\" doe"@example.org', "postmaster"])
    assert message["To"].addresses[0].addr_spec == '"john \\"J\\" doe"@example.org'
    assert message["To"].addresses[1].username == "postmaster"


def test_further_headers():
    message = mail(headers={"X-Campaign": "grün", "List-Unsubscribe": "<https://example.org/u>"})
    assert message["X-Campaign"] == "grün"
    assert message["List-Unsubscribe"] == "<https://example.org/u>"
    with pytest.raises(ValueError, match="at most 1"):
        mail(headers={"Subject": "again"})


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("a.pdf", b"%PDF-1.7", "application/pdf"),
        ("a.JPG", b"\xff\xd8\xff\xe0", "image/jpeg"),
        ("a.webp", b"RIFF0000WEBP", "image/webp"),
        ("scan", PNG, "image/png"),
        ("scan", b"\xff\xd8\xff\xe0", "image/jpeg"),
        ("scan", b"GIF89a", "image/gif"),
        ("scan.bin", b"RIFF0000WEBPVP8 ", "image/webp"),
        ("scan", b"%PDF-1.7", "application/pdf"),
        ("what", b"RIFF0000WAVE", "application/octet-stream"),
        ("what", b"", "application/octet-stream"),
        ("c:odd.csv", b"a,b\n", "text/csv"),
        ("a.txt.gz", gzip.compress(b"x"), "application/gzip"),
        ("a.tar.bz2", b"BZh9", "application/x-bzip2"),
        ("a.txt.xz", b"\xfd7zXZ", "application/octet-stream"),
    ],
)
def test_types_are_guessed(name, data, kind):
    part = attached(attachments=[(name, data)])
    assert part.get_content_type() == kind
    assert part.get_filename() == name
    assert part.get_payload(decode=True) == data


def test_a_text_file_keeps_its_bytes_and_names_its_charset():
    part = attached(attachments=[("a.txt", "größer\r\nals\n".encode())])
    assert part.get_content_charset() == "utf-8"
    assert part.get_payload(decode=True) == "größer\r\nals\n".encode()
    part = attached(attachments=[("a.txt", b"gr\xf6\xdfer")])
    assert part.get_content_charset() is None
    assert part.get_payload(decode=True) == b"gr\xf6\xdfer"


def test_a_given_type_wins_and_any_buffer_will_do():
    part = attached(attachments=[("a.txt", memoryview(b"{}"), "Application/JSON")])
    assert part.get_content_type() == "application/json"
    assert part.get_payload(decode=True) == b"{}"


def test_a_mail_as_attachment():
    inner = mail(subject="inner").as_bytes()
    part = attached(attachments=[("inner.eml", inner)])
    assert part.get_content_type() == "message/rfc822"
    assert part.get_content()["Subject"] == "inner"


@pytest.mark.parametrize("kind", ["multipart/mixed", "message/partial"])
def test_types_that_base64_may_not_wrap(kind):
    assert attached(attachments=[("x", b"y", kind)]).get_content_type() == "application/octet-stream"


def test_attachments_by_path(tmp_path):
    (tmp_path / "größe.txt").write_text("x")
    for path in (tmp_path / "größe.txt", str(tmp_path / "größe.txt")):
        assert attached(attachments=[path]).get_filename() == "größe.txt"
    with pytest.raises(FileNotFoundError):
        mail(attachments=[tmp_path / "missing"])


@pytest.mark.parametrize("argument", ["sender", "to", "subject", "cc", "bcc", "reply_to"])
@pytest.mark.parametrize("bad", ["\r", "\n", "\0"])
def test_no_line_ends_and_no_nul_in_headers(argument, bad):
    with pytest.raises(ValueError, match=argument):
        mail(**{argument: f"ann@example.org{bad}Bcc: eve@example.org"})


@pytest.mark.parametrize(
    "changes",
    [
        {"headers": {"X": "a\nBcc: eve@example.org"}},
        {"headers": {"X\n": "a"}},
        {"headers": {"X:": "a"}},
        {"headers": {"": "a"}},
        {"headers": {"grün": "a"}},
        {"text": "a\0b"},
        {"html": "a\0b"},
        {"attachments": [("a\nb", b"")]},
        {"attachments": [("", b"")]},
        {"attachments": [("a", b"", "pdf")]},
        {"attachments": [("a", b"", "a/b\nX: y")]},
        {"inline": [("dot.png", PNG)]},
        {"sender": "ann"},
        {"to": "bob"},
    ],
)
def test_what_may_not_stand_in_a_mail(changes):
    with pytest.raises(ValueError):
        mail(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"text": None},
        {"text": b"x"},
        {"html": b"x"},
        {"subject": None},
        {"to": None},
        {"to": b"bob@example.org"},
        {"attachments": [b"x"]},
        {"attachments": [("a",)]},
        {"attachments": [("a", "text")]},
        {"attachments": [(1, b"")]},
        {"headers": {"X": 1}},
        {"headers": {1: "x"}},
    ],
)
def test_what_is_of_the_wrong_kind(changes):
    with pytest.raises(TypeError):
        mail(**changes)

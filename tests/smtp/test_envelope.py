"""Who a message is from and for."""

from __future__ import annotations

import email
import email.policy
from email.header import Header
from email.headerregistry import Address, HeaderRegistry
from email.message import EmailMessage, Message

import pytest

from asyncnet.smtp.envelope import DSN, Envelope, make_envelope, shows_international

PARSED = HeaderRegistry()


def test_from_to_cc_and_bcc_in_order_and_once():
    fields = [
        ("From", "Ann <ann@example.org>"),
        ("Bcc", "eve@example.org"),
        ("to", "bob@example.org, Bob <bob@example.org>"),
        ("CC", "cleo@Example.org"),
        ("To", "dan@example.org"),
        ("Subject", "x@example.org"),
    ]
    assert make_envelope(fields) == Envelope(
        "ann@example.org", ("bob@example.org", "dan@example.org", "cleo@example.org", "eve@example.org")
    )


def test_sender_comes_before_from():
    fields = [("From", "ann@example.org, amy@example.org"), ("Sender", "office@example.org"), ("To", "bob@example.org")]
    assert make_envelope(fields).sender == "office@example.org"
    assert make_envelope([fields[0], fields[2]]).sender == "ann@example.org"


def test_a_message_that_was_sent_on():
    fields = [
        ("Resent-Date", "Mon, 1 Jan 2024 00:00:00 +0000"),
        ("Resent-From", "cleo@example.org"),
        ("Resent-To", "dan@example.org"),
        ("Resent-Bcc", "eve@example.org"),
        ("From", "ann@example.org"),
        ("To", "bob@example.org"),
    ]
    assert make_envelope(fields) == Envelope("cleo@example.org", ("dan@example.org", "eve@example.org"))
    with pytest.raises(ValueError, match="more than once"):
        make_envelope(fields + fields)
    assert make_envelope(fields + fields, "x@example.org", "y@example.org").recipients == ("y@example.org",)


def test_what_the_caller_says_wins():
    fields = [("From", "ann@example.org"), ("To", "bob@example.org")]
    assert make_envelope(fields, sender="Bounce <b@example.org>").sender == "b@example.org"
    assert make_envelope(fields, sender="").sender == ""
    assert make_envelope(fields, recipients="cleo@example.org").recipients == ("cleo@example.org",)
    assert make_envelope(fields, recipients=["c@example.org", "C <c@example.org>"]).recipients == ("c@example.org",)
    assert make_envelope([], "a@example.org", ["b@example.org"]) == Envelope("a@example.org", ("b@example.org",))


@pytest.mark.parametrize(
    ("fields", "given", "why"),
    [
        ([("To", "bob@example.org")], {}, "no From"),
        ([("From", ""), ("To", "bob@example.org")], {}, "From"),
        ([("From", PARSED("From", "")), ("To", "bob@example.org")], {}, "no From"),
        ([("From", "ann@example.org")], {}, "no recipient"),
        ([("From", "ann@example.org"), ("To", "undisclosed-recipients:;")], {}, "no recipient"),
        ([("From", "ann@example.org"), ("To", "bob@example.org")], {"recipients": []}, "no recipient"),
        ([("From", "ann@example.org"), ("To", "bob")], {}, "To"),
        ([("From", "ann@example.org"), ("To", "bob@exa mple.org")], {}, "To does not hold addresses only"),
        ([("From", "ann@example.org"), ("To", "bob@example.org) x@example.org")], {}, "To does not hold"),
        ([("From", "ann@example.org"), ("To", "bob lee@example.org")], {}, "To does not hold"),
        ([("From", "ann@example.org"), ("To", PARSED("To", "<<a@example.org>>"))], {}, "To does not hold"),
        ([("From", "ann@example.org"), ("To", "=?utf-8?q?a=40example=2Eorg?=")], {}, "encoded word"),
        ([("From", "ann@example.org"), ("To", "bob@" + "a" * 64)], {}, "to"),
        ([("From", "ann@example.org"), ("To", "b\udcffb@example.org")], {}, "neither ASCII nor UTF-8"),
    ],
)
def test_no_sender_no_recipient_no_address(fields, given, why):
    with pytest.raises(ValueError, match=why):
        make_envelope(fields, **given)


@pytest.mark.parametrize(
    "value",
    [
        "Bob <bob@example.org>, cleo@example.org",
        "bob@example.org ,\r\n <cleo@example.org>",
        '"Bob, the \\"builder\\"" <bob@example.org>, cleo@example.org (Cleo)',
        "friends: bob@example.org, Cleo <cleo@example.org>;",
        "=?utf-8?q?B=C3=B6b?= <bob@example.org>, cleo@example.org",
        "B\udcc3\udcb6b <bob@example.org>, cleo@example.org",
        Header("Böb <bob@example.org>, cleo@example.org", "utf-8"),
        PARSED("To", "Bob <bob@example.org>, cleo@example.org"),
        PARSED("To", [Address("Böb", "bob", "example.org"), Address("", "cleo", "example.org")]),
    ],
)
def test_what_headers_hold(value):
    envelope = make_envelope([("From", "ann@example.org"), ("To", value)])
    assert envelope == Envelope("ann@example.org", ("bob@example.org", "cleo@example.org"))


def test_a_lone_postmaster():
    assert make_envelope([("From", PARSED("From", "postmaster")), ("To", "b@example.org")]).sender == "postmaster"


@pytest.mark.parametrize("policy", [email.policy.default, email.policy.SMTP, email.policy.compat32])
def test_message_objects(policy):
    raw = b"From: ann@example.org\r\nTo: =?utf-8?q?B=C3=B6b?= <bob@example.org>,\r\n cleo@example.org\r\n\r\nx"
    message = email.message_from_bytes(raw, policy=policy)
    assert isinstance(message, Message)
    assert make_envelope(message.raw_items()).recipients == ("bob@example.org", "cleo@example.org")


def test_what_needs_smtputf8():
    plain = [("From", "ann@example.org"), ("To", "bob@example.org")]
    assert not make_envelope(plain).international
    assert not make_envelope([*plain, ("Cc", "Jörg <j@bücher.example>"), ("Subject", "ä")]).international
    assert make_envelope([*plain, ("Cc", "jörg@example.org")]).international
    assert make_envelope(plain, recipients="jörg@example.org").international
    assert make_envelope(plain, sender="jörg@example.org").international


def test_which_headers_show_an_international_address():
    assert not shows_international([("From", "ann@example.org"), ("Cc", "Jörg <j@bücher.example>"), ("Subject", "ä")])
    assert shows_international([("From", "ann@example.org"), ("Reply-To", "jörg@example.org")])
    assert shows_international([("Cc", Header("jörg@example.org", "utf-8"))])
    assert not shows_international([("Bcc", "jörg@example.org"), ("Subject", "jörg@example.org")])
    assert not shows_international([("Reply-To", "jörg at example.org"), ("To", "j\udcffrg@example.org")])


def test_an_email_message_with_an_international_address():
    message = EmailMessage()
    message["From"] = "ann@example.org"
    message["To"] = Address("J", "jörg", "example.org")
    assert make_envelope(message.raw_items()) == Envelope("ann@example.org", ("jörg@example.org",), True)
    assert shows_international(message.raw_items())


def test_notifications():
    assert DSN().mail_parameters() == DSN().rcpt_parameters() == ()
    dsn = DSN(notify=("success", "delay"), returned="headers", envelope_id="a+b=c d(1)~!")
    assert dsn.mail_parameters() == ("RET=HDRS", "ENVID=a+2Bb+3Dc+20d(1)~!")
    assert dsn.rcpt_parameters() == ("NOTIFY=SUCCESS,DELAY",)
    assert dsn.rcpt_parameters("a+b=c@example.org") == ("NOTIFY=SUCCESS,DELAY", "ORCPT=rfc822;a+2Bb+3Dc@example.org")
    assert dsn.rcpt_parameters("jörg@example.org") == ("NOTIFY=SUCCESS,DELAY",)
    assert DSN().rcpt_parameters("bob@example.org") == ("ORCPT=rfc822;bob@example.org",)
    assert DSN(returned="full", notify=("never",)).mail_parameters() == ("RET=FULL",)


@pytest.mark.parametrize(
    "given",
    [
        {"notify": ("always",)}, {"notify": "success"}, {"notify": ("never", "delay")}, {"returned": "half"},
        {"envelope_id": ""}, {"envelope_id": "a\r\nb"}, {"envelope_id": "ä"}, {"envelope_id": "a" * 101},
    ],
)  # fmt: skip
def test_notifications_that_are_none(given):
    with pytest.raises(ValueError):
        DSN(**given)

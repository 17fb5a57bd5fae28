"""Messages as bytes, without Bcc."""

from __future__ import annotations

import email
import email.policy
from email.header import decode_header, make_header
from email.headerregistry import Address
from email.message import EmailMessage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

import pytest

from asyncnet.core.lines import dot_stuff
from asyncnet.smtp.serialise import find_message_id, flatten, header_fields, split_head, strip_bcc


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
        (b"\r\nbody\r\n\r\n", b""),
        (b"A: 1\r\n", b"A: 1\r\n"),
        (b"", b""),
    ],
)
def test_where_the_head_ends(data, head):
    found, rest = split_head(data)
    assert found == head
    assert found + rest == data


@pytest.mark.parametrize("name", [b"Bcc", b"bCC", b"Resent-Bcc", b"Bcc \t"])
def test_bcc_is_taken_out_of_bytes(name):
    other = b"From: a@example.org\r\n", b"To: b@example.org\r\n"
    hidden = name + b": eve@example.org,\r\n\tmallory@example.org\r\n"
    for fields in ((hidden, *other), (other[0], hidden, other[1]), (*other, hidden), (hidden, *other, hidden)):
        assert strip_bcc(b"".join(fields)) == b"".join(other)
    assert strip_bcc(hidden) == b""


def test_what_is_no_bcc_stays():
    head = b"X-Bcc: a@example.org\r\nSubject: a\r\n bcc: b\r\nBccx: c\r\n"
    assert strip_bcc(head) == head
    head = b"Subject: a\r\n bcc: b\r\n"
    assert strip_bcc(head) is head


@pytest.mark.parametrize(
    ("head", "found"),
    [
        (b"Message-ID: <1@example.org>\r\n", "<1@example.org>"),
        (b"A: 1\r\nmessage-id :\r\n <1@example.org> \r\nB: 2\r\n", "<1@example.org>"),
        (b"X-Message-ID: <1@example.org>\r\n", None),
        (b"Message-ID: two words\r\n", None),
        (b"Message-IDs: <1@example.org>\r\n", None),
        (b"", None),
    ],
)
def test_the_message_id(head, found):
    assert find_message_id(head) == found


def test_the_fields_of_bytes():
    data = (
        b"From: ann@example.org\r\nTo : b@example.org,\r\n\tc@example.org\r\nSubject: To: x\r\n"
        b"RESENT-cc: J\xc3\xb6\xff\r\nnonsense\r\nTopic: y\r\nBcc:\r\n"
    )
    assert list(header_fields(data)) == [
        ("From", "ann@example.org"),
        ("To", "b@example.org,\tc@example.org"),
        ("RESENT-cc", "Jö\udcff"),
        ("Bcc", ""),
    ]


def test_a_message_object_goes_out_without_bcc_and_is_not_changed():
    message = mail(Bcc="eve@example.org", Resent_Bcc="mallory@example.org")
    before = message.as_bytes()
    data = flatten(message)
    assert b"eve" not in data
    assert b"mallory" not in data
    assert b"bob@example.org" in data
    assert message.as_bytes() == before


def test_from_is_not_mangled():
    message = MIMEText("From here\non\n")
    message["From"] = "ann@example.org"
    assert flatten(message).endswith(b"\r\n\r\nFrom here\r\non\r\n")
    assert dot_stuff(flatten(mail())).endswith(b"\r\n\r\nhi\r\n.\r\n")


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


# ---- as the standard library writes it


def wire(data):
    """With the line ends that go out."""
    return dot_stuff(data)[:-3]


def parsed(data):
    """What a reader sees: the fields in order and the body."""
    message = email.message_from_bytes(data, policy=email.policy.SMTP)
    return [(name, str(value)) for name, value in message.items()], message


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Subject": "Lunch at noon"},
        {"Subject": "Grüße"},
        {"Subject": "a" * 200},
        {"Subject": "many words " * 20},
        {"Subject": "=?utf-8?q?not_encoded?="},
        {"Subject": " leading and trailing "},
        {"Subject": "tab\tinside"},
        {"Subject": ""},
        {"Date": "Mon, 01 Jan 2024 00:00:00 +0000", "Message-ID": "<1@example.org>", "X-Mailer": "test"},
        {"References": " ".join(f"<{number}.very-long-reference@example.org>" for number in range(10))},
        {"Content-Disposition": 'attachment; filename="größe.txt"'},
        {"Cc": ", ".join(f"person{number}@example.org" for number in range(30))},
        {"Cc": "friends: bob@example.org, cleo@example.org;"},
        {"Cc": "undisclosed-recipients:;"},
        {"Cc": "Jörg Müller <j@example.org>"},
        {"Cc": '"Lee, Ann" <ann@example.org>'},
        {"Cc": '"john doe"@example.org'},
        {"Cc": ""},
        {"Cc": "not an address"},
        {"Reply-To": Address("Ann", "ann", "")},
    ],
)
@pytest.mark.parametrize(
    "policy", [email.policy.default, email.policy.SMTP, email.policy.SMTP.clone(max_line_length=0)]
)
def test_the_same_as_the_standard_library(headers, policy):
    message = mail(**{name.replace("-", "_"): value for name, value in headers.items()})
    message.policy = policy
    expected = parsed(message.as_bytes(policy=email.policy.SMTP))
    got = parsed(wire(flatten(message)))
    assert got[0] == expected[0]
    assert got[1].get_payload() == expected[1].get_payload()
    assert flatten(message).isascii()


def test_the_same_for_every_kind_of_body():
    related = mail()
    related.set_content("<b>x</b>", subtype="html")
    related.add_related(b"\x89PNG", "image", "png", cid="<a>")
    attached = mail(Subject="Grüße")
    attached.add_attachment(b"x" * 1000, "application", "pdf", filename="größe.pdf")
    forwarded = mail()
    forwarded.set_content(mail(Bcc="seen@example.org"))
    eight = mail()
    eight.set_content("schön\n", cte="8bit")
    quoted = mail()
    quoted.set_content("schön\n", cte="quoted-printable")
    empty = EmailMessage()
    empty["From"] = "ann@example.org"
    for message in (related, attached, forwarded, eight, quoted, empty):
        expected = message.as_bytes(policy=email.policy.SMTP)
        assert wire(flatten(message)) == expected


def test_a_message_that_came_as_bytes_keeps_its_lines():
    source = b"From: ann@example.org\r\nSubject: folded\r\n here\r\nX-Odd: two  spaces\r\n\r\nbody\r\n"
    assert flatten(email.message_from_bytes(source, policy=email.policy.default)) == source
    assert wire(flatten(email.message_from_bytes(source))) == source


def test_a_policy_of_ones_own_is_respected():
    class Shouting(email.policy.EmailPolicy):
        def fold_binary(self, name, value):
            return super().fold_binary(name, value).replace(b"lunch", b"LUNCH")

    message = mail(Subject="lunch", Cc=Address("Jörg", "jörg", "example.org"))
    message.policy = Shouting()
    assert b"Subject: LUNCH\r\n" in flatten(message, international=True)
    assert "Cc: Jörg <jörg@example.org>\r\n".encode() in flatten(message, international=True)


# ---- better than the standard library writes it


@pytest.mark.parametrize(
    "name",
    ["Lee, Ann", "Müller, Jörg", "Ann (work)", 'Ann "A" Lee', "back\\slash", "a=?b", "Ann", "安" * 8, "Dr. Lee",
     "x" * 90 + ", y", "Jörg=?utf-8?q?x?="],
)  # fmt: skip
@pytest.mark.parametrize("international", [False, True])
def test_a_name_stays_one_name(name, international):
    message = mail(Cc=[Address(name, "ann", "example.org"), Address("", "bob", "example.org")])
    data = flatten(message, international=international)
    again = email.message_from_string(data.decode(), policy=email.policy.SMTPUTF8)["Cc"].addresses
    assert [(address.display_name, address.addr_spec) for address in again] == [
        (name, "ann@example.org"),
        ("", "bob@example.org"),
    ]
    assert international or data.isascii()


def test_a_long_name_takes_several_encoded_words():
    data = flatten(mail(Cc=Address("安" * 60, "ann", "example.org")))
    assert max(map(len, data.split(b"\r\n"))) <= 78
    words = email.message_from_bytes(data)["Cc"].partition("<")[0]
    assert str(make_header(decode_header(words))).strip() == "安" * 60


def test_many_names_fold_between_addresses():
    people = [Address(f"Person, {number}", f"person{number}", "example.org") for number in range(50)]
    data = flatten(mail(Cc=people))
    assert max(map(len, data.split(b"\r\n"))) <= 78
    assert email.message_from_bytes(data, policy=email.policy.SMTP)["Cc"].addresses == tuple(people)


def test_a_domain_outside_of_ascii_goes_in_its_ascii_form():
    data = flatten(mail(Cc=Address("Jörg", "j", "bücher.example")))
    assert b"<j@xn--bcher-kva.example>\r\n" in data


def test_groups_keep_their_names():
    data = flatten(mail(Cc="Freunde aus Köln: Bob <bob@example.org>, cleo@example.org;"))
    groups = email.message_from_bytes(data, policy=email.policy.SMTP)["Cc"].groups
    assert groups[0].display_name == "Freunde aus Köln"
    assert [address.addr_spec for address in groups[0].addresses] == ["bob@example.org", "cleo@example.org"]

"""Addresses: what may stand in an envelope."""

from __future__ import annotations

from email.headerregistry import Address

import pytest

from asyncnet.smtp.mailbox import Mailbox, check_address, parse_mailbox, parse_mailboxes


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("ann@example.org", "ann@example.org"),
        ("Ann.Lee+tag@Example.ORG", "Ann.Lee+tag@example.org"),
        ("a..b@example.org", "a..b@example.org"),
        ("!#$%&'*+/=?^_`{|}~-@example.org", "!#$%&'*+/=?^_`{|}~-@example.org"),
        ('"john doe"@example.org', '"john doe"@example.org'),
        ('"a@b\\""@example.org', '"a@b\\""@example.org'),
        ("jörg@example.org", "jörg@example.org"),
        ("ann@bücher.example", "ann@xn--bcher-kva.example"),
        ("root@localhost", "root@localhost"),
        ("ann@[192.0.2.1]", "ann@[192.0.2.1]"),
        ("ann@[IPv6:2001:DB8::0:1]", "ann@[IPv6:2001:db8::1]"),
        ("ann@[ipv6:::1]", "ann@[IPv6:::1]"),
        ("Postmaster", "Postmaster"),
    ],
)
def test_addresses(given, expected):
    assert check_address(given) == expected


@pytest.mark.parametrize(
    "given",
    [
        "", "ann", "@example.org", "ann@", "ann lee@example.org", "ann@exa mple.org", "<ann@example.org>",
        "ann@b@example.org", "ann@example..org", "ann@" + "a" * 64 + ".org", "ann,bob@example.org", "ann@/",
        '"ann@example.org', '"a"b@example.org', '"a\tb"@example.org', "ann;@example.org", "ann@[300.0.0.1]",
        "ann@[192.0.2.1", "ann@[IPv6:zz]", "ann@[TAG:x]", "ann@2001:db8::1", "a" * 250 + "@example.org",
        "jö" * 100 + "@example.org", "x\udc80@example.org", "ann@example.org>\r\nRCPT TO:<eve@example.org",
        "ann@example.org\n", "ann\0@example.org", "ann@example.org> SIZE=1",
    ],
)  # fmt: skip
def test_what_is_no_address(given):
    with pytest.raises(ValueError, match="sender"):
        check_address(given, "sender")


@pytest.mark.parametrize("given", [None, b"ann@example.org", 7])
def test_an_address_is_text(given):
    with pytest.raises(TypeError):
        check_address(given)


@pytest.mark.parametrize(
    ("given", "name", "address"),
    [
        ("ann@example.org", "", "ann@example.org"),
        ("  ann@example.org ", "", "ann@example.org"),
        ("<ann@example.org>", "", "ann@example.org"),
        ("Ann Lee <ann@example.org>", "Ann Lee", "ann@example.org"),
        ('"Lee, Ann" <ann@example.org>', "Lee, Ann", "ann@example.org"),
        ('"Ann \\"A\\" Lee" <ann@example.org>', 'Ann "A" Lee', "ann@example.org"),
        ("Jörg Müller, Dr. <j@example.org>", "Jörg Müller, Dr.", "j@example.org"),
        ("ann@work <ann@example.org>", "ann@work", "ann@example.org"),
        ("安 <ann@bücher.example>", "安", "ann@xn--bcher-kva.example"),
        ('"a,b@c"@example.org', "", '"a,b@c"@example.org'),
        (("Ann", "ann@example.org"), "Ann", "ann@example.org"),
        (("", "ann@example.org"), "", "ann@example.org"),
        (Address("Ann", "ann", "example.org"), "Ann", "ann@example.org"),
        (Address("Ann", "john doe", "example.org"), "Ann", '"john doe"@example.org'),
    ],
)
def test_mailboxes(given, name, address):
    assert parse_mailbox(given) == Mailbox(name, address)


@pytest.mark.parametrize(
    "given",
    [
        "ann@example.org, bob@example.org", "Ann <ann@example.org>, Bob <bob@example.org>", "ann@example.org>",
        "Ann <ann@example.org", "", "Ann", ("Ann",), ("Ann", "ann@example.org", "x"), ("An\nn", "ann@example.org"),
        "Ann\r\nBcc: eve@example.org <ann@example.org>", Address("Ann", "ann", ""),
    ],
)  # fmt: skip
def test_what_is_no_mailbox(given):
    with pytest.raises(ValueError, match="to"):
        parse_mailbox(given, "to")


@pytest.mark.parametrize("given", [None, b"ann@example.org", 7, ("Ann", None), (b"Ann", "ann@example.org")])
def test_a_mailbox_is_text(given):
    with pytest.raises(TypeError):
        parse_mailbox(given)


def test_several_mailboxes():
    one, two = Mailbox("", "ann@example.org"), Mailbox("Bob", "bob@example.org")
    assert parse_mailboxes("ann@example.org") == (one,)
    assert parse_mailboxes(Address("", "ann", "example.org")) == (one,)
    assert parse_mailboxes(["ann@example.org", "Bob <bob@example.org>"]) == (one, two)
    assert parse_mailboxes(text for text in ("ann@example.org", "Bob <bob@example.org>")) == (one, two)
    assert parse_mailboxes(()) == ()


def test_a_tuple_of_two_is_one_mailbox_or_two():
    assert parse_mailboxes(("Bob", "bob@example.org")) == (Mailbox("Bob", "bob@example.org"),)
    assert parse_mailboxes(("a@example.org", "b@example.org")) == (
        Mailbox("", "a@example.org"),
        Mailbox("", "b@example.org"),
    )
    assert parse_mailboxes(("postmaster", "b@example.org"))[0] == Mailbox("", "postmaster")
    assert parse_mailboxes((("Ann", "a@example.org"), "b@example.org"))[0] == Mailbox("Ann", "a@example.org")


@pytest.mark.parametrize("given", [None, 7, b"ann@example.org", bytearray(b"x"), [None]])
def test_several_mailboxes_are_no_bytes_and_no_numbers(given):
    with pytest.raises(TypeError):
        parse_mailboxes(given)

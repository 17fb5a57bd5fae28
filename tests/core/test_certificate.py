"""Why a certificate was refused, in words."""

from __future__ import annotations

import pytest

from asyncnet.core.certificate import explain_refusal

NOW = 1_700_000_000.0  # 2023-11-14


def certificate(*names: str, before: str = "Jan  1 00:00:00 2020 GMT", after: str = "Dec 31 23:59:59 2029 GMT", **more):
    kinds = [("IP Address" if name[0].isdigit() else "DNS", name) for name in names]
    return {"subjectAltName": tuple(kinds), "notBefore": before, "notAfter": after, **more}


def named(**parts: str):
    return tuple(((key, value),) for key, value in parts.items())


@pytest.mark.parametrize("code", [62, 64])
@pytest.mark.parametrize(
    ("chain", "words"),
    [
        ([certificate("a.example")], "certificate is for a.example, not b.example"),
        ([certificate("a.example", "192.0.2.1")], "certificate is for a.example, 192.0.2.1, not b.example"),
        (
            [certificate(*(f"{n}.example" for n in range(6)))],
            "certificate is for 0.example, 1.example, 2.example, 3.example and 2 more, not b.example",
        ),
        ([certificate()], "certificate is for no host at all, not b.example"),
        ([{"subjectAltName": (("email", "x@y.example"),)}], "certificate is for no host at all, not b.example"),
        ([], "certificate is not for b.example"),
    ],
)
def test_another_name_is_named(code, chain, words):
    assert explain_refusal(code, "Hostname mismatch", "b.example", chain, NOW) == words


@pytest.mark.parametrize(
    ("chain", "words"),
    [
        ([certificate(after="Mar  9 10:00:00 2021 GMT")], "certificate of b.example expired on 2021-03-09"),
        (
            [certificate(), certificate(after="Nov 13 00:00:00 2023 GMT", subject=named(commonName="Some CA"))],
            "certificate of b.example is not valid: that of its authority 'Some CA' expired on 2023-11-13",
        ),
        ([certificate()], "certificate of b.example has expired"),
        ([certificate(after="some day")], "certificate of b.example has expired"),
        ([], "certificate of b.example has expired"),
    ],
)
def test_an_expired_one_comes_with_its_date(chain, words):
    assert explain_refusal(10, "certificate has expired", "b.example", chain, NOW) == words


@pytest.mark.parametrize(
    ("chain", "words"),
    [
        ([certificate(before="Jan  1 00:00:00 2024 GMT")], "certificate of b.example is not valid before 2024-01-01"),
        ([], "certificate of b.example is not valid yet"),
    ],
)
def test_one_of_the_future_asks_for_the_clock(chain, words):
    assert explain_refusal(9, None, "b.example", chain, NOW) == f"{words}; is this machine's clock right?"


def test_the_clock_is_asked_unless_a_moment_is_given():
    past, future = certificate(after="Jan  1 00:00:00 2001 GMT"), certificate(before="Jan  1 00:00:00 2999 GMT")
    assert explain_refusal(10, None, "b.example", [past]).endswith("expired on 2001-01-01")
    assert "not valid before 2999-01-01" in explain_refusal(9, None, "b.example", [future])


def test_a_self_signed_one_says_how_to_trust_it():
    words = explain_refusal(18, None, "b.example", [certificate("b.example")])
    assert words == (
        "certificate of b.example is self-signed; if it is meant to be, give an ssl.SSLContext that trusts it"
    )


@pytest.mark.parametrize("code", [19, 20, 21])
@pytest.mark.parametrize(
    ("issuer", "who"),
    [
        (named(organizationName="Company", commonName="Company CA 1"), "'Company CA 1', who is not trusted here"),
        (named(organizationName="Company", organizationalUnitName="IT"), "'Company', who is not trusted here"),
        (named(organizationalUnitName="IT"), "'IT', who is not trusted here"),
        ((), "an authority that is not trusted here"),
    ],
)
def test_an_unknown_authority_is_named(code, issuer, who):
    words = explain_refusal(code, None, "b.example", [certificate("b.example", issuer=issuer)])
    assert words.startswith(f"certificate of b.example was issued by {who}; to trust it, give an ssl.SSLContext ")


def test_any_other_reason_is_told_in_the_words_of_openssl():
    assert explain_refusal(23, "certificate revoked.", "b.example", []) == (
        "certificate of b.example refused: certificate revoked"
    )
    assert explain_refusal(79, "", None, []) == "certificate of the peer refused: error 79"

"""Credentials."""

from __future__ import annotations

import pytest

from asyncnet.http.auth import Basic, Bearer, Challenge, Digest, check_auth, parse_challenges


def test_basic():
    assert Basic("Aladdin", "open sesame").header() == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
    assert Basic("test", "123£").header() == "Basic dGVzdDoxMjPCow=="  # RFC 7617 section 2.1


def test_bearer():
    assert Bearer("mF_9.B5f-4.1JqM").header() == "Bearer mF_9.B5f-4.1JqM"


@pytest.mark.parametrize("auth", [Basic("user", "secret"), Bearer("secret"), Digest("user", "secret")])
def test_secrets_are_not_shown(auth):
    assert "secret" not in repr(auth)


@pytest.mark.parametrize(
    "make",
    [lambda: Basic("a:b", "x"), lambda: Basic("a", "x\n"), lambda: Basic("a\0", "x"), lambda: Bearer(""),
     lambda: Bearer("a b"), lambda: Bearer("é"), lambda: Bearer("a\r\nX: y"), lambda: Digest("a\n", "b")],
)  # fmt: skip
def test_bad_values(make):
    with pytest.raises(ValueError) as caught:
        make()
    assert "X: y" not in str(caught.value)


@pytest.mark.parametrize(
    "make", [lambda: Basic(1, "x"), lambda: Basic("a", None), lambda: Bearer(b"x"), lambda: Digest("a", 1)]
)
def test_bad_types(make):
    with pytest.raises(TypeError):
        make()


def test_what_auth_may_be():
    assert check_auth(None) is None
    assert check_auth(("a", "b")) == Basic("a", "b")
    assert check_auth(Bearer("x")) == Bearer("x")
    for wrong in ("a:b", ("a",), 1, ["a", "b"]):
        with pytest.raises(TypeError):
            check_auth(wrong)


RFC_7616 = {
    "realm": "http-auth@example.org",
    "qop": "auth, auth-int",
    "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
    "opaque": "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS",
}
CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_digest_of_rfc_7616_section_3_9_1(algorithm, response):
    challenge = Challenge("digest", {**RFC_7616, "algorithm": algorithm})
    answer = Digest("Mufasa", "Circle of Life").answer(challenge, "GET", "/dir/index.html", 1, CNONCE)
    assert f'response="{response}"' in answer
    assert 'opaque="FQhe' in answer
    assert "nc=00000001" in answer


def test_digest_without_qop_and_with_session():
    old = Challenge("digest", {"realm": "testrealm@host.com", "nonce": "dcd98b7102dd2f0e8b11d0f600bfb0c093"})
    answer = Digest("Mufasa", "Circle Of Life").answer(old, "GET", "/dir/index.html")
    # RFC 2069 section 2.4, with the erratum's value
    assert 'response="670fd8c2df070c60b045671b8b24ff02"' in answer
    assert "cnonce" not in answer
    session = Challenge("digest", {**RFC_7616, "algorithm": "MD5-sess"})
    first = Digest("Mufasa", "Circle of Life").answer(session, "GET", "/dir/index.html", 1, CNONCE)
    assert "8ca523f5e9506fed4657c9700eebdbec" not in first
    assert "algorithm=MD5-sess" in first
    sha512 = Challenge("digest", {**RFC_7616, "algorithm": "SHA-512-256"})
    assert len(Digest("a", "b").answer(sha512, "GET", "/")) > 100
    assert 'username="a\\"b"' in Digest('a"b', "c").answer(old, "GET", "/")


def test_the_strongest_digest_is_chosen():
    challenges = parse_challenges(
        'Digest realm="r", nonce="1", algorithm=MD5, qop="auth", '
        'Digest realm="r", nonce="2", algorithm=SHA-256, qop="auth"'
    )
    assert Digest.usable(challenges).parameters["nonce"] == "2"
    assert Digest.usable(reversed(challenges)).parameters["nonce"] == "2"


@pytest.mark.parametrize(
    "value",
    [
        'Basic realm="x"',
        'Digest realm="x"',
        'Digest nonce="x", algorithm=ROT13',
        'Digest nonce="x", qop="auth-int"',
        "",
    ],
)
def test_challenges_that_cannot_be_answered(value):
    assert Digest.usable(parse_challenges(value)) is None


def test_challenges():
    found = parse_challenges(
        'Negotiate, Basic realm="a, b=c", Newauth realm="apps", type=1, title="Login to \\"apps\\""'
    )
    assert [challenge.scheme for challenge in found] == ["negotiate", "basic", "newauth"]
    assert found[1].parameters == {"realm": "a, b=c"}
    assert found[2].parameters == {"realm": "apps", "type": "1", "title": 'Login to "apps"'}

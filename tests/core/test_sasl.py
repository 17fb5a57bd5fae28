"""SASL mechanisms against the examples of their documents."""

from __future__ import annotations

import base64

import pytest

import asyncnet
from asyncnet.core.sasl import Login, Mechanism, choose_mechanisms, decode_challenge, encode_answer, redact

PASSWORD = Login("tim", "tanstaaftanstaaf")
TOKEN = Login("user@example.com", "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==", True, "server.example.com", 143)


def test_plain():
    mechanism = Mechanism("PLAIN", PASSWORD)
    assert mechanism.begin() == b"\0tim\0tanstaaftanstaaf"  # RFC 4616 section 4
    assert mechanism.answer(b"") is None


def test_login():
    mechanism = Mechanism("LOGIN", PASSWORD)
    assert mechanism.begin() is None
    assert mechanism.answer(b"Username:") == b"tim"
    assert mechanism.answer(b"Password:") == b"tanstaaftanstaaf"
    assert mechanism.answer(b"Anything else?") is None


def test_cram_md5():
    mechanism = Mechanism("CRAM-MD5", PASSWORD)
    assert mechanism.begin() is None
    challenge = base64.b64decode("PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+")
    assert mechanism.answer(challenge) == b"tim b913a602c7eda7a495b4e6e7334d3890"  # RFC 2195 section 2
    assert mechanism.answer(b"") is None


def test_xoauth2():
    mechanism = Mechanism("XOAUTH2", TOKEN)
    assert (
        mechanism.begin() == b"user=user@example.com\x01auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01"
    )
    assert mechanism.answer(b'{"status":"401"}') == b""
    assert mechanism.answer(b"") is None


def test_oauthbearer():
    mechanism = Mechanism("OAUTHBEARER", TOKEN)
    # RFC 7628 section 4.1
    assert base64.b64encode(mechanism.begin() or b"") == (
        b"bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9MTQzAWF1dGg9QmVhcmVyIHZGOWRmdDRxbVRj"
        b"Mk52YjNSbGNrQmhiSFJoZG1semRHRXVZMjl0Q2c9PQEB"
    )
    assert mechanism.answer(b'{"status":"invalid_token"}') == b"\x01"
    assert mechanism.answer(b"") is None


def test_oauthbearer_escapes_the_name():
    first = Mechanism("OAUTHBEARER", Login("a=b,c", "t", True, "h", 1)).begin()
    assert first == b"n,a=a=3Db=2Cc,\x01host=h\x01port=1\x01auth=Bearer t\x01\x01"


def names(offered, login, encrypted):
    return [mechanism.name for mechanism in choose_mechanisms(offered, login, encrypted=encrypted)]


def test_the_order_inside_tls_and_in_clear():
    offered = ["login", "CRAM-MD5", "PLAIN", "GSSAPI", "XOAUTH2", "OAUTHBEARER"]
    assert names(offered, PASSWORD, True) == ["PLAIN", "LOGIN", "CRAM-MD5"]
    assert names(offered, PASSWORD, False) == ["CRAM-MD5", "PLAIN", "LOGIN"]
    assert names(offered, TOKEN, True) == ["OAUTHBEARER", "XOAUTH2"]


@pytest.mark.parametrize("login", [PASSWORD, TOKEN])
def test_nothing_that_fits(login):
    assert names(["GSSAPI", "SCRAM-SHA-256"], login, True) == []
    assert names([], login, True) == []


def test_no_secret_is_shown():
    for thing in (PASSWORD, TOKEN, Mechanism("PLAIN", PASSWORD), Mechanism("XOAUTH2", TOKEN)):
        assert PASSWORD.secret not in repr(thing)
        assert TOKEN.secret not in repr(thing)
    assert "PLAIN" in repr(Mechanism("PLAIN", PASSWORD))


def test_what_goes_on_the_wire():
    assert encode_answer(b"\0tim\0x") == "AHRpbQB4"
    assert encode_answer(b"") == ""
    assert decode_challenge("PDE4OT4=") == b"<189>"
    assert decode_challenge(" ") == b""
    with pytest.raises(asyncnet.ProtocolError, match="base64"):
        decode_challenge("no such thing")


def test_a_server_that_echoes_the_secret_does_not_get_it_into_our_words():
    for login in (PASSWORD, TOKEN):
        for mechanism in (Mechanism(name, login) for name in ("PLAIN", "XOAUTH2", "OAUTHBEARER")):
            echoed = encode_answer(mechanism.begin() or b"")
            assert redact(f"what is {echoed}?", login) == "what is ***?"
        assert redact(f"not {login.secret}!", login) == "not ***!"
        assert redact(encode_answer(login.secret.encode()), login) == "***"
    assert redact("a word with an a", Login("tim", "a")) == "a word with an a"

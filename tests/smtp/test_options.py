"""What a caller may ask for; wrong things are said before any I/O."""

from __future__ import annotations

import ssl

import pytest

from asyncnet import Dialer
from asyncnet.smtp.options import Options

CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@pytest.mark.parametrize(
    ("given", "implicit"),
    [
        ({}, False),
        ({"port": 465}, True),
        ({"port": 465, "ssl": False}, False),
        ({"port": 465, "ssl": False, "starttls": True}, False),
        ({"ssl": True}, True),
        ({"ssl": True, "starttls": False}, True),
        ({"ssl": CONTEXT}, True),
        ({"ssl": CONTEXT, "starttls": True}, False),
        ({"port": 465, "ssl": CONTEXT, "starttls": True}, False),
    ],
)
def test_when_tls_begins_with_the_first_byte(given, implicit):
    assert Options(host="localhost", **given).implicit_tls is implicit


@pytest.mark.parametrize(
    ("given", "required"),
    [
        ({}, False),
        ({"starttls": True}, True),
        ({"username": "ann", "password": "secret"}, True),
        ({"username": "ann", "token": "secret"}, True),
        ({"username": "ann", "password": "secret", "starttls": False}, False),
    ],
)
def test_when_tls_is_required(given, required):
    assert Options(host="localhost", **given).tls_required is required


def test_names_are_stored_as_checked():
    options = Options(host="Bücher.example", server_hostname="MAIL.example", local_address=("127.0.0.1", 0))
    assert options.host == "xn--bcher-kva.example"
    assert options.peer == "xn--bcher-kva.example:587"
    assert options.server_hostname == "mail.example"
    assert options.local_address == ("127.0.0.1", 0)


def test_secrets_are_not_in_the_repr():
    assert "secret" not in repr(Options(host="localhost", username="ann", password="secret"))
    assert "secret" not in repr(Options(host="localhost", username="ann", token="secret"))
    assert "ann" in repr(Options(host="localhost", username="ann", token="secret"))


@pytest.mark.parametrize("name", ["client.example", "[192.0.2.1]", "[IPv6:::1]", "under_score"])
def test_local_names(name):
    assert Options(host="localhost", local_hostname=name).local_hostname == name


@pytest.mark.parametrize(
    "wrong",
    [
        {"host": ""}, {"host": "a b"}, {"host": "a\nb"}, {"host": "a" * 64}, {"host": "user@host"},
        {"port": 65536}, {"port": -1}, {"port": "80x"},
        {"username": "ann"}, {"password": "secret"}, {"token": "secret"},
        {"username": "ann", "password": "x", "token": "y"},
        {"username": "", "password": "x"}, {"username": "a\nb", "password": "x"}, {"username": "a", "password": "x\0"},
        {"username": "a", "password": "x\r"}, {"username": "a", "token": "x\n"},
        {"starttls": True, "ssl": True}, {"starttls": True, "port": 465},
        {"server_hostname": "a b"}, {"local_hostname": "a b"}, {"local_hostname": "[a b]"}, {"local_hostname": "a\n"},
        {"local_address": ("localhost", 0)},
    ],
)  # fmt: skip
def test_what_cannot_be_right(wrong):
    with pytest.raises(ValueError) as caught:
        Options(**{"host": "localhost", **wrong})
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"host": None}, {"port": None}, {"ssl": "yes"}, {"starttls": "yes"}, {"username": 1, "password": "x"},
        {"username": "a", "password": b"x"}, {"username": "a", "token": 7}, {"local_hostname": 7},
        {"server_hostname": 7}, {"local_address": "127.0.0.1"}, {"dialer": object()},
    ],
)  # fmt: skip
def test_what_is_of_the_wrong_kind(wrong):
    with pytest.raises(TypeError):
        Options(**{"host": "localhost", **wrong})


def test_they_are_frozen_and_a_dialer_is_taken():
    options = Options(host="localhost", dialer=Dialer())
    with pytest.raises(AttributeError):
        options.port = 25

"""What is said to a proxy and what it answers."""

from __future__ import annotations

import base64

import pytest

from asyncnet.core.proxy_messages import (
    connect_request,
    read_connect_answer,
    read_socks_bound,
    read_socks_login,
    read_socks_method,
    read_socks_reply,
    socks_greeting,
    socks_login,
    socks_request,
)


@pytest.mark.parametrize(
    ("host", "target"), [("example.org", "example.org:443"), ("192.0.2.1", "192.0.2.1:443"), ("::1", "[::1]:443")]
)
def test_connect_names_its_target_twice(host, target):
    wanted = f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n"
    assert connect_request(host, 443, None, None) == wanted.encode()


@pytest.mark.parametrize(
    ("password", "plain"), [("sesam", "user:sesam"), (None, "user:"), ("pässword:x", "user:pässword:x")]
)
def test_connect_carries_credentials_as_basic(password, plain):
    head = connect_request("example.org", 443, "user", password)
    assert head.endswith(b"\r\nProxy-Authorization: Basic " + base64.b64encode(plain.encode()) + b"\r\n\r\n")


@pytest.mark.parametrize(
    ("head", "wanted"),
    [
        (b"HTTP/1.1 200 Connection established\r\n\r\n", (200, "Connection established")),
        (b"HTTP/1.0 200\r\nX: y\r\n\r\n", (200, "")),
        (b"HTTP/1.1 200 \r\n\r\n", (200, "")),
        (b"HTTP/1.1 502 Bad \xe4\xf6\r\n\r\n", (502, "Bad äö")),
        (b"HTTP/1.1 407 " + b"x" * 500 + b"\r\n\r\n", (407, "x" * 200)),
    ],
)
def test_the_answer_to_connect_is_a_status(head, wanted):
    assert read_connect_answer(head) == wanted


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\r\n",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 \xb2\xb2\xb2 OK\r\n\r\n",
        b"HTTP/1.1 200 OK",
    ],
)
def test_anything_else_is_no_answer_to_connect(head):
    with pytest.raises(ValueError, match="to CONNECT"):
        read_connect_answer(head)


def test_socks_offers_a_login_if_there_is_one():
    assert socks_greeting(False) == b"\x05\x01\x00"
    assert socks_greeting(True) == b"\x05\x02\x00\x02"


def test_the_method_is_read_and_another_version_is_not():
    assert read_socks_method(b"\x05\x02") == 2
    assert read_socks_method(b"\x05\xff") == 255
    with pytest.raises(ValueError, match="does not speak SOCKS5"):
        read_socks_method(b"HT")


def test_a_login_is_counted_in_bytes():
    assert socks_login("user", "pä") == b"\x01\x04user\x03p\xc3\xa4"
    assert socks_login("u" * 255, "") == b"\x01\xff" + b"u" * 255 + b"\x00"


def test_a_login_is_accepted_by_zero_only():
    assert read_socks_login(b"\x01\x00")
    assert not read_socks_login(b"\x01\x01")


@pytest.mark.parametrize(
    ("host", "target"),
    [
        ("192.0.2.1", b"\x01\xc0\x00\x02\x01"),
        ("2001:db8::1", b"\x04\x20\x01\x0d\xb8" + bytes(11) + b"\x01"),
        ("example.org", b"\x03\x0bexample.org"),
    ],
)
def test_a_request_has_an_address_or_a_name(host, target):
    assert socks_request(host, 443) == b"\x05\x01\x00" + target + b"\x01\xbb"


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        (b"\x05\x00", None),
        (b"\x05\x05", "connection refused"),
        (b"\x05\x02", "forbidden by its rules"),
        (b"\x05\x63", "reply 99"),
    ],
)
def test_the_reply_says_why_there_is_no_connection(answer, wanted):
    assert read_socks_reply(answer) == wanted


def test_a_reply_of_another_version_is_none():
    with pytest.raises(ValueError, match="does not speak SOCKS5"):
        read_socks_reply(b"\x04\x5a")


@pytest.mark.parametrize(
    ("answer", "rest"),
    [(b"\x00\x01\x7f", 5), (b"\x00\x04\x00", 17), (b"\x00\x03\x0b", 13), (b"\x00\x03\x00", 2)],
)
def test_the_bound_address_is_read_to_its_end(answer, rest):
    # Of 4, 16 or 1 + n bytes of address and 2 of port one has been read.
    assert read_socks_bound(answer) == rest


def test_an_unknown_kind_of_address_cannot_be_read():
    with pytest.raises(ValueError, match="address type 9"):
        read_socks_bound(b"\x00\x09\x00")

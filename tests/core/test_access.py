"""How to reach and enter a server: what is refused before any I/O, and what follows from what was given."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

import asyncnet
from asyncnet.core.access import Access


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail(Access):
    tls_port: ClassVar[int] = 995


def access(**changes: Any) -> Mail:
    return Mail(**{"host": "pop.example.org", "port": 110, **changes})


async def give() -> str:
    return "fresh"


def test_host_and_names_are_stored_as_they_were_checked():
    given = access(host="POP.Bücher.example", server_hostname="Mail.Example.ORG", local_address=("127.0.0.1", 0))
    assert given.host == "pop.xn--bcher-kva.example"
    assert given.server_hostname == "mail.example.org"
    assert given.local_address == ("127.0.0.1", 0)
    assert given.peer == "pop.xn--bcher-kva.example:110"
    assert access(host="::1").peer == "[::1]:110"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"host": ""}, ValueError),
        ({"host": "a b"}, ValueError),
        ({"host": "a\r\nQUIT"}, ValueError),
        ({"host": b"host"}, TypeError),
        ({"port": 65_536}, ValueError),
        ({"port": True}, TypeError),
        ({"ssl": "yes"}, TypeError),
        ({"server_hostname": "a b"}, ValueError),
        ({"local_address": ("host", 1)}, ValueError),
        ({"dialer": object()}, TypeError),
        ({"username": "", "password": "x"}, ValueError),
        ({"username": "a\nb", "password": "x"}, ValueError),
        ({"username": 7, "password": "x"}, TypeError),
        ({"username": "ann", "password": "a\0b"}, ValueError),
        ({"username": "ann", "password": b"x"}, TypeError),
        ({"username": "ann", "token": "a\rb"}, ValueError),
        ({"username": "ann", "token": 7}, TypeError),
        ({"username": "ann", "password": "x", "token": "y"}, ValueError),
        ({"username": "ann"}, ValueError),
        ({"password": "x"}, ValueError),
        ({"token": "x"}, ValueError),
        ({"starttls": "maybe"}, TypeError),
        ({"starttls": True, "ssl": True}, ValueError),
        ({"starttls": True, "port": 995}, ValueError),
    ],
)
def test_what_cannot_be_right_is_refused(changes, error):
    with pytest.raises(error):
        access(**changes)


def test_the_port_says_where_tls_begins():
    context = ssl.create_default_context()
    assert not access().implicit_tls
    assert access(port=995).implicit_tls
    assert not access(port=995, ssl=False).implicit_tls
    assert access(ssl=True).implicit_tls
    assert access(ssl=context).implicit_tls
    assert not access(ssl=context, starttls=True).implicit_tls, "it is the context for STARTTLS"
    assert not access(port=995, ssl=False, starttls=True).implicit_tls


def test_credentials_require_tls_unless_the_caller_says_otherwise():
    login = {"username": "ann", "password": "secret"}
    assert not access().tls_required
    assert access(starttls=True).tls_required
    assert access(**login).tls_required
    assert access(username="ann", token="t").tls_required
    assert not access(starttls=False, **login).tls_required


def test_the_secrets_are_not_shown():
    assert "hush" not in repr(access(username="ann", password="hush"))
    assert "hush" not in repr(access(username="ann", token="hush"))


def test_the_dialer_is_the_one_given_or_the_current_one():
    own, other = asyncnet.Dialer(), asyncnet.Dialer()
    with asyncnet.use(other):
        assert access(dialer=own).choose_dialer() is own
        assert access().choose_dialer() is other


@pytest.mark.asyncio
async def test_the_secret_is_the_password_the_token_or_a_fresh_one():
    assert not access().has_secret
    assert await access(username="ann", password="secret").secret() == "secret"
    assert await access(username="ann", token="stale").secret() == "stale"
    assert await access(username="ann", token=give).secret() == "fresh"


@pytest.mark.asyncio
@pytest.mark.parametrize("given", ["", b"bytes", None, "two\r\nlines"])
async def test_a_function_that_gives_no_token(given):
    async def bad() -> Any:
        return given

    with pytest.raises(TypeError, match="printable"):
        await access(username="ann", token=bad).secret()

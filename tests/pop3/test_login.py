"""How a session with a maildrop comes about: TLS, and logins that never go out in clear."""

from __future__ import annotations

import base64

import pytest

import asyncnet
from asyncnet import pop3, testing

pytestmark = pytest.mark.asyncio

USERS = {"ann": "se cret"}
LOGIN = {"username": "ann", "password": "se cret"}


async def test_stls_is_used_before_the_login(ca, dialer):
    with testing.POP3Server(starttls=ca.server_context(), users=USERS) as server:
        async with pop3.Client(server.host, server.port, **LOGIN, dialer=dialer) as client:
            assert await client.list() == []
        assert server.commands[:4] == ["CAPA", "STLS", "CAPA", server.commands[3]]
        assert [(login.mechanism, login.tls, login.ok) for login in server.logins] == [("PLAIN", True, True)]


async def test_tls_from_the_first_byte(ca, dialer):
    with testing.POP3Server(ssl=ca.server_context(), users=USERS) as server:
        async with pop3.Client(server.host, server.port, ssl=True, **LOGIN, dialer=dialer):
            assert server.logins[0].tls
        assert "STLS" not in server.commands


async def test_the_context_of_a_call_is_used_for_stls(ca):
    with testing.POP3Server(starttls=ca.server_context(), users=USERS) as server:
        context = ca.client_context()
        async with pop3.Client(server.host, server.port, ssl=context, starttls=True, **LOGIN) as client:
            assert "PIPELINING" in client.capabilities


async def test_without_stls_no_credentials_travel():
    with testing.POP3Server(users=USERS) as server:
        with pytest.raises(asyncnet.TLSError, match="does not offer STLS") as caught:
            await pop3.fetch(server.host, server.port, **LOGIN)
        assert caught.value.phase == "starttls"
        assert server.commands == ["CAPA"]
        assert server.logins == []


async def test_only_the_caller_lets_credentials_travel_in_clear():
    with testing.POP3Server(users=USERS) as server:
        async with pop3.Client(server.host, server.port, starttls=False, **LOGIN):
            assert not server.logins[0].tls


async def test_a_refused_stls_is_the_end(ca, dialer):
    with testing.POP3Server(starttls=ca.server_context(), users=USERS, replies={"STLS": "-ERR no"}) as server:
        with pytest.raises(asyncnet.TLSError, match="refused"):
            await pop3.fetch(server.host, server.port, **LOGIN, dialer=dialer)
        assert server.logins == []


async def test_words_put_before_the_handshake_are_refused(ca, dialer):
    inject = b"+OK injected\r\n"
    with testing.POP3Server(starttls=ca.server_context(), users=USERS, inject=inject) as server:
        with pytest.raises(asyncnet.ProtocolError, match="before the TLS handshake"):
            await pop3.fetch(server.host, server.port, **LOGIN, dialer=dialer)
        assert server.logins == []


async def test_an_untrusted_certificate_is_the_end(ca):
    with testing.POP3Server(starttls=ca.server_context(), users=USERS) as server:
        with pytest.raises(asyncnet.TLSError):
            await pop3.fetch(server.host, server.port, **LOGIN)
        assert server.logins == []


@pytest.mark.parametrize("pipelining", [True, False])
async def test_user_and_pass(pipelining):
    capabilities = ["USER", "UIDL", *(["PIPELINING"] if pipelining else [])]
    with testing.POP3Server(users=USERS, capabilities=capabilities) as server:
        async with pop3.Client(server.host, server.port, starttls=False, **LOGIN):
            assert [login.mechanism for login in server.logins] == ["USER"]
        with pytest.raises(asyncnet.AuthenticationError):
            await pop3.fetch(server.host, server.port, starttls=False, username="eve", password="se cret")


async def test_a_refused_user_is_told_and_the_password_kept():
    with testing.POP3Server(users=USERS, capabilities=["USER"], replies={"USER": "-ERR no such user"}) as server:
        with pytest.raises(asyncnet.AuthenticationError, match="no such user"):
            await pop3.fetch(server.host, server.port, starttls=False, **LOGIN)
        assert not any(line.startswith("PASS") for line in server.commands)


async def test_a_server_without_capa():
    with testing.POP3Server(users=USERS, capabilities=()) as server:
        async with pop3.Client(server.host, server.port, starttls=False, **LOGIN) as client:
            assert client.capabilities == frozenset()
            assert [login.mechanism for login in server.logins] == ["USER"]


async def test_apop_only_when_asked_for():
    with testing.POP3Server(users=USERS, apop=True) as server:
        await pop3.fetch(server.host, server.port, starttls=False, **LOGIN)
        await pop3.fetch(server.host, server.port, starttls=False, apop=True, **LOGIN)
        assert [login.mechanism for login in server.logins] == ["PLAIN", "APOP"]
        assert all(login.ok for login in server.logins)


async def test_apop_needs_a_timestamp():
    with testing.POP3Server(users=USERS) as server:
        with pytest.raises(asyncnet.AuthenticationError, match="timestamp"):
            await pop3.fetch(server.host, server.port, starttls=False, apop=True, **LOGIN)
        assert server.logins == []


@pytest.mark.parametrize("fresh", [True, False])
async def test_a_token(fresh):
    async def provider():
        return "to.ken"

    token = provider if fresh else "to.ken"
    replies = {"AUTH XOAUTH2": "+OK welcome"}
    with testing.POP3Server(capabilities=["SASL PLAIN XOAUTH2"], replies=replies) as server:
        # The test server knows nothing of tokens: that the login is refused later is its own affair.
        with pytest.raises(asyncnet.ReplyError):
            await pop3.fetch(server.host, server.port, starttls=False, username="ann", token=token)
        said = base64.b64decode(server.commands[1].split()[2])
        assert said == b"user=ann\x01auth=Bearer to.ken\x01\x01"


async def test_a_token_that_is_refused_with_a_challenge():
    replies = {"AUTH XOAUTH2": "+ eyJzdGF0dXMiOiI0MDEifQ==", "": None}
    with testing.POP3Server(capabilities=["SASL XOAUTH2"], replies=replies) as server:
        with pytest.raises(asyncnet.AuthenticationError) as caught:
            await pop3.fetch(server.host, server.port, starttls=False, username="ann", token="to.ken")
        assert server.commands[2] == ""  # the answer to the challenge says nothing
        assert "to.ken" not in str(caught.value)


async def test_a_token_where_none_is_taken():
    with testing.POP3Server() as server:
        with pytest.raises(asyncnet.AuthenticationError, match="only PLAIN for a token"):
            await pop3.fetch(server.host, server.port, starttls=False, username="ann", token="to.ken")


async def test_a_token_function_that_gives_none(ca, dialer):
    async def provider():
        return "a\nb"

    with testing.POP3Server(capabilities=["SASL XOAUTH2"]) as server:
        with pytest.raises(TypeError, match="token function"):
            await pop3.fetch(server.host, server.port, starttls=False, username="ann", token=provider)


async def test_a_server_that_offers_no_login():
    with testing.POP3Server(capabilities=["UIDL"]) as server:
        with pytest.raises(asyncnet.AuthenticationError, match="offers no login"):
            await pop3.fetch(server.host, server.port, starttls=False, **LOGIN)


async def test_a_long_login_comes_after_its_command():
    password = "x" * 300
    with testing.POP3Server(users={"ann": password}) as server:
        await pop3.fetch(server.host, server.port, starttls=False, username="ann", password=password)
        assert "AUTH PLAIN" in server.commands
        assert server.logins[0].ok


async def test_a_refused_login_shows_no_secret():
    echo = base64.b64encode(b"\0ann\0guess").decode()
    replies = {"AUTH": f"-ERR [AUTH] what is {echo} and guess?"}
    with testing.POP3Server(users=USERS, replies=replies) as server:
        with asyncnet.trace() as trace:
            with pytest.raises(asyncnet.AuthenticationError) as caught:
                await pop3.fetch(server.host, server.port, starttls=False, username="ann", password="guess")
        told = f"{caught.value!r} {caught.value} {caught.value.text} {trace} {trace.to_dict()}"
        assert "guess" not in told
        assert echo not in told
        assert caught.value.code == "AUTH"
        assert caught.value.phase == "auth"


async def test_a_maildrop_in_use_is_no_wrong_password():
    with testing.POP3Server(users=USERS, replies={"AUTH": "-ERR [IN-USE] locked"}) as server:
        with pytest.raises(asyncnet.ReplyError) as caught:
            await pop3.fetch(server.host, server.port, starttls=False, **LOGIN)
        assert not isinstance(caught.value, asyncnet.AuthenticationError)
        assert caught.value.code == "IN-USE"


async def test_a_greeting_that_refuses():
    with testing.POP3Server(replies={"CONNECT": "-ERR [SYS/TEMP] busy"}) as server:
        with pytest.raises(asyncnet.ReplyError, match="busy") as caught:
            await pop3.fetch(server.host, server.port, starttls=False, **LOGIN)
        assert caught.value.phase == "greeting"


async def test_challenges_without_end():
    with testing.POP3Server(users=USERS, replies={"AUTH": "+ YQ==", "*": "+ YQ=="}) as server:
        with pytest.raises(asyncnet.ProtocolError, match="more than PLAIN has"):
            await pop3.fetch(server.host, server.port, starttls=False, **LOGIN)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"password": None}, ValueError),
        ({"password": "a", "token": "b"}, ValueError),
        ({"password": None, "token": "b", "apop": True}, ValueError),
        ({"apop": 1}, TypeError),
        ({"starttls": "yes"}, TypeError),
        ({"starttls": True, "ssl": True}, ValueError),
        ({"dialer": "me"}, TypeError),
        ({"password": None, "token": 5}, TypeError),
        ({"username": ""}, ValueError),
        ({"limit": -1}, ValueError),
        ({"limit": True}, TypeError),
        ({"max_bytes": 0}, ValueError),
    ],
)
async def test_what_cannot_be_right_is_refused_before_any_io(changes, error):
    with testing.POP3Server() as server:
        with pytest.raises(error):
            await pop3.fetch(server.host, server.port, **{**LOGIN, **changes})
        assert server.connections.total == 0


async def test_the_secrets_are_not_in_the_options():
    from asyncnet.pop3.session import Options

    assert "hush" not in repr(Options(host="a.example", port=995, username="ann", password="hush"))

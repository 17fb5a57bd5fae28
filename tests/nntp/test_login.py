"""How a session with a news server comes about: reader mode, TLS, logins that never go out in clear."""

from __future__ import annotations

import base64

import pytest

import asyncnet
from asyncnet import nntp, testing

pytestmark = pytest.mark.asyncio

USERS = {"ann": "secret"}
LOGIN = {"username": "ann", "password": "secret"}


def server_with(*capabilities, **options):
    return testing.NNTPServer({"misc.test": []}, capabilities=capabilities, **options)


async def test_starttls_is_used_before_the_login(ca, dialer):
    with testing.NNTPServer(starttls=ca.server_context(), users=USERS) as server:
        async with nntp.Client(server.host, server.port, **LOGIN, dialer=dialer) as client:
            assert "READER" in await client.capabilities()
        assert server.commands[:3] == ["CAPABILITIES", "STARTTLS", "CAPABILITIES"]
        assert [(login.tls, login.ok) for login in server.logins] == [(True, True)]


async def test_starttls_is_used_when_offered_without_a_login(ca, dialer):
    with testing.NNTPServer(starttls=ca.server_context()) as server:
        async with nntp.Client(server.host, server.port, dialer=dialer):
            assert "STARTTLS" in server.commands
        async with nntp.Client(server.host, server.port, starttls=False):
            assert server.commands.count("STARTTLS") == 1


async def test_tls_from_the_first_byte(ca, dialer):
    with testing.NNTPServer(ssl=ca.server_context(), users=USERS) as server:
        async with nntp.Client(server.host, server.port, ssl=True, **LOGIN, dialer=dialer):
            assert server.logins[0].tls


async def test_without_starttls_no_credentials_travel():
    with testing.NNTPServer(users=USERS) as server:
        with pytest.raises(asyncnet.TLSError, match="does not offer STARTTLS"):
            await nntp.fetch(server.host, server.port, message_id="<a@b>", **LOGIN)
        assert server.commands == ["CAPABILITIES"]


async def test_required_and_not_offered():
    with testing.NNTPServer() as server:
        with pytest.raises(asyncnet.TLSError, match="starttls=True"):
            await nntp.fetch(server.host, server.port, message_id="<a@b>", starttls=True)


async def test_a_refused_starttls_is_the_end(ca, dialer):
    with testing.NNTPServer(starttls=ca.server_context(), replies={"STARTTLS": "580 no"}) as server:
        with pytest.raises(asyncnet.TLSError, match="refused"):
            await nntp.fetch(server.host, server.port, message_id="<a@b>", dialer=dialer)


async def test_words_put_before_the_handshake_are_refused(ca, dialer):
    with testing.NNTPServer(starttls=ca.server_context(), inject=b"281 welcome\r\n") as server:
        with pytest.raises(asyncnet.ProtocolError, match="before the TLS handshake"):
            await nntp.fetch(server.host, server.port, message_id="<a@b>", dialer=dialer)


async def test_a_wrong_password_shows_no_secret():
    with testing.NNTPServer(users=USERS, replies={"AUTHINFO PASS": "481 not guess"}) as server:
        with asyncnet.trace() as trace:
            with pytest.raises(asyncnet.AuthenticationError) as caught:
                await nntp.fetch(
                    server.host, server.port, message_id="<a@b>", username="ann", password="guess", starttls=False
                )
        assert caught.value.code == 481
        assert "guess" not in f"{caught.value!r} {caught.value} {caught.value.text} {trace} {trace.to_dict()}"


async def test_a_user_who_needs_no_password():
    with testing.NNTPServer(users=USERS, replies={"AUTHINFO USER": "281 welcome"}) as server:
        async with nntp.Client(server.host, server.port, starttls=False, **LOGIN):
            assert not any("PASS" in line for line in server.commands)


async def test_nonsense_for_a_login():
    with testing.NNTPServer(users=USERS, replies={"AUTHINFO USER": "215 list"}) as server:
        with pytest.raises(asyncnet.ProtocolError, match="AUTHINFO"):
            await nntp.Client(server.host, server.port, starttls=False, **LOGIN).open()


async def test_sasl_where_there_is_nothing_else():
    replies = {"AUTHINFO SASL PLAIN": "281 welcome"}
    with server_with("READER", "AUTHINFO SASL", "SASL PLAIN", replies=replies) as server:
        async with nntp.Client(server.host, server.port, starttls=False, **LOGIN):
            assert base64.b64decode(server.commands[1].split()[3]) == b"\0ann\0secret"


async def test_a_token():
    replies = {"AUTHINFO SASL XOAUTH2": "383 e30=", "=": "481 expired"}
    with server_with("READER", "AUTHINFO SASL USER", "SASL XOAUTH2", replies=replies) as server:
        with pytest.raises(asyncnet.AuthenticationError, match="expired") as caught:
            await nntp.Client(server.host, server.port, starttls=False, username="ann", token="to.ken").open()
        assert "to.ken" not in str(caught.value)
        assert server.commands[2] == "="


async def test_a_token_where_none_is_taken():
    with testing.NNTPServer(users=USERS) as server:
        with pytest.raises(asyncnet.AuthenticationError, match="token"):
            await nntp.Client(server.host, server.port, starttls=False, username="ann", token="to.ken").open()


async def test_a_long_login_comes_after_its_command():
    replies = {"AUTHINFO SASL PLAIN": "383 =", "A": "281 welcome"}
    with server_with("READER", "AUTHINFO SASL", "SASL PLAIN", replies=replies) as server:
        async with nntp.Client(server.host, server.port, starttls=False, username="ann", password="x" * 600):
            assert server.commands[1] == "AUTHINFO SASL PLAIN"


async def test_challenges_without_end():
    replies = {"AUTHINFO SASL PLAIN": "383 e30=", "*": "383 e30="}
    with server_with("READER", "AUTHINFO SASL", "SASL PLAIN", replies=replies) as server:
        with pytest.raises(asyncnet.ProtocolError, match="more than PLAIN has"):
            await nntp.Client(server.host, server.port, starttls=False, **LOGIN).open()


async def test_a_server_that_has_to_be_told_of_readers():
    with server_with("MODE-READER", "IHAVE") as server:
        async with nntp.Client(server.host, server.port):
            assert server.commands == ["CAPABILITIES", "MODE READER", "CAPABILITIES"]


async def test_a_server_from_before_capabilities():
    with server_with(users=USERS) as server:
        async with nntp.Client(server.host, server.port, starttls=False, **LOGIN) as client:
            assert await client.capabilities() == frozenset()
            assert (await client.group("misc.test")).count == 0
            assert server.commands[:2] == ["CAPABILITIES", "MODE READER"]


async def test_a_server_that_takes_no_readers():
    with server_with("MODE-READER", replies={"MODE": "502 go away"}) as server:
        with pytest.raises(asyncnet.ReplyError, match="go away"):
            await nntp.Client(server.host, server.port).open()


async def test_a_greeting_that_refuses():
    with testing.NNTPServer(replies={"CONNECT": "400 overloaded"}) as server:
        with pytest.raises(asyncnet.ReplyError, match="overloaded") as caught:
            await nntp.Client(server.host, server.port).open()
        assert (caught.value.code, caught.value.phase) == (400, "greeting")


async def test_a_server_that_wants_a_login():
    with testing.NNTPServer({"misc.test": []}, users=USERS) as server:
        async with nntp.Client(server.host, server.port) as client:
            with pytest.raises(asyncnet.AuthenticationError) as caught:
                await client.group("misc.test")
            assert caught.value.code == 480

"""TLS and credentials: what is required, what is refused, and what never travels in clear."""

from __future__ import annotations

import base64
import traceback

import pytest

import asyncnet
from asyncnet import smtp
from asyncnet.testing import SMTPServer

pytestmark = pytest.mark.asyncio

SECRET = "correct horse battery"
USERS = {"ann": SECRET}


def login(**changes):
    return {"username": "ann", "password": SECRET, **changes}


def everything(error):
    """All that a log could show of an error."""
    return "".join(traceback.format_exception(error)) + repr(error.__dict__)


# ---- STARTTLS


async def test_it_is_used_when_offered(message, ca, dialer):
    with SMTPServer(starttls=ca.server_context()) as server:
        await smtp.send(message, "localhost", server.port, dialer=dialer)
    assert server.messages[0].tls
    assert server.commands[:3] == ["EHLO [127.0.0.1]", "STARTTLS", "EHLO [127.0.0.1]"], (
        "what came in clear is forgotten"
    )


async def test_it_is_left_alone_when_told_so(message, ca):
    with SMTPServer(starttls=ca.server_context()) as server:
        await smtp.send(message, "localhost", server.port, starttls=False)
    assert not server.messages[0].tls


async def test_without_offer_and_without_login_mail_goes_in_clear(message):
    with SMTPServer() as server:
        await smtp.send(message, "localhost", server.port)
    assert not server.messages[0].tls


@pytest.mark.parametrize("changes", [{"starttls": True}, login(), {"username": "ann", "token": SECRET}])
async def test_it_is_required(message, changes):
    """Somebody in between took the offer away: nothing of ours is said."""
    with SMTPServer(users=USERS) as server:
        with pytest.raises(asyncnet.TLSError, match="does not offer STARTTLS, and it is required") as caught:
            await smtp.send(message, "localhost", server.port, **changes)
        assert server.commands == ["EHLO [127.0.0.1]"]
        assert server.logins == []
        assert caught.value.phase == "starttls"
        assert SECRET not in everything(caught.value)


@pytest.mark.parametrize("changes", [{}, {"starttls": True}, login()])
@pytest.mark.parametrize("reply", ["454 4.7.0 not now", "502 what?", "250 fine"])
async def test_offered_and_refused_is_the_end(message, ca, dialer, changes, reply):
    with SMTPServer(starttls=ca.server_context(), replies={"STARTTLS": reply}, users=USERS) as server:
        with pytest.raises(asyncnet.TLSError, match="refused it: " + reply):
            await smtp.send(message, "localhost", server.port, dialer=dialer, **changes)
        assert server.messages == server.logins == []


@pytest.mark.parametrize("changes", [{}, login()])
async def test_what_is_said_in_clear_before_the_handshake_is_refused(message, ca, dialer, changes):
    with SMTPServer(starttls=ca.server_context(), inject=b"250-evil\r\n250 AUTH PLAIN\r\n", users=USERS) as server:
        with pytest.raises(asyncnet.ProtocolError, match="before the TLS handshake") as caught:
            await smtp.send(message, "localhost", server.port, dialer=dialer, **changes)
        assert server.messages == server.logins == []
        assert caught.value.operation == "send"


@pytest.mark.parametrize("changes", [{}, {"starttls": True}, login()])
async def test_a_certificate_that_is_not_trusted(message, ca, changes):
    with SMTPServer(starttls=ca.server_context(), users=USERS) as server:
        with pytest.raises(asyncnet.TLSError, match="certificate"):
            await smtp.send(message, "localhost", server.port, **changes)
        assert server.messages == server.logins == []


async def test_a_certificate_for_another_name(message, ca, dialer):
    with SMTPServer(starttls=ca.server_context("mail.example"), users=USERS) as server:
        with pytest.raises(asyncnet.TLSError, match="certificate"):
            await smtp.send(message, "localhost", server.port, dialer=dialer, **login())
        await smtp.send(message, "localhost", server.port, dialer=dialer, server_hostname="mail.example", **login())
        assert len(server.messages) == 1


async def test_a_context_of_ones_own_for_starttls(message, ca):
    with SMTPServer(starttls=ca.server_context()) as server:
        await smtp.send(message, "localhost", server.port, ssl=ca.client_context(), starttls=True)
    assert server.messages[0].tls


# ---- TLS from the first byte


@pytest.mark.parametrize("own", [True, False])
async def test_tls_from_the_first_byte(message, ca, dialer, own):
    with SMTPServer(ssl=ca.server_context(), users=USERS) as server:
        changes = {"ssl": ca.client_context()} if own else {"ssl": True, "dialer": dialer}
        await smtp.send(message, "localhost", server.port, **login(**changes))
    assert server.messages[0].tls
    assert server.messages[0].user == "ann"
    assert "STARTTLS" not in server.commands


async def test_tls_to_a_port_that_begins_in_clear(message):
    with SMTPServer() as server:
        with pytest.raises(asyncnet.TLSError, match="speaks STARTTLS, not TLS"):
            await smtp.send(message, "localhost", server.port, ssl=True)


# ---- login


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5"])
async def test_mechanisms_with_a_password(message, ca, dialer, mechanism):
    with SMTPServer(starttls=ca.server_context(), users=USERS, mechanisms=[mechanism], require_auth=True) as server:
        await smtp.send(message, "localhost", server.port, dialer=dialer, **login())
    assert server.messages[0].user == "ann"
    (tried,) = server.logins
    assert (tried.mechanism, tried.tls, tried.ok) == (mechanism, True, True)


async def test_only_starttls_false_lets_a_password_travel_in_clear(message):
    with SMTPServer(users=USERS) as server:
        await smtp.send(message, "localhost", server.port, **login(starttls=False))
    assert [(tried.mechanism, tried.ok) for tried in server.logins] == [("CRAM-MD5", True)], "and then not as it is"


async def test_a_token_and_a_function_that_fetches_one(message, ca, dialer):
    asked = []

    async def fetch():
        asked.append(1)
        return SECRET

    with SMTPServer(starttls=ca.server_context(), users=USERS, mechanisms=["PLAIN", "XOAUTH2"]) as server:
        for token in (SECRET, fetch):
            await smtp.send(message, "localhost", server.port, dialer=dialer, username="ann", token=token)
    assert [(tried.mechanism, tried.password) for tried in server.logins] == [("XOAUTH2", SECRET)] * 2
    assert asked == [1]


async def test_oauthbearer(message, ca, dialer):
    replies = {"AUTH OAUTHBEARER": "235 welcome"}
    with SMTPServer(
        starttls=ca.server_context(), users={}, mechanisms=["XOAUTH2", "OAUTHBEARER"], replies=replies
    ) as server:
        await smtp.send(message, "localhost", server.port, dialer=dialer, username="ann", token="t")
    (line,) = [line for line in server.commands if line.startswith("AUTH")]
    said = base64.b64decode(line.split(" ")[2])
    assert said == b"n,a=ann,\x01host=localhost\x01port=%d\x01auth=Bearer t\x01\x01" % server.port


@pytest.mark.parametrize("mechanism", ["PLAIN", "XOAUTH2"])
async def test_what_is_too_long_for_a_command_line_goes_in_two_steps(message, ca, dialer, mechanism):
    secret = "x" * 600
    with SMTPServer(starttls=ca.server_context(), users={"ann": secret}, mechanisms=[mechanism]) as server:
        given = {"password": secret} if mechanism == "PLAIN" else {"token": secret}
        await smtp.send(message, "localhost", server.port, dialer=dialer, username="ann", **given)
    assert f"AUTH {mechanism}" in server.commands
    assert server.logins[0].ok


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2"])
async def test_wrong_credentials(message, ca, dialer, mechanism):
    with SMTPServer(starttls=ca.server_context(), users={"ann": "other"}, mechanisms=[mechanism, "GSSAPI"]) as server:
        given = {"token": SECRET} if mechanism == "XOAUTH2" else {"password": SECRET}
        with pytest.raises(asyncnet.AuthenticationError, match="login of ann refused: 535") as caught:
            await smtp.send(message, "localhost", server.port, dialer=dialer, username="ann", **given)
    assert (caught.value.code, caught.value.text) == (535, "5.7.8 wrong credentials")
    assert caught.value.phase == "auth"
    assert len(server.logins) == 1, "a wrong password is tried once, not with every mechanism"
    assert SECRET not in everything(caught.value)


async def test_a_mechanism_that_turns_out_not_to_work(message, ca, dialer):
    replies = {"AUTH PLAIN": "504 5.5.4 not for you"}
    with SMTPServer(starttls=ca.server_context(), users=USERS, replies=replies) as server:
        await smtp.send(message, "localhost", server.port, dialer=dialer, **login())
    assert [tried.mechanism for tried in server.logins] == ["LOGIN"]


async def test_no_mechanism_that_works(message, ca, dialer):
    replies = {"AUTH": "504 5.5.4 not for you"}
    with SMTPServer(starttls=ca.server_context(), users=USERS, replies=replies) as server:
        with pytest.raises(asyncnet.AuthenticationError, match="504"):
            await smtp.send(message, "localhost", server.port, dialer=dialer, **login())
    assert [line.split()[1] for line in server.commands if line.startswith("AUTH")] == ["PLAIN", "LOGIN", "CRAM-MD5"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"users": None}, "offers no login for a password"),
        ({"users": USERS, "mechanisms": ["GSSAPI", "XOAUTH2"]}, "offers only GSSAPI XOAUTH2 for a password"),
    ],
)
async def test_no_way_to_log_in(message, ca, dialer, changes, words):
    with SMTPServer(starttls=ca.server_context(), **changes) as server:
        with pytest.raises(asyncnet.AuthenticationError, match=words) as caught:
            await smtp.send(message, "localhost", server.port, dialer=dialer, **login())
    assert caught.value.code is None


@pytest.mark.parametrize("encoded", [False, True])
async def test_a_server_that_echoes_our_secret(message, ca, dialer, encoded):
    echo = base64.b64encode(b"\0ann\0" + SECRET.encode()).decode() if encoded else SECRET
    replies = {"AUTH": f"535 5.7.8 I do not like {echo} at all"}
    with SMTPServer(starttls=ca.server_context(), users=USERS, replies=replies) as server:
        with pytest.raises(asyncnet.AuthenticationError) as caught:
            await smtp.send(message, "localhost", server.port, dialer=dialer, **login())
    assert caught.value.text == "5.7.8 I do not like *** at all"
    assert echo not in everything(caught.value)


@pytest.mark.parametrize(
    "replies",
    [
        {"AUTH": "334 not!base64"},
        {"AUTH": "334 " + base64.b64encode(b"x").decode()},
        {"AUTH": "354 go ahead"},
        {"AUTH": "150 wait"},
        {"AUTH": "250 fine"},
    ],
)
@pytest.mark.parametrize("mechanism", ["PLAIN", "CRAM-MD5"])
async def test_nonsense_in_the_middle_of_a_login(message, ca, dialer, replies, mechanism):
    challenge = replies["AUTH"].startswith("334 ")
    if challenge and mechanism == "CRAM-MD5":
        replies = {"AUTH": replies["AUTH"] if "!" in replies["AUTH"] else (replies["AUTH"] + "\r\n").encode() * 3}
    with SMTPServer(starttls=ca.server_context(), users=USERS, mechanisms=[mechanism], replies=replies) as server:
        with pytest.raises(asyncnet.ProtocolError) as caught:
            await smtp.send(message, "localhost", server.port, dialer=dialer, **login())
    assert caught.value.phase == "auth"
    assert SECRET not in everything(caught.value)


async def test_a_login_that_is_never_answered(message, ca, dialer):
    with SMTPServer(starttls=ca.server_context(), users=USERS, stall_at="AUTH") as server:
        with pytest.raises(asyncnet.OperationTimeout) as caught:
            await smtp.send(message, "localhost", server.port, dialer=dialer, timeout=0.5, **login())
    assert caught.value.phase == "auth"


@pytest.mark.parametrize("token", ["", "a\nb", b"bytes", None])
async def test_a_token_function_that_returns_no_token(message, ca, dialer, token):
    async def fetch():
        return token

    with SMTPServer(starttls=ca.server_context(), users=USERS) as server:
        with pytest.raises(TypeError, match="token function"):
            await smtp.send(message, "localhost", server.port, dialer=dialer, username="ann", token=fetch)
        assert server.logins == []


async def test_a_token_function_that_fails(message, ca, dialer):
    async def fetch():
        raise LookupError("no token today")

    with SMTPServer(starttls=ca.server_context(), users=USERS) as server:
        with pytest.raises(LookupError, match="no token today"):
            await smtp.send(message, "localhost", server.port, dialer=dialer, username="ann", token=fetch)

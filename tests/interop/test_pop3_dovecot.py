"""pop3 beside Dovecot: STLS, TLS from the first byte, logins, pipelining, deletions."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

import asyncnet
from asyncnet import testing
from tests.interop.conftest import absent, free_port, program, running

pytestmark = [pytest.mark.asyncio, pytest.mark.interop("dovecot")]

CONFIG = """
base_dir = FOLDER/run
state_dir = FOLDER/state
log_path = /dev/stderr
protocols = pop3
listen = 127.0.0.1
ssl = yes
ssl_cert = <CERTIFICATE
ssl_key = <KEY
disable_plaintext_auth = yes
auth_failure_delay = 0
auth_mechanisms = MECHANISMS
login_trusted_networks =
mail_location = maildir:MAIL/%u
first_valid_uid = 1
passdb {
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = FOLDER/oauth2.conf
}
passdb {
  driver = static
  args = password=secret
}
userdb {
  driver = static
  args = uid=OWNER gid=GROUP home=MAIL/%u
}
service pop3-login {
  chroot =
  inet_listener pop3 {
    port = PORT
  }
  inet_listener pop3s {
    port = POP3S
    ssl = yes
  }
}
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service stats {
  unix_listener stats-writer {
    mode = 0666
  }
}
"""

# Dovecot asks this address what a token is worth (RFC 7662), with the token at its end.
OAUTH2 = """
introspection_mode = get
introspection_url = http://127.0.0.1:PORT/?token=
active_attribute = active
active_value = true
username_attribute = username
"""


@contextlib.contextmanager
def dovecot_in(
    folder: Path,
    pki: SimpleNamespace,
    *,
    mail: Path | None = None,
    owner: str = "nobody",
    group: str = "nogroup",
    mechanisms: str = "plain login cram-md5 xoauth2 oauthbearer",
) -> Iterator[SimpleNamespace]:
    """Dovecot for any user with the password "secret" or the token "fresh"; a maildir for each in ``mail``."""
    path = program("dovecot")
    if not any(Path(place, "pop3").exists() for place in ("/usr/lib/dovecot", "/usr/libexec/dovecot")):
        absent("dovecot has no pop3 (dovecot-pop3d)")
    if os.geteuid() != 0:
        absent("dovecot has to be started by root")
    port, pop3s, mail = free_port(), free_port(), mail or folder / "mail"
    words = {
        "FOLDER": folder, "MAIL": mail, "OWNER": owner, "GROUP": group, "POP3S": pop3s, "PORT": port,
        "CERTIFICATE": pki.certificate, "KEY": pki.key, "MECHANISMS": mechanisms,
    }  # fmt: skip
    text = CONFIG
    for word, value in words.items():
        text = text.replace(word, str(value))
    config = folder / "dovecot.conf"
    config.write_text(text)
    with testing.HTTPServer(introspect) as introspection:
        (folder / "oauth2.conf").write_text(OAUTH2.replace("PORT", str(introspection.port)))
        with running([path, "-F", "-c", str(config)], port, pop3s, folder=folder):
            yield SimpleNamespace(port=port, pop3s=pop3s, mail=mail)


def introspect(request: testing.Request) -> testing.Response:
    """Whose token it is: "fresh-ann" is ann's."""
    word, _, user = request.query["token"][0].partition("-")
    body = json.dumps({"active": word == "fresh", "username": user})
    return testing.Response(body=body, headers={"Content-Type": "application/json"}, close=True)


@pytest.fixture(scope="module")
def dovecot(folder, pki) -> Iterator[SimpleNamespace]:
    with dovecot_in(folder, pki) as server:
        yield server


@pytest.fixture(scope="module")
def older(folder, pki, dovecot) -> Iterator[SimpleNamespace]:
    """The same mailboxes behind a server that knows tokens only as XOAUTH2."""
    (folder / "older").mkdir(mode=0o755)
    with dovecot_in(folder / "older", pki, mail=dovecot.mail, mechanisms="plain xoauth2") as server:
        yield server


def message(number: int) -> bytes:
    body = "".join(f".line {line} of {number}\r\n" for line in range(number % 7 * 40 + 1))
    return f"From: bob@example.org\r\nSubject: =?utf-8?q?nummer_=C3=BC?= {number}\r\n\r\n{body}.\r\n..\r\n".encode()


@pytest.fixture
def mailbox(dovecot, request) -> SimpleNamespace:
    """A user of his own for each test, with 60 messages."""
    user = "".join(character if character.isalnum() else "-" for character in request.node.name)
    home = dovecot.mail / user
    for name in ("new", "cur", "tmp"):
        (home / name).mkdir(parents=True)
    messages = [message(number) for number in range(1, 61)]
    for number, data in enumerate(messages, 1):
        (home / "new" / f"{1_700_000_000 + number}.M{number}.host").write_bytes(data)
    for path in (dovecot.mail, home, *home.rglob("*")):
        shutil.chown(path, "nobody", "nogroup")
    login = {"username": user, "password": "secret"}
    return SimpleNamespace(port=dovecot.port, pop3s=dovecot.pop3s, messages=messages, login=login)


async def test_the_newest_by_stls(mailbox, dialer):
    found = await asyncnet.pop3.fetch("localhost", mailbox.port, limit=5, dialer=dialer, **mailbox.login)
    assert [one["Subject"] for one in found] == [f"nummer ü {number}" for number in range(56, 61)]
    assert found[-1].get_content().replace("\r\n", "\n").endswith(".\n..\n")
    assert all(one.uid for one in found)


async def test_a_session(mailbox, dialer):
    async with asyncnet.pop3.Client("localhost", mailbox.pop3s, ssl=True, dialer=dialer, **mailbox.login) as pop3:
        assert {"PIPELINING", "UIDL", "TOP"} <= pop3.capabilities
        items = await pop3.list()
        assert [item.number for item in items] == list(range(1, 61))
        assert await pop3.stat() == (60, sum(item.size for item in items))
        assert [item.size for item in items] == [len(data) for data in mailbox.messages]
        assert await pop3.fetch_bytes(7) == mailbox.messages[6]
        top = await pop3.headers(7, lines=1)
        assert top["Subject"] == "nummer ü 7"
        seen = []
        async for one in pop3.messages():
            seen.append(one.number)
            if one.number % 2:
                await pop3.delete(one.number)
        assert seen == list(range(1, 61))
    async with asyncnet.pop3.Client("localhost", mailbox.port, dialer=dialer, **mailbox.login) as pop3:
        left = [await pop3.fetch_bytes(item.number) for item in await pop3.list()]
        assert left == mailbox.messages[1::2]


async def test_an_exception_deletes_nothing(mailbox, dialer):
    with pytest.raises(ZeroDivisionError):
        async with asyncnet.pop3.Client("localhost", mailbox.port, dialer=dialer, **mailbox.login) as pop3:
            await pop3.delete(1)
            raise ZeroDivisionError
    async with asyncnet.pop3.Client("localhost", mailbox.port, dialer=dialer, **mailbox.login) as pop3:
        assert (await pop3.stat())[0] == 60
        await pop3.delete(1)
        await pop3.reset()
    async with asyncnet.pop3.Client("localhost", mailbox.port, dialer=dialer, **mailbox.login) as pop3:
        assert (await pop3.stat())[0] == 60


async def test_a_wrong_password(mailbox, dialer):
    with pytest.raises(asyncnet.AuthenticationError) as refused:
        await asyncnet.pop3.fetch(
            "localhost", mailbox.port, username=mailbox.login["username"], password="guess", dialer=dialer
        )
    assert "guess" not in str(refused.value)


@pytest.mark.parametrize("way", ["stls", "tls"])
@pytest.mark.parametrize("kind", ["a token", "a function that gives one"])
async def test_a_token(mailbox, dialer, way, kind):
    user = mailbox.login["username"]

    async def fresh() -> str:
        return f"fresh-{user}"

    port, ssl = (mailbox.port, None) if way == "stls" else (mailbox.pop3s, True)
    token = fresh if kind != "a token" else await fresh()
    with asyncnet.trace() as trace:
        found = await asyncnet.pop3.fetch(
            "localhost", port, ssl=ssl, username=user, token=token, limit=1, dialer=dialer
        )
    assert found[0]["Subject"] == "nummer ü 60"
    assert [span.attributes["mechanism"] for span in trace.spans if span.name == "auth"] == ["OAUTHBEARER"]
    assert "fresh" not in str(trace)


async def test_a_token_by_xoauth2(mailbox, older, dialer):
    user = mailbox.login["username"]
    fetch = functools.partial(asyncnet.pop3.fetch, "localhost", older.port, username=user, limit=1, dialer=dialer)
    with asyncnet.trace() as trace:
        found = await fetch(token=f"fresh-{user}")
        with pytest.raises(asyncnet.AuthenticationError) as refused:
            await fetch(token=f"stale-{user}")
    assert found[0]["Subject"] == "nummer ü 60"
    assert {span.attributes["mechanism"] for span in trace.spans if span.name == "auth"} == {"XOAUTH2"}
    for text in (str(refused.value), str(trace)):
        assert "stale" not in text
        assert "fresh" not in text


async def test_a_stale_token(mailbox, dialer):
    user = mailbox.login["username"]
    with pytest.raises(asyncnet.AuthenticationError) as refused:
        await asyncnet.pop3.fetch("localhost", mailbox.port, username=user, token=f"wilted-{user}", dialer=dialer)
    assert "wilted" not in str(refused.value)


async def test_no_such_message(mailbox, dialer):
    async with asyncnet.pop3.Client("localhost", mailbox.port, dialer=dialer, **mailbox.login) as pop3:
        with pytest.raises(asyncnet.ReplyError):
            await pop3.fetch(99)
        assert (await pop3.fetch(1))["Subject"] == "nummer ü 1"


async def test_an_untrusted_certificate(mailbox):
    with pytest.raises(asyncnet.TLSError):
        await asyncnet.pop3.fetch("localhost", mailbox.port, **mailbox.login)

"""pop3 beside Dovecot: STLS, TLS from the first byte, logins, pipelining, deletions."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

import asyncnet
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
auth_mechanisms = plain
login_trusted_networks =
mail_location = maildir:FOLDER/mail/%u
first_valid_uid = 1
passdb {
  driver = static
  args = password=secret
}
userdb {
  driver = static
  args = uid=nobody gid=nogroup home=FOLDER/mail/%u
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
service stats {
  unix_listener stats-writer {
    mode = 0666
  }
}
"""


@pytest.fixture(scope="module")
def dovecot(folder, pki) -> Iterator[SimpleNamespace]:
    path = program("dovecot")
    if not any(Path(place, "pop3").exists() for place in ("/usr/lib/dovecot", "/usr/libexec/dovecot")):
        absent("dovecot has no pop3 (dovecot-pop3d)")
    if os.geteuid() != 0:
        absent("dovecot has to be started by root")
    port, pop3s = free_port(), free_port()
    words = {"FOLDER": folder, "POP3S": pop3s, "PORT": port, "CERTIFICATE": pki.certificate, "KEY": pki.key}
    text = CONFIG
    for word, value in words.items():
        text = text.replace(word, str(value))
    config = folder / "dovecot.conf"
    config.write_text(text)
    with running([path, "-F", "-c", str(config)], port, pop3s, folder=folder):
        yield SimpleNamespace(port=port, pop3s=pop3s, mail=folder / "mail")


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


async def test_no_such_message(mailbox, dialer):
    async with asyncnet.pop3.Client("localhost", mailbox.port, dialer=dialer, **mailbox.login) as pop3:
        with pytest.raises(asyncnet.ReplyError):
            await pop3.fetch(99)
        assert (await pop3.fetch(1))["Subject"] == "nummer ü 1"


async def test_an_untrusted_certificate(mailbox):
    with pytest.raises(asyncnet.TLSError):
        await asyncnet.pop3.fetch("localhost", mailbox.port, **mailbox.login)

"""smtp beside Exim: STARTTLS, TLS from the first byte, logins, what is stored."""

from __future__ import annotations

import asyncio
import contextlib
import email
import email.policy
import os
import shutil
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from types import SimpleNamespace

import pytest

import asyncnet
from tests.interop.conftest import absent, free_port, program, running

pytestmark = [pytest.mark.asyncio, pytest.mark.interop("exim4")]

USER = "Debian-exim"  # whom the program of Debian becomes

CONFIG = """
primary_hostname = localhost
spool_directory = FOLDER/spool
log_file_path = FOLDER/%slog
pid_file_path = FOLDER/exim.pid
disable_ipv6 = true
local_interfaces = 127.0.0.1
daemon_smtp_ports = PORT : SMTPS
tls_on_connect_ports = SMTPS
tls_advertise_hosts = *
tls_certificate = CERTIFICATE
tls_privatekey = KEY
auth_advertise_hosts = ${if def:tls_in_cipher {*}}
message_size_limit = 1M
deliver_drop_privilege = true
acl_smtp_rcpt = recipients
begin acl
recipients:
  accept domains = example.org
  deny message = relaying is not permitted
begin routers
keep:
  driver = accept
  transport = keep
begin transports
keep:
  driver = appendfile
  directory = FOLDER/MAILBOX
  maildir_format
  user = Debian-exim
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${if and{{eq{$auth2}{ann}}{eq{$auth3}{secret}}}}
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = User : Password
  server_condition = ${if and{{eq{$auth1}{ann}}{eq{$auth2}{secret}}}}
"""


@contextlib.contextmanager
def exim_in(folder: Path, pki: SimpleNamespace, *, mailbox: str = "mail") -> Iterator[SimpleNamespace]:
    """Exim for example.org, which keeps what it takes in the maildir ``mailbox``, a path of its own configuration."""
    path = program("exim4")
    if os.geteuid() != 0:
        absent("exim4 has to be started by root")
    for name in ("spool", "mail"):
        (folder / name).mkdir()
    for name in ("", "spool", "mail"):
        shutil.chown(folder / name, USER)
    shutil.chown(pki.key, USER)
    port, smtps = free_port(), free_port()
    words = {
        "MAILBOX": mailbox, "FOLDER": folder, "PORT": port, "SMTPS": smtps, "CERTIFICATE": pki.certificate,
        "KEY": pki.key,
    }  # fmt: skip
    config = folder / "exim.conf"
    text = CONFIG
    for word, value in words.items():
        text = text.replace(word, str(value))
    config.write_text(text)
    with running([path, "-bdf", "-C", str(config)], port, smtps, folder=folder):
        yield SimpleNamespace(port=port, smtps=smtps, mail=folder / "mail")


@pytest.fixture(scope="module")
def exim(folder, pki) -> Iterator[SimpleNamespace]:
    with exim_in(folder, pki) as server:
        yield server


async def stored(mail: Path, subject: str) -> EmailMessage:
    """The message of that subject, once the server has put it into the maildir."""
    async with asyncio.timeout(20):
        while True:
            for path in mail.glob("new/*"):
                message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
                assert isinstance(message, EmailMessage)
                if message["Subject"] == subject:
                    return message
            await asyncio.sleep(0)


def letter(subject: str, **options) -> EmailMessage:
    return asyncnet.smtp.compose(
        sender="ann@example.org", to="bob@example.org", subject=subject, text="At noon?\n.\n..\nÜber\n", **options
    )


async def test_starttls_with_a_login(exim, dialer, request):
    subject = f"starttls {request.node.name}"
    message = letter(subject, attachments=[("data.bin", bytes(range(256)) * 40)], bcc="eve@example.org")
    report = await asyncnet.smtp.send(message, "localhost", exim.port, username="ann", password="secret", dialer=dialer)
    assert report.accepted == ("bob@example.org", "eve@example.org")
    assert report.refused == {}
    kept = await stored(exim.mail, subject)
    body = kept.get_body(("plain",))
    assert body is not None
    assert body.get_content().replace("\r\n", "\n") == "At noon?\n.\n..\nÜber\n"
    (attachment,) = kept.iter_attachments()
    assert attachment.get_content() == bytes(range(256)) * 40
    assert kept["Message-ID"] == message["Message-ID"]
    assert kept["Bcc"] is None


async def test_tls_from_the_first_byte(exim, dialer, request):
    subject = f"smtps {request.node.name}"
    await asyncnet.smtp.send(
        letter(subject), "localhost", exim.smtps, ssl=True, username="ann", password="secret", dialer=dialer
    )
    assert (await stored(exim.mail, subject))["To"] == "bob@example.org"


async def test_several_messages_over_one_connection(exim, dialer, request):
    subjects = [f"{number} {request.node.name}" for number in range(5)]
    async with asyncnet.smtp.Client("localhost", exim.port, username="ann", password="secret", dialer=dialer) as client:
        for subject in subjects:
            await client.send(letter(subject))
    for subject in subjects:
        await stored(exim.mail, subject)


async def test_a_pool(exim, dialer, request):
    subjects = [f"pool {number} {request.node.name}" for number in range(10)]
    async with asyncnet.smtp.Pool(
        "localhost", exim.port, size=3, username="ann", password="secret", dialer=dialer
    ) as pool:
        outcomes = [outcome async for outcome in pool.send_many(map(letter, subjects))]
    assert [outcome.error for outcome in outcomes] == [None] * 10
    for subject in subjects:
        await stored(exim.mail, subject)


async def test_a_wrong_password(exim, dialer):
    with pytest.raises(asyncnet.AuthenticationError) as refused:
        await asyncnet.smtp.send(
            letter("never"), "localhost", exim.port, username="ann", password="guess", dialer=dialer
        )
    assert refused.value.code == 535
    assert "guess" not in str(refused.value)


async def test_a_recipient_that_is_refused(exim, dialer, request):
    subject = f"relay {request.node.name}"
    report = await asyncnet.smtp.send(
        letter(subject), "localhost", exim.port, dialer=dialer,
        sender="ann@example.org", recipients=["bob@example.org", "eve@elsewhere.example"],
    )  # fmt: skip
    assert report.accepted == ("bob@example.org",)
    assert report.refused["eve@elsewhere.example"].code == 550
    await stored(exim.mail, subject)


async def test_a_message_too_large(exim, dialer):
    message = letter("never", attachments=[("data.bin", bytes(1_500_000))])
    with pytest.raises(asyncnet.AsyncNetError) as refused:
        await asyncnet.smtp.send(message, "localhost", exim.port, dialer=dialer)
    assert isinstance(refused.value, asyncnet.LimitExceeded | asyncnet.ReplyError)


async def test_an_untrusted_certificate(exim):
    with pytest.raises(asyncnet.TLSError):
        await asyncnet.smtp.send(letter("never"), "localhost", exim.port, username="ann", password="secret")

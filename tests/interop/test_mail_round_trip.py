"""Mail sent by smtp through Exim, with STARTTLS and a login, and read back by pop3 from Dovecot: the same bytes."""

from __future__ import annotations

import asyncio
import random
import shutil
from collections.abc import AsyncIterator, Iterator
from email.message import EmailMessage
from pathlib import Path
from types import SimpleNamespace

import pytest
import pytest_asyncio

import asyncnet
from tests.interop.test_exim import USER, exim_in
from tests.interop.test_pop3_dovecot import dovecot_in

pytestmark = [pytest.mark.asyncio, pytest.mark.interop("exim4, dovecot")]

BLOB = random.Random(3).randbytes(60_000)
HEAD = (
    b"X-First: 1\r\nFrom: ann@example.org\r\nMessage-ID: <%d@example.org>\r\n"
    b"Date: Thu, 1 Jan 2026 00:00:00 +0000\r\n\r\n"
)
DOTS = ".\n..\n...\n.leading\n\n. \n.\n.\nmiddle . of a line\nend.\n."


@pytest.fixture(scope="module")
def servers(folder: Path, pki: SimpleNamespace) -> Iterator[SimpleNamespace]:
    for name in ("exim", "dovecot"):
        (folder / name).mkdir()
    mail = folder / "exim" / "mail"
    with (
        # Exim writes to no path that a stranger has named: the folder that is there gives it.
        exim_in(folder / "exim", pki, mailbox="mail/${lookup {$local_part} dsearch,filter=dir {FOLDER/mail}}") as exim,
        dovecot_in(folder / "dovecot", pki, mail=mail, owner=USER, group=USER) as dovecot,
    ):
        yield SimpleNamespace(smtp=exim.port, pop3=dovecot.port, pop3s=dovecot.pop3s, mail=mail)


@pytest_asyncio.fixture
async def mailbox(servers: SimpleNamespace, request: pytest.FixtureRequest) -> AsyncIterator[SimpleNamespace]:
    """An address of its own for each test, and how to read it."""
    user = "".join(letter if letter.isalnum() else "-" for letter in request.node.name).strip("-")
    for name in ("new", "cur", "tmp"):
        (servers.mail / user / name).mkdir(parents=True)
    for path in (servers.mail / user, *(servers.mail / user).iterdir()):
        shutil.chown(path, USER)
    yield SimpleNamespace(
        address=f"{user}@example.org", user=user, smtp=servers.smtp, pop3=servers.pop3, pop3s=servers.pop3s
    )


async def send(mailbox: SimpleNamespace, dialer: asyncnet.Dialer, message: EmailMessage | bytes) -> None:
    report = await asyncnet.smtp.send(
        message, "localhost", mailbox.smtp, dialer=dialer, starttls=True, username="ann", password="secret",
        sender="ann@example.org", recipients=[mailbox.address],
    )  # fmt: skip
    assert report.accepted == (mailbox.address,)


async def receive(mailbox: SimpleNamespace, dialer: asyncnet.Dialer, count: int) -> list[bytes]:
    """The messages as they are stored, once all are there."""
    login = {"username": mailbox.user, "password": "secret"}
    async with asyncio.timeout(20):
        while True:
            async with asyncnet.pop3.Client("localhost", mailbox.pop3, dialer=dialer, **login) as pop3:
                items = await pop3.list()
                if len(items) == count:
                    found = [await pop3.fetch_bytes(item.number) for item in items]
                    assert [item.size for item in items] == [len(data) for data in found]
                    return found


def sent_part(stored: bytes, first: bytes) -> bytes:
    """What of a stored message is the sender's: relays add their own fields at the top (RFC 5321 section 4.4)."""
    traces, found, rest = stored.partition(b"\r\n" + first)
    assert found, stored[:500]
    assert traces.startswith((b"Received: ", b"Return-path: "))
    assert b"esmtpsa" in traces
    return first + rest


@pytest.mark.parametrize(
    "body",
    [
        b"plain\r\n",
        b"",
        b"\r\n",
        b"no end of line",
        DOTS.replace("\n", "\r\n").encode(),
        b".\r\n",
        b".",
        b"\r\n.\r\nQUIT\r\n",
        b"..\r\n...\r\n",
        b"From here\r\n>From there\r\n",
        "Grüße, 日本語\r\n".encode(),
        b"x" * 900 + b"\r\n" + b"." * 900 + b"\r\n",
        b"\t \r\n  trailing  \r\n\r\n\r\n",
        b"line\r\n" * 20_000,
    ],
    ids=[
        "plain",
        "empty",
        "an empty line",
        "no end",
        "dots",
        "a dot",
        "a lone dot",
        "a command",
        "two and three dots",
        "from",
        "eight bits",
        "long lines",
        "blanks",
        "long",
    ],
)
async def test_bytes_come_back_as_they_were_sent(mailbox, dialer, body):
    head = HEAD % 1
    await send(mailbox, dialer, head + body)
    (stored,) = await receive(mailbox, dialer, 1)
    # A line has an end in the mail; that of the last one is made where it is missing.
    whole = body if body.endswith(b"\r\n") or not body else body + b"\r\n"
    assert sent_part(stored, b"X-First: 1\r\n") == head + whole


async def test_a_letter_with_all_that_letters_have(mailbox, dialer):
    message = asyncnet.smtp.compose(
        sender=("Ann Ärger, PhD", "ann@example.org"),
        to=("Jörg „Joe“ Müller", mailbox.address),
        cc="Cleo <cleo@example.org>",
        bcc="eve@example.org",
        subject="Größe — 日本語 " * 8,
        text=DOTS,
        html='<p>Grüße <img src="cid:bild.png"></p>\n.\n',
        attachments=[
            ("größe & maß.bin", BLOB), ("leer.txt", b""), ("日本語の名前.txt", "Grüße\n.\n..\n".encode()),
            ('mit "Zeichen"; und=.pdf', b"%PDF-1.4"),
        ],
        inline=[("bild.png", b"\x89PNG\r\n\x1a\n" + BLOB[:999])],
    )  # fmt: skip
    await send(mailbox, dialer, message)
    await receive(mailbox, dialer, 1)
    login = {"username": mailbox.user, "password": "secret"}
    (back,) = await asyncnet.pop3.fetch("localhost", mailbox.pop3s, ssl=True, dialer=dialer, **login)
    for name in ("From", "To", "Cc", "Subject", "Date", "Message-ID", "MIME-Version"):
        assert back[name] == message[name], name
    assert back["Bcc"] is None
    assert message["Bcc"] == "eve@example.org"
    mine, theirs = list(message.walk()), list(back.walk())
    assert [part.get_content_type() for part in theirs] == [part.get_content_type() for part in mine]
    assert [part.get_filename() for part in theirs] == [part.get_filename() for part in mine]
    for one, other in zip(mine, theirs, strict=True):
        if not one.is_multipart():
            expected, got = one.get_payload(decode=True), other.get_payload(decode=True)
            if one.get_content_maintype() == "text" and not one.is_attachment():
                expected, got = expected.splitlines(), got.splitlines()
            assert got == expected, one.get_content_type()
    assert next(back.iter_attachments()).get_content() == BLOB


async def test_many_each_once(mailbox, dialer):
    letters = [HEAD % number + b".\r\n" * number for number in range(25)]
    login = {"username": "ann", "password": "secret"}
    # Exim delivers the first ten of a connection at once, and leaves the others to its next queue run.
    async with asyncnet.smtp.Pool("localhost", mailbox.smtp, size=2, max_messages=8, dialer=dialer, **login) as pool:
        many = pool.send_many(letters, sender="ann@example.org", recipients=[mailbox.address])
        assert [outcome.error async for outcome in many] == [None] * 25
    stored = await receive(mailbox, dialer, 25)
    assert sorted(sent_part(data, b"X-First: 1\r\n") for data in stored) == sorted(letters)
    login = {"username": mailbox.user, "password": "secret"}
    async with asyncnet.pop3.Client("localhost", mailbox.pop3, dialer=dialer, **login) as pop3:
        async for message in pop3.messages():
            await pop3.delete(message.number)
    assert await receive(mailbox, dialer, 0) == []

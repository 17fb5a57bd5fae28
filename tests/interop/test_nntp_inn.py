"""nntp beside InterNetNews: innd takes what is posted, nnrpd serves readers, by STARTTLS and TLS."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from types import SimpleNamespace

import pytest

import asyncnet
from tests.interop.conftest import absent, free_port, program, running

pytestmark = [pytest.mark.asyncio, pytest.mark.interop("inn2")]

USER = "news"  # whom the programs of Debian become
BIN = Path("/usr/lib/news/bin")

FILES = {
    "inn.conf": """
mta: "/bin/false"
ovmethod: tradindexed
hismethod: hisv6
pathhost: localhost.example.org
domain: example.org
fromhost: example.org
pathnews: /usr/lib/news
pathbin: /usr/lib/news/bin
pathetc: FOLDER
pathdb: FOLDER/db
pathlog: FOLDER/log.d
pathrun: FOLDER/run
pathspool: FOLDER/spool
pathtmp: FOLDER/tmp
pathfilter: FOLDER/filter
patharchive: FOLDER/spool/archive
patharticles: FOLDER/spool/articles
pathincoming: FOLDER/spool/incoming
pathoutgoing: FOLDER/spool/outgoing
pathoverview: FOLDER/spool/overview
bindaddress: 127.0.0.1
port: INND
runasuser: news
runasgroup: news
allownewnews: true
enableoverview: true
pgpverify: false
docancels: none
tlscertfile: CERTIFICATE
tlskeyfile: TLSKEY
""",
    "readers.conf": """
auth "all" {
    auth: "ckpasswd -f FOLDER/passwd"
    default: "<nobody>"
}
access "nobody" {
    users: "<nobody>"
    newsgroups: "*"
    access: R
}
access "ann" {
    users: "ann*"
    newsgroups: "*"
    access: RPNA
    addcanlockuser: none
}
""",
    "passwd": "ann:$5$asyncnet$ZL1duNFGmYxn8ZUDkaCECEs6RDDuEGGoTOCM9BVgpf2\n",
    "storage.conf": "method tradspool {\n    newsgroups: *\n    class: 0\n}\n",
    "incoming.conf": 'peer ME {\n    hostname: "localhost, 127.0.0.1"\n}\n',
    "newsfeeds": "ME:*::\n",
    "expire.ctl": "/remember/:11\n*:A:1:10:never\n",
    "control.ctl": "all:*:*:drop\n",
    "moderators": "",
    "distrib.pats": "",
    "innfeed.conf": "",
    "db/active": "control 0000000000 0000000001 n\ncontrol.cancel 0000000000 0000000001 n\n"
    "junk 0000000000 0000000001 n\n"
    "misc.test 0000000000 0000000001 y\nmisc.empty 0000000000 0000000001 y\ncomp.x 0000000000 0000000001 n\n",
    "db/newsgroups": "misc.test\tFor tests.\nmisc.empty\tNothing here.\n",
    "db/active.times": "misc.test 1700000000 ann@example.org\n",
    "db/history": "",
}


def as_news(*command: str) -> list[str]:
    return ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", *command]


@pytest.fixture(scope="module")
def inn(folder, pki) -> Iterator[SimpleNamespace]:
    for name in ("innd", "nnrpd", "makedbz"):
        if not (BIN / name).exists():
            absent(f"{name} is not installed (inn2)")
    program("setpriv")
    if os.geteuid() != 0:
        absent("innd has to be started by root, who becomes news")
    innd, port, nntps = free_port(), free_port(), free_port()
    key = folder / "news-key.pem"
    shutil.copy(pki.key, key)
    words = {"FOLDER": folder, "INND": innd, "CERTIFICATE": pki.certificate, "TLSKEY": key}
    for place in ("db", "log.d", "run", "tmp", "filter", "spool/articles", "spool/overview", "spool/incoming/tmp",
                  "spool/outgoing", "spool/archive"):  # fmt: skip
        (folder / place).mkdir(parents=True)
    for name, text in FILES.items():
        for word, value in words.items():
            text = text.replace(word, str(value))
        (folder / name).write_text(text)
        (folder / name).chmod(0o640)
    for path in (folder, *folder.rglob("*")):
        shutil.chown(path, USER, USER)
    key.chmod(0o600)
    os.environ["INNCONF"] = str(folder / "inn.conf")
    try:
        subprocess.run(as_news(str(BIN / "makedbz"), "-i", "-o"), check=True, timeout=30)
        with (
            running(as_news(str(BIN / "innd"), "-f", "-u", "-P", str(innd)), innd, folder=folder),
            running(as_news(str(BIN / "nnrpd"), "-D", "-f", "-p", str(port)), port, folder=folder),
            running(as_news(str(BIN / "nnrpd"), "-D", "-f", "-S", "-p", str(nntps)), nntps, folder=folder),
        ):
            yield SimpleNamespace(port=port, nntps=nntps, innd=innd)
    finally:
        del os.environ["INNCONF"]


LOGIN = {"username": "ann", "password": "secret"}


def client(inn, dialer, **options) -> asyncnet.nntp.Client:
    return asyncnet.nntp.Client("localhost", inn.port, dialer=dialer, **{**LOGIN, **options})


def article(subject: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = "Ann Ünder <ann@example.org>"
    message["Newsgroups"] = "misc.test"
    message["Subject"] = subject
    message.set_content("Hällo\n.\n..dots\n" + "line\n" * 200)
    return message


async def stored(session: asyncnet.nntp.Client, message_id: str) -> asyncnet.nntp.Article:
    """The article, once the server has filed it."""
    async with asyncio.timeout(20):
        while True:
            try:
                return await session.fetch(message_id)
            except asyncnet.ReplyError as error:
                if error.code != 430:
                    raise
                await asyncio.sleep(0)


async def test_post_and_read_back(inn, dialer, request):
    subject = f"Größe {request.node.name}"
    async with client(inn, dialer) as session:
        assert {"READER", "OVER", "POST"} <= await session.capabilities()
        message_id = await session.post(article(subject))
        found = await stored(session, message_id)
        assert found.headers["Subject"] == subject
        assert found.body == article(subject).get_content()
        assert found.message_id == message_id
        group = await session.group("misc.test")
        assert group.count >= 1
        overviews = [overview async for overview in session.overviews()]
        (overview,) = [overview for overview in overviews if overview.message_id == message_id]
        assert overview.subject == subject
        assert overview.sender == "Ann Ünder <ann@example.org>"
        assert (await session.fetch(overview.number)).content == found.content
        assert (await session.head(overview.number))["Subject"] == subject
        assert await session.body(message_id) == found.body_bytes
        assert await session.stat(overview.number) == asyncnet.nntp.Stat(overview.number, message_id)
        headers = {number: value async for number, value in session.header("Subject")}
        assert headers[overview.number] == subject
        assert overview.number in await session.numbers("misc.test")
        assert message_id in await session.newnews("misc.*", datetime.now(UTC) - timedelta(hours=1))


async def test_many_articles(inn, dialer, request):
    async with client(inn, dialer) as session:
        subjects = [f"{number} {request.node.name}" for number in range(60)]
        ids = [await session.post(article(subject)) for subject in subjects]
        for message_id in ids:
            await stored(session, message_id)
        outcomes = [outcome async for outcome in session.fetch_many([*ids, "<no@such.example>"])]
        assert [outcome.unwrap().headers["Subject"] for outcome in outcomes[:-1]] == subjects
        assert outcomes[-1].error.code == 430
        group = await session.group("misc.test")
        first = await session.stat(group.first)
        assert (await session.next()).number > first.number
        assert await session.last() == first


async def test_lists(inn, dialer):
    async with client(inn, dialer) as session:
        assert {group.name for group in await session.groups("misc.*")} == {"misc.test", "misc.empty"}
        assert "misc.test\tFor tests." in await session.listing("NEWSGROUPS")
        assert any(line.startswith("Subject") for line in await session.listing("OVERVIEW.FMT"))
        assert abs(await session.date() - datetime.now(UTC)) < timedelta(minutes=5)
        assert "misc.test" in [group.name for group in await session.newgroups(datetime(2001, 1, 1, tzinfo=UTC))]
        empty = await session.group("misc.empty")
        assert empty.count == 0
        assert [overview async for overview in session.overviews()] == []
        assert [overview async for overview in session.overviews(1, 1_000_000)] == []
        with pytest.raises(asyncnet.ReplyError) as caught:
            await session.group("no.such")
        assert caught.value.code == 411


async def test_tls_from_the_first_byte(inn, dialer, request):
    async with asyncnet.nntp.Client("localhost", inn.nntps, ssl=True, dialer=dialer, **LOGIN) as session:
        message_id = await session.post(article(request.node.name))
        await stored(session, message_id)
    found = await asyncnet.nntp.fetch("localhost", inn.nntps, ssl=True, message_id=message_id, dialer=dialer)
    assert found.headers["Subject"] == request.node.name


async def test_a_wrong_password(inn, dialer):
    with pytest.raises(asyncnet.AuthenticationError) as refused:
        await client(inn, dialer, password="guess").open()
    assert refused.value.code == 481
    assert "guess" not in str(refused.value)


async def test_who_may_only_read_cannot_post(inn, dialer):
    async with asyncnet.nntp.Client("localhost", inn.port, dialer=dialer) as session:
        with pytest.raises(asyncnet.ReplyError) as caught:
            await session.post(article("never"))
        assert caught.value.code in (440, 480)
        assert (await session.group("misc.test")).name == "misc.test"


async def test_a_refused_article(inn, dialer):
    async with client(inn, dialer) as session:
        message = article("never")
        message.replace_header("Newsgroups", "no.such")
        with pytest.raises(asyncnet.ReplyError) as caught:
            await session.post(message)
        assert caught.value.code == 441
        assert not caught.value.maybe_done


async def test_innd_hands_readers_on(inn, dialer):
    # What innd itself says before MODE READER is no reader's; nnrpd takes over behind it.
    async with asyncnet.nntp.Client("localhost", inn.innd, starttls=False, dialer=dialer) as session:
        assert "READER" in await session.capabilities()
        assert (await session.group("misc.test")).name == "misc.test"


async def test_an_untrusted_certificate(inn):
    with pytest.raises(asyncnet.TLSError):
        await asyncnet.nntp.fetch("localhost", inn.port, message_id="<a@b>", **LOGIN)

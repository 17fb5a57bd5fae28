"""The NNTP client beside servers that stall, lie, flood and cut: typed errors, in time, nothing doubled."""

from __future__ import annotations

import asyncio
from email.message import EmailMessage

import pytest

import asyncnet
from asyncnet import nntp, testing

pytestmark = pytest.mark.asyncio


def client(server, **options):
    return nntp.Client(server.host, server.port, **options)


@pytest.mark.parametrize("at", ["CONNECT", "CAPABILITIES", "GROUP", "OVER", "ARTICLE"])
@pytest.mark.parametrize("how", ["stall", "drop"])
async def test_an_end_at_any_command(news, at, how):
    with testing.NNTPServer({"misc.test": news}, **{f"{how}_at": at}) as server:
        expected = asyncnet.OperationTimeout if how == "stall" else asyncnet.ConnectionLost
        with pytest.raises(expected) as caught:
            async with client(server, timeout=0.3 if how == "stall" else 10) as session:
                await session.group("misc.test")
                assert [overview.number async for overview in session.overviews()] == [1, 2, 3, 4, 5]
                await session.fetch(1)
        assert caught.value.phase


@pytest.mark.parametrize(
    ("command", "flood"),
    [
        ("CONNECT", b"200 " + b"x" * 3_000_000),
        ("CAPABILITIES", b"101 these\r\n" + b"X-NOISE\r\n" * 100_000),
        ("CAPABILITIES", b"101 these\r\n" + b"x" * 10_000_000),
        ("LIST", b"215 " + b"x" * 3_000_000),
        ("LIST", b"215 list\r\n" + b"\r\n" * 3_000_000 + b".\r\n"),
    ],
)
async def test_answers_without_end(command, flood):
    with testing.NNTPServer(replies={command: flood}) as server:
        with pytest.raises(asyncnet.LimitExceeded):
            async with client(server, timeout=20) as session:
                await session.groups()


@pytest.mark.parametrize("kind", ["overviews", "header"])
async def test_more_rows_than_articles(kind):
    row = "7\tsubject\tfrom\tdate\t<a@b>\t\t1\t1" if kind == "overviews" else "7 subject"
    rows = "\n".join([row] * 50)
    replies = {"OVER": f"224 here\n{rows}\n.", "HDR": f"225 here\n{rows}\n."}
    with testing.NNTPServer({"misc.test": []}, replies=replies) as server:
        session = await client(server).open()
        found = session.overviews(1, 40) if kind == "overviews" else session.header("Subject", 1, 40)
        with pytest.raises(asyncnet.ProtocolError, match="more lines than"):
            [row async for row in found]
        assert session.closed


async def test_a_group_as_large_as_numbers_go():
    """A server that says so and has nothing: the pieces grow, and each has its time."""
    replies = {"GROUP": f"211 3 1 {(1 << 53) - 1} misc.test", "OVER": "423 none"}
    with testing.NNTPServer({"misc.test": []}, replies=replies) as server:
        async with client(server) as session:
            group = await session.group("misc.test")
            assert group.last == (1 << 53) - 1
            found = session.overviews(1, 5_000_000)
            assert [overview async for overview in found] == []
        asked = [command for command in server.commands if command.startswith("OVER")]
    assert len(asked) < 1000


@pytest.mark.parametrize(
    "said", ["20260131", "111", "111 20260131", "111 20269931000000", "111 -0260131000000", "111 x"]
)
async def test_nonsense_for_date(said):
    with testing.NNTPServer(replies={"DATE": said}) as server:
        session = await client(server).open()
        with pytest.raises(asyncnet.ProtocolError):
            await session.date()
        assert session.closed


@pytest.mark.parametrize(
    "said", ["223", "223 x <a@b>", "223 -1 <a@b>", "223 99999999999999999999 <a@b>", "223 1 no-id"]
)
async def test_less_than_there_should_be_for_stat(said):
    """That it is there is said by the code; what stands behind it is believed where it can be read."""
    with testing.NNTPServer({"misc.test": [b"Message-ID: <a@b>\r\n\r\n"]}, replies={"STAT": said}) as server:
        async with client(server) as session:
            stat = await session.stat("<a@b>")
    assert (stat.number, stat.message_id) == (None, "<a@b>")


async def test_words_that_nobody_asked_for():
    with testing.NNTPServer({"misc.test": []}, replies={"GROUP": b"211 0 1 0 misc.test\r\n240 posted\r\n"}) as server:
        session = await client(server).open()
        await session.group("misc.test")
        with pytest.raises(asyncnet.ProtocolError, match="not asked for"):
            await session.date()
        assert session.closed


async def test_an_article_that_is_missing_in_the_middle_leaves_the_order(news):
    with testing.NNTPServer({"misc.test": news}, replies={"ARTICLE <3@example.org>": "430 gone"}) as server:
        async with client(server) as session:
            ids = [f"<{number}@example.org>" for number in range(1, 6)]
            outcomes = await asyncio.gather(*map(session.fetch, ids), return_exceptions=True)
    assert [getattr(outcome, "message_id", None) for outcome in outcomes] == [*ids[:2], None, *ids[3:]]
    assert isinstance(outcomes[2], asyncnet.ReplyError)


@pytest.mark.parametrize("said", ["240", "240 sure", "340 and again", "441 no", "2400 long", "abc"])
async def test_words_after_an_article(said):
    """Only 240 says that it was taken; whatever is not a clear no may mean that it was."""
    article = EmailMessage()
    for name, value in {"From": "ann@example.org", "Newsgroups": "misc.test", "Subject": "Hi"}.items():
        article[name] = value
    article.set_content("text\n")
    with testing.NNTPServer({"misc.test": []}, replies={".": said}) as server:
        session = await client(server).open()
        if said.startswith("240") and len(said.split()[0]) == 3:
            assert (await session.post(article)).startswith("<")
            await session.close()
            return
        with pytest.raises((asyncnet.ProtocolError, asyncnet.ReplyError)) as caught:
            await session.post(article)
        assert caught.value.maybe_done == isinstance(caught.value, asyncnet.ProtocolError)
        assert session.closed == isinstance(caught.value, asyncnet.ProtocolError)
        await session.close()
        assert len([command for command in server.commands if command == "POST"]) == 1, "never repeated"

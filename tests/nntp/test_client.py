"""A session with a news server: groups, ranges, articles, posting."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from email.message import EmailMessage

import pytest

import asyncnet
from asyncnet import nntp, testing

pytestmark = pytest.mark.asyncio

ID = "<3@example.org>"


def client(server, **options):
    return nntp.Client(server.host, server.port, **options)


def post(**headers) -> EmailMessage:
    message = EmailMessage()
    for name, value in {"From": "ann@example.org", "Newsgroups": "misc.test", "Subject": "Hi", **headers}.items():
        message[name] = value
    message.set_content("one\n.\n..two\n")
    return message


# ---- groups


async def test_groups(news):
    with testing.NNTPServer({"misc.test": news, "misc.empty": [], "comp.x": news[:1]}) as server:
        async with client(server) as session:
            assert [group.name for group in await session.groups()] == ["misc.test", "misc.empty", "comp.x"]
            (group,) = await session.groups("misc.*,!misc.empty")
            assert (group.name, group.count, group.first, group.last, group.status) == ("misc.test", 5, 1, 5, "y")
            assert await session.listing("NEWSGROUPS", "comp.*") == ["comp.x\tarticles of the test"]
            group = await session.group("misc.test")
            assert (group.count, group.first, group.last) == (5, 1, 5)
            with pytest.raises(asyncnet.ReplyError) as caught:
                await session.group("no.such")
            assert caught.value.code == 411
            assert await session.date() == datetime(2024, 2, 29, 12, tzinfo=UTC)


async def test_numbers_and_what_is_new():
    replies = {
        "LISTGROUP": "211 3 1 9 misc.test\n1\n5\n9\n.",
        "NEWNEWS": "230 ids\n<a@b>\n<c@d>\n.",
        "NEWGROUPS": "231 groups\nmisc.new 4 1 y\n.",
    }
    since = datetime(2024, 2, 29, 12, tzinfo=UTC)
    with testing.NNTPServer(replies=replies) as server:
        async with client(server) as session:
            assert await session.numbers("misc.test") == [1, 5, 9]
            assert await session.numbers("misc.test", 2) == [1, 5, 9]
            assert await session.numbers("misc.test", 2, 7) == [1, 5, 9]
            assert await session.newnews("misc.*", since) == ["<a@b>", "<c@d>"]
            assert [group.name for group in await session.newgroups(since)] == ["misc.new"]
        assert server.commands[-6:-1] == [
            "LISTGROUP misc.test",
            "LISTGROUP misc.test 2-",
            "LISTGROUP misc.test 2-7",
            "NEWNEWS misc.* 20240229 120000 GMT",
            "NEWGROUPS 20240229 120000 GMT",
        ]


# ---- ranges


async def test_overviews(news):
    with testing.NNTPServer({"misc.test": news}) as server:
        async with client(server) as session:
            await session.group("misc.test")
            found = [overview async for overview in session.overviews()]
            assert [overview.number for overview in found] == [1, 2, 3, 4, 5]
            assert found[2].subject == "number 3"
            assert found[2].message_id == ID
            assert found[2].references == ("<0@example.org>",)
            assert found[2].size == len(news[2])
            assert [overview.number async for overview in session.overviews(2, 3)] == [2, 3]
            assert [overview.number async for overview in session.overviews(8, 9)] == []
            assert [overview.number async for overview in session.overviews(3, 2)] == []


async def test_a_long_range_is_asked_for_in_pieces(news):
    articles = [news[0].replace(b"number 1", b"number %d" % number) for number in range(1, 2001)]
    with testing.NNTPServer({"misc.test": articles}) as server:
        async with client(server) as session:
            await session.group("misc.test")
            found = [overview.subject async for overview in session.overviews()]
            assert found == [f"number {number}" for number in range(1, 2001)]
        assert [line for line in server.commands if line.startswith("OVER")] == [
            "OVER 1-500", "OVER 501-1000", "OVER 1001-1500", "OVER 1501-2000"
        ]  # fmt: skip


async def test_a_range_with_little_in_it_takes_few_commands(news):
    with testing.NNTPServer({"misc.test": news}) as server:
        async with client(server) as session:
            await session.group("misc.test")
            found = [overview.number async for overview in session.overviews(1, 10_000_000)]
            assert found == [1, 2, 3, 4, 5]
        assert len([line for line in server.commands if line.startswith("OVER")]) < 200


async def test_commands_inside_the_loop(news):
    with testing.NNTPServer({"misc.test": news, "other": []}) as server:
        async with client(server) as session:
            await session.group("misc.test")
            async for overview in session.overviews():
                assert (await session.fetch(overview.number)).headers["Subject"] == overview.subject
            with pytest.raises(asyncnet.StateError, match="another group"):
                async for _ in session.overviews(1, 1_000_000):
                    await session.group("other")
            with pytest.raises(asyncnet.ReplyError):
                await session.fetch(1)


async def test_a_range_needs_a_group(news):
    with testing.NNTPServer({"misc.test": news}) as server:
        async with client(server) as session:
            with pytest.raises(asyncnet.StateError, match="select a group"):
                [overview async for overview in session.overviews()]
            with pytest.raises(asyncnet.ReplyError) as caught:
                [overview async for overview in session.overviews(1, 5)]
            assert caught.value.code == 412


async def test_older_servers_are_asked_in_their_words(news):
    replies = {"XHDR": "221 headers\n1 one\n2 two\n."}
    with testing.NNTPServer({"misc.test": news}, capabilities=(), replies=replies) as server:
        async with client(server) as session:
            await session.group("misc.test")
            assert len([overview async for overview in session.overviews()]) == 5
            assert [pair async for pair in session.header("Subject")] == [(1, "one"), (2, "two")]
        assert "XOVER 1-5" in server.commands
        assert "XHDR Subject 1-5" in server.commands


async def test_headers():
    replies = {"HDR": "225 headers\n1 =?utf-8?q?=C3=A9?=\n2 two\n."}
    with testing.NNTPServer({"misc.test": []}, replies=replies) as server:
        async with client(server) as session:
            assert [pair async for pair in session.header("Subject", 1, 2)] == [(1, "é"), (2, "two")]


# ---- articles


async def test_one_article(news):
    with testing.NNTPServer({"misc.test": news}) as server:
        article = await nntp.fetch(server.host, server.port, message_id=ID)
        assert article.headers["Subject"] == "number 3"
        assert article.body == ".dot\narticle 3\n"
        assert article.content == news[2]
        assert (article.number, article.message_id) == (None, ID)
        assert server.commands[-1] == "QUIT"
        with pytest.raises(asyncnet.ReplyError) as caught:
            await nntp.fetch(server.host, server.port, message_id="<no@such>")
        assert caught.value.code == 430


async def test_parts_of_an_article(news):
    replies = {"NEXT": "223 4 <4@example.org> there", "LAST": "223 3 <3@example.org> there"}
    with testing.NNTPServer({"misc.test": news}, replies=replies) as server:
        async with client(server) as session:
            await session.group("misc.test")
            article = await session.fetch(3)
            assert (article.number, article.message_id) == (3, ID)
            assert (await session.head(3))["Subject"] == "number 3"
            assert await session.body(ID) == b".dot\r\narticle 3\r\n"
            assert await session.stat(3) == nntp.Stat(3, ID)
            assert await session.stat(ID) == nntp.Stat(None, ID)
            assert (await session.next()).number == 4
            assert (await session.last()).number == 3
            with pytest.raises(asyncnet.ReplyError) as caught:
                await session.stat(9)
            assert caught.value.code == 423


def many(count):
    return [b"Message-ID: <%d@b>\r\nSubject: %d\r\n\r\n%b\r\n" % (n, n, b"x" * n) for n in range(1, count + 1)]


async def test_many_articles():
    with testing.NNTPServer({"misc.test": many(300)}) as server:
        async with client(server) as session:
            ids = [f"<{number}@b>" for number in range(1, 301)]
            outcomes = [outcome async for outcome in session.fetch_many(ids)]
            assert [outcome.item for outcome in outcomes] == ids
            assert [outcome.unwrap().headers["Subject"] for outcome in outcomes] == [str(n) for n in range(1, 301)]
            await session.group("misc.test")
            assert [outcome.unwrap().number async for outcome in session.fetch_many(range(1, 301))] == list(
                range(1, 301)
            )


async def test_what_is_not_there_is_an_error_of_its_own():
    with testing.NNTPServer({"misc.test": many(3)}) as server:
        async with client(server) as session:
            items = ["<1@b>", "<no@such>", "bad\r\nid", "<2@b>", None, "<3@b>"]
            outcomes = [outcome async for outcome in session.fetch_many(items)]
            assert [outcome.item for outcome in outcomes] == items
            assert [outcome.ok for outcome in outcomes] == [True, False, False, True, False, True]
            errors = [outcome.error for outcome in outcomes if outcome.error]
            assert [type(error) for error in errors] == [asyncnet.ReplyError, ValueError, TypeError]


async def test_an_endless_source_is_taken_as_there_is_room():
    taken = 0

    def endless():
        nonlocal taken
        while True:
            taken += 1
            yield "<1@b>"

    with testing.NNTPServer({"misc.test": many(1)}) as server:
        async with client(server) as session:
            outcomes = session.fetch_many(endless())
            async for outcome in outcomes:
                assert outcome.ok
                break
            await outcomes.aclose()
            assert taken <= 32
            assert (await session.fetch("<1@b>")).body == "x\n"


async def test_a_slow_source_holds_nothing_up():
    gate = asyncio.Event()

    async def slow():
        yield "<1@b>"
        yield "<2@b>"
        await gate.wait()
        yield "<3@b>"

    with testing.NNTPServer({"misc.test": many(3)}) as server:
        async with client(server) as session:
            seen = []
            async for outcome in session.fetch_many(slow()):
                seen.append(outcome.item)
                if len(seen) == 2:
                    gate.set()
            assert seen == ["<1@b>", "<2@b>", "<3@b>"]


async def test_leaving_early_with_a_slow_source():
    async def slow():
        yield "<1@b>"
        await asyncio.Event().wait()

    with testing.NNTPServer({"misc.test": many(3)}) as server:
        async with testing.no_leaks():
            async with client(server) as session:
                outcomes = session.fetch_many(slow())
                assert (await anext(outcomes)).ok
                await outcomes.aclose()


async def test_a_source_that_fails():
    async def failing():
        yield "<1@b>"
        raise ZeroDivisionError

    with testing.NNTPServer({"misc.test": many(3)}) as server:
        async with client(server) as session:
            with pytest.raises(ZeroDivisionError):
                [outcome async for outcome in session.fetch_many(failing())]
            assert (await session.fetch("<1@b>")).body == "x\n"


async def test_a_lost_connection_is_an_error_of_all_that_follow():
    with testing.NNTPServer({"misc.test": many(5)}, drop_at="ARTICLE <3@b>") as server:
        session = await client(server).open()
        outcomes = [outcome async for outcome in session.fetch_many([f"<{number}@b>" for number in range(1, 6)])]
        assert [outcome.ok for outcome in outcomes] == [True, True, False, False, False]
        assert isinstance(outcomes[2].error, asyncnet.ConnectionLost)
        assert session.closed


async def test_a_timeout_is_an_outcome():
    with testing.NNTPServer({"misc.test": many(2)}, stall_at="ARTICLE <2@b>") as server:
        session = await client(server).open()
        outcomes = [outcome async for outcome in session.fetch_many(["<1@b>", "<2@b>"], timeout=0.2)]
        assert outcomes[0].ok
        assert isinstance(outcomes[1].error, asyncnet.OperationTimeout)


async def test_several_tasks():
    with testing.NNTPServer({"misc.test": many(20)}) as server:
        async with client(server) as session:
            ids = [f"<{number}@b>" for number in range(1, 21)] * 5
            found = await asyncio.gather(*(session.fetch(wanted) for wanted in ids))
            assert [article.message_id for article in found] == ids


# ---- posting


async def test_posting():
    with testing.NNTPServer({"misc.test": []}) as server:
        async with client(server) as session:
            message_id = await session.post(post())
            assert await session.post(post(**{"Message-ID": "<own@example.org>"})) == "<own@example.org>"
        first, second = server.posted
        assert f"Message-ID: {message_id}\r\n".encode() in first
        assert first.endswith(b"\r\n\r\none\r\n.\r\n..two\r\n")
        assert b"<own@example.org>" in second


async def test_nobody_comes_between_the_two_steps(news):
    with testing.NNTPServer({"misc.test": news}) as server:
        async with client(server) as session:
            await asyncio.gather(*(session.post(post()) for _ in range(5)), *(session.fetch(ID) for _ in range(5)))
        assert len(server.posted) == 5
        assert all(b"ARTICLE" not in article for article in server.posted)


@pytest.mark.parametrize("replies", [{"POST": "440 not here"}, {".": "441 not like this"}])
async def test_a_refused_post(replies):
    with testing.NNTPServer(replies=replies) as server:
        async with client(server) as session:
            with pytest.raises(asyncnet.ReplyError) as caught:
                await session.post(post())
            assert caught.value.code in (440, 441)
            assert not caught.value.maybe_done
            assert await session.date()


@pytest.mark.parametrize("fault", ["drop_at", "stall_at"])
@pytest.mark.parametrize(("at", "maybe_done"), [("POST", False), (".", True)])
async def test_a_lost_answer(fault, at, maybe_done):
    with testing.NNTPServer(**{fault: at}) as server:
        session = await client(server).open()
        with pytest.raises(asyncnet.AsyncNetError) as caught:
            await session.post(post(), timeout=0.3)
        assert isinstance(caught.value, asyncnet.ConnectionLost | asyncnet.OperationTimeout)
        assert caught.value.maybe_done is maybe_done
        assert session.closed


async def test_what_cannot_end_a_post_early():
    with testing.NNTPServer({"misc.test": []}) as server:
        async with client(server) as session:
            await session.post(b"Newsgroups: misc.test\nFrom: a@b\n\ntext\n.\nQUIT\r\n.\rPOST\n")
        assert server.posted[0].endswith(b"\r\n\r\ntext\r\n.\r\nQUIT\r\n.\r\nPOST\r\n")


# ---- what goes wrong


NO_GROUPS = [
    "211 -1 1 5 misc.test", "211 99999999999999999999 1 5 x", "211", "211 a b c d", "21 1 1 1 x", "2111 1 1 1 x",
    "211-1 1 1 x", "abc", b"211 1 1 1\0 x\r\n", "101 1 1 1 x",
]  # fmt: skip


@pytest.mark.parametrize("said", NO_GROUPS)
async def test_nonsense_for_group(said):
    with testing.NNTPServer(replies={"GROUP": said}) as server:
        session = await client(server).open()
        with pytest.raises(asyncnet.ProtocolError):
            await session.group("misc.test")
        assert session.closed


async def test_another_article_than_was_asked_for():
    replies = {"ARTICLE": "220 0 <other@b> here\nSubject: x\n\ntext\n."}
    with testing.NNTPServer(replies=replies) as server:
        session = await client(server).open()
        with pytest.raises(asyncnet.ProtocolError, match="asked for"):
            await session.fetch(ID)
        assert session.closed


@pytest.mark.parametrize("row", ["9\ts\tf\td\t<a@b>\t\t1\t1", "x", "", "-1\ts\tf\td\t<a@b>\t"])
async def test_nonsense_for_overviews(row):
    with testing.NNTPServer({"misc.test": []}, replies={"OVER": f"224 here\n{row}\n."}) as server:
        session = await client(server).open()
        with pytest.raises(asyncnet.ProtocolError):
            [overview async for overview in session.overviews(1, 5)]
        assert session.closed


async def test_an_article_over_the_limit():
    with testing.NNTPServer({"misc.test": [*many(3), b"Message-ID: <big@b>\r\n\r\n" + b"x" * 50_000]}) as server:
        session = await client(server).open()
        with pytest.raises(asyncnet.LimitExceeded):
            await session.fetch("<big@b>", max_bytes=10_000)
        assert session.closed


async def test_a_cancelled_command_ends_the_client():
    with testing.NNTPServer(stall_at="DATE") as server:
        async with testing.no_leaks():
            session = await client(server).open()
            task = asyncio.create_task(session.date())
            while "DATE" not in server.commands:
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert session.closed
            with pytest.raises(asyncnet.StateError):
                await session.date()


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("group", ("a b",)),
        ("group", ("a\r\nQUIT",)),
        ("groups", ("x" * 600,)),
        ("listing", ("",)),
        ("fetch", ("no-brackets",)),
        ("fetch", (0,)),
        ("stat", ("<a\r\nb>",)),
        ("numbers", ("a", -1)),
        ("newgroups", (datetime(2024, 1, 1),)),
        ("post", (b"no newsgroups\r\n\r\n",)),
    ],
)
async def test_bad_arguments_are_refused_before_any_io(name, arguments):
    with testing.NNTPServer() as server:
        async with client(server) as session:
            before = server.commands
            with pytest.raises(ValueError):
                await getattr(session, name)(*arguments)
            assert server.commands == before


async def test_one_id_is_no_iterable():
    with testing.NNTPServer() as server:
        async with client(server) as session:
            with pytest.raises(TypeError, match="iterable"):
                [outcome async for outcome in session.fetch_many(ID)]
        with pytest.raises(TypeError, match="message_id"):
            await nntp.fetch(server.host, server.port, message_id=7)


async def test_commands_that_wait_when_the_client_is_aborted_are_told_that(news):
    with testing.NNTPServer({"misc.test": news}, stall_at="LIST") as server:
        session = await client(server).open()
        waiting = [asyncio.create_task(session.groups()) for _ in range(3)]
        await server.wait_until(lambda: any(command.startswith("LIST") for command in server.commands))
        session.abort()
        for outcome in await asyncio.gather(*waiting, return_exceptions=True):
            assert isinstance(outcome, asyncnet.StateError)
            assert "closed" in str(outcome)

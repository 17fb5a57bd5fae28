"""The POP3 client beside servers that stall, lie, flood and cut: typed errors, in time, nothing deleted."""

from __future__ import annotations

import asyncio

import pytest

import asyncnet
from asyncnet import pop3, testing

pytestmark = pytest.mark.asyncio

LOGIN = {"username": "ann", "password": "hush hush", "starttls": False}


def client(server, **options):
    return pop3.Client(server.host, server.port, **{**LOGIN, **options})


async def test_bare_line_feeds_are_understood():
    talk = b"+OK hi\n", b"-ERR no capa\n", b"+OK\n", b"+OK\n", b"+OK 1 9\n", b"+OK\nSubject: x\n\n..a\nb\n.\n", b"+OK\n"
    asked = b"CAPA", b"USER ann", b"PASS hush hush", b"STAT", b"RETR 1", b"QUIT"
    steps = [testing.Send(talk[0])]
    for words, answer in zip(asked, talk[1:], strict=True):
        steps += [testing.Expect(words + b"\r\n"), testing.Send(answer)]
    with testing.TCPServer(steps) as server:
        session = await client(server).open()
        assert await session.stat() == (1, 9)
        # The block has to end as RFC 1939 section 3 says: where servers disagree about the end, mail is smuggled.
        with pytest.raises(asyncnet.OperationTimeout):
            await session.fetch(1, timeout=0.2)
        assert session.closed


@pytest.mark.parametrize("at", ["CONNECT", "CAPA", "AUTH", "LIST", "UIDL", "RETR"])
@pytest.mark.parametrize("how", ["stall", "drop"])
async def test_an_end_at_any_command(at, how):
    with testing.POP3Server([b"Subject: x\r\n\r\n"], **{f"{how}_at": at}) as server:
        expected = asyncnet.OperationTimeout if how == "stall" else asyncnet.ConnectionLost
        with pytest.raises(expected) as caught:
            await pop3.fetch(server.host, server.port, timeout=0.3 if how == "stall" else 10, **LOGIN)
        assert caught.value.phase
        assert "hush" not in str(caught.value) + repr(caught.value)
        assert len(server.messages) == 1


@pytest.mark.parametrize(
    ("command", "flood"),
    [
        ("CONNECT", b"+OK " + b"x" * 200_000),
        ("CAPA", b"+OK\r\n" + b"X-NOISE\r\n" * 100_000),
        ("CAPA", b"+OK\r\n" + b"x" * 10_000_000),
        ("LIST", b"+OK " + b"x" * 200_000),
        ("LIST", b"+OK\r\n" + b"1\r\n" * 3_000_000 + b".\r\n"),
        ("UIDL", b"+OK\r\n" + b"\r\n" * 3_000_000 + b".\r\n"),
    ],
)
async def test_answers_without_end(command, flood):
    with testing.POP3Server([b"x"], replies={command: flood}) as server:
        with pytest.raises(asyncnet.LimitExceeded):
            async with client(server, timeout=20) as session:
                await session.list()
        assert server.messages == [b"x"]


@pytest.mark.parametrize("line", ["1", "1 ", "x y", "-1 a", "1 a\n1 b", "0 a", "1 " + "u" * 300, "1 \x7f", "1 ä"])
async def test_nonsense_for_uidl(line):
    with testing.POP3Server([b"x"], replies={"UIDL": f"+OK\n{line}\n."}) as server:
        session = await client(server).open()
        with pytest.raises(asyncnet.ProtocolError):
            await session.list()
        assert session.closed


async def test_sizes_that_are_lies():
    """What LIST says only helps to ask ahead: what comes counts."""
    messages = [b"Subject: %d\r\n\r\n%b\r\n" % (number, b"x" * number * 10) for number in range(40)]
    sizes = "\n".join(f"{number} {0 if number % 2 else 10**17}" for number in range(1, 41))
    with testing.POP3Server(messages, replies={"LIST": f"+OK\n{sizes}\n."}) as server:
        async with client(server) as session:
            found = [message["Subject"] async for message in session.messages()]
    assert found == [str(number) for number in range(40)]


async def test_messages_that_are_listed_and_are_not_there():
    with testing.POP3Server([b"Subject: x\r\n\r\n"], replies={"LIST": "+OK\n1 10\n2 10\n3 10\n."}) as server:
        session = await client(server).open()
        found = []
        with pytest.raises(asyncnet.ReplyError):
            async for message in session.messages():
                found.append(message.number)
        assert found == [1]
        assert not session.closed, "a no is an answer"
        await session.close()


async def test_a_refused_message_leaves_the_order():
    """A -ERR in the middle of many has no block: what follows belongs to the next one."""
    messages = [b"Subject: %d\r\n\r\n" % number for number in (1, 2, 3)]
    with testing.POP3Server(messages, replies={"RETR 2": "-ERR [SYS/TEMP] locked"}) as server:
        async with client(server) as session:
            outcomes = await asyncio.gather(*map(session.fetch, (1, 2, 3)), return_exceptions=True)
    assert [str(outcomes[0]["Subject"]), str(outcomes[2]["Subject"])] == ["1", "3"]
    assert isinstance(outcomes[1], asyncnet.ReplyError)
    assert outcomes[1].code == "SYS/TEMP"


@pytest.mark.parametrize(
    "content",
    [
        b"\r\n", b"..\r\n", b".x\r\n..\r\n...\r\n", b"no header at all", b"Subject: x", b"\0\0\0\r\n",
        b"\xff\xfe\r\n\r\n\xff",
        b"a: b\rc: d\r\n\r\n", b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n--x\r\n",
        b"Content-Type: text/plain; charset=no-such\r\nContent-Transfer-Encoding: base64\r\n\r\n*\r\n",
        b"Content-Type: " + b"(" * 5000 + b"\r\n\r\n", b"Subject: =?x?b?" + b"=" * 5000 + b"?=\r\n\r\n",
        b"From: " + b"<" * 2000 + b"\r\n\r\n",
    ],
)  # fmt: skip
async def test_messages_of_any_kind_are_given(content):
    """What is wrong with a message is told by its defects; the session goes on."""
    with testing.POP3Server([content, b"Subject: next\r\n\r\n"]) as server:
        async with client(server) as session:
            message = await session.fetch(1)
            stored = await session.fetch_bytes(1)
            assert stored.rstrip(b"\r\n") == content.rstrip(b"\r\n")
            assert message.number == 1
            assert (await session.fetch(2))["Subject"] == "next"

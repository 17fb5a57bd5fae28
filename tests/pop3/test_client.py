"""A session with a maildrop: reading, deleting, and how it ends."""

from __future__ import annotations

import asyncio

import pytest

import asyncnet
from asyncnet import pop3, testing

pytestmark = pytest.mark.asyncio


def client(server, **options):
    options = {"username": "ann", "password": "secret", "starttls": False, **options}
    return pop3.Client(server.host, server.port, **options)


def fetch(server, **options):
    options = {"username": "ann", "password": "secret", "starttls": False, **options}
    return pop3.fetch(server.host, server.port, **options)


# ---- reading


@pytest.mark.parametrize(("limit", "numbers"), [(2, [4, 5]), (10, [1, 2, 3, 4, 5]), (None, [1, 2, 3, 4, 5]), (0, [])])
async def test_the_newest_messages(maildrop, limit, numbers):
    with testing.POP3Server(maildrop) as server:
        messages = await fetch(server, limit=limit)
        assert [message.number for message in messages] == numbers
        assert [message["Subject"] for message in messages] == [f"number {number}" for number in numbers]
        assert server.messages == maildrop
        assert server.commands[-1] == "QUIT"


async def test_all_of_them_together_stay_within_the_limit(maildrop):
    with testing.POP3Server(maildrop) as server:
        with pytest.raises(asyncnet.LimitExceeded, match="max_bytes=100"):
            await fetch(server, max_bytes=100)


async def test_a_list_and_what_is_in_it(maildrop):
    with testing.POP3Server(maildrop) as server:
        async with client(server) as pop:
            items = await pop.list()
            assert [item.number for item in items] == [1, 2, 3, 4, 5]
            assert [item.size for item in items] == [len(message) for message in maildrop]
            assert len({item.uid for item in items}) == 5
            assert await pop.stat() == (5, sum(map(len, maildrop)))
            assert await pop.fetch_bytes(3) == maildrop[2]
            message = await pop.fetch(3)
            assert message.get_content().splitlines() == [".dot", "message 3"]
            assert (message.number, message.size) == (3, len(maildrop[2]))
            top = await pop.headers(3, lines=1)
            assert top["Subject"] == "number 3"
            assert top.get_content().strip() == ".dot"
            with pytest.raises(asyncnet.ReplyError, match="no such message"):
                await pop.fetch(6)
            assert not pop.closed


@pytest.mark.parametrize("pipelining", [True, False])
async def test_without_uids(maildrop, pipelining):
    capabilities = ["USER", *(["PIPELINING"] if pipelining else [])]
    with testing.POP3Server(maildrop, capabilities=capabilities, replies={"UIDL": "-ERR unknown"}) as server:
        async with client(server) as pop:
            assert [item.uid for item in await pop.list()] == [None] * 5
            assert (await pop.fetch(1))["Subject"] == "number 1"


async def test_a_refused_list_leaves_the_order(maildrop):
    with testing.POP3Server(maildrop, replies={"LIST": ["-ERR later", None]}) as server:
        async with client(server) as pop:
            with pytest.raises(asyncnet.ReplyError, match="later"):
                await pop.list()
            assert len(await pop.list()) == 5


@pytest.mark.parametrize("pipelining", [True, False])
async def test_many_messages(pipelining):
    maildrop = [b"Subject: %d\r\n\r\n%b\r\n" % (number, b"x" * number) for number in range(1, 400)]
    capabilities = ["USER", "UIDL", *(["PIPELINING"] if pipelining else [])]
    with testing.POP3Server(maildrop, capabilities=capabilities) as server:
        async with client(server) as pop:
            found = [message async for message in pop.messages()]
        assert [message.number for message in found] == list(range(1, 400))
        assert [message["Subject"] for message in found] == [str(number) for number in range(1, 400)]
        assert all(message.uid for message in found)


async def test_a_server_that_does_not_pipeline_is_asked_one_at_a_time(maildrop):
    with testing.POP3Server(maildrop, capabilities=["USER"]) as server:
        async with client(server) as pop:
            async for message in pop.messages():
                asked = [line for line in server.commands if line.startswith("RETR")]
                assert asked == [f"RETR {number}" for number in range(1, message.number + 1)]


async def test_only_those_that_are_asked_for(maildrop):
    with testing.POP3Server(maildrop) as server:
        async with client(server) as pop:
            assert [message.number async for message in pop.messages([4, 2])] == [4, 2]
            with pytest.raises(asyncnet.ReplyError):
                [message async for message in pop.messages([1, 9])]
            assert (await pop.fetch(5))["Subject"] == "number 5"


async def test_other_commands_inside_the_loop(maildrop):
    with testing.POP3Server(maildrop) as server:
        async with client(server) as pop:
            seen = []
            async for message in pop.messages():
                seen.append(message.number)
                assert (await pop.headers(message.number))["Subject"] == message["Subject"]
                await pop.delete(message.number)
            assert seen == [1, 2, 3, 4, 5]
        assert server.messages == []


async def test_what_was_deleted_meanwhile_is_left_out(maildrop):
    with testing.POP3Server(maildrop * 40) as server:
        async with client(server) as pop:
            numbers = []
            async for message in pop.messages():
                numbers.append(message.number)
                if message.number == 1:
                    for number in (3, 150, 200):
                        await pop.delete(number)
        # Asked for before it was deleted, the third comes.
        assert set(range(1, 201)) - set(numbers) == {150, 200}


async def test_leaving_the_loop_early_leaves_the_order(maildrop):
    with testing.POP3Server(maildrop * 20) as server:
        async with client(server) as pop:
            async for message in pop.messages():
                assert message.number == 1
                break
            assert (await pop.fetch(7))["Subject"] == "number 2"
            assert await pop.stat() == (100, 20 * sum(map(len, maildrop)))


async def test_several_tasks(maildrop):
    with testing.POP3Server(maildrop) as server:
        async with client(server) as pop:
            numbers = [1, 2, 3, 4, 5] * 20
            found = await asyncio.gather(*(pop.fetch(number) for number in numbers))
            assert [message["Subject"] for message in found] == [f"number {number}" for number in numbers]


# ---- deleting


async def test_a_normal_exit_commits(maildrop):
    with testing.POP3Server(maildrop) as server:
        async with client(server) as pop:
            await pop.delete(2)
            await pop.delete(4)
            assert [item.number for item in await pop.list()] == [1, 3, 5]
            assert server.messages == maildrop
        assert server.messages == [maildrop[0], maildrop[2], maildrop[4]]


async def test_an_exception_leaves_the_maildrop_untouched(maildrop):
    with testing.POP3Server(maildrop) as server:
        with pytest.raises(ZeroDivisionError):
            async with client(server) as pop:
                await pop.delete(2)
                raise ZeroDivisionError
        assert "QUIT" not in server.commands
        assert server.messages == maildrop


async def test_reset_takes_deletions_back(maildrop):
    with testing.POP3Server(maildrop) as server:
        async with client(server) as pop:
            await pop.delete(2)
            await pop.reset()
        assert server.messages == maildrop


async def test_a_failed_command_commits_nothing(maildrop):
    with testing.POP3Server(maildrop, stall_at="RETR 3") as server:
        with pytest.raises(asyncnet.StateError):
            async with client(server) as pop:
                await pop.delete(2)
                with pytest.raises(asyncnet.OperationTimeout) as caught:
                    await pop.fetch(3, timeout=0.1)
                assert caught.value.phase == "retr"
                assert pop.closed
                await pop.fetch(1)
        assert "QUIT" not in server.commands
        assert server.messages == maildrop


@pytest.mark.parametrize("fault", ["drop_at", "stall_at"])
async def test_a_lost_answer_to_quit_may_have_been_done(maildrop, fault):
    with testing.POP3Server(maildrop, **{fault: "QUIT"}) as server:
        pop = await client(server, timeout=0.3).open()
        await pop.delete(1)
        with pytest.raises(asyncnet.AsyncNetError) as caught:
            await pop.close()
        assert isinstance(caught.value, asyncnet.ConnectionLost | asyncnet.OperationTimeout)
        assert caught.value.maybe_done
        assert caught.value.phase == "quit"
        assert pop.closed


async def test_deletions_that_are_refused_are_told(maildrop):
    with testing.POP3Server(maildrop, replies={"QUIT": "-ERR some were not removed"}) as server:
        pop = await client(server).open()
        await pop.delete(1)
        with pytest.raises(asyncnet.ReplyError, match="some were not removed") as caught:
            await pop.close()
        assert not caught.value.maybe_done


@pytest.mark.parametrize("fault", ["drop_at", "stall_at"])
async def test_without_deletions_a_lost_goodbye_is_nothing(maildrop, fault):
    with testing.POP3Server(maildrop, **{fault: "QUIT"}) as server:
        async with client(server) as pop:
            assert await pop.stat() == (5, sum(map(len, maildrop)))
            if fault == "stall_at":
                pop.abort()


async def test_closing_twice_commits_once(maildrop):
    with testing.POP3Server(maildrop) as server:
        pop = await client(server).open()
        await pop.delete(1)
        await asyncio.gather(pop.close(), pop.close())
        assert server.commands.count("QUIT") == 1
        assert len(server.messages) == 4


# ---- what goes wrong


async def test_a_cancelled_command_ends_the_client(maildrop):
    with testing.POP3Server(maildrop, stall_at="RETR") as server:
        async with testing.no_leaks():
            pop = await client(server).open()
            first = asyncio.create_task(pop.fetch(1))
            second = asyncio.create_task(pop.fetch(2))
            while "RETR 1" not in server.commands:
                await asyncio.sleep(0)
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            with pytest.raises(asyncnet.ConnectionLost, match="another command"):
                await second
            assert pop.closed


async def test_a_message_over_the_limit(maildrop):
    with testing.POP3Server([*maildrop, b"Subject: big\r\n\r\n" + b"x" * 100_000 + b"\r\n"]) as server:
        pop = await client(server).open()
        with pytest.raises(asyncnet.LimitExceeded):
            await pop.fetch(6, max_bytes=10_000)
        assert pop.closed


async def test_a_line_of_any_length_within_the_limit():
    message = b"Subject: big\r\n\r\n" + b"x" * 3_000_000 + b"\r\n"
    with testing.POP3Server([message]) as server:
        async with client(server) as pop:
            assert await pop.fetch_bytes(1) == message


@pytest.mark.parametrize(
    "said",
    [
        b"250 OK\r\n",
        b"+OK\0\r\n",
        b"\r\n",
        b"+OKAY\r\n",
        b"-1\r\n",
        b"+OK -1 5\r\n",
        b"+OK\r\n",
        b"+OK 99999999999999999999 1\r\n",
    ],
)
async def test_nonsense_for_stat(said):
    with testing.POP3Server(replies={"STAT": said}) as server:
        pop = await client(server).open()
        with pytest.raises(asyncnet.ProtocolError):
            await pop.stat()
        assert pop.closed


@pytest.mark.parametrize("line", ["1 -5", "-1 5", "", "1", "0 5", "1 5\n1 6", "99999999999999999999 1"])
async def test_nonsense_for_list(line):
    with testing.POP3Server(replies={"LIST": f"+OK\n{line}\n."}) as server:
        pop = await client(server).open()
        with pytest.raises(asyncnet.ProtocolError):
            await pop.list()
        assert pop.closed


async def test_a_banner_without_end():
    with testing.POP3Server(replies={"CONNECT": b"+OK " + b"x" * 100_000}) as server:
        with pytest.raises(asyncnet.LimitExceeded):
            await fetch(server)


async def test_answers_that_nobody_asked_for_are_no_answers(maildrop):
    with testing.POP3Server(maildrop, replies={"NOOP": "+OK", "DELE 1": b"+OK\r\n+OK\r\n"}) as server:
        pop = await client(server).open()
        await pop.delete(1)
        with pytest.raises(asyncnet.ProtocolError, match="not asked for"):
            await pop.delete(2)
        assert pop.closed
        assert server.messages == maildrop


async def test_a_challenge_is_no_answer(maildrop):
    with testing.POP3Server(maildrop, replies={"DELE": "+ more"}) as server:
        pop = await client(server).open()
        with pytest.raises(asyncnet.ProtocolError, match="challenge"):
            await pop.delete(1)
        assert pop.closed


async def test_a_message_that_is_cut():
    with testing.POP3Server([b"x"], replies={"RETR": b"+OK\r\nSubject: x\r\n\r\nhalf"}) as server:
        pop = await client(server).open()
        with pytest.raises(asyncnet.OperationTimeout):
            await pop.fetch(1, timeout=0.2)
        assert pop.closed


async def test_a_server_that_hangs_up(maildrop):
    with testing.POP3Server(maildrop, drop_at="RETR 3") as server:
        pop = await client(server).open()
        found = []
        with pytest.raises(asyncnet.ConnectionLost):
            async for message in pop.messages():
                found.append(message.number)
        assert found == [1, 2]
        assert pop.closed


@pytest.mark.parametrize(
    ("name", "arguments", "error"),
    [
        ("fetch", ("1\r\nDELE 1",), TypeError),
        ("fetch", (0,), ValueError),
        ("fetch", (-1,), ValueError),
        ("fetch", (1 << 60,), ValueError),
        ("fetch", (True,), TypeError),
        ("delete", ("1",), TypeError),
        ("headers", (1, -1), ValueError),
        ("headers", (1, "2"), TypeError),
    ],
)
async def test_bad_arguments_are_refused_before_any_io(maildrop, name, arguments, error):
    with testing.POP3Server(maildrop) as server:
        async with client(server) as pop:
            before = server.commands
            with pytest.raises(error):
                await getattr(pop, name)(*arguments)
            assert server.commands == before


async def test_spans_are_named_by_command(maildrop):
    with testing.POP3Server(maildrop) as server:
        with asyncnet.trace() as trace:
            async with client(server) as pop:
                await pop.delete(1)
        names = [span.name for span in trace.spans]
        for name in ("pop3 open", "greeting", "capa", "auth", "pop3 delete", "dele", "pop3 close", "quit"):
            assert name in names


async def test_commands_that_wait_when_the_client_is_aborted_are_told_that(maildrop):
    with testing.POP3Server(maildrop, stall_at="LIST") as server:
        pop = await client(server).open()
        waiting = [asyncio.create_task(pop.list()) for _ in range(3)]
        await server.wait_until(lambda: "LIST" in server.commands)
        pop.abort()
        for outcome in await asyncio.gather(*waiting, return_exceptions=True):
            assert isinstance(outcome, asyncnet.StateError)
            assert "pop3 list" in str(outcome)
            assert "closed" in str(outcome)


async def test_a_fetched_message_shows_its_number(maildrop):
    with testing.POP3Server(maildrop) as server:
        (message,) = await fetch(server, limit=1)
        assert repr(message) == f"<Message 5 'number 5', {len(maildrop[4])} bytes>"

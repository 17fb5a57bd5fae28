"""Many messages over a few connections: growth, hand-over, retries, and what is never sent twice."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

import asyncnet
from asyncnet import smtp
from asyncnet.testing import Expect, Gate, Send, SMTPServer, Stall, TCPServer, Wait
from tests.smtp.scripts import EHLO, FLIGHT, OFFER, TAKEN, raw

pytestmark = pytest.mark.asyncio


def pool_of(server, size=3, **changes):
    return smtp.Pool("127.0.0.1", server.port, **{"size": size, "local_hostname": "c", "retry_delay": 0.001, **changes})


async def post(pool, number=0, **changes):
    return await pool.send(raw(number), **{"sender": "a@example.org", "recipients": "b@example.org", **changes})


async def post_all(pool, numbers):
    return await asyncio.gather(*(post(pool, number) for number in numbers), return_exceptions=True)


def stored(server):
    return sorted(mail.data for mail in server.messages)


# ---- how many connections


async def test_it_grows_as_it_is_needed():
    with SMTPServer() as server:
        async with pool_of(server) as pool:
            assert pool.connections == 0
            await post(pool, 1)
            await post(pool, 2)
            assert pool.connections == server.connections.total == 1
            await post_all(pool, range(3, 30))
            assert pool.connections == server.connections.total == 3
        assert pool.connections == 0
        assert server.commands.count("QUIT") == 3
        assert stored(server) == sorted(raw(number) for number in range(1, 30))
        assert pool.size == 3


async def test_send_many():
    with SMTPServer() as server:
        async with pool_of(server) as pool:
            messages = [b"From: a@example.org\nTo: b@example.org\nSubject: %d\n\n" % number for number in range(50)]
            messages[7] = b"To: nobody from nowhere"
            outcomes = [outcome async for outcome in pool.send_many(iter(messages))]
        assert len(outcomes) == 50
        (failed,) = [outcome for outcome in outcomes if not outcome.ok]
        assert failed.item is messages[7]
        assert isinstance(failed.error, ValueError)
        assert all(outcome.value.reply.code == 250 for outcome in outcomes if outcome.ok)
        assert len(server.messages) == 49
        assert server.connections.total == 3


async def test_send_many_with_one_envelope_for_all_and_an_endless_source():
    async def source():
        number = 0
        while True:
            yield raw(number)
            number += 1

    with SMTPServer() as server:
        async with pool_of(server) as pool:
            seen = 0
            sending = pool.send_many(
                source(), sender="a@example.org", recipients=iter(["b@example.org"]), concurrency=4
            )
            async for outcome in sending:
                assert outcome.unwrap().accepted == ("b@example.org",)
                seen += 1
                if seen == 20:
                    break
            await sending.aclose()
            assert 20 <= len(server.messages) <= 24, "no further ahead than what is under way"


async def test_a_connection_is_replaced_after_so_many_messages():
    with SMTPServer() as server:
        async with pool_of(server, size=1, max_messages=4) as pool:
            await post_all(pool, range(10))
        assert Counter(mail.connection for mail in server.messages) == {1: 4, 2: 4, 3: 2}
        assert server.commands.count("QUIT") == 3


async def test_the_server_may_ask_for_fewer():
    with SMTPServer(extensions=("PIPELINING", "LIMITS MAILMAX=2 RCPTMAX=50")) as server:
        async with pool_of(server, size=1) as pool:
            await post_all(pool, range(5))
        assert Counter(mail.connection for mail in server.messages) == {1: 2, 2: 2, 3: 1}


async def test_unused_connections_are_closed():
    with SMTPServer() as server:
        async with pool_of(server, idle_timeout=0.05) as pool:
            await post_all(pool, range(9))
            assert pool.connections == 3
            await server.wait_until(lambda: server.commands.count("QUIT") == 3)
            await server.wait_until(lambda: server.connections.open == 0)
            assert pool.connections == 0
            await post(pool, 9)
        assert len(server.messages) == 10


async def test_a_server_that_wants_fewer_connections():
    """421 instead of a greeting: do with those that there are, and lose nothing."""
    with SMTPServer(replies={"CONNECT": [None, None, "421 4.7.0 too many connections"]}) as server:
        async with pool_of(server, size=6) as pool:
            results = await post_all(pool, range(40))
            assert not [result for result in results if isinstance(result, Exception)]
            assert pool.connections == 2
        assert stored(server) == sorted(raw(number) for number in range(40))


async def test_a_server_that_wants_no_connection_at_all():
    with SMTPServer(replies={"CONNECT": "421 4.7.0 come back tomorrow"}) as server:
        async with pool_of(server, size=3, retries=2) as pool:
            with pytest.raises(asyncnet.ReplyError, match="come back tomorrow") as caught:
                await post(pool)
            assert caught.value.code == 421
            assert server.connections.total == 3
            assert pool.connections == 0


# ---- trying again


@pytest.mark.parametrize(
    "replies",
    [
        {"MAIL": ["451 4.7.1 greylisted", "450 still", None]},
        {"RCPT": ["450 4.2.0 busy", "450 4.2.0 busy", None]},
        {"DATA": ["451 4.3.0 no space", "421 4.3.2 restart", None]},
        {".": ["451 4.3.0 no space", "452 4.3.1 no space", None]},
        {"CONNECT": ["421 later", "450 later", None]},
        {"EHLO": ["421 later", "450 later", None]},
    ],
)
async def test_not_now(replies):
    with SMTPServer(replies=replies) as server:
        async with pool_of(server) as pool:
            report = await post(pool, 1)
        assert report.accepted == ("b@example.org",)
        assert [mail.data for mail in server.messages] == [raw(1)]


@pytest.mark.parametrize("reply", ["550 5.1.1 unknown", "554 5.7.1 spam"])
async def test_no_is_no(reply):
    with SMTPServer(replies={"MAIL": reply}) as server:
        async with pool_of(server) as pool:
            with pytest.raises(asyncnet.ReplyError):
                await post(pool)
        assert len([line for line in server.commands if line.startswith("MAIL")]) == 1


async def test_the_tries_are_counted_and_told():
    with SMTPServer(replies={"MAIL": "451 4.7.1 greylisted"}) as server:
        async with pool_of(server, retries=2) as pool:
            with pytest.raises(asyncnet.ReplyError, match="greylisted") as caught:
                await post(pool)
        assert len([line for line in server.commands if line.startswith("MAIL")]) == 3
        tries = [attempt for attempt in caught.value.attempts if "greylisted" in attempt.error]
        assert len(tries) == 2


async def test_no_retry_beyond_the_deadline():
    with SMTPServer(replies={"MAIL": "451 4.7.1 greylisted"}) as server:
        async with pool_of(server, retry_delay=3600.0) as pool:
            started = asyncio.get_running_loop().time()
            with pytest.raises(asyncnet.ReplyError, match="greylisted"):
                await post(pool, timeout=10)
            assert asyncio.get_running_loop().time() - started < 5, "it says so at once"


async def test_without_retries():
    with SMTPServer(replies={"MAIL": ["451 later", None]}) as server:
        async with pool_of(server, retries=0) as pool:
            with pytest.raises(asyncnet.ReplyError):
                await post(pool)


async def test_nobody_listens():
    with SMTPServer() as server:
        port = server.port
    async with smtp.Pool("127.0.0.1", port, size=2) as pool:
        results = await post_all(pool, range(5))
        assert all(isinstance(result, asyncnet.ConnectError) for result in results)
        assert pool.connections == 0


async def test_recipients_that_are_refused_for_now_are_tried_again():
    replies = {"RCPT TO:<b@": ["450 4.2.0 busy", None], "RCPT TO:<c@": "550 5.1.1 unknown"}
    with SMTPServer(replies=replies) as server:
        async with pool_of(server) as pool:
            report = await post(pool, recipients=["a@example.org", "b@example.org", "c@example.org"])
        assert report.accepted == ("a@example.org", "b@example.org")
        assert set(report.refused) == {"c@example.org"}
        assert [mail.recipients for mail in server.messages] == [("a@example.org",), ("b@example.org",)]


async def test_recipients_that_stay_busy_stand_in_the_report():
    replies = {"RCPT TO:<b@": ["450 4.2.0 busy", "451 4.2.0 busier"]}
    with SMTPServer(replies=replies) as server:
        async with pool_of(server, retries=2) as pool:
            report = await post(pool, recipients=["a@example.org", "b@example.org"])
        assert report.accepted == ("a@example.org",)
        assert report.refused["b@example.org"].code == 451
        assert len(server.messages) == 1


async def test_a_deadline_in_the_tries_for_the_rest_is_no_error():
    replies = {"RCPT TO:<b@": ["450 4.2.0 busy", None], "DATA": [None, "354 go"]}
    with SMTPServer(replies=replies) as server:
        async with pool_of(server) as pool:
            sending = asyncio.create_task(post(pool, recipients=["a@example.org", "b@example.org"], timeout=1.0))
            await server.wait_until(lambda: len(server.messages) == 1)
            server.stall_at.add("MAIL")
            report = await sending
        assert report.accepted[0] == "a@example.org"
        assert len(report.accepted) + len(report.refused) == 2


async def test_without_time_for_the_rest():
    with SMTPServer(replies={"RCPT TO:<b@": "450 4.2.0 busy"}) as server:
        async with pool_of(server, retry_delay=3600.0) as pool:
            report = await post(pool, recipients=["a@example.org", "b@example.org"], timeout=10)
        assert report.refused["b@example.org"].code == 450


# ---- connections that are gone


async def test_a_connection_that_the_server_closed_is_not_used():
    gate = Gate()
    with SMTPServer() as server:
        async with pool_of(server) as pool:
            await post_all(pool, range(6))
        assert len(server.messages) == 6
    steps = [
        [Send(b"220 t\r\n"), Expect(EHLO), Send(OFFER), Expect(FLIGHT), Send(TAKEN), Expect(raw(1) + b".\r\n"),
         Send(b"250 ok\r\n"), Wait(gate), Send(b"421 4.4.2 idle\r\n")],
        [Send(b"220 t\r\n"), Expect(EHLO), Send(OFFER), Expect(FLIGHT), Send(TAKEN), Expect(raw(2) + b".\r\n"),
         Send(b"250 ok\r\n"), Expect(b"QUIT\r\n"), Send(b"221 bye\r\n")],
    ]  # fmt: skip
    with TCPServer(steps) as server:
        async with pool_of(server, size=1, retries=0) as pool:
            await post(pool, 1)
            gate.set()
            await server.wait_until(lambda: server.connections.open == 0)
            await post(pool, 2)
            assert server.connections.total == 2


async def test_a_restarted_server_costs_no_message():
    with SMTPServer() as server:
        async with pool_of(server, size=4, retries=1) as pool:
            await post_all(pool, range(12))
            assert pool.connections == 4
            port = server.port
            server.stop()
            with SMTPServer(port=port) as again:
                results = await post_all(pool, range(12, 24))
                assert not [result for result in results if isinstance(result, Exception)]
                assert stored(again) == sorted(raw(number) for number in range(12, 24))


async def test_who_waits_behind_a_lost_connection_goes_over_another():
    """One connection dies with a message in its hands: that one is not repeated, the one aboard is."""
    steps = [
        [Send(b"220 t\r\n"), Expect(EHLO), Send(OFFER), Expect(FLIGHT), Send(TAKEN),
         Expect(raw(1) + b".\r\n" + FLIGHT)],
        [Send(b"220 t\r\n"), Expect(EHLO), Send(OFFER), Expect(FLIGHT), Send(TAKEN), Expect(raw(2) + b".\r\n"),
         Send(b"250 ok\r\n"), Expect(b"QUIT\r\n"), Send(b"221 bye\r\n")],
    ]  # fmt: skip
    with TCPServer(steps) as server:
        async with pool_of(server, size=1, retries=0) as pool:
            one, two = await asyncio.gather(post(pool, 1), post(pool, 2), return_exceptions=True)
    assert isinstance(one, asyncnet.ConnectionLost)
    assert one.maybe_done
    assert two.reply.code == 250


async def test_what_may_have_arrived_is_never_sent_again():
    with SMTPServer(drop_at=".") as server:
        async with pool_of(server, retries=5) as pool:
            with pytest.raises(asyncnet.ConnectionLost) as caught:
                await post(pool)
            assert caught.value.maybe_done
        assert len(server.messages) == 1
        assert server.connections.total == 1


@pytest.mark.parametrize("reply", [b"banana\r\n", b"2\r\n"])
async def test_nonsense_is_no_reason_to_send_again(reply):
    with SMTPServer(replies={".": reply}) as server:
        async with pool_of(server) as pool:
            with pytest.raises(asyncnet.ProtocolError) as caught:
                await post(pool)
            assert caught.value.maybe_done
        assert server.connections.total == 1


async def test_a_cancelled_send_gives_its_place_back():
    with SMTPServer(stall_at="DATA") as server:
        async with pool_of(server, size=1) as pool:
            task = asyncio.create_task(post(pool, 1))
            await server.wait_until(lambda: "DATA" in server.commands)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            server.stall_at.clear()
            await post(pool, 2)
        assert [mail.data for mail in server.messages] == [raw(2)]
        assert server.connections.total == 2


async def test_a_timeout_while_waiting_for_a_connection():
    with SMTPServer(stall_at="MAIL") as server:
        async with pool_of(server, size=1) as pool:
            first = asyncio.create_task(post(pool, 1))
            await server.wait_until(lambda: len(server.commands) >= 2)
            with pytest.raises(asyncnet.OperationTimeout) as caught:
                await post(pool, 2, timeout=0.1)
            assert caught.value.phase == "queue"
            assert not caught.value.maybe_done
            first.cancel()
            await asyncio.wait([first])


@pytest.mark.parametrize("extensions", [(), ("PIPELINING",)])
@pytest.mark.parametrize("fails", [False, True])
async def test_cancelled_in_the_very_moment_of_its_turn(extensions, fails):
    """The one before has just handed on connection, envelope or room, and the one whose turn it is never runs."""
    loop = asyncio.get_running_loop()
    replies = {"DATA": ["421 bye", None]} if fails else {}
    with SMTPServer(extensions=extensions, replies=replies) as server:
        async with pool_of(server, size=1, retries=0) as pool:
            one, two, three = [asyncio.create_task(post(pool, number)) for number in (1, 2, 3)]

            def watch():
                if one.done():
                    two.cancel()
                else:
                    loop.call_soon(watch)

            loop.call_soon(watch)
            await asyncio.wait([one, two, three])
            assert two.cancelled()
            if fails:
                assert one.exception().code == 421
            else:
                assert one.result().reply.code == 250
            assert three.result().reply.code == 250
            await post(pool, 4)
            assert pool.connections == 1
        assert stored(server) == [raw(number) for number in (1, 3, 4) if number > fails]


async def test_closed_in_the_very_moment_of_its_turn():
    loop = asyncio.get_running_loop()
    with SMTPServer(replies={"DATA": ["421 bye", None]}) as server:
        pool = await pool_of(server, size=1, retries=0).open()
        one, two = [asyncio.create_task(post(pool, number)) for number in (1, 2)]

        def watch():
            if one.done():
                pool.abort()
            else:
                loop.call_soon(watch)

        loop.call_soon(watch)
        await asyncio.wait([one, two])
        assert one.exception().code == 421
        assert isinstance(two.exception(), asyncnet.StateError)
        assert pool.connections == 0
        assert server.connections.total == 1


async def test_closed_while_it_waits_to_try_again():
    with SMTPServer(replies={"MAIL": "451 later"}) as server:
        pool = await pool_of(server, retry_delay=0.1).open()
        task = asyncio.create_task(post(pool))
        await server.wait_until(lambda: "DATA" in server.commands)
        pool.abort()
        with pytest.raises(asyncnet.AsyncNetError):
            await task
        assert pool.connections == 0
        assert server.connections.total == 1


# ---- life


async def test_it_must_be_open():
    pool = smtp.Pool("127.0.0.1", 25)
    with pytest.raises(asyncnet.StateError, match="not open"):
        await post(pool)
    with pytest.raises(asyncnet.StateError, match="not open"):
        await anext(pool.send_many([]))
    await pool.open()
    await pool.close()
    assert pool.closed
    with pytest.raises(asyncnet.StateError, match="closed"):
        await post(pool)


async def test_aborted_with_messages_under_way():
    with SMTPServer(stall_at="MAIL") as server:
        pool = await pool_of(server, size=2).open()
        tasks = [asyncio.create_task(post(pool, number)) for number in range(5)]
        await server.wait_until(lambda: len([line for line in server.commands if line.startswith("MAIL")]) == 2)
        pool.abort()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(result, asyncnet.AsyncNetError) for result in results)
        assert pool.closed
        await server.wait_until(lambda: server.connections.open == 0)


async def test_aborted_while_it_says_goodbye():
    with SMTPServer(stall_at="QUIT") as server:
        pool = await pool_of(server, max_messages=1).open()
        await post(pool)
        await server.wait_until(lambda: "QUIT" in server.commands)
        pool.abort()
        await server.wait_until(lambda: server.connections.open == 0)


async def test_a_dead_server_does_not_hold_the_goodbye():
    steps = [Send(b"220 t\r\n"), Expect(EHLO), Send(OFFER), Expect(FLIGHT), Send(TAKEN), Expect(raw(1) + b".\r\n"),
             Send(b"250 ok\r\n"), Expect(b"QUIT\r\n")]  # fmt: skip
    with TCPServer(steps) as server:
        async with pool_of(server) as pool:
            await post(pool, 1)
        assert pool.closed


async def test_the_dialer_is_that_of_the_opening():
    with SMTPServer() as server:
        with asyncnet.use(asyncnet.Dialer(hosts={"mail.example": "127.0.0.1"})):
            pool = await smtp.Pool("mail.example", server.port).open()
        await post(pool)
        await pool.close()
        assert len(server.messages) == 1


@pytest.mark.parametrize("wrong", [{"size": 0}, {"retries": -1}, {"max_messages": 0}, {"retry_delay": -1}])
async def test_numbers_that_cannot_be_right(wrong):
    with pytest.raises(ValueError):
        smtp.Pool("127.0.0.1", 25, **wrong)


@pytest.mark.parametrize("wrong", [{"size": 1.5}, {"size": True}, {"retries": "3"}, {"idle_timeout": "x"}])
async def test_numbers_that_are_none(wrong):
    with pytest.raises(TypeError):
        smtp.Pool("127.0.0.1", 25, **wrong)


async def test_a_queue_is_a_queue():
    """First come, first served, also when the one connection has to be replaced."""
    with SMTPServer(replies={".": [None, None, "421 4.3.2 restart", None]}) as server:
        async with pool_of(server, size=1) as pool:
            await post_all(pool, range(8))
        order = [mail.data for mail in server.messages]
        assert order[:2] == [raw(0), raw(1)]
        assert sorted(order) == sorted(raw(number) for number in range(8))


async def test_a_stalled_connection_does_not_hold_the_others():
    steps = [Send(b"220 t\r\n"), Expect(EHLO), Send(OFFER), Expect(FLIGHT), Stall()]
    good = [Send(b"220 t\r\n"), Expect(EHLO), Send(OFFER), Expect(FLIGHT), Send(TAKEN), Expect(raw(2) + b".\r\n"),
            Send(b"250 ok\r\n"), Expect(b"QUIT\r\n"), Send(b"221 bye\r\n")]  # fmt: skip
    with TCPServer([steps, good]) as server:
        async with pool_of(server, size=2) as pool:
            first = asyncio.create_task(post(pool, 1))
            await server.wait_until(lambda: any(FLIGHT in received for received in server.received))
            assert (await post(pool, 2)).reply.code == 250
            first.cancel()
            await asyncio.wait([first])

"""Several messages over one connection, and what ends it."""

from __future__ import annotations

import asyncio

import pytest

import asyncnet
from asyncnet import smtp
from asyncnet.testing import Expect, Gate, Send, SMTPServer, Stall, TCPServer, Wait
from tests.smtp.scripts import EHLO, FLIGHT, OFFER, TAKEN, raw

pytestmark = pytest.mark.asyncio


async def post(client, number, **changes):
    return await client.send(raw(number), sender="a@example.org", recipients="b@example.org", **changes)


def scripted(port, **changes):
    """A client whose every byte the scripts below know."""
    return smtp.Client("127.0.0.1", port, local_hostname="c", **changes)


async def test_one_connection_for_all(message):
    with SMTPServer() as server:
        async with smtp.Client("127.0.0.1", server.port) as client:
            for _ in range(3):
                await client.send(message)
            assert client.extensions.pipelining
            assert not client.closed
        assert client.closed
        assert len(server.messages) == 3
        assert server.connections.total == 1
        assert server.commands[-1] == "QUIT"


async def test_before_it_is_open_nothing_is_known(message):
    client = smtp.Client("127.0.0.1", 25)
    assert client.extensions.keywords == {}
    with pytest.raises(asyncnet.StateError, match="not open"):
        await client.send(message)


@pytest.mark.parametrize("extensions", [(), ("PIPELINING",)])
async def test_many_tasks_share_the_connection(message, extensions):
    with SMTPServer(extensions=extensions) as server:
        async with smtp.Client("127.0.0.1", server.port) as client:
            reports = await asyncio.gather(*(post(client, number) for number in range(20)))
    assert [mail.data for mail in server.messages] == [raw(number) for number in range(20)], "in the order asked"
    assert all(report.reply.code == 250 for report in reports)
    assert server.connections.total == 1


async def test_the_next_envelope_travels_with_the_content():
    """Two round trips for the first message and one for each that waits behind it."""
    steps = [
        Send(b"220 test\r\n"), Expect(EHLO), Send(OFFER),
        Expect(FLIGHT), Send(TAKEN),
        Expect(raw(1) + b".\r\n" + FLIGHT), Send(b"250 one\r\n" + TAKEN),
        Expect(raw(2) + b".\r\n" + FLIGHT), Send(b"250 two\r\n" + TAKEN),
        Expect(raw(3) + b".\r\n"), Send(b"250 three\r\n"),
        Expect(b"QUIT\r\n"), Send(b"221 bye\r\n"),
    ]  # fmt: skip
    with TCPServer(steps) as server:
        async with scripted(server.port) as client:
            reports = await asyncio.gather(*(post(client, number) for number in (1, 2, 3)))
    assert [report.reply.text for report in reports] == ["one", "two", "three"]


async def test_without_pipelining_each_command_waits_for_its_reply():
    steps = [
        Send(b"220 test\r\n"), Expect(EHLO), Send(b"250 test\r\n"),
        Expect(b"MAIL FROM:<a@example.org>\r\n"), Send(b"250 ok\r\n"),
        Expect(b"RCPT TO:<b@example.org>\r\n"), Send(b"250 ok\r\n"),
        Expect(b"DATA\r\n"), Send(b"354 go\r\n"),
        Expect(raw(1) + b".\r\n"), Send(b"250 one\r\n"),
        Expect(b"MAIL FROM:<a@example.org>\r\n"), Send(b"421 bye\r\n"),
    ]  # fmt: skip
    with TCPServer(steps) as server:
        async with scripted(server.port) as client:
            first, second = await asyncio.gather(post(client, 1), post(client, 2), return_exceptions=True)
    assert first.reply.text == "one"
    assert second.code == 421


# ---- refusals leave the connection as it is


@pytest.mark.parametrize("extensions", [(), ("PIPELINING",)])
@pytest.mark.parametrize(
    "replies",
    [
        {"MAIL": ["550 no", None]},
        {"RCPT": ["550 no", None]},
        {"DATA": ["451 no", None]},
        {".": ["554 no", None]},
    ],
)
async def test_after_a_refusal_the_next_one_goes_its_way(extensions, replies):
    with SMTPServer(replies=replies, extensions=extensions) as server:
        async with smtp.Client("127.0.0.1", server.port) as client:
            with pytest.raises(asyncnet.ReplyError, match="no"):
                await post(client, 1)
            await post(client, 2)
    assert [mail.data for mail in server.messages] == [raw(2)]
    assert server.connections.total == 1
    taken_and_left = set(replies) & {"RCPT", "DATA"}
    assert ("RSET" in server.commands) == bool(taken_and_left), "a transaction that MAIL began has to be ended"


@pytest.mark.parametrize("replies", [{"MAIL": [None, "550 no", None]}, {".": [None, "554 no", None]}])
async def test_a_refusal_in_the_middle_of_many(replies):
    with SMTPServer(replies=replies) as server:
        async with smtp.Client("127.0.0.1", server.port) as client:
            results = await asyncio.gather(*(post(client, number) for number in range(5)), return_exceptions=True)
    assert [isinstance(result, asyncnet.ReplyError) for result in results] == [False, True, False, False, False]
    assert [mail.data for mail in server.messages] == [raw(number) for number in (0, 2, 3, 4)]


async def test_what_the_server_cannot_take_is_its_own_affair():
    with SMTPServer(size=100) as server:
        async with smtp.Client("127.0.0.1", server.port) as client:
            big = client.send(b"x" * 200, sender="a@example.org", recipients="b@example.org")
            results = await asyncio.gather(post(client, 1), big, post(client, 2), return_exceptions=True)
            with pytest.raises(asyncnet.ReplyError, match="the server takes 100"):
                await client.send(b"x" * 200, sender="a@example.org", recipients="b@example.org")
            await post(client, 3)
    assert isinstance(results[1], asyncnet.ReplyError)
    assert [mail.data for mail in server.messages] == [raw(1), raw(2), raw(3)]


# ---- what ends the client


async def test_421_ends_it(message):
    with SMTPServer(replies={"MAIL": ["421 4.3.2 going down"]}) as server:
        async with smtp.Client("127.0.0.1", server.port) as client:
            with pytest.raises(asyncnet.ReplyError) as caught:
                await client.send(message)
            assert caught.value.code == 421
            assert client.closed
            with pytest.raises(asyncnet.StateError, match="closed"):
                await client.send(message)


async def test_a_server_that_hung_up_in_between():
    with SMTPServer(drop_at="RSET", replies={"DATA": ["451 no"]}) as server:
        async with smtp.Client("127.0.0.1", server.port) as client:
            with pytest.raises(asyncnet.ReplyError):
                await post(client, 1)
            with pytest.raises(asyncnet.ConnectionLost) as caught:
                await post(client, 2)
            assert not caught.value.maybe_done
            assert client.closed


async def test_a_timeout_ends_it_and_those_who_wait_are_told():
    with SMTPServer(stall_at=".") as server:
        async with smtp.Client("127.0.0.1", server.port) as client:
            first, second, third = await asyncio.gather(
                post(client, 1, timeout=0.2), post(client, 2), post(client, 3), return_exceptions=True
            )
            assert isinstance(first, asyncnet.OperationTimeout)
            assert first.maybe_done
            for waiting in (second, third):
                assert isinstance(waiting, asyncnet.ConnectionLost)
                assert not waiting.maybe_done, "it was never sent"
                assert waiting.operation == "send"
            assert client.closed


async def test_a_cancelled_send_ends_it():
    with SMTPServer(stall_at="DATA") as server:
        async with smtp.Client("127.0.0.1", server.port) as client:
            task = asyncio.create_task(post(client, 1))
            await server.wait_until(lambda: "DATA" in server.commands)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert client.closed
        await server.wait_until(lambda: server.connections.open == 0)


async def test_one_who_leaves_the_queue_disturbs_nobody():
    gate = Gate()
    steps = [
        Send(b"220 test\r\n"), Expect(EHLO), Send(OFFER), Expect(FLIGHT), Wait(gate), Send(TAKEN),
        Expect(raw(1) + b".\r\n" + FLIGHT), Send(b"250 one\r\n" + TAKEN),
        Expect(raw(3) + b".\r\n"), Send(b"250 three\r\n"), Expect(b"QUIT\r\n"), Send(b"221 bye\r\n"),
    ]  # fmt: skip
    with TCPServer(steps) as server:
        async with scripted(server.port) as client:
            one, two, three = [asyncio.create_task(post(client, number)) for number in (1, 2, 3)]
            await server.wait_until(lambda: any(FLIGHT in received for received in server.received))
            two.cancel()
            with pytest.raises(asyncio.CancelledError):
                await two
            gate.set()
            assert (await one).reply.text == "one"
            assert (await three).reply.text == "three"


async def test_one_who_leaves_with_its_envelope_under_way():
    """Nobody will read its replies: who is before it still gets his, then the connection is dropped."""
    gate = Gate()
    steps = [
        Send(b"220 test\r\n"), Expect(EHLO), Send(OFFER), Expect(FLIGHT), Send(TAKEN),
        Expect(raw(1) + b".\r\n" + FLIGHT), Wait(gate), Send(b"250 one\r\n" + TAKEN), Stall(),
    ]  # fmt: skip
    with TCPServer(steps) as server:
        async with scripted(server.port) as client:
            one, two, three = [asyncio.create_task(post(client, number)) for number in (1, 2, 3)]
            await server.wait_until(lambda: any(received.count(FLIGHT) == 2 for received in server.received))
            two.cancel()
            with pytest.raises(asyncio.CancelledError):
                await two
            gate.set()
            assert (await one).reply.text == "one"
            with pytest.raises(asyncnet.ConnectionLost):
                await three
            assert client.closed


async def test_those_who_wait_when_it_is_closed():
    with SMTPServer(stall_at="MAIL") as server:
        client = await smtp.Client("127.0.0.1", server.port).open()
        one, two = [asyncio.create_task(post(client, number)) for number in (1, 2)]
        await server.wait_until(lambda: len(server.commands) > 1)
        client.abort()
        for task in (one, two):
            with pytest.raises(asyncnet.AsyncNetError):
                await task
        assert client.closed


@pytest.mark.parametrize("at", ["QUIT", "MAIL"])
async def test_closing_does_not_wait_for_ever(at, message):
    with SMTPServer(drop_at=at) as server:
        client = await smtp.Client("127.0.0.1", server.port).open()
        if at == "MAIL":
            with pytest.raises(asyncnet.ConnectionLost):
                await client.send(message)
        await client.close()
        assert client.closed
        await server.wait_until(lambda: server.connections.open == 0)


async def test_opening_fails_as_a_send_would(message):
    with SMTPServer(replies={"CONNECT": "554 not you"}) as server:
        client = smtp.Client("127.0.0.1", server.port)
        with pytest.raises(asyncnet.ReplyError, match="554 not you") as caught:
            await client.open()
        assert caught.value.operation == "open"
        assert client.closed
        with pytest.raises(asyncnet.StateError):
            await client.send(message)


async def test_timeouts_of_client_and_call():
    with SMTPServer(stall_at="MAIL") as server:
        for default, own in ((0.2, ...), (None, 0.2)):
            async with smtp.Client("127.0.0.1", server.port, timeout=default) as client:
                with pytest.raises(asyncnet.OperationTimeout) as caught:
                    await post(client, 1, timeout=own)
                assert caught.value.phase == "envelope"


async def test_the_dialer_is_the_current_one(message):
    with SMTPServer() as server:
        with asyncnet.use(asyncnet.Dialer(hosts={"mail.example": "127.0.0.1"})):
            async with smtp.Client("mail.example", server.port) as client:
                await client.send(message)
        refusing = asyncnet.Dialer(allow=asyncnet.public_only)
        with pytest.raises(asyncnet.ForbiddenAddress):
            await smtp.send(message, "127.0.0.1", server.port, dialer=refusing)
        assert server.connections.total == 1


async def test_the_message_is_checked_before_anything_is_sent():
    with SMTPServer() as server:
        async with smtp.Client("127.0.0.1", server.port) as client:
            with pytest.raises(ValueError, match="no From"):
                await client.send(b"x", recipients="b@example.org")
            with pytest.raises(TypeError):
                await client.send("text", sender="a@example.org", recipients="b@example.org")
            assert not client.closed
        assert [line.partition(" ")[0] for line in server.commands] == ["EHLO", "QUIT"]

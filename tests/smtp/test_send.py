"""One message over a connection of its own: what arrives, and what is said when it does not."""

from __future__ import annotations

import asyncio
import email
import email.policy
import logging

import pytest

import asyncnet
from asyncnet import smtp
from asyncnet.testing import Close, Cut, FaultyLink, Gate, Reset, Send, SMTPServer, Stall, TCPServer, Wait

pytestmark = pytest.mark.asyncio

GREETING = b"220 test ESMTP\r\n"
LARGE = b"Subject: x\r\n\r\n" + (b"x" * 76 + b"\r\n") * 500_000


async def test_it_arrives_as_it_was_composed(message):
    with SMTPServer() as server:
        report = await smtp.send(message, "127.0.0.1", server.port)
    (mail,) = server.messages
    assert (mail.sender, mail.recipients) == ("ann@example.org", ("bob@example.org", "eve@example.org"))
    arrived = email.message_from_bytes(mail.data, policy=email.policy.SMTP)
    assert arrived["Bcc"] is None
    assert arrived["Message-ID"] == message["Message-ID"] == report.message_id
    assert arrived.get_content() == "At noon?\n.\n".replace("\n", "\r\n")
    assert report.accepted == mail.recipients
    assert report.refused == {}
    assert (report.reply.code, report.reply.text) == (250, "2.0.0 stored")


@pytest.mark.parametrize("extensions", [(), ("PIPELINING",)])
async def test_bytes_and_an_envelope_of_its_own(extensions):
    with SMTPServer(extensions=extensions) as server:
        await smtp.send(b"Subject: x\n\n..\n.\r\n", "127.0.0.1", server.port, sender="", recipients=["b@example.org"])
    (mail,) = server.messages
    assert mail.data == b"Subject: x\r\n\r\n..\r\n.\r\n"
    assert (mail.sender, mail.recipients) == ("", ("b@example.org",))


async def test_we_say_goodbye(message):
    with SMTPServer() as server:
        await smtp.send(message, "127.0.0.1", server.port)
        assert server.commands[-1] == "QUIT"
    with SMTPServer(extensions=()) as server:
        await smtp.send(message, "127.0.0.1", server.port)
        assert server.commands[-1] == "QUIT"


@pytest.mark.parametrize("replies", [{"QUIT": b""}, {"QUIT": "500 what?"}, {"QUIT": b"\xff\r\n"}])
async def test_a_bad_goodbye_is_no_failure(message, replies):
    with SMTPServer(replies=replies) as server:
        assert (await smtp.send(message, "127.0.0.1", server.port)).reply.code == 250


async def test_a_server_that_stays_silent_after_it_took_the_message(message):
    with SMTPServer(stall_at="QUIT") as server:
        report = await smtp.send(message, "127.0.0.1", server.port, timeout=1.0)
    assert report.reply.code == 250


async def test_what_the_commands_carry(message):
    with SMTPServer(extensions=("8BITMIME", "SMTPUTF8", "DSN"), size=10_000) as server:
        message.set_content("schön\n", cte="8bit")
        del message["To"]
        message["To"] = "jörg@example.org"
        dsn = smtp.DSN(notify=("failure", "delay"), returned="headers", envelope_id="x 1")
        await smtp.send(message, "127.0.0.1", server.port, dsn=dsn, local_hostname="client.example")
    (mail,) = server.messages
    assert mail.hello == "client.example"
    assert mail.parameters == (f"SIZE={len(mail.data)}", "BODY=8BITMIME", "SMTPUTF8", "RET=HDRS", "ENVID=x+201")
    assert mail.recipients == ("jörg@example.org", "eve@example.org")
    assert "To: jörg@example.org\r\n".encode() in mail.data
    assert "RCPT TO:<jörg@example.org> NOTIFY=FAILURE,DELAY" in server.commands


async def test_our_address_is_our_name(message):
    with SMTPServer() as server:
        await smtp.send(message, "127.0.0.1", server.port)
        assert server.messages[0].hello == "[127.0.0.1]"
    with SMTPServer(host="::1") as server:
        await smtp.send(message, "::1", server.port)
        assert server.messages[0].hello == "[IPv6:::1]"


async def test_a_large_message(message):
    data = b"Subject: x\r\n\r\n" + b"." * 60 + b"\r\n" + (b"x" * 76 + b"\r\n") * 40_000
    with SMTPServer() as server:
        await smtp.send(data, "127.0.0.1", server.port, sender="a@example.org", recipients="b@example.org")
    assert server.messages[0].data == data


async def test_any_fragmentation_of_the_replies(message):
    with SMTPServer(starttls=None) as server, FaultyLink("127.0.0.1", server.port, fragment=1) as link:
        await smtp.send(message, "127.0.0.1", link.port)
    assert len(server.messages) == 1


async def test_helo_where_ehlo_is_not_known(message):
    with SMTPServer(replies={"EHLO": "502 what?"}, extensions=("PIPELINING",)) as server:
        await smtp.send(message, "127.0.0.1", server.port)
        assert [line.partition(" ")[0] for line in server.commands] == [
            "EHLO",
            "HELO",
            "MAIL",
            "RCPT",
            "RCPT",
            "DATA",
            "QUIT",
        ]


# ---- the server says no


@pytest.mark.parametrize("extensions", [(), ("PIPELINING",)])
async def test_some_recipients_are_refused(message, extensions):
    with SMTPServer(replies={"RCPT TO:<eve": "550 5.1.1 no eve here"}, extensions=extensions) as server:
        report = await smtp.send(message, "127.0.0.1", server.port)
    assert report.accepted == ("bob@example.org",)
    assert report.refused["eve@example.org"].code == 550
    assert report.refused["eve@example.org"].text == "5.1.1 no eve here"
    assert server.messages[0].recipients == ("bob@example.org",)


@pytest.mark.parametrize("extensions", [(), ("PIPELINING",)])
@pytest.mark.parametrize(
    ("replies", "code", "words"),
    [
        ({"CONNECT": "554 5.3.2 not you"}, 554, "does not take mail: 554 5.3.2 not you"),
        ({"CONNECT": "421 4.3.2 later"}, 421, "421 4.3.2 later"),
        ({"EHLO": "450 later"}, 450, "refused EHLO"),
        ({"EHLO": "500 no", "HELO": "550 no"}, 550, "refused HELO"),
        ({"MAIL": "450 4.7.1 greylisted"}, 450, "sender ann@example.org refused: 450 4.7.1 greylisted"),
        ({"RCPT": "550 5.1.1 unknown"}, 550, "all 2 recipients refused"),
        (
            {"RCPT": "550 5.1.1 unknown", "DATA": "354 go", ".": "554 no valid recipients"},
            550,
            "all 2 recipients refused",
        ),
        ({"DATA": "451 4.3.0 no space"}, 451, "refused DATA: 451 4.3.0 no space"),
        ({".": "554 5.7.1 spam"}, 554, "refused the message: 554 5.7.1 spam"),
        ({".": "421 4.3.2 going down"}, 421, "closing the connection: 421"),
        ({"MAIL": "421 4.3.2 going down"}, 421, "closing the connection: 421"),
    ],
)
async def test_what_a_server_refuses(message, extensions, replies, code, words):
    with SMTPServer(replies=replies, extensions=extensions) as server:
        with pytest.raises(asyncnet.ReplyError) as caught:
            await smtp.send(message, "127.0.0.1", server.port)
        error = caught.value
        assert error.code == code
        assert words in str(error)
        assert (error.protocol, error.operation, error.peer) == ("smtp", "send", f"127.0.0.1:{server.port}")
        assert not error.maybe_done
        assert server.messages == []


@pytest.mark.parametrize(
    ("offered", "change", "words"),
    [
        ({"size": 100}, {}, "bytes, the server takes 100"),
        ({}, {"recipients": "jörg@example.org"}, "does not offer SMTPUTF8"),
        ({}, {"dsn": smtp.DSN(notify=("never",))}, "does not offer DSN"),
    ],
)
async def test_what_a_server_cannot_is_not_tried(message, offered, change, words):
    with SMTPServer(extensions=("PIPELINING",), **offered) as server:
        with pytest.raises(asyncnet.ReplyError, match=words) as caught:
            await smtp.send(message, "127.0.0.1", server.port, **change)
        assert caught.value.code is None
        assert not [line for line in server.commands if line.startswith("MAIL")]


# ---- the server misbehaves


@pytest.mark.parametrize(
    "greeting",
    [
        b"HTTP/1.1 400 Bad Request\r\n",
        b"22 too short\r\n",
        b"2200 too long\r\n",
        b"2x0 letters\r\n",
        b" 220 blank\r\n",
        b"220-first\r\n221 another\r\n",
        b"220 nul\0\r\n",
        b"\r\n",
        b"\xff\xfe\r\n",
        b"920 out of range\r\n",
    ],
)
async def test_a_greeting_that_is_none(message, greeting):
    with TCPServer([Send(greeting), Stall()]) as server:
        with pytest.raises(asyncnet.ProtocolError) as caught:
            await smtp.send(message, "127.0.0.1", server.port, timeout=10)
        assert caught.value.phase == "greeting"
        assert caught.value.operation == "send"
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("flood", [b"220-" + b"x" * 100_000, b"220-x\r\n" * 20_000, b"220-" + b"y" * 900 + b"\r\n"])
async def test_an_endless_greeting(message, flood):
    with TCPServer([Send(flood * 100), Stall()]) as server:
        with pytest.raises(asyncnet.LimitExceeded) as caught:
            await smtp.send(message, "127.0.0.1", server.port, timeout=10)
        assert caught.value.phase == "greeting"


@pytest.mark.parametrize("end", [Close(), Cut(), Reset()])
@pytest.mark.parametrize("said", [b"", b"220", b"220-half\r\n"])
async def test_a_server_that_hangs_up_at_once(message, end, said):
    with TCPServer([Send(said), end] if said else [end]) as server:
        # A reset may come before the kernel has told us that we are connected.
        expected = (asyncnet.ConnectionLost, asyncnet.ConnectError) if end == Reset() else asyncnet.ConnectionLost
        with pytest.raises(expected) as caught:
            await smtp.send(message, "127.0.0.1", server.port)
        assert caught.value.phase in ("greeting", "connect")
        assert caught.value.operation == "send"
        assert not caught.value.maybe_done


@pytest.mark.parametrize("extensions", [(), ("PIPELINING",)])
@pytest.mark.parametrize("at", ["EHLO", "MAIL", "RCPT", "DATA"])
async def test_a_server_that_dies_before_it_has_the_message(message, extensions, at):
    with SMTPServer(drop_at=at, extensions=extensions) as server:
        with pytest.raises(asyncnet.ConnectionLost) as caught:
            await smtp.send(message, "127.0.0.1", server.port)
        assert caught.value.phase == ("ehlo" if at == "EHLO" else "envelope")
        assert not caught.value.maybe_done
        assert server.messages == []


@pytest.mark.parametrize("extensions", [(), ("PIPELINING",)])
async def test_a_server_that_dies_with_the_message_in_its_hands(message, extensions):
    with SMTPServer(drop_at=".", extensions=extensions) as server:
        with pytest.raises(asyncnet.ConnectionLost) as caught:
            await smtp.send(message, "127.0.0.1", server.port)
        assert caught.value.phase == "content"
        assert caught.value.maybe_done
        assert len(server.messages) == 1, "it had taken it indeed"
        assert server.connections.total == 1, "and it was not sent again"


@pytest.mark.parametrize("reply", [b"banana\r\n", b"354 more\r\n", b"250-x\r\n550 y\r\n"])
async def test_nonsense_after_the_message(message, reply):
    with SMTPServer(replies={".": reply}) as server:
        with pytest.raises(asyncnet.ProtocolError) as caught:
            await smtp.send(message, "127.0.0.1", server.port)
        assert caught.value.maybe_done


async def test_a_word_before_the_cut():
    """It has seen enough of a large message, says so and hangs up: its word is the error, not the cut."""
    said, heard = Gate(), Gate()

    async def script(reader, writer):
        writer.write(GREETING + b"250 test\r\n250 ok\r\n250 ok\r\n354 go\r\n")
        await reader.readuntil(b"Subject: x\r\n")
        writer.write(b"552 5.3.4 too much\r\n")
        await writer.drain()
        said.set()
        await heard.wait()
        writer.transport.abort()

    with TCPServer(script) as server:
        sending = asyncio.create_task(
            smtp.send(LARGE, "127.0.0.1", server.port, sender="a@example.org", recipients="b@example.org")
        )
        await said.wait()
        for _ in range(100):  # what is said has come by now; our loop takes it in
            await asyncio.sleep(0)
        heard.set()
        with pytest.raises(asyncnet.ReplyError, match=r"552 5\.3\.4 too much") as caught:
            await sending
    assert caught.value.code == 552
    assert not caught.value.maybe_done


@pytest.mark.parametrize("word", [b"", b"250 2.0.0 what a nice start\r\n"])
async def test_a_cut_in_the_middle_of_the_message(word):
    steps = [Send(GREETING + b"250 test\r\n250 ok\r\n250 ok\r\n354 go\r\n" + word), Wait(gate := Gate()), Reset()]
    with TCPServer(steps) as server:
        sending = asyncio.create_task(
            smtp.send(LARGE, "127.0.0.1", server.port, sender="a@example.org", recipients="b@example.org")
        )
        await server.wait_until(lambda: any(b"Subject: x" in received for received in server.received))
        gate.set()
        with pytest.raises(asyncnet.ConnectionLost) as caught:
            await sending
    assert caught.value.phase == "content"
    assert not caught.value.maybe_done, "the last dot never left"


@pytest.mark.parametrize("at", ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "."])
async def test_a_server_that_falls_silent(message, at):
    with SMTPServer(stall_at=at) as server:
        started = asyncio.get_running_loop().time()
        with pytest.raises(asyncnet.OperationTimeout) as caught:
            await smtp.send(message, "127.0.0.1", server.port, timeout=0.2)
        assert asyncio.get_running_loop().time() - started < 1.9
    phases = {"CONNECT": "greeting", "EHLO": "ehlo", ".": "content"}
    assert caught.value.phase == phases.get(at, "envelope")
    assert caught.value.maybe_done == (at == ".")


async def test_a_server_that_takes_the_message_slowly():
    """What is not read is not done: the last dot never left."""
    steps = [Send(GREETING + b"250 test\r\n250 ok\r\n250 ok\r\n354 go\r\n"), Stall()]
    with TCPServer(steps) as server, FaultyLink("127.0.0.1", server.port, bandwidth=100_000) as link:
        with pytest.raises(asyncnet.OperationTimeout) as caught:
            await smtp.send(
                LARGE, "127.0.0.1", link.port, sender="a@example.org", recipients="b@example.org", timeout=0.3
            )
    assert caught.value.phase == "content"
    assert not caught.value.maybe_done


async def test_nobody_there(message):
    with SMTPServer() as server:
        port = server.port
    with pytest.raises(asyncnet.ConnectError) as caught:
        await smtp.send(message, "127.0.0.1", port)
    assert caught.value.attempts


# ---- misuse


@pytest.mark.parametrize(
    "wrong",
    [
        {"sender": "a@example.org\r\nRCPT TO:<eve@example.org>"},
        {"sender": "a@example.org>\0"},
        {"recipients": ["b@example.org\nDATA"]},
        {"recipients": []},
        {"username": "a\nb", "password": "x"},
        {"username": "a", "password": "x\ny"},
        {"local_hostname": "a\r\nMAIL"},
        {"server_hostname": "a\nb"},
        {"timeout": -1},
    ],
)
async def test_misuse_is_said_before_any_connection(message, wrong):
    with SMTPServer() as server:
        with pytest.raises(ValueError):
            await smtp.send(message, "127.0.0.1", server.port, **wrong)
        assert server.connections.total == 0


async def test_no_recipient():
    with pytest.raises(ValueError, match="no recipient"):
        await smtp.send(b"From: a@example.org\r\n\r\nx", "127.0.0.1", 1)


# ---- what it shows


async def test_a_trace_names_the_steps_and_no_secret(message, ca, dialer, caplog):
    caplog.set_level(logging.DEBUG)
    with SMTPServer(starttls=ca.server_context(), users={"ann": "tanstaaf"}) as server:
        with asyncnet.trace() as trace:
            await smtp.send(message, "localhost", server.port, username="ann", password="tanstaaf", dialer=dialer)
    names = [span.name for span in trace.spans]
    wanted = ["smtp send", "connect", "greeting", "ehlo", "starttls", "ehlo", "auth", "envelope", "content"]
    assert [name for name in names if name in wanted] == wanted
    assert "tanstaaf" not in str(trace) + str(trace.to_dict()) + caplog.text
    assert not [record for record in caplog.records if record.levelno > logging.DEBUG]

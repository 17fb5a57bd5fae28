"""One message over one connection: commands, replies and what they come to. No connection is needed."""

from __future__ import annotations

import pytest

from asyncnet import ProtocolError, ReplyError
from asyncnet.core.replies import Reply
from asyncnet.smtp.extensions import NO_EXTENSIONS, parse_extensions
from asyncnet.smtp.mail import Mail
from asyncnet.smtp.transaction import Stage, Transaction

OK = Reply(250, ("ok",))
GO = Reply(354, ("go",))
STORED = Reply(250, ("2.0.0 queued as 1",))
BUSY = Reply(450, ("4.2.0 busy",))
NO = Reply(550, ("5.1.1 unknown",))
SEQUENCE = Reply(503, ("5.5.1 MAIL first",))
BYE = Reply(421, ("4.3.2 shutting down",))


def begin(recipients=("bob@example.org", "cleo@example.org"), *, reset=False):
    raw = b"From: ann@example.org\r\nMessage-ID: <1@example.org>\r\n\r\nhi\r\n"
    return Transaction(Mail(raw, "ann@example.org", recipients), NO_EXTENSIONS, reset=reset)


def run(transaction, *replies, pipelined=True):
    """Give it the replies; say what it asked to be sent, and where it stands."""
    for reply in replies:
        if transaction.stage in (Stage.CONTENT, Stage.NOTHING):
            transaction.sent()
        transaction.take(reply, pipelined=pipelined)
    return transaction.stage


def test_all_goes_well():
    transaction = begin()
    assert transaction.flight == (
        b"MAIL FROM:<ann@example.org>\r\nRCPT TO:<bob@example.org>\r\nRCPT TO:<cleo@example.org>\r\nDATA\r\n"
    )
    assert run(transaction, OK, OK, OK, GO) is Stage.CONTENT
    assert transaction.content.endswith(b"hi\r\n.\r\n")
    transaction.sent()
    assert transaction.stage is Stage.FINAL
    assert run(transaction, STORED) is Stage.DONE
    report = transaction.report()
    assert report.accepted == ("bob@example.org", "cleo@example.org")
    assert report.refused == {}
    assert report.message_id == "<1@example.org>"
    assert report.reply == STORED
    assert not transaction.leaves_open


def test_one_command_at_a_time():
    transaction = begin()
    seen = []
    for reply in (OK, OK, OK, GO):
        seen.append(transaction.command)
        transaction.take(reply, pipelined=False)
    assert b"".join(seen) == transaction.flight
    assert run(transaction, STORED, pipelined=False) is Stage.DONE
    assert transaction.report().reply == STORED


def test_some_recipients_refused():
    transaction = begin()
    run(transaction, OK, NO, OK, GO, STORED)
    report = transaction.report()
    assert report.accepted == ("cleo@example.org",)
    assert report.refused["bob@example.org"].code == 550
    assert report.refused["bob@example.org"].text == "5.1.1 unknown"
    assert "bob@example.org" in str(report.refused["bob@example.org"])


@pytest.mark.parametrize("pipelined", [True, False])
def test_sender_refused(pipelined):
    transaction = begin()
    replies = (BUSY, SEQUENCE, SEQUENCE, SEQUENCE) if pipelined else (BUSY,)
    assert run(transaction, *replies, pipelined=pipelined) is Stage.DONE
    with pytest.raises(ReplyError, match=r"sender ann@example\.org refused: 450") as caught:
        transaction.report()
    assert caught.value.code == 450
    assert caught.value.response == BUSY
    assert not transaction.leaves_open


@pytest.mark.parametrize("pipelined", [True, False])
def test_all_recipients_refused(pipelined):
    transaction = begin()
    replies = (OK, NO, NO, SEQUENCE) if pipelined else (OK, NO, NO)
    assert run(transaction, *replies, pipelined=pipelined) is Stage.DONE
    with pytest.raises(
        ReplyError, match=r"all 2 recipients refused, among them: recipient bob@example.org refused: 550"
    ) as e:
        transaction.report()
    assert e.value.code == 550
    assert set(e.value.response) == {"bob@example.org", "cleo@example.org"}
    assert transaction.leaves_open, "MAIL was taken and nothing ended it"
    assert begin(reset=True).flight.startswith(b"RSET\r\nMAIL")


def test_all_recipients_refused_one_for_now():
    transaction = begin()
    run(transaction, OK, NO, BUSY, SEQUENCE)
    with pytest.raises(ReplyError) as caught:
        transaction.report()
    assert caught.value.code == 450


def test_the_only_recipient_refused():
    transaction = begin(["bob@example.org"])
    run(transaction, OK, NO, SEQUENCE)
    with pytest.raises(ReplyError, match=r"^recipient bob@example.org refused: 550 5.1.1 unknown"):
        transaction.report()


def test_a_lone_dot_where_data_is_allowed_without_recipients():
    transaction = begin()
    assert run(transaction, OK, NO, NO, GO) is Stage.NOTHING
    transaction.sent()
    assert run(transaction, Reply(554, ("no valid recipients",))) is Stage.DONE
    with pytest.raises(ReplyError) as caught:
        transaction.report()
    assert caught.value.code == 550
    assert not transaction.leaves_open


def test_a_lone_dot_after_a_refused_sender():
    transaction = begin()
    assert run(transaction, BUSY, SEQUENCE, SEQUENCE, GO) is Stage.NOTHING
    assert run(transaction, Reply(554, ("no",))) is Stage.DONE
    with pytest.raises(ReplyError, match="sender"):
        transaction.report()


def test_never_a_lone_dot_that_could_be_an_empty_message():
    assert run(begin(), NO, OK, OK, GO) is Stage.BROKEN


def test_data_refused():
    transaction = begin()
    assert run(transaction, OK, OK, OK, Reply(451, ("4.3.0 no space",))) is Stage.DONE
    assert transaction.leaves_open
    with pytest.raises(ReplyError, match="refused DATA: 451"):
        transaction.report()


def test_the_message_refused():
    transaction = begin()
    assert run(transaction, OK, OK, NO, GO, Reply(554, ("5.7.1 spam",))) is Stage.DONE
    with pytest.raises(ReplyError, match=r"refused the message: 554 5.7.1 spam"):
        transaction.report()
    assert not transaction.leaves_open


@pytest.mark.parametrize("before", [(), (OK,), (OK, OK, OK), (OK, OK, OK, GO)])
def test_the_server_says_goodbye(before):
    transaction = begin()
    assert run(transaction, *before, BYE) is Stage.BROKEN
    with pytest.raises(ReplyError, match="closing the connection: 421") as caught:
        transaction.report()
    assert caught.value.code == 421


def test_reset_comes_first():
    transaction = begin(reset=True)
    run(transaction, OK, OK, NO, OK, GO, STORED)
    assert set(transaction.report().refused) == {"bob@example.org"}


def test_reset_refused():
    transaction = begin(reset=True)
    assert run(transaction, NO) is Stage.BROKEN
    with pytest.raises(ReplyError, match="refused RSET"):
        transaction.report()


@pytest.mark.parametrize(
    "replies",
    [
        (GO,),
        (Reply(150, ("wait",)),),
        (OK, GO),
        (OK, OK, OK, OK),
        (OK, OK, OK, Reply(334, ("",))),
        (OK, OK, OK, GO, GO),
        (OK, OK, OK, GO, Reply(150, ("wait",))),
    ],
)
def test_replies_that_have_no_place_there(replies):
    with pytest.raises(ProtocolError, match="the server answered"):
        run(begin(), *replies)


def test_what_the_server_lacks_is_said_before_anything_is_sent():
    mail = Mail(b"x" * 100, "ann@example.org", "bob@example.org")
    with pytest.raises(ReplyError, match="the server takes 10"):
        Transaction(mail, parse_extensions(["SIZE 10"]))


def test_the_null_sender_has_a_name_in_errors():
    transaction = Transaction(Mail(b"x", "", "bob@example.org"), NO_EXTENSIONS)
    assert transaction.command == b"MAIL FROM:<>\r\n"
    transaction.take(NO, pipelined=False)
    with pytest.raises(ReplyError, match="sender <> refused"):
        transaction.report()

"""When to try again. No connection, no clock."""

from __future__ import annotations

from random import Random

import pytest

from asyncnet import AuthenticationError, ConnectError, ConnectionLost, OperationTimeout, ProtocolError, ReplyError
from asyncnet.core.replies import Reply
from asyncnet.smtp.report import SendReport
from asyncnet.smtp.retry import Retry, give_up, is_temporary, merge, refused_for_now

BUSY = ReplyError("busy", code=450, text="busy")
NO = ReplyError("no", code=550, text="no")
LOST = ConnectionLost("gone")


class Most(Random):
    """The longest delays that chance can give."""

    def uniform(self, a, b):
        return b


def test_what_is_temporary():
    assert is_temporary(BUSY)
    assert is_temporary(ReplyError("x", code=421))
    assert is_temporary(AuthenticationError("x", code=454))
    assert is_temporary(LOST)
    for error in (
        NO,
        ReplyError("too large"),
        ReplyError("x", code="4xx"),
        AuthenticationError("x", code=535),
        ConnectError("refused"),
        OperationTimeout("x"),
        ProtocolError("x"),
    ):
        assert not is_temporary(error)


def test_delays_double_and_have_a_limit():
    retry = Retry(8, 1.0, 0, Most())
    assert [retry.next_delay(BUSY, None) for _ in range(9)] == [1, 2, 4, 8, 16, 30, 30, 30, None]


def test_half_of_a_delay_is_chance():
    delays = [Retry(1, 2.0, 0, Random(seed)).next_delay(BUSY, None) for seed in range(100)]
    assert min(delays) >= 1.0
    assert max(delays) <= 2.0
    assert len(set(delays)) > 90


def test_no_try_that_would_end_after_the_deadline():
    retry = Retry(3, 1.0, 0, Most())
    assert retry.next_delay(BUSY, 1.5) == 1.0
    assert retry.next_delay(BUSY, 1.5) is None


def test_a_connection_that_had_served_before_is_replaced_at_once():
    retry = Retry(1, 1.0, 2, Most())
    retry.free = True
    assert retry.next_delay(LOST, 1.5) == 0.0
    assert retry.next_delay(ReplyError("bye", code=421), None) == 0.0
    assert retry.next_delay(LOST, None) == 1.0, "but not for ever"
    assert retry.next_delay(LOST, None) is None


def test_what_the_server_says_of_the_message_counts_on_any_connection():
    retry = Retry(1, 1.0, 2, Most())
    retry.free = True
    assert retry.next_delay(BUSY, None) == 1.0
    assert retry.next_delay(BUSY, None) is None


def report(accepted=(), refused=None, code=250):
    return SendReport(tuple(accepted), refused or {}, "<1>", Reply(code, ("ok",)))


def test_two_reports_become_one():
    first = report(["a"], {"b": BUSY, "c": NO, "d": BUSY}, 250)
    assert merge(None, first) is first
    assert refused_for_now(first) == ("b", "d")
    second = report(["b"], {"d": BUSY}, 251)
    both = merge(first, second)
    assert both.accepted == ("a", "b")
    assert both.refused == {"c": NO, "d": BUSY}
    assert both.reply.code == 251


@pytest.mark.parametrize(
    ("error", "maybe_done", "code"),
    [
        (ReplyError("all", code=451, response={"b": ReplyError("b", code=451)}), False, 451),
        (ReplyError("late", code=452), False, 452),
        (LOST, False, 450),
        (LOST, True, None),
    ],
)
def test_the_last_word_about_those_who_are_left(error, maybe_done, code):
    given_up = give_up(report(["a"], {"b": BUSY, "c": NO}), ["b"], error, maybe_done=maybe_done)
    assert given_up.accepted == ("a",)
    assert given_up.refused["c"] is NO
    assert given_up.refused["b"].code == code
    assert given_up.refused["b"].maybe_done is maybe_done

"""Bytes to replies: whole, byte by byte, and wrong."""

from __future__ import annotations

import pytest

from asyncnet import LimitExceeded, ProtocolError
from asyncnet.core.replies import Reply
from asyncnet.smtp.reply_queue import ReplyQueue

WIRE = (
    b"250-test\r\n250-SIZE 1\r\n250 DSN\r\n250 ok\r\n250 ok\n354 go\r\n250\r\n250 2.0.0 queued as "
    + b"x" * 200
    + b"\r\n"
)
REPLIES = [
    Reply(250, ("test", "SIZE 1", "DSN")),
    Reply(250, ("ok",)),
    Reply(250, ("ok",)),
    Reply(354, ("go",)),
    Reply(250, ("",)),
    Reply(250, ("2.0.0 queued as " + "x" * 200,)),
]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50, 10_000])
def test_any_way_of_cutting_it(size):
    queue = ReplyQueue()
    for start in range(0, len(WIRE), size):
        queue.feed(WIRE[start : start + size])
    assert list(queue.ready) == REPLIES
    queue.ready.clear()
    assert queue.idle


@pytest.mark.parametrize("rest", [b"2", b"250", b"250-test\r\n", b"250 ok\r\n", b"250-test\r\n250 x"])
def test_anything_left_is_seen(rest):
    queue = ReplyQueue()
    assert queue.idle
    queue.feed(rest)
    assert not queue.idle


def test_a_known_line_in_the_middle_of_a_reply_is_a_part_of_it():
    queue = ReplyQueue()
    queue.feed(b"250 ok\r\n250-first\r\n250 ok\r\n250 ok\r\n")
    assert list(queue.ready) == [Reply(250, ("ok",)), Reply(250, ("first", "ok")), Reply(250, ("ok",))]


def test_replies_that_differ_each_time_cost_no_memory():
    queue = ReplyQueue()
    for number in range(1000):
        queue.feed(b"250 queued as %d\r\n" % number)
        assert queue.ready.popleft() == Reply(250, (f"queued as {number}",))
    assert len(queue._known) <= 32


@pytest.mark.parametrize(
    "wrong", [b"hello\r\n", b"25\r\n", b"2500 x\r\n", b"250-a\r\n251 b\r\n", b"250 \0\r\n", b"\r\n"]
)
def test_what_is_no_reply(wrong):
    """What came before it counts; then the error is told."""
    for start in (b"220 ok\r\n", b""):
        queue = ReplyQueue()
        queue.feed(start + wrong)
        assert [reply.code for reply in queue.ready] == [220] * bool(start)
        assert isinstance(queue.failure, ProtocolError)
        assert not queue.idle


@pytest.mark.parametrize(
    "flood", [b"250-" + b"x" * 10_000, b"250-x\r\n" * 2_000, (b"250-" + b"x" * 5_000 + b"\r\n") * 20]
)
def test_what_is_too_much(flood):
    queue = ReplyQueue()
    queue.feed(flood)
    assert isinstance(queue.failure, LimitExceeded)

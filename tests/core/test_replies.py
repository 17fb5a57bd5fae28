"""Three-digit replies: whole, in pieces, with what follows them, and what is none."""

from __future__ import annotations

import pickle
import random

import pytest

from asyncnet.core.replies import Reply, ReplyParser
from asyncnet.errors import LimitExceeded, ProtocolError

EHLO = b"250-mail.example.org\r\n250-SIZE 1000\r\n250 8BITMIME\r\n"
FEAT = b"211-Features:\r\n MDTM\r\n 211 no end\r\n2110 no end\r\n212 no end\r\n211-UTF8\r\n\r\n211 End\r\n"


def replies(parser, chunks):
    found = []
    for chunk in chunks:
        parser.feed(chunk)
        while (reply := parser.next_reply()) is not None:
            found.append(reply)
    return found


def test_a_reply():
    reply = Reply(250, ("one", "two"))
    assert (reply.code, reply.lines, reply.text) == (250, ("one", "two"), "one\ntwo")
    assert str(reply) == "250 one / two"
    assert str(Reply(250, ("",))) == "250"
    assert pickle.loads(pickle.dumps(reply)) == reply
    assert hash(reply) == hash(Reply(250, ("one", "two")))


@pytest.mark.parametrize(
    ("continuation", "wire", "expected"),
    [
        ("coded", b"220 mail.example.org ESMTP\r\n", [Reply(220, ("mail.example.org ESMTP",))]),
        ("coded", b"250\r\n", [Reply(250, ("",))]),
        ("coded", b"250 \r\n", [Reply(250, ("",))]),
        ("coded", b"250 ok\n", [Reply(250, ("ok",))]),
        ("coded", EHLO, [Reply(250, ("mail.example.org", "SIZE 1000", "8BITMIME"))]),
        ("coded", b"250-\r\n250\r\n", [Reply(250, ("", ""))]),
        (
            "coded",
            b"250 one\r\n550 two\r\n250-a\r\n250 b\r\n",
            [*map(Reply, (250, 550, 250), (("one",), ("two",), ("a", "b")))],
        ),
        ("coded", "250 grüße\r\n".encode(), [Reply(250, ("grüße",))]),
        ("coded", b"250 gr\xfc\xdfe\r\n", [Reply(250, ("grüße",))]),
        ("coded", b"199 x\r\n599 y\r\n", [Reply(199, ("x",)), Reply(599, ("y",))]),
        ("free", b"220 ready\r\n", [Reply(220, ("ready",))]),
        (
            "free",
            FEAT,
            [Reply(211, ("Features:", " MDTM", " 211 no end", "2110 no end", "212 no end", "UTF8", "", "End"))],
        ),
        ("free", b"230-hi\r\n230\r\n331 next\r\n", [Reply(230, ("hi", "")), Reply(331, ("next",))]),
        ("none", b"201 no posting\r\n", [Reply(201, ("no posting",))]),
    ],
)
def test_replies_whole_and_byte_by_byte(continuation, wire, expected):
    whole = replies(ReplyParser(continuation), [wire])
    assert whole == expected
    assert replies(ReplyParser(continuation), [wire[i : i + 1] for i in range(len(wire))]) == whole
    for cut in range(len(wire)):
        assert replies(ReplyParser(continuation), [wire[:cut], wire[cut:]]) == whole


def test_what_follows_a_reply_stays():
    parser = ReplyParser("none")
    parser.feed(b"220 0 <a@b> article\r\nSubject: 999\r\n\r\n.\r\n")
    assert parser.next_reply() == Reply(220, ("0 <a@b> article",))
    assert not parser.idle
    assert parser.take_rest() == b"Subject: 999\r\n\r\n.\r\n"
    assert parser.idle


def test_idle_sees_the_half_of_a_reply():
    parser = ReplyParser()
    assert parser.idle
    parser.feed(b"250-one\r\n")
    assert parser.next_reply() is None
    assert not parser.idle
    parser.feed(b"250 two\r\n")
    assert parser.next_reply() == Reply(250, ("one", "two"))
    assert parser.idle
    parser.feed(b"2")
    assert not parser.idle


def test_fed_with_lines():
    parser = ReplyParser()
    assert parser.feed_line(b"250-one") is None
    assert parser.feed_line(b"250 two") == Reply(250, ("one", "two"))
    assert parser.feed_line(b"354 go") == Reply(354, ("go",))


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (b"", "''"),
        (b"25", "'25'"),
        (b"hello", "'hello'"),
        (b"2500 ok", "'2500 ok'"),
        (b"250ok", "'250ok'"),
        (b"250\tok", r"'250\x09ok'"),
        (b" 250 ok", "' 250 ok'"),
        (b"25a ok", "'25a ok'"),
        (b"-50 ok", "'-50 ok'"),
        (b"+50 ok", "'+50 ok'"),
        (b"099 ok", "'099 ok'"),
        (b"600 ok", "'600 ok'"),
        ("２５０ ok".encode(), r"'\xef\xbc\x92"),
        (b"\xb2\xb3\xb3 ok", r"'\xb2\xb3\xb3 ok'"),
        (b"250 a\0b", r"'250 a\x00b'"),
        (b"250 a\rb", r"'250 a\x0db'"),
        (b"250 a\nb", r"'250 a\x0ab'"),
        (b"SSH-2.0-OpenSSH_9.2", "'SSH-2.0-OpenSSH_9.2'"),
        (b"x" * 60, "'" + "x" * 60 + "'"),
        (b"x" * 61, "'" + "x" * 57 + "...'"),
        (b"\xff" * 30, r"'\xff"),
    ],
)
@pytest.mark.parametrize("continuation", ["coded", "free", "none"])
def test_what_is_no_reply_is_quoted(line, shown, continuation):
    with pytest.raises(ProtocolError) as caught:
        ReplyParser(continuation).feed_line(line)
    message = str(caught.value)
    assert shown in message
    quoted = message[message.index("'") + 1 : -1]
    assert len(quoted) <= 60
    assert message.isprintable()


def test_a_code_must_not_change():
    parser = ReplyParser()
    parser.feed(b"250-one\r\n550 two\r\n")
    with pytest.raises(ProtocolError, match="a reply whose code changes from 250: '550 two'"):
        parser.next_reply()
    parser = ReplyParser()
    parser.feed(b"250-one\r\n two\r\n")
    with pytest.raises(ProtocolError, match="not a reply: ' two'"):
        parser.next_reply()


def test_one_line_where_one_is_due():
    with pytest.raises(ProtocolError, match="a reply of several lines where one is due: '200-one'"):
        ReplyParser("none").feed_line(b"200-one")


def test_nul_in_the_middle_of_a_free_reply():
    parser = ReplyParser("free")
    assert parser.feed_line(b"211-Features") is None
    with pytest.raises(ProtocolError, match="NUL"):
        parser.feed_line(b" a\0b")


def test_a_long_line():
    parser = ReplyParser(max_line=20)
    assert parser.feed_line(b"250 " + b"a" * 16) == Reply(250, ("a" * 16,))
    with pytest.raises(LimitExceeded, match="a line of more than 20 bytes"):
        parser.feed_line(b"250 " + b"a" * 17)
    for wire in (b"250 " + b"a" * 17 + b"\r\n", b"a" * 22):
        parser = ReplyParser(max_line=20)
        parser.feed(wire)
        with pytest.raises(LimitExceeded, match="a line of more than 20 bytes"):
            parser.next_reply()


def test_the_default_limit_of_a_line():
    assert ReplyParser().feed_line(b"250 " + b"a" * 8188) is not None
    with pytest.raises(LimitExceeded, match="8,192"):
        ReplyParser().feed_line(b"250 " + b"a" * 8189)


@pytest.mark.parametrize("continuation", ["coded", "free"])
def test_an_endless_reply(continuation):
    parser = ReplyParser(continuation, max_lines=10)
    for _ in range(10):
        assert parser.feed_line(b"250-more") is None
    with pytest.raises(LimitExceeded, match="a reply of more than 10 lines or 65,536 bytes"):
        parser.feed_line(b"250 end")
    parser = ReplyParser(continuation, max_bytes=100)
    with pytest.raises(LimitExceeded, match="a reply of more than 1,000 lines or 100 bytes"):
        for _ in range(20):
            assert parser.feed_line(b"250-" + b"a" * 16) is None


def test_limits_hold_for_each_reply_by_itself():
    parser = ReplyParser(max_lines=2, max_bytes=20)
    for _ in range(100):
        assert parser.feed_line(b"250-one") is None
        assert parser.feed_line(b"250 two") == Reply(250, ("one", "two"))


def test_random_bytes_end_in_replies_or_one_of_two_errors():
    rng = random.Random(11)
    seen = set()
    for _ in range(5000):
        parser = ReplyParser(rng.choice(["coded", "free", "none"]), max_line=12, max_lines=3, max_bytes=24)
        parser.feed(bytes(rng.choices(b"22255- \r\n\n\0a\xfc", k=rng.randint(0, 30))))
        try:
            while (reply := parser.next_reply()) is not None:
                seen.add(type(reply))
                assert 100 <= reply.code <= 599
        except (ProtocolError, LimitExceeded) as error:
            seen.add(type(error))
    assert seen == {Reply, ProtocolError, LimitExceeded}


def test_random_conversations_in_random_pieces():
    rng = random.Random(12)
    for _ in range(300):
        expected = [
            Reply(rng.randint(200, 599), tuple("x" * rng.randint(0, 9) for _ in range(rng.randint(1, 4))))
            for _ in range(rng.randint(1, 5))
        ]
        wire = b""
        for reply in expected:
            for index, line in enumerate(reply.lines):
                mark = " " if index == len(reply.lines) - 1 else "-"
                wire += f"{reply.code}{mark}{line}\r\n".encode()
        cuts = sorted(rng.randint(0, len(wire)) for _ in range(4))
        pieces = [wire[a:b] for a, b in zip([0, *cuts], [*cuts, len(wire)], strict=True)]
        assert replies(ReplyParser(), pieces) == expected

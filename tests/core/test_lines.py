"""Commands, dot-ended blocks and the buffer they are taken out of."""

from __future__ import annotations

import random
import re

import pytest

from asyncnet.core.lines import MAX_LINES, LineBuffer, dot_stuff, dot_unstuff, format_command, split_lines
from asyncnet.errors import LimitExceeded

# ---- commands


def test_commands_are_parts_with_a_space_between():
    assert format_command("QUIT") == b"QUIT\r\n"
    assert format_command("MAIL FROM:<a@b.example>", "SIZE=3", "BODY=8BITMIME") == (
        b"MAIL FROM:<a@b.example> SIZE=3 BODY=8BITMIME\r\n"
    )
    assert format_command("RETR", "grüße.txt", encoding="utf-8") == "RETR grüße.txt\r\n".encode()


@pytest.mark.parametrize("bad", ["a\nb", "a\rb", "a\0b", "\r\n"])
def test_a_command_stays_on_its_line(bad):
    for parts in ((bad,), ("RETR", bad), ("RETR", bad, "x")):
        with pytest.raises(ValueError, match=r"^a command must not contain a line break or NUL$"):
            format_command(*parts)


def test_a_command_that_can_not_be_encoded_is_not_shown():
    with pytest.raises(ValueError, match=r"^a command must be ascii, character 9 is not$") as caught:
        format_command("PASS", "hush\N{SNOWMAN}")
    assert caught.value.__cause__ is None
    with pytest.raises(ValueError, match="a command must be utf-8"):
        format_command("RETR", "\ud800", encoding="utf-8")


def test_a_command_is_made_of_text():
    with pytest.raises(TypeError, match="a command must be a str, not bytes"):
        format_command("RETR", b"x")


# ---- dot-stuffing


@pytest.mark.parametrize(
    ("text", "block"),
    [
        (b"", b".\r\n"),
        (b"a", b"a\r\n.\r\n"),
        (b"a\r\n", b"a\r\n.\r\n"),
        (b"a\n", b"a\r\n.\r\n"),
        (b"a\r", b"a\r\n.\r\n"),
        (b"\r\n", b"\r\n.\r\n"),
        (b"\n\r", b"\r\n\r\n.\r\n"),
        (b"\r\r\n", b"\r\n\r\n.\r\n"),
        (b".", b"..\r\n.\r\n"),
        (b"..", b"...\r\n.\r\n"),
        (b".\r\n.\r\n", b"..\r\n..\r\n.\r\n"),
        (b"a.b\r\n.c", b"a.b\r\n..c\r\n.\r\n"),
        # Each of the ways to smuggle an end of the message
        (b"a\n.\r\nb", b"a\r\n..\r\nb\r\n.\r\n"),
        (b"a\r\n.\nb", b"a\r\n..\r\nb\r\n.\r\n"),
        (b"a\n.\nb", b"a\r\n..\r\nb\r\n.\r\n"),
        (b"a\r.\rb", b"a\r\n..\r\nb\r\n.\r\n"),
        (b"a\r.\r\nb", b"a\r\n..\r\nb\r\n.\r\n"),
        (b"a\r\n.\rb", b"a\r\n..\r\nb\r\n.\r\n"),
        (b"a\r\n\x00.\r\nb", b"a\r\n\x00.\r\nb\r\n.\r\n"),
    ],
)
def test_dot_stuff(text, block):
    assert dot_stuff(text) == block
    assert dot_stuff(bytearray(text)) == block
    assert dot_stuff(memoryview(text)) == block


def test_random_texts_come_back_and_can_smuggle_nothing():
    rng = random.Random(9)
    for _ in range(5000):
        text = bytes(rng.choices(b"a.\r\n", k=rng.randint(0, 12)))
        block = dot_stuff(text)
        canonical = b"".join(line + b"\r\n" for line in re.split(rb"\r\n|\r|\n", text))
        if not text or text.endswith((b"\r", b"\n")):
            canonical = canonical[:-2]
        assert block.endswith(b".\r\n")
        assert dot_unstuff(block[:-3]) == canonical
        assert not re.search(rb"\r(?!\n)|(?<!\r)\n", block)
        assert re.search(rb"(?:^|[\r\n])\.[\r\n]", block[:-3]) is None, "only the last line is a lone dot"


def test_dot_unstuff():
    assert dot_unstuff(b"") == b""
    assert dot_unstuff(b"..a\r\nb..\r\n...\r\n") == b".a\r\nb..\r\n..\r\n"
    assert dot_unstuff(bytearray(b"..")) == b"."
    assert dot_unstuff(memoryview(b"a\n..b\r..c\r\n")) == b"a\n..b\r..c\r\n", "lone line ends are none"


def test_split_lines():
    assert split_lines(b"") == []
    assert split_lines(b"a") == [b"a"]
    assert split_lines(b"a\r\nb\n\r\nc\r\n") == [b"a", b"b", b"", b"c"]
    assert split_lines(b"\r\n") == [b""]
    assert split_lines(b"a\rb\x0bc\x85d\r\n") == [b"a\rb\x0bc\x85d"]


def test_lines_have_a_limit():
    assert len(split_lines(b"\n" * MAX_LINES)) == MAX_LINES
    with pytest.raises(LimitExceeded, match="2,000,000 lines"):
        split_lines(b"\n" * (MAX_LINES + 1))


# ---- the buffer

CONVERSATION = b"220 one\r\n\r\n222 two\nx\r\n..y\r\n.\r\n223 three\r\n.\r\nrest"


def talk(chunks):
    """Take what a protocol would: lines, and a block after each line that begins with 22."""
    buffer, taken, wanted = LineBuffer(max_line=20, max_block=40), [], "line"
    for chunk in chunks:
        buffer.feed(chunk)
        while True:
            got = buffer.take_line() if wanted == "line" else buffer.take_block()
            if got is None:
                break
            taken.append(got)
            wanted = "block" if wanted == "line" and got.startswith((b"222", b"223")) else "line"
    return taken, buffer.take_rest()


EXPECTED = ([b"220 one", b"", b"222 two", b"x\r\n.y\r\n", b"223 three", b""], b"rest")


def test_the_buffer_fed_whole():
    assert talk([CONVERSATION]) == EXPECTED


def test_the_buffer_fed_byte_by_byte():
    assert talk([CONVERSATION[i : i + 1] for i in range(len(CONVERSATION))]) == EXPECTED


def test_the_buffer_fed_in_any_two_pieces():
    for cut in range(len(CONVERSATION) + 1):
        assert talk([CONVERSATION[:cut], bytearray(CONVERSATION[cut:])]) == EXPECTED


def test_the_buffer_fed_in_random_pieces():
    rng = random.Random(10)
    for _ in range(300):
        lines = [bytes(rng.choices(b"ab.", k=rng.randint(0, 6))) for _ in range(rng.randint(0, 6))]
        text = b"".join(line + b"\r\n" for line in lines)
        wire = b"hello\r\n" + dot_stuff(text) + b"bye\r\n"
        buffer, got = LineBuffer(), []
        takers = [buffer.take_line, buffer.take_block, buffer.take_line]
        position = 0
        while position < len(wire):
            step = rng.randint(1, 9)
            buffer.feed(wire[position : position + step])
            position += step
            while takers and (one := takers[0]()) is not None:
                got.append(one)
                del takers[0]
        assert got == [b"hello", text, b"bye"]
        assert len(buffer) == 0


def test_len_is_what_was_not_taken():
    buffer = LineBuffer()
    assert len(buffer) == 0
    buffer.feed(b"one\r\ntwo")
    assert buffer.take_line() == b"one"
    assert len(buffer) == 3
    assert buffer.take_rest() == b"two"
    assert len(buffer) == 0
    assert buffer.take_rest() == b""


def test_a_vain_search_for_a_line_does_not_hide_a_block():
    buffer = LineBuffer()
    buffer.feed(b"a\r")
    assert buffer.take_line() is None
    assert buffer.take_block() is None
    buffer.feed(b"\n.\r\nb\r\n")
    assert buffer.take_block() == b"a\r\n"
    assert buffer.take_line() == b"b"


def test_a_block_ends_with_the_one_true_end_only():
    buffer = LineBuffer()
    for part in (b"a\n.\r\n", b"b\r\n.\n", b"c\r.\r", b"\r\n\x00.\r\n", b"\r\n..\r\n"):
        buffer.feed(part)
        assert buffer.take_block() is None
    buffer.feed(b".\r\n")
    assert buffer.take_block() == b"a\n.\r\nb\r\n\nc\r.\r\r\n\x00.\r\n\r\n.\r\n"


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_the_limit_of_a_line(end):
    for size, fits in ((10, True), (11, False)):
        for step in (1, 100):
            wire = b"a" * size + end
            buffer = LineBuffer(max_line=10)
            got = None
            try:
                for position in range(0, len(wire), step):
                    buffer.feed(wire[position : position + step])
                    got = buffer.take_line()
            except LimitExceeded as error:
                got = str(error)
            assert got == (b"a" * 10 if fits else "a line of more than 10 bytes")


def test_an_endless_line_is_given_up():
    buffer = LineBuffer(max_line=10)
    buffer.feed(b"a" * 11)
    assert buffer.take_line() is None, "the last may be a CR"
    buffer.feed(b"a")
    with pytest.raises(LimitExceeded, match="a line of more than 10 bytes"):
        buffer.take_line()


def test_the_limit_of_a_block():
    for size, fits in ((8, True), (9, False)):
        for step in (1, 100):
            wire = b"a" * size + b"\r\n.\r\n"
            buffer = LineBuffer(max_block=10)
            got = None
            try:
                for position in range(0, len(wire), step):
                    buffer.feed(wire[position : position + step])
                    got = buffer.take_block()
            except LimitExceeded as error:
                got = str(error)
            assert got == (b"a" * 8 + b"\r\n" if fits else "a block of more than 10 bytes")


def test_an_endless_block_is_given_up():
    buffer = LineBuffer(max_block=1000)
    with pytest.raises(LimitExceeded, match="a block of more than 1,000 bytes"):
        for _ in range(1000):
            buffer.feed(b"a\r\n")
            assert buffer.take_block() is None
    assert len(buffer) < 1010


def test_many_lines_in_one_large_buffer():
    count = 50_000
    buffer = LineBuffer()
    buffer.feed(b"".join(b"line %d\r\n" % number for number in range(count)) + b"tail")
    assert [buffer.take_line() for _ in range(count)] == [b"line %d" % number for number in range(count)]
    assert buffer.take_line() is None
    buffer.feed(b" end\r\n")
    assert buffer.take_line() == b"tail end"

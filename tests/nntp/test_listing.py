"""What a news server lists: pure."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, datetime, timedelta, timezone

import pytest

from asyncnet import ProtocolError
from asyncnet.nntp.article import Stat
from asyncnet.nntp.listing import (
    Group,
    Overview,
    decode,
    format_time,
    lines_of,
    parse_active,
    parse_capabilities,
    parse_date,
    parse_group,
    parse_headers,
    parse_numbers,
    parse_overviews,
    parse_stat,
)

HUGE = "9" * 19


def test_group():
    assert parse_group("1234 3000234 3002322 misc.test", "misc.test") == Group("misc.test", 1234, 3000234, 3002322)
    assert parse_group("0 4000 3999", "a") == Group("a", 0, 4000, 3999)
    assert parse_group("3 1 3 a list follows", "a").count == 3


@pytest.mark.parametrize(
    "text", ["", "1 2", "-1 1 2 a", "1 -1 2 a", "a b c d", f"{HUGE} 1 2 a", "1  2 3 a", "１ 2 3 a"]
)
def test_no_group(text):
    with pytest.raises(ProtocolError):
        parse_group(text, "a")


def test_active():
    block = b"misc.test 3002322 3000234 y\r\ncomp.risks 442001 441099 m\r\nempty 0000 0001 n\r\nodd 5 6\r\n"
    assert parse_active(block) == [
        Group("misc.test", 2089, 3000234, 3002322, "y"),
        Group("comp.risks", 903, 441099, 442001, "m"),
        Group("empty", 0, 1, 0, "n"),
        Group("odd", 0, 6, 5, None),
    ]


@pytest.mark.parametrize("line", ["", "a", "a 1", "a -1 2 y", f"a {HUGE} 1 y", "a 1 2 y z"])
def test_no_active(line):
    with pytest.raises(ProtocolError):
        parse_active(line.encode() + b"\r\n")


def test_stat():
    assert parse_stat("3000234 <45223423@example.com>", 3000234) == Stat(3000234, "<45223423@example.com>")
    assert parse_stat("0 <a@b> article follows", "<a@b>") == Stat(None, "<a@b>")
    assert parse_stat("7 <a@b>", "<a@b>") == Stat(None, "<a@b>")
    assert parse_stat("7 <a@b>", None) == Stat(7, "<a@b>")


def test_a_server_that_says_less_than_it_should():
    assert parse_stat("article follows", 7) == Stat(7, "")
    assert parse_stat("", "<a@b>") == Stat(None, "<a@b>")
    with pytest.raises(ProtocolError):
        parse_stat("here", None)


def test_another_article_than_was_asked_for():
    with pytest.raises(ProtocolError, match="asked for article 7"):
        parse_stat("8 <a@b>", 7)
    with pytest.raises(ProtocolError, match="asked for <a@b>"):
        parse_stat("0 <c@d>", "<a@b>")


def test_numbers():
    assert parse_numbers(b"1\r\n 2 \r\n30\r\n") == [1, 2, 30]
    for bad in ("", "-1", "a", HUGE, "1 2"):
        with pytest.raises(ProtocolError):
            parse_numbers(bad.encode() + b"\r\n")


LINE = "5\t=?utf-8?q?caf=C3=A9?=\tAnn <ann@b>\t6 Oct 1998\t<a@b>\t<x@y> <z@y>\t1234\t17\tXref: h misc:5\tFull"


def test_overviews():
    (found,) = parse_overviews(LINE.encode() + b"\r\n", 1, 10)
    assert found.number == 5
    assert found.subject == "café"
    assert found.sender == "Ann <ann@b>"
    assert found.date == "6 Oct 1998"
    assert found.message_id == "<a@b>"
    assert found.references == ("<x@y>", "<z@y>")
    assert (found.size, found.lines) == (1234, 17)
    assert dict(found.others) == {"xref": "h misc:5"}
    assert {found: "once", copy.deepcopy(found): "again"} == {pickle.loads(pickle.dumps(found)): "again"}
    assert Overview(1, "", "", "", "<a@b>") == Overview(1, "", "", "", "<a@b>")
    assert parse_overviews(b"", 1, 10) == []


def test_an_overview_without_sizes():
    (found,) = parse_overviews(b"5\ts\tf\td\t<a@b>\t\t\tx\r\n", 5, 5)
    assert (found.references, found.size, found.lines) == ((), None, None)
    (found,) = parse_overviews(b"5\ts\tf\td\t<a@b>\t\r\n", 5, 5)
    assert (found.size, found.lines) == (None, None)


@pytest.mark.parametrize(
    "line", ["", "5", "11" + LINE[1:], "0" + LINE[1:], "x" + LINE[1:], HUGE + LINE[1:], "5\ta\tb\tc\td"]
)
def test_no_overviews(line):
    with pytest.raises(ProtocolError):
        parse_overviews(line.encode() + b"\r\n", 1, 10)


def test_headers():
    assert parse_headers(b"1 one\r\n2 =?utf-8?q?=C3=A9?=\r\n3\r\n", 1, 3) == [(1, "one"), (2, "é"), (3, "")]
    for bad in ("", "4 x", "a b"):
        with pytest.raises(ProtocolError):
            parse_headers(bad.encode() + b"\r\n", 1, 3)


def test_capabilities():
    block = b"VERSION 2\r\nreader\r\nLIST ACTIVE NEWSGROUPS\r\n\r\n"
    assert parse_capabilities(block) == {"VERSION": ("2",), "READER": (), "LIST": ("ACTIVE", "NEWSGROUPS")}


def test_dates():
    assert parse_date("20240229120001") == datetime(2024, 2, 29, 12, 0, 1, tzinfo=UTC)
    for bad in ("", "20240230120000", "2024022912000", "tomorrow", "２０２４0229120001"):
        with pytest.raises(ProtocolError):
            parse_date(bad)


def test_times():
    since = datetime(2024, 3, 1, 1, 2, 3, tzinfo=timezone(timedelta(hours=2)))
    assert format_time(since) == ("20240229", "230203", "GMT")
    with pytest.raises(ValueError, match="time zone"):
        format_time(datetime(2024, 1, 1))
    with pytest.raises(TypeError):
        format_time("2024")


def test_text():
    assert list(lines_of("é\r\n".encode() + b"\xe9\r\n")) == ["é", "é"]
    assert decode("plain") == "plain"
    assert decode("=?utf-8?q?=C3=A9?= =?latin-1?q?=E9?=") == "éé"
    assert decode("=?no-such?q?a?=") == "=?no-such?q?a?="
    assert decode("=?utf-8?b?a?=") == "=?utf-8?b?a?="


@pytest.mark.parametrize("parse", [parse_overviews, parse_headers])
def test_more_lines_than_articles_were_asked_for(parse):
    with pytest.raises(ProtocolError, match="more lines than there are articles 1-2"):
        parse(b"1\r\n2\r\n2\r\n", 1, 2)

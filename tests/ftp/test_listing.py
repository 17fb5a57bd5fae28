"""Listings of folders: MLSD, LIST of Unix and of Windows, and what no listing may hold."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

import asyncnet
from asyncnet.ftp.listing import Entry, parse_facts, parse_list, parse_mlsd, parse_time

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def test_mlsd() -> None:
    block = (
        "type=cdir;modify=20260101000000; .\r\ntype=pdir; ..\r\n"
        "Type=file;Size=7;Modify=20260131235959.123;Perm=r; read me.txt\r\n"
        "type=dir;sizd=4096; deep\r\ntype=OS.unix=slink:/x; link\ntype=OS.unix=chr-1/2; tty\r\n"
    )
    assert parse_mlsd(block, "/pub") == (
        Entry("read me.txt", "/pub/read me.txt", "file", 7, datetime(2026, 1, 31, 23, 59, 59, tzinfo=UTC)),
        Entry("deep", "/pub/deep", "directory"),
        Entry("link", "/pub/link", "link"),
        Entry("tty", "/pub/tty", "other"),
    )


@pytest.mark.parametrize(
    "line", ["nospace", "type=file;size=-1; a", "type=file;size=9999999999999999999; a", "size=1e3; a"]
)
def test_malformed_mlsd(line: str) -> None:
    with pytest.raises(asyncnet.ProtocolError):
        parse_mlsd(line, "")


def test_facts_without_a_type() -> None:
    assert parse_facts("size=;modify=yesterday;", "x", "") == Entry("x", "x", "other")


def test_unix_list() -> None:
    block = (
        "total 12\r\n"
        "drwxr-xr-x    2 ftp      ftp          4096 Jan 31 10:20 pub\r\n"
        "-rw-r--r--    1 1000     1000            7 Feb 28  2025 read me\r\n"
        "-rw-r--r--+   1 owner                   7 Dec 31 23:59 last year\r\n"
        "lrwxrwxrwx    1 ftp      ftp             7 Jan  1 00:00 link -> target\r\n"
        "srwxrwxrwx    1 ftp      ftp             0 Feb 30 00:00 socket\r\n"
        "drwxr-xr-x    2 ftp      ftp          4096 Jan 31 10:20 .\r\n"
        "drwxr-xr-x    2 ftp      ftp          4096 Jan 31 10:20 ..\r\n"
    )
    assert parse_list(block, "", NOW) == (
        Entry("pub", "pub", "directory", None, datetime(2026, 1, 31, 10, 20, tzinfo=UTC)),
        Entry("read me", "read me", "file", 7, datetime(2025, 2, 28, tzinfo=UTC)),
        Entry("last year", "last year", "file", 7, datetime(2025, 12, 31, 23, 59, tzinfo=UTC)),
        Entry("link", "link", "link", None, datetime(2026, 1, 1, tzinfo=UTC)),
        Entry("socket", "socket", "other", None, None),
    )


def test_windows_list() -> None:
    block = (
        "01-31-26  10:20PM       <DIR>          pub\r\n"
        "02-28-2025  12:00AM                  7 read me\r\n"
        "02-28-99  13:05                      8 old\r\n"
        "13-45-26  10:20AM                    9 never\r\n"
    )
    assert parse_list(block, "/a", NOW) == (
        Entry("pub", "/a/pub", "directory", None, datetime(2026, 1, 31, 22, 20, tzinfo=UTC)),
        Entry("read me", "/a/read me", "file", 7, datetime(2025, 2, 28, 0, 0, tzinfo=UTC)),
        Entry("old", "/a/old", "file", 8, datetime(1999, 2, 28, 13, 5, tzinfo=UTC)),
        Entry("never", "/a/never", "file", 9, None),
    )


def test_unreadable_list_is_told() -> None:
    with pytest.raises(asyncnet.ProtocolError, match="cannot read"):
        parse_list("who knows what this is", "", NOW)


@pytest.mark.parametrize("name", ["../../x", "/etc/passwd", "a/b", "nul\0l", "car\rriage"])
def test_names_that_lead_out_of_the_folder(name: str) -> None:
    with pytest.raises(asyncnet.ProtocolError, match="leads out"):
        parse_mlsd(f"type=file; {name}\n", "")
    with pytest.raises(asyncnet.ProtocolError, match="leads out"):
        parse_list(f"-rw-r--r--    1 a     b            7 Feb 28  2025 {name}", "", NOW)


def test_no_name() -> None:
    for name in ("", ".", ".."):
        with pytest.raises(asyncnet.ProtocolError):
            parse_mlsd(f"type=file; {name}\n", "")


@pytest.mark.parametrize("text", ["", "2026", "20261301000000", "2026013100000x", "20260131000000000"])
def test_no_time(text: str) -> None:
    assert parse_time(text) is None


@pytest.mark.parametrize("parse", [parse_mlsd, lambda block, folder: parse_list(block, folder, NOW)])
def test_a_folder_without_end(parse) -> None:
    assert parse("\r\n" * 1_000_000, "/") == ()
    with pytest.raises(asyncnet.LimitExceeded, match="1,000,000 entries"):
        parse("\r\n" * 1_000_001, "/")

"""Entries of folders, from MLSD and from LIST.

Pure.  MLSD (RFC 3659 section 7) is made to be read by programs.  LIST is made for
people: it is read as Unix and Windows servers write it, and what cannot be read
is told, not guessed.  A name is one name: what would lead out of its folder is
the server's breach of the protocol.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeAlias

from ..errors import LimitExceeded, ProtocolError

__all__ = ["Entry", "Kind", "parse_facts", "parse_list", "parse_mlsd"]

Kind: TypeAlias = Literal["file", "directory", "link", "other"]

_UNIX = re.compile(
    r"(?P<kind>[-dlbcps])[-rwxsStTl]{9}[+.@]?\s+\d+\s+\S+\s+(?:\S+\s+)?(?P<size>\d+)\s+"
    r"(?P<month>[A-Z][a-z]{2})\s+(?P<day>\d{1,2})\s+(?P<when>\d{1,2}:\d{2}|\d{4})\s(?P<name>.+)"
)
_WINDOWS = re.compile(
    r"(?P<month>\d\d)-(?P<day>\d\d)-(?P<year>\d{2,4})\s+(?P<hour>\d\d):(?P<minute>\d\d)(?P<half>[AP]M)?\s+"
    r"(?:(?P<folder><DIR>)|(?P<size>\d+))\s+(?P<name>.+)"
)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_KINDS: dict[str, Kind] = {"-": "file", "d": "directory", "l": "link"}
_MAX_SIZE = 1 << 63
_MOST = 1_000_000  # lines of a listing: short ones would take many times their bytes as entries


@dataclass(frozen=True, slots=True)
class Entry:
    """One file or folder on the server.

    Attributes:
        name: its last part, never with a slash.
        path: the whole, as the server takes it.
        kind: ``"file"``, ``"directory"``, ``"link"`` or ``"other"``.
        size: in bytes, ``None`` where the server does not say.
        modified: when it was changed, in UTC; ``None`` where the server does not say.
    """

    name: str
    path: str
    kind: Kind
    size: int | None = None
    modified: datetime | None = None


def parse_mlsd(block: str, folder: str) -> tuple[Entry, ...]:
    """The entries of a folder; the folder itself and its parent are left out.

    Raises:
        ProtocolError: a line is malformed, or a name leads out of the folder.
    """
    entries = []
    for line in _lines(block):
        facts, space, name = line.partition(" ")
        if not space:
            raise ProtocolError(f"malformed MLSD line {line[:60]!r}")
        if _fact(facts, "type") not in ("cdir", "pdir"):
            entries.append(parse_facts(facts, _checked(name), folder))
    return tuple(entries)


def parse_facts(facts: str, name: str, folder: str) -> Entry:
    """The entry that RFC 3659 facts, such as ``type=file;size=7;``, describe."""
    kind = _fact(facts, "type")
    size = _fact(facts, "size")
    modified = parse_time(_fact(facts, "modify"))
    return Entry(name, posixpath.join(folder, name), _kind(kind), _size(size) if size else None, modified)


def _kind(fact: str) -> Kind:
    if fact == "file":
        return "file"
    if fact in ("dir", "cdir", "pdir"):
        return "directory"
    return "link" if "link" in fact else "other"


def parse_list(block: str, folder: str, now: datetime) -> tuple[Entry, ...]:
    """The entries of a LIST as Unix or Windows servers write it.

    Args:
        block: what the server sent.
        folder: what was listed.
        now: for dates without a year, which lie within the last twelve months.
    """
    entries = []
    for line in _lines(block):
        if re.fullmatch(r"total \d+", line):
            continue
        if match := _UNIX.fullmatch(line):
            name = match["name"]
            if match["kind"] == "l":
                name = name.partition(" -> ")[0]
            kind = _KINDS.get(match["kind"], "other")
            size = _size(match["size"]) if kind == "file" else None
            modified = _unix_time(match, now)
        elif match := _WINDOWS.fullmatch(line):
            name = match["name"]
            kind = "directory" if match["folder"] else "file"
            size = None if match["folder"] else _size(match["size"])
            modified = _windows_time(match)
        else:
            raise ProtocolError(f"cannot read the LIST line {line[:60]!r}")
        if name not in (".", ".."):
            name = _checked(name)
            entries.append(Entry(name, posixpath.join(folder, name), kind, size, modified))
    return tuple(entries)


def parse_time(text: str) -> datetime | None:
    """A time such as ``20260131235959.123`` (RFC 3659 section 2.3); ``None`` for what is none."""
    digits = text.partition(".")[0]
    if len(digits) != 14 or not (digits.isascii() and digits.isdigit()):
        return None
    try:
        return datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None


def _lines(block: str) -> list[str]:
    if block.count("\n") > _MOST:
        raise LimitExceeded(f"more than {_MOST:,} entries in a folder")
    return [line for line in (line.removesuffix("\r") for line in block.split("\n")) if line]


def _fact(facts: str, name: str) -> str:
    for fact in facts.split(";"):
        key, _, value = fact.partition("=")
        if key.lower() == name:
            return value.lower()
    return ""


def _checked(name: str) -> str:
    if not name or name in (".", "..") or "/" in name or "\0" in name or "\r" in name:
        raise ProtocolError(f"the server gave the name {name[:60]!r}, which leads out of its folder")
    return name


def _size(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 19 or int(text) >= _MAX_SIZE:
        raise ProtocolError(f"the server gave the size {text[:30]!r}")
    return int(text)


def _unix_time(match: re.Match[str], now: datetime) -> datetime | None:
    try:
        month, day = _MONTHS.index(match["month"]) + 1, int(match["day"])
        if ":" not in match["when"]:
            return datetime(int(match["when"]), month, day, tzinfo=UTC)
        hour, minute = map(int, match["when"].split(":"))
        modified = datetime(now.year, month, day, hour, minute, tzinfo=UTC)
        # A day's grace: the server's clock and time zone are its own.
        return modified if modified <= now + timedelta(days=1) else modified.replace(year=now.year - 1)
    except ValueError:
        return None


def _windows_time(match: re.Match[str]) -> datetime | None:
    year = int(match["year"])
    year += 0 if year >= 100 else 2000 if year < 70 else 1900
    hour = int(match["hour"])
    if match["half"]:
        hour = hour % 12 + (12 if match["half"] == "PM" else 0)
    try:
        return datetime(year, int(match["month"]), int(match["day"]), hour, int(match["minute"]), tzinfo=UTC)
    except ValueError:
        return None

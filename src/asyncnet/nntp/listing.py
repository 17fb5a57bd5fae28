"""What a news server lists: groups, overviews, numbers, times.

Pure.  RFC 3977 sections 6.1, 7 and 8.  Numbers go up to 2,147,483,647 in the RFC,
up to 18 digits here; anything else that calls itself a number breaks the protocol.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.errors import HeaderParseError
from email.header import decode_header, make_header

from ..core.lines import split_lines
from ..core.read_only import ReadOnly
from ..errors import ProtocolError
from .article import Stat

__all__ = [
    "Group", "Overview", "decode", "format_time", "parse_active", "parse_capabilities", "parse_date", "parse_group",
    "parse_headers", "parse_numbers", "parse_overviews", "parse_stat",
]  # fmt: skip

_GROUP = re.compile(r"([0-9]{1,18}) ([0-9]{1,18}) ([0-9]{1,18})(?: (\S+))?(?: .*)?")
_ACTIVE = re.compile(r"(\S+)[ \t]+([0-9]{1,18})[ \t]+([0-9]{1,18})(?:[ \t]+(\S+))?[ \t]*")
_STAT = re.compile(r"([0-9]{1,18})[ \t]+(<[!-;=?-~]{1,248}>)(?:\s.*)?")
_NUMBER = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Group:
    """A newsgroup.

    Attributes:
        name: such as ``"comp.lang.python"``.
        count: about how many articles there are.
        first: the lowest number.
        last: the highest number; below ``first`` if there is none.
        status: ``"y"`` for posting, ``"n"`` for none, ``"m"`` for moderated; ``None`` where it was not told.
    """

    name: str
    count: int
    first: int
    last: int
    status: str | None = None


@dataclass(frozen=True, slots=True)
class Overview:
    """What a reader shows of an article before it is fetched (RFC 3977 section 8.3).

    Attributes:
        number: in the group.
        subject: decoded.
        sender: the From header, decoded.
        date: as the article says it.
        message_id: with its angle brackets.
        references: the ids of what it answers, the oldest first.
        size: its bytes; ``None`` where the server does not know.
        lines: of its body; ``None`` where the server does not know.
        others: more headers by their names in small letters, such as ``"xref"``.
    """

    number: int
    subject: str
    sender: str
    date: str
    message_id: str
    references: tuple[str, ...] = ()
    size: int | None = None
    lines: int | None = None
    others: Mapping[str, str] = field(default_factory=lambda: ReadOnly({}), repr=False)


def parse_group(text: str, asked: str) -> Group:
    """The answer to GROUP."""
    match = _GROUP.fullmatch(text)
    if match is None:
        raise ProtocolError(f"not an answer to GROUP: {text[:60]!r}")
    return Group(asked, int(match[1]), int(match[2]), int(match[3]))


def parse_active(block: bytes) -> list[Group]:
    """The lines of LIST ACTIVE and NEWGROUPS: name, highest, lowest, status."""
    groups = []
    for line in lines_of(block):
        match = _ACTIVE.fullmatch(line)
        if match is None:
            raise ProtocolError(f"not a line of LIST ACTIVE: {line[:60]!r}")
        first, last = int(match[3]), int(match[2])
        groups.append(Group(match[1], max(0, last - first + 1) if last else 0, first, last, match[4]))
    return groups


def parse_stat(text: str, asked: int | str | None) -> Stat:
    """What the first line of an answer says of its article.

    Raises:
        ProtocolError: it is another one than was asked for.
    """
    match = _STAT.fullmatch(text)
    if match is None:
        # Some servers say less than they should; the order of the answers is enough to know which it is.
        if asked is None:
            raise ProtocolError(f"neither number nor id of an article: {text[:60]!r}")
        return Stat(asked, "") if isinstance(asked, int) else Stat(None, asked)
    number, message_id = int(match[1]), match[2]
    if isinstance(asked, int) and number != asked:
        raise ProtocolError(f"asked for article {asked} and got {number}")
    if isinstance(asked, str) and message_id != asked:
        raise ProtocolError(f"asked for {asked} and got {message_id}")
    return Stat(None if isinstance(asked, str) else number, message_id)


def parse_numbers(block: bytes) -> list[int]:
    """The lines of LISTGROUP."""
    return [_number(line.strip()) for line in lines_of(block)]


def parse_overviews(block: bytes, first: int, last: int) -> list[Overview]:
    """The lines of OVER for a range of numbers."""
    _check_count(block, first, last)
    return [_overview(line, first, last) for line in lines_of(block)]


def _check_count(block: bytes, first: int, last: int) -> None:
    """Refuse more lines than articles were asked for, before anything is made of them."""
    if block.count(b"\n") > last - first + 1:
        raise ProtocolError(f"more lines than there are articles {first}-{last}")


def _overview(line: str, first: int, last: int) -> Overview:
    fields = line.split("\t")
    number = _number(fields[0])
    if not first <= number <= last or len(fields) < 6:
        raise ProtocolError(f"not an overview of articles {first}-{last}: {line[:60]!r}")
    others: dict[str, str] = {}
    for extra in fields[8:]:
        # RFC 3977 section 8.4.2: what is more than the seven comes with its name.
        name, colon, value = extra.partition(":")
        if colon:
            others[name.strip().lower()] = value.strip()
    return Overview(
        number, decode(fields[1]), decode(fields[2]), fields[3], fields[4], tuple(fields[5].split()),
        _maybe_number(fields, 6), _maybe_number(fields, 7), ReadOnly(others),
    )  # fmt: skip


def parse_headers(block: bytes, first: int, last: int) -> list[tuple[int, str]]:
    """The lines of HDR for a range of numbers."""
    _check_count(block, first, last)
    found = []
    for line in lines_of(block):
        word, _, value = line.partition(" ")
        number = _number(word)
        if not first <= number <= last:
            raise ProtocolError(f"not a header of articles {first}-{last}: {line[:60]!r}")
        found.append((number, decode(value)))
    return found


def parse_capabilities(block: bytes) -> dict[str, tuple[str, ...]]:
    """What CAPABILITIES offers: each label in capitals, with its arguments (RFC 3977 section 5.2)."""
    found: dict[str, tuple[str, ...]] = {}
    for line in lines_of(block):
        words = line.upper().split()
        if words:
            found[words[0]] = tuple(words[1:])
    return found


def parse_date(text: str) -> datetime:
    """The answer to DATE: yyyymmddhhmmss, in UTC."""
    try:
        if not re.fullmatch(r"[0-9]{14}", text.strip()):
            raise ValueError(text)
        return datetime.strptime(text.strip(), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        raise ProtocolError(f"not a date: {text[:60]!r}") from None


def format_time(since: datetime) -> tuple[str, str, str]:
    """A time as NEWNEWS and NEWGROUPS take it.

    Raises:
        TypeError: it is no `datetime`.
        ValueError: it has no time zone.
    """
    if not isinstance(since, datetime):
        raise TypeError(f"since must be a datetime, not {type(since).__name__}")
    if since.tzinfo is None:
        raise ValueError("since needs a time zone, such as datetime.now(UTC)")
    moment = since.astimezone(UTC)
    return f"{moment.year:04}{moment:%m%d}", f"{moment:%H%M%S}", "GMT"


def lines_of(block: bytes) -> Iterator[str]:
    """The lines of a block as text: UTF-8 (RFC 3977 section 3.2), or Latin-1, which is never wrong."""
    for line in split_lines(block):
        try:
            yield line.decode()
        except UnicodeDecodeError:
            yield line.decode("latin-1")


def decode(text: str) -> str:
    """Decode the encoded words of a header (RFC 2047); what is none is left as it is."""
    if "=?" not in text:
        return text
    try:
        return str(make_header(decode_header(text)))
    except (HeaderParseError, LookupError, ValueError):
        return text


def _number(text: str) -> int:
    if _NUMBER.fullmatch(text) is None:
        raise ProtocolError(f"not an article number: {text[:60]!r}")
    return int(text)


def _maybe_number(fields: list[str], index: int) -> int | None:
    text = fields[index].strip() if index < len(fields) else ""
    return int(text) if _NUMBER.fullmatch(text) else None

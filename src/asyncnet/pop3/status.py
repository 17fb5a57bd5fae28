"""What a POP3 server says: status lines, numbers, lists, capabilities.

Pure.  RFC 1939 section 3; response codes of RFC 2449 section 8, such as ``[AUTH]``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..core.lines import split_lines
from ..errors import ProtocolError

__all__ = ["Item", "Status", "parse_capabilities", "parse_numbers", "parse_sizes", "parse_status", "parse_uids"]

_CODE = re.compile(r"\[([A-Za-z0-9/-]{1,40})\] ?")
_SIZE = re.compile(rb"([0-9]{1,18})(?: ([0-9]{1,18}))?(?: .*)?")
_UID = re.compile(rb"([0-9]{1,18}) ([!-~]{1,255})[ \t]*")
_STAMP = re.compile(r"<[!-;=?-~]+@[!-;=?-~]+>")


@dataclass(frozen=True, slots=True)
class Item:
    """One message of a maildrop, as `Client.list` tells of it.

    Attributes:
        number: its number in this session, from 1.
        size: its bytes, as the server counts them.
        uid: what names it in every session; ``None`` if the server has no such names.
    """

    number: int
    size: int
    uid: str | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """A status line.

    Attributes:
        ok: whether it was ``+OK``, or ``+`` with a challenge.
        text: the server's words, without the code.
        code: the response code without its brackets, ``None`` without one.
        challenge: whether the server wants more from us (RFC 5034 section 4).
    """

    ok: bool
    text: str
    code: str | None = None
    challenge: bool = False

    def __str__(self) -> str:
        code = "" if self.code is None else f"[{self.code}] "
        return f"{'+OK' if self.ok else '-ERR'} {code}{self.text}".rstrip()

    @property
    def stamp(self) -> str | None:
        """The timestamp of a greeting that APOP is made with (RFC 1939 section 7)."""
        found = _STAMP.search(self.text)
        return None if found is None else found.group()


def parse_status(line: bytes) -> Status:
    """Parse a status line, given without its end.

    Raises:
        ProtocolError: it is none.
    """
    word, _, rest = line.partition(b" ")
    if b"\0" in line or b"\r" in line or word.upper() not in (b"+OK", b"-ERR", b"+"):
        raise ProtocolError(f"not a POP3 reply: {line[:60].decode('latin-1')!r}")
    try:
        text = rest.decode()
    except UnicodeDecodeError:
        text = rest.decode("latin-1")
    if word == b"+":
        return Status(True, text, challenge=True)
    code = _CODE.match(text)
    if code is None:
        return Status(word.upper() == b"+OK", text)
    return Status(word.upper() == b"+OK", text[code.end() :], code[1].upper())


def parse_numbers(text: str) -> tuple[int, int]:
    """The count and the bytes that STAT tells.

    Raises:
        ProtocolError: they are no such numbers.
    """
    match = _SIZE.fullmatch(text.encode("utf-8", "surrogateescape"))
    if match is None or match[2] is None:
        raise ProtocolError(f"not a count and a size: {text[:60]!r}")
    return int(match[1]), int(match[2])


def parse_sizes(block: bytes) -> dict[int, int]:
    """The sizes that LIST tells, by message number.

    Raises:
        ProtocolError: a line is none of a list, or a number comes twice.
    """
    sizes: dict[int, int] = {}
    for line in split_lines(block):
        match = _SIZE.fullmatch(line)
        if match is None or match[2] is None:
            raise ProtocolError(f"not a line of LIST: {line[:60].decode('latin-1')!r}")
        _add(sizes, int(match[1]), int(match[2]))
    return sizes


def parse_uids(block: bytes) -> dict[int, str]:
    """The names that UIDL tells, by message number.

    Raises:
        ProtocolError: a line is none of a list, or a number comes twice.
    """
    uids: dict[int, str] = {}
    for line in split_lines(block):
        match = _UID.fullmatch(line)
        if match is None:
            raise ProtocolError(f"not a line of UIDL: {line[:60].decode('latin-1')!r}")
        _add(uids, int(match[1]), match[2].decode("ascii"))
    return uids


def _add(found: dict[int, int] | dict[int, str], number: int, value: int | str) -> None:
    if number < 1 or number in found:
        raise ProtocolError(f"the server lists message {number} twice, or there is no such number")
    found[number] = value  # type: ignore[assignment]  # the callers see to it that the two are of one kind


def parse_capabilities(block: bytes) -> dict[str, tuple[str, ...]]:
    """What CAPA offers: each capability in capitals, with its arguments (RFC 2449 section 5)."""
    found: dict[str, tuple[str, ...]] = {}
    for line in split_lines(block):
        words = line.decode("ascii", "replace").split()
        if words:
            found[words[0].upper()] = tuple(words[1:])
    return found

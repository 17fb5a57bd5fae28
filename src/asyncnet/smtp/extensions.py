"""What a server says it can: the keywords of its reply to EHLO.

Source: RFC 5321 section 4.1.1.1 (keywords), RFC 1870 (SIZE), RFC 4954 (AUTH), RFC 9422 (LIMITS)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ..core.read_only import ReadOnly

__all__ = ["NO_EXTENSIONS", "Extensions", "parse_extensions"]

_MAX_DIGITS = 20  # RFC 1870 section 4: a size has at most so many


@dataclass(frozen=True, slots=True)
class Extensions:
    """The server's extensions; empty after HELO.

    Attributes:
        keywords: keyword in upper case to its parameters, ``""`` for none.
        mechanisms: the SASL mechanisms of AUTH, in upper case.
        size: the most octets a message may have, ``None`` if the server names no limit.
        max_recipients: recipients a transaction may have, ``None`` if not said.
        max_messages: transactions a connection may have, ``None`` if not said.
        pipelining, eight_bit, utf8, dsn, starttls: whether the server offers them.
    """

    keywords: Mapping[str, str] = field(default_factory=lambda: ReadOnly({}))
    mechanisms: tuple[str, ...] = ()
    size: int | None = None
    max_recipients: int | None = None
    max_messages: int | None = None
    pipelining: bool = False
    eight_bit: bool = False
    utf8: bool = False
    dsn: bool = False
    starttls: bool = False


NO_EXTENSIONS = Extensions()


def parse_extensions(lines: Iterable[str]) -> Extensions:
    """Read the lines of a reply to EHLO after the first, which is the server's name.

    What does not look like a keyword is passed over: it only means that we do
    not know an extension.  ``AUTH=LOGIN``, an old spelling, counts as AUTH.
    """
    keywords: dict[str, str] = {}
    mechanisms: dict[str, None] = {}  # a set that keeps its order
    for line in lines:
        keyword, _, parameters = line.strip().partition(" ")
        keyword = keyword.upper()
        if keyword.startswith("AUTH="):
            keyword, parameters = "AUTH", f"{keyword[5:]} {parameters}"
        if not keyword or not keyword[0].isalnum():
            continue
        if keyword == "AUTH":
            mechanisms |= dict.fromkeys(parameters.upper().split())
            parameters = " ".join(mechanisms)
        keywords[keyword] = parameters.strip()
    limits = _limits(keywords.get("LIMITS", ""))
    return Extensions(
        keywords=ReadOnly(keywords),
        mechanisms=tuple(mechanisms),
        size=_number(keywords.get("SIZE", "")),
        max_recipients=limits.get("RCPTMAX"),
        max_messages=limits.get("MAILMAX"),
        pipelining="PIPELINING" in keywords,
        eight_bit="8BITMIME" in keywords,
        utf8="SMTPUTF8" in keywords,
        dsn="DSN" in keywords,
        starttls="STARTTLS" in keywords,
    )


def _number(text: str) -> int | None:
    """A positive number; ``None`` for what is none: 0 means no limit (RFC 1870 section 3)."""
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS):
        return None
    return int(text) or None


def _limits(parameters: str) -> dict[str, int]:
    """Read ``MAILMAX=10 RCPTMAX=100`` (RFC 9422 section 3)."""
    limits = {}
    for item in parameters.upper().split():
        name, _, value = item.partition("=")
        number = _number(value)
        if number is not None:
            limits[name] = number
    return limits

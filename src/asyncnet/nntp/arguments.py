"""What a caller may name: articles, groups, patterns, numbers; checked before any I/O.

Pure.  RFC 3977 sections 3.6 and 9.8.
"""

from __future__ import annotations

import re

from ..core.address import check_text

__all__ = ["check_article", "check_count", "check_limit", "check_range", "check_word"]

_MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,248}>")
_MAX_NUMBER = 10**18 - 1


def check_article(wanted: int | str, name: str = "article") -> str:
    """A number, or a message id with its angle brackets, as a command takes it."""
    if isinstance(wanted, str):
        if _MESSAGE_ID.fullmatch(wanted) is None:
            # Not "one is added": an id without brackets is likely something else.
            raise ValueError(f"{name} must be a number or a message id such as <id@example.org>, not {wanted[:60]!r}")
        return wanted
    if not 0 < check_count(wanted, name) <= _MAX_NUMBER:
        raise ValueError(f"{name} must be at least 1, not {wanted}")
    return str(wanted)


def check_word(text: str, name: str) -> str:
    """A group's name, a pattern or a keyword: no spaces, or it would be two."""
    check_text(text, name)
    if not text or any(character.isspace() or not character.isprintable() for character in text):
        raise ValueError(f"{name} must be one word, not {text[:60]!r}")
    return text


def check_range(first: int | None, last: int | None) -> None:
    """The ends of a range of article numbers, ``None`` for the group's own."""
    for value, name in ((first, "first"), (last, "last")):
        if value is not None and not 0 <= check_count(value, name) <= _MAX_NUMBER:
            raise ValueError(f"{name} must not be negative, not {value}")


def check_count(value: int, name: str) -> int:
    """A number that is one."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be an int, not {type(value).__name__}")
    return value


def check_limit(max_bytes: int) -> None:
    """A limit in bytes."""
    if check_count(max_bytes, "max_bytes") < 1:
        raise ValueError(f"max_bytes must be at least 1, not {max_bytes}")

"""Byte ranges (RFC 9110 section 14), and which validators may join two parts (section 13.1.5)."""

from __future__ import annotations

import email.utils
import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import ProtocolError
from .headers import parse_parameters

__all__ = ["ContentRange", "check_range", "parse_content_range", "split_ranges", "strong_validator"]

_CONTENT_RANGE = re.compile(r"bytes\s+(?:([0-9]{1,18})-([0-9]{1,18})|\*)/(?:([0-9]{1,18})|\*)", re.IGNORECASE)

# RFC 9110 section 8.8.2.2: a date is a strong validator if it is clearly older than the response.
_CLEARLY_OLDER = 60.0


@dataclass(frozen=True, slots=True)
class ContentRange:
    """A ``Content-Range``: first and last byte, ``None`` where unsatisfied; the total, ``None`` if unknown."""

    first: int | None
    last: int | None
    total: int | None


def parse_content_range(value: str) -> ContentRange:
    """Parse the field.

    Raises:
        ProtocolError: it is malformed, or contradicts itself.
    """
    match = _CONTENT_RANGE.fullmatch(value.strip())
    if match is None:
        raise ProtocolError(f"malformed Content-Range {value!r}")
    first, last, total = (None if part is None else int(part) for part in match.groups())
    if first is not None and last is not None and (last < first or (total is not None and last >= total)):
        raise ProtocolError(f"impossible Content-Range {value!r}")
    return ContentRange(first, last, total)


def strong_validator(headers: Mapping[str, str]) -> str | None:
    """What ``If-Range`` may hold: a strong entity tag, or a date that is old enough; ``None`` if there is neither."""
    tag = headers.get("ETag", "")
    if tag:
        return tag if tag.startswith('"') and tag.endswith('"') and len(tag) > 2 else None
    modified, date = headers.get("Last-Modified", ""), headers.get("Date", "")
    try:
        age = email.utils.parsedate_to_datetime(date) - email.utils.parsedate_to_datetime(modified)
    except (ValueError, TypeError):  # absent, no date, or one with a zone and one without
        return None
    return modified if age.total_seconds() >= _CLEARLY_OLDER else None


def split_ranges(total: int, parts: int, least: int) -> list[tuple[int, int]]:
    """Split ``total`` bytes into at most ``parts`` ranges (start, end) of at least ``least`` bytes each."""
    parts = max(1, min(parts, total // least))
    bounds = [total * index // parts for index in range(parts + 1)]
    return list(itertools.pairwise(bounds))


def check_range(headers: Mapping[str, str], length: int | None, start: int) -> int | None:
    """Check that a 206 gives the content from ``start``; return the total, ``None`` if it is unknown.

    Raises:
        ProtocolError: it gives something else.
    """
    if parse_parameters(headers.get("Content-Type", ""))[0] == "multipart/byteranges":
        raise ProtocolError("several ranges in the answer to one", phase="request")
    given = parse_content_range(headers.get("Content-Range", ""))
    if given.first is None or given.last is None or given.first != start:
        raise ProtocolError(f"asked for the content from byte {start}, got it from {given.first}", phase="request")
    if length is not None and length != given.last - start + 1:
        raise ProtocolError("Content-Range and Content-Length contradict each other", phase="request")
    return given.total

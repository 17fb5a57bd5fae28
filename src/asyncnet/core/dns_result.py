"""What became of one question: an `Answer` or a `Failure`.

Pure.  An answer section may hold anything - other owners, other types, other
classes, aliases in a circle - and only what follows from the question counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..errors import AsyncNetError, Attempt, NameNotFound, NoData
from .dns_answer import Answer
from .dns_records import rank

__all__ = ["Failure", "Row", "collect", "tidy"]

_MAX_ALIASES = 16  # a chain of CNAMEs that is longer is an accident or an attack

_MAX_TTL = 0x7FFFFFFF  # RFC 2181 section 8: what is more than this is to be read as 0


class Row(NamedTuple):
    """One record of class IN from the answer section.

    Attributes:
        owner: its name, without the final dot, in small letters.
        type: the name of its type.
        ttl: seconds, as sent.
        record: the record.
    """

    owner: str
    type: str
    ttl: int
    record: Any


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no answer.

    One failure may be told to a thousand askers, and each needs an exception
    of its own: raising one instance twice mixes up the tracebacks.

    Attributes:
        kind: the class of the exception.
        message: its message.
        cause: the engine's own exception.
        attempts: what was asked.
    """

    kind: type[AsyncNetError]
    message: str
    cause: BaseException | None = None
    attempts: tuple[Attempt, ...] = ()

    @property
    def negative(self) -> bool:
        """Whether it is an answer too, and may be kept (RFC 2308)."""
        return self.kind in (NameNotFound, NoData)

    def error(self) -> AsyncNetError:
        """A new exception that tells it."""
        error = self.kind(self.message, phase="resolve", attempts=self.attempts)
        error.__cause__ = self.cause
        return error


def tidy(name: str) -> str:
    """A name as the answers' owners are compared: small letters, no final dot; the root is ``"."``."""
    return name.rstrip(".").lower() or "."


def collect(name: str, type: str, rows: Sequence[Row]) -> Answer[Any]:
    """The records of that name, through its aliases, and of that type; there may be none.

    Raises:
        ValueError: the aliases go round in a circle, or do not end.
    """
    if len(rows) == 1 and rows[0].type == type and rows[0].owner == name:
        (row,) = rows  # by far the most frequent answer
        return Answer(name, type, (row.record,), name, 0 if row.ttl > _MAX_TTL else row.ttl)
    found: dict[str, list[Row]] = {}
    aliases: dict[str, Row] = {}
    for row in rows:
        if row.type == type:
            found.setdefault(row.owner, []).append(row)
        elif row.type == "CNAME":
            aliases.setdefault(row.owner, row)
    owner = tidy(name)
    lifetimes = []
    while owner not in found and owner in aliases:
        alias = aliases[owner]
        lifetimes.append(alias.ttl)
        owner = tidy(alias.record.target)
        if len(lifetimes) > _MAX_ALIASES:
            raise ValueError(f"the aliases of {name} do not end")
    chosen = found.get(owner, [])
    lifetimes += [row.ttl for row in chosen]
    ttl = min((0 if lifetime > _MAX_TTL else lifetime for lifetime in lifetimes), default=0)
    # RFC 2181 section 5: a set holds no record twice.
    records = tuple(dict.fromkeys(row.record for row in chosen))
    if len(records) > 1:
        records = tuple(sorted(records, key=rank))
    return Answer(tidy(name), type, records, owner, ttl)

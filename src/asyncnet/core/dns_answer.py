"""What a lookup gives: the records of one name and type.

Pure.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar, overload

__all__ = ["Answer"]

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Answer(Sequence[R], Generic[R]):
    """The records of one name and type: a sequence of them.

    Those that carry a preference or priority are sorted by it, the one to try first in front.

    Attributes:
        name: the name that was found, in its ASCII form; with a search list it may be longer than the one asked for.
        type: the record type, such as ``"MX"``.
        records: the records.
        canonical_name: the name that holds the records, behind all aliases (CNAME).
        ttl: seconds for which the answer may still be kept.

    Example:
        >>> answer = Answer("example.org", "TXT", ("one", "two"), "example.org", 300)
        >>> answer[0], len(answer)
        ('one', 2)
    """

    name: str
    type: str
    records: tuple[R, ...]
    canonical_name: str
    ttl: int

    @overload
    def __getitem__(self, index: int) -> R: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[R, ...]: ...

    def __getitem__(self, index: int | slice) -> R | tuple[R, ...]:
        return self.records[index]

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[R]:
        return iter(self.records)

    def __str__(self) -> str:
        """The records as lines of a zone file."""
        return "\n".join(f"{self.canonical_name}. {self.ttl} IN {self.type} {record}" for record in self.records)

    def __repr__(self) -> str:
        alias = "" if self.canonical_name == self.name else f" = {self.canonical_name}"
        shown = ", ".join(map(str, self.records[:5])) + (", ..." if len(self.records) > 5 else "")
        return f"<Answer {self.name}{alias} {self.type}, ttl {self.ttl}: {shown}>"

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr><td><code>{html.escape(str(record))}</code></td></tr>" for record in self.records)
        caption = html.escape(f"{self.canonical_name} {self.type}, ttl {self.ttl}")
        return f"<table><caption>{caption}</caption>{rows}</table>"

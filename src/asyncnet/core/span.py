"""One line of a trace: a thing that took time, and what it was made of.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Span"]


@dataclass(slots=True, eq=False)
class Span:
    """One thing that took time.

    Attributes:
        name: ``"http fetch"`` for an operation; below it the layer or phase, such
            as ``"resolve"``, ``"connect"``, ``"attempt"``, ``"tls"``, ``"transfer"``.
        started: seconds since the trace began.
        ended: seconds since the trace began, ``None`` while it runs.
        depth: 0 for an operation, one more with each level below it.
        attributes: addresses, byte counts and the like; never a secret.
        error: the failure in one line, ``None`` if there was none.
        children: the spans below it, in the order of their beginnings.
    """

    name: str
    started: float
    ended: float | None = None
    depth: int = 0
    attributes: dict[str, Any] = field(default_factory=dict)
    error: str | None = None
    children: list[Span] = field(default_factory=list, repr=False)
    _kept: bool = field(default=True, init=False, repr=False)  # False: the trace was full, as for all below it

    @property
    def elapsed(self) -> float:
        """Seconds from start to end; 0.0 while it runs."""
        return 0.0 if self.ended is None else self.ended - self.started

    def walk(self) -> Iterator[Span]:
        """This span, then all below it, each before its children."""
        yield self
        for child in self.children:
            yield from child.walk()

"""One line of a trace: a thing that took time, and what it was made of.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

__all__ = ["Span"]


class Span:
    """One thing that took time.

    Attributes:
        name: ``"http fetch"`` for an operation; below it the layer or phase, such
            as ``"resolve"``, ``"connect"``, ``"attempt"``, ``"tls"``, ``"transfer"``.
        started: seconds since the trace began.
        ended: seconds since the trace began, ``None`` while it runs.
        depth: 0 for an operation, one more with each level below it.
        error: the failure in one line, ``None`` if there was none.
    """

    # A trace keeps thousands of these, and what each of them holds is most of what tracing costs: memory
    # touched for the first time, and garbage collections.  So siblings are linked instead of listed.
    __slots__ = (
        "_attributes", "_first", "_kept", "_last", "_next", "_peer", "depth", "ended", "error", "name", "started",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        started: float,
        ended: float | None = None,
        depth: int = 0,
        attributes: dict[str, Any] | None = None,
        error: str | None = None,
        children: Iterable[Span] = (),
        peer: str | None = None,
    ) -> None:
        self.name = name
        self.started = started
        self.ended = ended
        self.depth = depth
        self.error = error
        self._attributes = attributes
        self._peer = peer  # becomes an attribute when somebody looks
        self._first: Span | None = None
        self._last: Span | None = None
        self._next: Span | None = None
        self._kept = True  # False: the trace was full, as for all below it
        if children:
            for child in children:
                self._add(child)

    @property
    def attributes(self) -> dict[str, Any]:
        """Addresses, byte counts and the like; never a secret."""
        if self._attributes is None:
            self._attributes = {} if self._peer is None else {"peer": self._peer}
        return self._attributes

    @property
    def elapsed(self) -> float:
        """Seconds from start to end; 0.0 while it runs."""
        return 0.0 if self.ended is None else self.ended - self.started

    @property
    def children(self) -> list[Span]:
        """The spans below it, in the order of their beginnings."""
        found = []
        child = self._first
        while child is not None:
            found.append(child)
            child = child._next
        return found

    def walk(self) -> Iterator[Span]:
        """This span, then all below it, each before its children."""
        found: list[Span] = []
        self._collect(found)
        return iter(found)

    def _add(self, child: Span) -> None:
        if self._last is None:
            self._first = child
        else:
            self._last._next = child
        self._last = child

    def _collect(self, found: list[Span]) -> None:
        found.append(self)
        child = self._first
        while child is not None:
            child._collect(found)
            child = child._next

    def __repr__(self) -> str:
        state = "running" if self.ended is None else f"{1000 * self.elapsed:.2f} ms"
        details = "".join(f", {name}={value!r}" for name, value in self.attributes.items())
        return f"<Span {self.name}: {state}{details}{f', failed: {self.error}' if self.error else ''}>"

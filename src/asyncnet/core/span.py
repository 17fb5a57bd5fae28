"""One line of a trace: a thing that took time, and what it was made of.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
        attributes: addresses, byte counts and the like; never a secret.
        error: the failure in one line, ``None`` if there was none.
    """

    # Thousands of these are kept by a trace: what each of them holds is what tracing costs, most of all
    # in collections of garbage.  So no dataclass with a list in each, where most have no children.
    __slots__ = ("_children", "_kept", "attributes", "depth", "ended", "error", "name", "started")

    def __init__(
        self,
        name: str,
        started: float,
        ended: float | None = None,
        depth: int = 0,
        attributes: dict[str, Any] | None = None,
        error: str | None = None,
        children: list[Span] | None = None,
    ) -> None:
        self.name = name
        self.started = started
        self.ended = ended
        self.depth = depth
        self.attributes = {} if attributes is None else attributes
        self.error = error
        self._children = children
        self._kept = True  # False: the trace was full, as for all below it

    @property
    def elapsed(self) -> float:
        """Seconds from start to end; 0.0 while it runs."""
        return 0.0 if self.ended is None else self.ended - self.started

    @property
    def children(self) -> Sequence[Span]:
        """The spans below it, in the order of their beginnings."""
        return self._children or ()

    def walk(self) -> Iterator[Span]:
        """This span, then all below it, each before its children."""
        found: list[Span] = []
        self._collect(found)
        return iter(found)

    def _collect(self, found: list[Span]) -> None:
        found.append(self)
        if self._children is not None:
            for child in self._children:
                child._collect(found)

    def __repr__(self) -> str:
        state = "running" if self.ended is None else f"{1000 * self.elapsed:.2f} ms"
        details = "".join(f", {name}={value!r}" for name, value in self.attributes.items())
        return f"<Span {self.name}: {state}{details}{f', failed: {self.error}' if self.error else ''}>"

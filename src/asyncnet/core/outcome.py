"""What becomes of one item of a ``*_many`` call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

__all__ = ["Outcome"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """One item's result or error; exactly one of ``value`` and ``error`` counts.

    Attributes:
        item: what was asked, as it came from the caller's iterable.
        value: the result, ``None`` if there was an error.
        error: the exception that the single call would have raised, or ``None``.
        elapsed: seconds this item took, its waiting for a free place excluded.

    Example:
        >>> Outcome("example.org", value=4).ok
        True
    """

    item: Any
    value: T | None = None
    error: Exception | None = None
    elapsed: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether there was no error."""
        return self.error is None

    def unwrap(self) -> T:
        """Return the value, or raise the error."""
        if self.error is not None:
            raise self.error
        return self.value  # type: ignore[return-value]  # no error means that there is a value

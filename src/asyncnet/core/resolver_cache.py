"""A bounded cache whose entries end.

Pure: it is told the time.  What was used longest ago goes first when it is full.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

__all__ = ["Entry", "ResolverCache"]

V = TypeVar("V")


@dataclass(slots=True)
class Entry(Generic[V]):
    """One value and its life.

    Attributes:
        value: what is kept.
        expires: the time up to which it is fresh.
        until: the time up to which it may still be served while it is refreshed.
        weight: how many places it takes.
    """

    value: V
    expires: float
    until: float
    weight: int = 1


class ResolverCache(Generic[V]):
    """Values by key, in at most ``size`` places.

    Args:
        size: how many places; 0 keeps nothing.
        stale_for: seconds for which an expired value is still given out.
    """

    def __init__(self, size: int, stale_for: float = 0.0) -> None:
        self._size = size
        self._stale_for = stale_for
        self._entries: OrderedDict[Hashable, Entry[V]] = OrderedDict()
        self._weight = 0
        self.evicted = 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Hashable, now: float) -> Entry[V] | None:
        """The entry if it has not ended; ``entry.expires > now`` if it is fresh."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry.until <= now:
            self._forget(key)
            return None
        self._entries.move_to_end(key)
        return entry

    def put(self, key: Hashable, value: V, lifetime: float, now: float, *, stale: bool = True, weight: int = 1) -> None:
        """Keep a value for so many seconds; not at all for 0 seconds, or if it would fill a tenth of the cache."""
        if key in self._entries:
            self._forget(key)
        if lifetime <= 0 or self._size == 0 or (weight > 1 and weight * 10 > self._size):
            return
        expires = now + lifetime
        self._entries[key] = Entry(value, expires, expires + self._stale_for if stale else expires, weight)
        self._weight += weight
        while self._weight > self._size:
            self._forget(next(iter(self._entries)))
            self.evicted += 1

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
        self._weight = 0

    def _forget(self, key: Hashable) -> None:
        self._weight -= self._entries.pop(key).weight

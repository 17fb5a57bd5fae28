"""How many requests a second one origin gets.  Pure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

__all__ = ["Rates"]

_ORIGINS = 4096  # as many are remembered


class Rates:
    """Spaces requests evenly.

    Args:
        rate: requests per second to one origin.

    Example:
        >>> rates = Rates(2.0)
        >>> rates.reserve("a", 10.0), rates.reserve("a", 10.0), rates.reserve("b", 10.0)
        (0.0, 0.5, 0.0)
    """

    def __init__(self, rate: float) -> None:
        self._interval = 1.0 / rate
        self._next: OrderedDict[Hashable, float] = OrderedDict()

    def reserve(self, origin: Hashable, now: float) -> float:
        """Take the next moment for a request; return how many seconds away it is."""
        moment = max(now, self._next.pop(origin, now))
        self._next[origin] = moment + self._interval
        if len(self._next) > _ORIGINS:
            self._next.popitem(last=False)
        return moment - now

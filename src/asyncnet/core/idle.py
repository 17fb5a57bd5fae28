"""When a connection has been idle for too long.  Pure: the caller has the clock and the counters."""

from __future__ import annotations

__all__ = ["Idle"]


class Idle:
    """Tells when no byte moved for a time, by looking at the counters now and then: moving a byte costs nothing.

    Args:
        timeout: seconds in which something has to move.
        now: the time at which they begin.

    Attributes:
        timeout: as given.
        pause: seconds between two looks: how much later than due it may be seen.
    """

    __slots__ = ("_moved", "_since", "pause", "timeout")

    def __init__(self, timeout: float, now: float) -> None:
        self.timeout = timeout
        self.pause = timeout / 4
        self._since = now
        self._moved = 0

    def over(self, now: float, moved: int) -> bool:
        """Look: ``moved`` is any count that changes whenever a byte moves."""
        if moved != self._moved:
            self._moved, self._since = moved, now
        return now - self._since >= self.timeout

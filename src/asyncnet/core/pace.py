"""How slow a transfer may be: time without a byte, and the average over such a time."""

from __future__ import annotations

import asyncio

from ..errors import OperationTimeout
from .operation import check_timeout

__all__ = ["IDLE_TIMEOUT", "MIN_RATE", "Pace", "check_rate"]

IDLE_TIMEOUT = 30.0  # seconds
MIN_RATE = 100  # bytes per second


def check_rate(rate: float | None, name: str = "min_rate") -> float | None:
    """Return a rate, or raise before any I/O."""
    if rate is None:
        return None
    if isinstance(rate, bool) or not isinstance(rate, int | float):
        raise TypeError(f"{name} must be a number or None, not {type(rate).__name__}")
    if not rate >= 0:
        raise ValueError(f"{name} must not be negative, not {rate!r}")
    return float(rate) or None


class Pace:
    """Bounds each step of a transfer.

    Args:
        loop: whose clock counts.
        idle_timeout: seconds in which no byte moved; ``None`` for no limit.
        min_rate: bytes per second, averaged over ``idle_timeout``; ``None`` for no limit.
        deadline: loop time by which all must be done; ``None`` for no limit.
    """

    __slots__ = ("_bytes", "_deadline", "_idle", "_last", "_loop", "_rate", "_since")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        idle_timeout: float | None = IDLE_TIMEOUT,
        min_rate: float | None = MIN_RATE,
        deadline: float | None = None,
    ) -> None:
        self._loop = loop
        self._idle = check_timeout(idle_timeout, "idle_timeout")
        self._rate = check_rate(min_rate)
        self._deadline = deadline
        self._since = loop.time()
        self._bytes = 0
        self._last = False  # whether the limit in force is the deadline

    def limit(self) -> asyncio.Timeout:
        """A scope for the wait for the next piece."""
        until = None if self._idle is None else self._loop.time() + self._idle
        self._last = self._deadline is not None and (until is None or self._deadline < until)
        if self._last:
            until = self._deadline
        return asyncio.timeout_at(until)

    @property
    def idle_timeout(self) -> float | None:
        """Seconds in which a byte has to move; ``None`` for no limit."""
        return self._idle

    def rest(self) -> asyncio.Timeout:
        """A scope for a step that looks by itself for whether bytes move."""
        self._last = True
        return asyncio.timeout_at(self._deadline)

    def moved(self, count: int) -> None:
        """Count bytes; raises `OperationTimeout` if the average has become too low."""
        self._bytes += count
        if self._idle is None or self._rate is None or not count:
            return
        elapsed = self._loop.time() - self._since
        if elapsed >= self._idle:
            if self._bytes < self._rate * elapsed:
                raise OperationTimeout(
                    f"{self._bytes} bytes in {elapsed:.1f} s, fewer than {self._rate:g} per second", phase="transfer"
                )
            self._since += elapsed
            self._bytes = 0

    def expired(self) -> OperationTimeout:
        """The error for a `limit` that has passed."""
        if self._last:
            return OperationTimeout("not done within the time given", phase="transfer")
        return OperationTimeout(f"no byte for {self._idle:g} s", phase="transfer")

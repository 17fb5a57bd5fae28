"""How many commands may be under way at once.

Pure.  Little at first, so that who looks at one answer and goes has not asked for a
thousand; more with each answer that was taken, up to a bound in answers and in bytes.
"""

from __future__ import annotations

__all__ = ["LookAhead"]

FIRST = 32  # commands
MOST = 256
FIRST_BYTES = 512 << 10  # of answers
MOST_BYTES = 4 << 20
_GROWTH = 4  # for each answer that was taken so many more


class LookAhead:
    """Counts what is under way and says when to send more.

    Args:
        pipelining: whether the server takes a command before it has answered the last one.

    Example:
        >>> ahead = LookAhead()
        >>> ahead.sent(1000)
        >>> ahead.room, ahead.low
        (True, True)
    """

    __slots__ = ("_bytes", "_pipelining", "_taken", "_taken_bytes", "_under_way")

    def __init__(self, *, pipelining: bool = True) -> None:
        self._pipelining = pipelining
        self._under_way = 0
        self._bytes = 0
        self._taken = 0
        self._taken_bytes = 0

    def sent(self, size: int) -> None:
        """A command was sent whose answer will have about so many bytes."""
        self._under_way += 1
        self._bytes += size

    def took(self, size: int, actual: int) -> None:
        """An answer was taken.

        Args:
            size: what `sent` was told.
            actual: the bytes that it had.
        """
        self._under_way -= 1
        self._bytes -= size
        self._taken += 1
        self._taken_bytes += actual

    @property
    def average(self) -> int:
        """Bytes in an answer, of those taken so far."""
        return self._taken_bytes // self._taken if self._taken else FIRST_BYTES // FIRST

    @property
    def room(self) -> bool:
        """Whether one more may be sent."""
        return not self._under_way or (self._pipelining and self._fits(1))

    @property
    def low(self) -> bool:
        """Whether it is time to send more: not one by one, which would cost a packet each."""
        return not self._under_way or (self._pipelining and self._fits(2))

    def _fits(self, part: int) -> bool:
        commands = min(MOST, FIRST + _GROWTH * self._taken)
        held = min(MOST_BYTES, FIRST_BYTES + _GROWTH * self._taken_bytes)
        return self._under_way * part < commands and self._bytes * part < held

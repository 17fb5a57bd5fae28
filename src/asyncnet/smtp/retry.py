"""When to try a message again, and when to leave it at that.

Pure.  A reply of 4xx says that the same message may be taken later (RFC 5321
section 4.2.1); a connection that was lost before the content says nothing at
all.  Whether the server may have the message already is asked elsewhere, and
comes first.
"""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from ..errors import AsyncNetError, ConnectionLost, ReplyError
from .report import SendReport

__all__ = ["Retry", "is_temporary", "merge", "refused_for_now"]

_LONGEST = 30.0  # seconds between two tries


def is_temporary(error: AsyncNetError) -> bool:
    """Whether the same message may be taken later."""
    if isinstance(error, ReplyError):
        return isinstance(error.code, int) and 400 <= error.code < 500
    return isinstance(error, ConnectionLost)


def refused_for_now(report: SendReport) -> tuple[str, ...]:
    """The recipients that may be taken later."""
    return tuple(address for address, error in report.refused.items() if is_temporary(error))


def merge(before: SendReport | None, after: SendReport) -> SendReport:
    """One report of two tries: the later one was for those whom the earlier one left over."""
    if before is None:
        return after
    left = {address: error for address, error in before.refused.items() if address not in after.accepted}
    return SendReport(before.accepted + after.accepted, {**left, **after.refused}, after.message_id, after.reply)


def give_up(report: SendReport, left: Iterable[str], error: Exception, *, maybe_done: bool) -> SendReport:
    """The report after further tries for some recipients have failed: each of them with the last word about it."""
    last = {}
    for address in left:
        refusal = report.refused[address]
        if isinstance(error, ReplyError):
            each = error.response if isinstance(error.response, dict) else {}
            refusal = each.get(address, error)
        elif maybe_done:
            refusal = ReplyError(f"the last try for {address} was not answered: {error}", maybe_done=True)
        last[address] = refusal
    return SendReport(report.accepted, {**report.refused, **last}, report.message_id, report.reply)


class Retry:
    """The tries of one message.

    Args:
        tries: how many after the first.
        delay: seconds before the first of them; doubled each time.
        free: how many do not count, because only the connection was at fault.
        chance: where the jitter comes from.

    Attributes:
        free: the try under way used a connection that had served before: if that is gone, another will do at once.
    """

    __slots__ = ("_chance", "_delay", "_free_left", "_left", "free")

    def __init__(self, tries: int, delay: float, free: int, chance: Random) -> None:
        self._left = tries
        self._delay = delay
        self._free_left = free
        self._chance = chance
        self.free = False

    def next_delay(self, error: AsyncNetError, remaining: float | None) -> float | None:
        """Seconds to wait before the next try; ``None``: there is none.

        Args:
            error: what became of the last one; temporary.
            remaining: seconds left of the deadline, ``None`` if there is none.
        """
        code = error.code if isinstance(error, ReplyError) else None
        if self.free and self._free_left and code in (None, 421):
            self._free_left -= 1
            return 0.0
        if not self._left:
            return None
        self._left -= 1
        # Half of it is chance, so that those who were refused together do not come back together.
        delay = min(self._delay, _LONGEST) * self._chance.uniform(0.5, 1.0)
        self._delay *= 2
        return None if remaining is not None and delay >= remaining else delay

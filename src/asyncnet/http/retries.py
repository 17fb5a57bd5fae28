"""When to try again, and how long to wait before (RFC 9110 sections 9.2.2 and 10.2.3)."""

from __future__ import annotations

import email.utils
import random
from collections import OrderedDict
from collections.abc import Callable, Hashable

from ..errors import (
    AsyncNetError,
    ConnectError,
    ConnectionLost,
    ForbiddenAddress,
    NameNotFound,
    NoData,
    OperationTimeout,
    ResolveError,
    TLSError,
)

__all__ = ["Budget", "delay_before", "is_repeatable", "is_temporary", "parse_retry_after"]

IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})  # RFC 9110 section 9.2.2
TEMPORARY = frozenset({408, 425, 429, 502, 503, 504})  # not 500: it is for good as often as not

BASE_DELAY = 0.25  # seconds: the most before the first retry; it doubles
MAX_DELAY = 10.0  # seconds
MAX_RETRY_AFTER = 60.0  # seconds: a server that asks for more is not waited for

_BUDGET = 10.0  # retries in store for one origin
_REFILL = 0.1  # of a retry, for each success
_ORIGINS = 1024  # as many are remembered


def is_repeatable(method: str, *, written: bool) -> bool:
    """Whether a request may be sent again: an idempotent one, or one of which no byte was written."""
    return not written or method in IDEMPOTENT


def is_temporary(reason: AsyncNetError | int) -> bool:
    """Whether the same request may well succeed soon: by the error, or by the status."""
    if isinstance(reason, int):
        return reason in TEMPORARY
    if isinstance(reason, NameNotFound | NoData | TLSError | ForbiddenAddress):
        return False
    # A timeout here is that of one attempt; the operation's own ends everything.
    return isinstance(reason, ConnectError | ConnectionLost | ResolveError | OperationTimeout)


def delay_before(
    retry: int, retry_after: float | None = None, uniform: Callable[[float, float], float] = random.uniform
) -> float:
    """Seconds to wait before the first, second ... retry: full jitter, and never less than ``Retry-After``.

    Full jitter - anything between nothing and the bound - spreads the clients
    that failed together better than a bound with some jitter around it does.
    """
    bound = min(MAX_DELAY, BASE_DELAY * 2.0 ** (retry - 1))
    return max(uniform(0.0, bound), retry_after or 0.0)


def parse_retry_after(value: str, now: float) -> float | None:
    """Seconds that a ``Retry-After`` asks to wait; ``None`` if it cannot be understood.

    Args:
        value: the field: seconds, or a date.
        now: POSIX time.
    """
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value) if len(value) < 10 else float("inf")
    try:
        date = email.utils.parsedate_to_datetime(value)
        return max(0.0, date.timestamp() - now)
    except (ValueError, TypeError, OverflowError, OSError):
        return None


class Budget:
    """How many retries are left for each origin.

    When a server is down, retries multiply the load and help nobody: an origin
    has 10 in store, each success gives a tenth of one back.
    """

    def __init__(self) -> None:
        self._left: OrderedDict[Hashable, float] = OrderedDict()

    def take(self, origin: Hashable) -> bool:
        """Take one retry, or return that there is none."""
        left = self._left.pop(origin, _BUDGET)
        granted = left >= 1.0
        self._left[origin] = left - 1.0 if granted else left
        if len(self._left) > _ORIGINS:
            self._left.popitem(last=False)
        return granted

    def succeeded(self, origin: Hashable) -> None:
        """Count a success."""
        left = self._left.get(origin)
        if left is not None:
            if left + _REFILL >= _BUDGET:
                del self._left[origin]  # as good as new
            else:
                self._left[origin] = left + _REFILL

"""Whose turn it is: many items of many hosts, few at once, and no host in the way of the others.  Pure.

Each host has its own queue and at most ``per_host`` places; free places go
round the hosts.  A host that only times out is given up.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

__all__ = ["MAX_REMEMBERED", "Fairness"]

MAX_REMEMBERED = 10_000  # hosts with nothing to do whose timeouts are remembered


@dataclass(slots=True)
class _Host:
    waiting: deque[Any] = field(default_factory=deque)
    running: int = 0
    timeouts: int = 0  # in a row
    given_up: bool = False


class Fairness:
    """Decides which item begins next.

    Args:
        per_host: places of one host.
        give_up_after: so many timeouts in a row end a host; ``None`` never.

    Example:
        >>> turns = Fairness(per_host=1, give_up_after=None)
        >>> for host, item in (("a", 1), ("a", 2), ("b", 3)):
        ...     turns.add(host, item)
        >>> turns.next(), turns.next(), turns.next()
        (('a', 1), ('b', 3), None)
    """

    def __init__(self, *, per_host: int, give_up_after: int | None) -> None:
        self._per_host = per_host
        self._give_up_after = give_up_after
        self._hosts: dict[Hashable, _Host] = {}
        # The hosts that have an item and a place, in the order of their turns.
        self._ready: OrderedDict[Hashable, None] = OrderedDict()
        # Those that timed out and have nothing to do, the oldest first: endless inputs have endless dead hosts.
        self._remembered: OrderedDict[Hashable, None] = OrderedDict()
        self.waiting = 0

    def add(self, host: Hashable, item: Any) -> None:
        """Queue an item."""
        state = self._hosts.setdefault(host, _Host())
        self._remembered.pop(host, None)
        state.waiting.append(item)
        self.waiting += 1
        if state.running < self._places(state):
            self._ready[host] = None

    def _places(self, state: _Host) -> int:
        """How many places a host has now.

        One that has begun to time out gets none beyond those that would end it:
        they would only wait their whole time for the same answer.
        """
        if not state.timeouts or self._give_up_after is None:
            return self._per_host
        return max(1, min(self._per_host, self._give_up_after - state.timeouts))

    def next(self) -> tuple[Hashable, Any] | None:
        """Take the next item and its host's place, ``None`` if nobody can begin now."""
        if not self._ready:
            return None
        host, _ = self._ready.popitem(last=False)
        state = self._hosts[host]
        item = state.waiting.popleft()
        self.waiting -= 1
        state.running += 1
        if state.waiting and state.running < self._places(state):
            self._ready[host] = None
        return host, item

    def is_given_up(self, host: Hashable) -> bool:
        """Whether a host has been given up."""
        state = self._hosts.get(host)
        return state is not None and state.given_up

    def finished(self, host: Hashable, *, ok: bool, timed_out: bool) -> list[Any]:
        """Give a place back; returns the items that end now because their host is given up."""
        state = self._hosts[host]
        state.running -= 1
        if ok:
            state.timeouts = 0
        elif timed_out:
            state.timeouts += 1
            if self._give_up_after is not None and state.timeouts >= self._give_up_after:
                state.given_up = True
        if state.given_up:
            ended, state.waiting = list(state.waiting), deque()
            self.waiting -= len(ended)
            self._ready.pop(host, None)
            if not state.running:
                self._remember(host)
            return ended
        if state.waiting:
            if state.running < self._places(state):
                self._ready.setdefault(host)
            else:
                self._ready.pop(host, None)
        elif not state.running and state.timeouts:
            self._remember(host)
        elif not state.running:
            del self._hosts[host]  # nothing to remember: endless inputs have endless hosts
        return []

    def _remember(self, host: Hashable) -> None:
        self._remembered[host] = None
        if len(self._remembered) > MAX_REMEMBERED:
            oldest, _ = self._remembered.popitem(last=False)
            del self._hosts[oldest]

    def timeouts(self, host: Hashable) -> int:
        """Timeouts in a row of a host."""
        state = self._hosts.get(host)
        return 0 if state is None else state.timeouts

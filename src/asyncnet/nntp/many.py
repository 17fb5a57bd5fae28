"""Many articles, several asked for ahead."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ..core.look_ahead import LookAhead
from ..core.tasks import cancel_all
from .arguments import check_article
from .session import Command, Session

__all__ = ["Articles", "Wanted"]

_END: Any = object()
_ARTICLE = frozenset({220})


@dataclass(slots=True)
class Wanted:
    """One article that is asked for: its command, or what is wrong with the item."""

    item: int | str
    command: Command | Exception
    size: int
    started: float


class Articles:
    """Takes ids and numbers from the caller's iterable as there is room for them.

    Args:
        session: logged in.
        items: the caller's.
        max_bytes: in each article.
    """

    def __init__(self, session: Session, items: Iterable[int | str] | AsyncIterable[int | str], max_bytes: int) -> None:
        self._session = session
        self._source: Iterator[int | str] | AsyncIterator[int | str] = (
            aiter(items) if isinstance(items, AsyncIterable) else iter(items)
        )
        self._max_bytes = max_bytes
        self._flight: deque[Wanted] = deque()
        self.unsent: list[Command] = []
        self._ahead = LookAhead()
        self._fetching: asyncio.Task[Any] | None = None
        self._exhausted = False

    async def fill(self) -> bool:
        """Take items while there is room; False when all have been given.

        An async source that has nothing yet is waited for only if nothing else is.
        """
        if self._ahead.low or not self._flight:
            while not self._exhausted and self._ahead.room:
                if isinstance(self._source, AsyncIterator):
                    if not await self._fetched(self._source):
                        break
                else:
                    self._add(next(self._source, _END))
        return bool(self._flight)

    def next(self) -> Wanted:
        """The next one in the caller's order."""
        return self._flight.popleft()

    def take_unsent(self) -> list[Command]:
        """The commands that are to be sent now."""
        unsent, self.unsent = self.unsent, []
        return unsent

    def took(self, wanted: Wanted, size: int) -> None:
        """What was wanted has come, with so many bytes, or will not."""
        self._ahead.took(wanted.size, size)

    async def close(self) -> None:
        """Ask for nothing more; what is under way is thrown away as it comes."""
        self._session.discard([one.command for one in self._flight if not isinstance(one.command, Exception)])
        self._flight.clear()
        if self._fetching is not None:
            await cancel_all([self._fetching])

    async def _fetched(self, source: AsyncIterator[int | str]) -> bool:
        if self._fetching is None:
            self._fetching = asyncio.get_running_loop().create_task(_next(source))
            await asyncio.sleep(0)  # one that has an item at hand gives it now
        if not self._fetching.done():
            if self._flight:
                return False
            await asyncio.wait([self._fetching])
        fetching, self._fetching = self._fetching, None
        self._add(fetching.result())  # what the caller's iterable raised is raised here
        return True

    def _add(self, item: int | str) -> None:
        if item is _END:
            self._exhausted = True
            return
        try:
            word = check_article(item)
        except (TypeError, ValueError) as error:
            made: Command | Exception = error
        else:
            made = self._session.block(_ARTICLE, "ARTICLE", word, max_bytes=self._max_bytes)
            self.unsent.append(made)
        size = self._ahead.average
        self._ahead.sent(size)
        self._flight.append(Wanted(item, made, size, asyncio.get_running_loop().time()))


async def _next(source: AsyncIterator[int | str]) -> Any:
    return await anext(source, _END)

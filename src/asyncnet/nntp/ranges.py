"""Long ranges of article numbers, asked for in pieces.

A group may have a hundred million numbers and ten articles.  One command for all of it
would be an answer without bound; a piece for every thousand, a million commands.  So
the pieces grow where there is little and shrink where there is much.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from ..core.look_ahead import LookAhead
from ..errors import ReplyError
from .session import Command, Session

__all__ = ["Ranges"]

RowT = TypeVar("RowT")

_FIRST_SPAN = 500  # numbers
_MOST_SPAN = 100_000
_ROW = 300  # bytes: about what a line of an overview has
_NOTHING_THERE = (420, 423)  # RFC 3977 section 8.3.1


class Ranges(Generic[RowT]):
    """Asks for pieces of a range, some ahead, and gives their rows in order.

    Args:
        session: with the group selected.
        words: the command before its range.
        codes: of an answer with rows.
        parse: makes the rows of a block, told the piece's ends.
        first: the lowest number.
        last: the highest.
    """

    def __init__(
        self,
        session: Session,
        words: tuple[str, ...],
        codes: frozenset[int],
        parse: Callable[[bytes, int, int], list[RowT]],
        first: int,
        last: int,
    ) -> None:
        self._session = session
        self._words = words
        self._codes = codes
        self._parse = parse
        self._next = max(1, first)
        self._last = last
        self._span = _FIRST_SPAN
        self._flight: deque[tuple[int, int, int, Command]] = deque()
        self._ahead = LookAhead()

    @property
    def over(self) -> bool:
        """Whether all pieces were given."""
        return self._next > self._last and not self._flight

    async def rows(self) -> list[RowT]:
        """The rows of the next piece; there may be none."""
        session = self._session
        if self._next <= self._last and self._ahead.low:
            batch = []
            while self._next <= self._last and self._ahead.room:
                batch.append(self._piece())
            self._flight += batch
            await session.send([piece[-1] for piece in batch])
        first, last, size, command = self._flight.popleft()
        try:
            await session.wait(self._words[0], command, self._codes)
        except ReplyError as error:
            if error.code not in _NOTHING_THERE:
                raise
        block, command.block = command.block or b"", None
        rows = session.trust(lambda data: self._parse(data, first, last), block)
        self._ahead.took(size, len(block))
        if len(rows) < (last - first + 1) // 8:
            self._span = min(_MOST_SPAN, self._span * 2)
        elif len(rows) > 2 * _FIRST_SPAN:
            self._span = max(_FIRST_SPAN, self._span // 4)
        return rows

    def close(self) -> None:
        """Ask for nothing more; what is under way is thrown away as it comes."""
        self._session.discard([piece[-1] for piece in self._flight])
        self._flight.clear()

    def _piece(self) -> tuple[int, int, int, Command]:
        first, last = self._next, min(self._last, self._next + self._span - 1)
        self._next = last + 1
        size = _ROW * _FIRST_SPAN
        self._ahead.sent(size)
        return first, last, size, self._session.block(self._codes, *self._words, f"{first}-{last}")

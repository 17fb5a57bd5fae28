"""Messages one after the other, several asked for ahead."""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Iterable

from ..core.look_ahead import LookAhead
from ..errors import ReplyError
from .session import Command, Session
from .status import Item

__all__ = ["Retrieval"]


class Retrieval:
    """Asks for messages and gives them in their order.

    Args:
        session: logged in.
        items: which ones.
        max_bytes: in each of them.
        deleted: numbers not to be asked for; looked at each time.
    """

    def __init__(
        self, session: Session, items: Iterable[Item], max_bytes: int, deleted: Container[int] = frozenset()
    ) -> None:
        self._session = session
        self._waiting = deque(items)
        self._flight: deque[tuple[Item, Command]] = deque()
        self._ahead = LookAhead(pipelining=session.pipelining)
        self._max_bytes = max_bytes
        self._deleted = deleted

    @property
    def ready(self) -> bool:
        """Whether `next` has nothing to send and nothing to wait for."""
        if self._waiting and self._ahead.low:
            return False
        return self._flight[0][1].done if self._flight else not self._waiting

    async def next(self) -> tuple[Item, bytes] | None:
        """The next message, ``None`` after the last one."""
        session, flight, ahead = self._session, self._flight, self._ahead
        while True:
            if self._waiting and ahead.low:
                batch = self._batch()
                flight += batch
                if batch:
                    await session.send([command for _, command in batch])
            if not flight:
                return None
            item, command = flight.popleft()
            try:
                await session.wait("RETR", command)
            except ReplyError:
                if item.number not in self._deleted:
                    raise
                ahead.took(item.size, 0)
                continue
            data = command.block or b""
            ahead.took(item.size, len(data))
            return item, data

    def close(self) -> None:
        """Ask for nothing more; what is under way is thrown away as it comes."""
        self._session.discard([command for _, command in self._flight])
        self._waiting.clear()
        self._flight.clear()

    def _batch(self) -> list[tuple[Item, Command]]:
        batch = []
        while self._waiting and self._ahead.room:
            item = self._waiting.popleft()
            if item.number not in self._deleted:
                self._ahead.sent(item.size)
                batch.append((item, self._session.block("RETR", str(item.number), max_bytes=self._max_bytes)))
        return batch

"""Who uses which connection when: the queue that `Client` (one lane) and `Pool` (several) share.

No background task works here.  Each caller drives its own message; the one
whose content goes out takes the envelope of the next in line with it, and
when its own reply is there it hands the connection on.  So a cancelled or
timed-out caller breaks only the connection that it was using.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from ..errors import AsyncNetError, ConnectionLost
from .mail import Mail
from .session import Session
from .transaction import Transaction

__all__ = ["Lanes", "Turn"]


class Turn(NamedTuple):
    """What a caller is given when its turn comes.

    Attributes:
        session: the connection; ``None``: there is room for a new one, open it and `Lanes.add` it.
        transaction: given when the envelope is under way already.
    """

    session: Session | None
    transaction: Transaction | None = None


class _Waiter:
    __slots__ = ("aboard", "mail", "turn")

    def __init__(self, mail: Mail, turn: asyncio.Future[Turn]) -> None:
        self.mail = mail
        self.turn = turn
        self.aboard: tuple[Session, Transaction] | None = None


class Lanes:
    """Up to ``size`` connections, and the callers that wait for one.

    Every turn that `acquire` or `wait` gives must be followed by one `release`.

    Args:
        size: how many connections at once.
        spent: whether a connection has served its time.
        retire: says goodbye to a connection that has; it is no longer counted.
    """

    def __init__(self, size: int, *, spent: Callable[[Session], bool], retire: Callable[[Session], None]) -> None:
        self.size = size
        self.count = 0  # open, being opened, or about to be
        self._spent = spent
        self._retire = retire
        self._idle: list[Session] = []
        self._sessions: set[Session] = set()
        self._waiting: deque[_Waiter] = deque()
        self._aboard: dict[Session, _Waiter] = {}
        self._ended: Callable[[], Exception] | None = None

    @property
    def idle(self) -> tuple[Session, ...]:
        """Connections that nobody uses, the longest unused first."""
        return tuple(self._idle)

    def acquire(self) -> Turn | None:
        """A connection, or the room to open one; ``None``: there is neither, `wait`."""
        if self._ended is not None:
            raise self._ended()
        if self._idle:
            return Turn(self._idle.pop())  # the one used last is the least likely to have been closed
        if self.count < self.size:
            self.count += 1
            return Turn(None)
        return None

    async def wait(self, mail: Mail) -> Turn:
        """Wait for what `acquire` could not give; first come, first served."""
        waiter = _Waiter(mail, asyncio.get_running_loop().create_future())
        self._waiting.append(waiter)
        try:
            turn = await waiter.turn
        except BaseException:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
            elif waiter.turn.done() and not waiter.turn.cancelled() and waiter.turn.exception() is None:
                # Its turn came, and it was cancelled before it could run.
                turn = waiter.turn.result()
                self.release(turn.session, lost=turn.transaction is not None)
            raise
        if self._ended is not None:
            raise self._ended()
        return turn

    def add(self, session: Session) -> None:
        """Count a connection that is being opened in the room given by `acquire`."""
        self._sessions.add(session)

    def next_flight(self, session: Session) -> bytes:
        """Take the next caller's envelope aboard; its bytes, ``b""`` if nobody waits."""
        if self._spent(session):
            return b""
        most = session.extensions.max_recipients
        while (waiter := self._next_waiter()) is not None:
            if most is not None and len(waiter.mail.envelope.recipients) > most:
                self._waiting.appendleft(waiter)  # it takes several transactions: in its own time
                return b""
            try:
                transaction = Transaction(waiter.mail, session.extensions)
            except AsyncNetError as error:
                waiter.turn.set_exception(error)
                continue
            waiter.aboard = (session, transaction)
            self._aboard[session] = waiter
            return transaction.flight
        return b""

    def release(self, session: Session | None, *, lost: bool = False) -> None:
        """Give back what `acquire` gave: hand the connection on, keep it, or drop it.

        Args:
            session: the connection, ``None`` if none came about.
            lost: drop it whatever it says.
        """
        waiter = self._aboard.pop(session, None) if session is not None else None
        if session is None or lost or session.busy or session not in self._sessions:
            self._drop(session, waiter)
        elif waiter is not None:
            assert waiter.aboard is not None
            if waiter.turn.done():  # it left with its envelope under way: nobody will read the replies
                self._drop(session, None)
            else:
                waiter.turn.set_result(Turn(*waiter.aboard))
        elif self._spent(session):
            self._forget(session)
            self._retire(session)
            self._offer_room()
        else:
            self._pass_on(session)

    def abort(self, error: Callable[[], Exception]) -> None:
        """Drop all connections now; whoever waits or comes later is told so."""
        self._ended = error
        self.count = 0
        for session in self._sessions:
            session.abort()
        self._sessions.clear()
        self._idle.clear()
        for waiter in [*self._waiting, *self._aboard.values()]:
            if not waiter.turn.done():
                waiter.turn.set_exception(error())
        self._waiting.clear()
        self._aboard.clear()

    def take_idle(self, session: Session) -> Session:
        """Take an unused connection out; it is the caller's to close."""
        self._idle.remove(session)
        self._forget(session)
        return session

    # ---- inside

    def _pass_on(self, session: Session) -> None:
        waiter = self._next_waiter()
        if waiter is None:
            self._idle.append(session)
        else:
            waiter.turn.set_result(Turn(session))

    def _next_waiter(self) -> _Waiter | None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.turn.done():  # else it was cancelled, and has not run since
                return waiter
        return None

    def _drop(self, session: Session | None, waiter: _Waiter | None) -> None:
        if session is not None:
            session.abort()
            self._forget(session)
        elif self._ended is None:
            self.count -= 1
        if waiter is not None and not waiter.turn.done():
            waiter.turn.set_exception(ConnectionLost("the connection was lost before the message was sent"))
        self._offer_room()

    def _forget(self, session: Session) -> None:
        if session in self._sessions:
            self._sessions.discard(session)
            self.count -= 1

    def _offer_room(self) -> None:
        while self.count < self.size and (waiter := self._next_waiter()) is not None:
            self.count += 1
            waiter.turn.set_result(Turn(None))

"""Commands one behind the other over one connection, and their answers in the same order.

Nobody reads in the background: who waits for an answer receives for all, and the
answers that come before his own are kept for those they belong to.  So a client that
waits for nothing holds nothing, and a slow consumer makes the server wait.  What can
be held is bounded: by the limit of each answer, and by one for all that wait to be taken.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Iterable
from typing import Generic, TypeVar

from ..errors import AsyncNetError, ConnectionLost, LimitExceeded, ProtocolError, StateError
from .line_connection import LineConnection
from .lines import MAX_BLOCK, LineBuffer

__all__ = ["Exchange", "Pipeline", "PipelinedSession"]

StatusT = TypeVar("StatusT")
InputT = TypeVar("InputT")
ResultT = TypeVar("ResultT")

MAX_HELD = 64 << 20  # bytes of answers that were received before anyone took them


class Exchange(Generic[StatusT]):
    """One command under way: its status line, and the block behind it if there is one.

    Args:
        command: the line to send, CRLF included.
        parse: makes the status of its line.
        has_block: whether a block follows a status.
        max_block: bytes in the block.
    """

    __slots__ = ("_has_block", "_parse", "block", "command", "discarded", "done", "max_block", "status")

    def __init__(
        self,
        command: bytes,
        parse: Callable[[bytes], StatusT],
        has_block: Callable[[StatusT], bool] | None = None,
        *,
        max_block: int = MAX_BLOCK,
    ) -> None:
        self.command = command
        self._parse = parse
        self._has_block = has_block
        self.max_block = max_block
        self.status: StatusT | None = None
        self.block: bytes | None = None
        self.done = False
        self.discarded = False

    def take(self, buffer: LineBuffer) -> bool:
        """Take of the answer what is there; whether it is complete."""
        if self.status is None:
            line = buffer.take_line()
            if line is None:
                return False
            self.status = self._parse(line)
            if self._has_block is None or not self._has_block(self.status):
                self.done = True
                return True
        buffer.max_block = self.max_block
        self.block = buffer.take_block()
        self.done = self.block is not None
        return self.done


class Pipeline(Generic[StatusT]):
    """Sends commands and hands out answers; several tasks may use it.

    Args:
        connection: open, the greeting taken.
        lost: called when the connection had to be dropped.

    Attributes:
        turn: held by who sends; over several steps by commands that others must not come between.
    """

    def __init__(self, connection: LineConnection, lost: Callable[[], None]) -> None:
        self._connection = connection
        self._lost = lost
        self._under_way: deque[Exchange[StatusT]] = deque()
        self._waiting: list[asyncio.Future[None]] = []
        self._receiving = False
        self._held = 0
        self._broken = False
        self._ending = False
        self.turn = asyncio.Lock()

    # ---- for one command

    async def ask(self, exchange: Exchange[StatusT]) -> StatusT:
        """Send a command and wait for its answer."""
        await self.send([exchange])
        return await self.wait(exchange)

    # ---- for many

    async def send(self, exchanges: Collection[Exchange[StatusT]]) -> None:
        """Send commands in one piece."""
        if not exchanges:
            return
        async with self.turn:
            await self.send_in_turn(exchanges)

    async def send_in_turn(self, exchanges: Collection[Exchange[StatusT]]) -> None:
        """Send commands; the caller holds `turn`."""
        self._check()
        try:
            if not self._under_way and not self._connection.quiet:
                await self._unasked()
            self._under_way += exchanges
            await self._connection.send(b"".join([exchange.command for exchange in exchanges]))
        except BaseException:
            self.abort()
            raise

    async def wait(self, exchange: Exchange[StatusT]) -> StatusT:
        """Wait for the answer to a command that was sent; take it with its block."""
        try:
            while not exchange.done:
                self._check()
                if self._receiving:
                    await self._wait_for_receiver()
                else:
                    await self._receive()
        except BaseException:
            # Cancelled or timed out, too: whose answer comes next would be anybody's guess.
            self.abort()
            raise
        self._take(exchange)
        assert exchange.status is not None
        return exchange.status

    def discard(self, exchanges: Iterable[Exchange[StatusT]]) -> None:
        """Nobody wants these answers any more; they are thrown away as they come."""
        for exchange in exchanges:
            exchange.discarded = True
            if exchange.done:
                self._take(exchange)
                exchange.block = None

    def end(self) -> None:
        """The client is being closed: who still waits in the end is told that, not that something failed."""
        self._ending = self._ending or not self._broken

    def abort(self) -> None:
        """Drop the connection now; who waits is told."""
        self._connection.abort()  # the second time, too: who is aborted while it dials is connected only then
        if self._broken:
            return
        self._broken = True
        self._wake()
        self._lost()

    # ---- inside

    def _check(self) -> None:
        if self._broken and self._ending:
            raise StateError("the client was closed before the answer came")
        if self._broken:
            raise ConnectionLost("the connection was dropped: another command was cancelled, timed out or failed")

    async def _receive(self) -> None:
        self._receiving = True
        try:
            await self._connection.receive()
            self._sort()
        except AsyncNetError:
            self._check()  # another command has dropped the connection meanwhile: not a stream that we closed
            raise
        finally:
            self._receiving = False
            self._wake()

    async def _wait_for_receiver(self) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        await waiter

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)

    def _sort(self) -> None:
        """Give what was received to the commands in their order."""
        under_way, buffer = self._under_way, self._connection.buffer
        while under_way and under_way[0].take(buffer):
            exchange = under_way.popleft()
            if exchange.discarded:
                exchange.block = None
            elif exchange.block is not None:
                self._held += len(exchange.block)
        if self._held > MAX_HELD and len(under_way):
            raise LimitExceeded(f"more than {MAX_HELD:,} bytes of answers that wait to be taken")

    def _take(self, exchange: Exchange[StatusT]) -> None:
        if exchange.block is not None:
            self._held -= len(exchange.block)

    async def _unasked(self) -> None:
        """Refuse to go on behind words that belong to no command: they would be taken for its answer."""
        line = (await self._connection.line())[:80].decode("latin-1")
        raise ProtocolError(f"the server said what it was not asked for: {line!r}")


class PipelinedSession(Generic[StatusT]):
    """A session whose commands go through a pipeline; a subclass says how it opens, asks and quits."""

    def __init__(self, connection: LineConnection, lost: Callable[[], None]) -> None:
        self._connection = connection
        self._pipeline: Pipeline[StatusT] = Pipeline(connection, lost)

    def trust(self, parse: Callable[[InputT], ResultT], said: InputT) -> ResultT:
        """Parse what the server said; one that talks nonsense is left."""
        try:
            return parse(said)
        except (LimitExceeded, ProtocolError):
            self.abort()
            raise

    def discard(self, commands: Collection[Exchange[StatusT]]) -> None:
        """Nobody wants these answers any more."""
        self._pipeline.discard(commands)

    async def quit(self) -> None:
        """Say QUIT and wait for the answer."""
        raise NotImplementedError

    async def part(self) -> None:
        """Say QUIT, then end the connection."""
        await self.quit()
        await self.close()

    async def close(self) -> None:
        """End the connection."""
        await self._connection.close()

    def abort(self) -> None:
        """Drop the connection now: the server forgets what waits for a QUIT."""
        self._pipeline.abort()

    def drop(self) -> None:
        """The same, because the client is closed."""
        self._pipeline.end()
        self._pipeline.abort()

"""A response whose head has arrived and whose body is still to be read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from typing import TYPE_CHECKING

from ..core.operation import Operation
from ..core.pour import Pieces, pour, pour_direct
from ..core.redact import hide_secrets
from ..errors import AsyncNetError, Attempt, LimitExceeded, OperationTimeout, StateError
from .content import ContentDecoder, parse_codings
from .page import Hop
from .pool import Lease
from .wire import WireResponse

if TYPE_CHECKING:
    from ..core.direct import Direct
    from ..core.pace import Pace

__all__ = ["Response"]

_BURST = 16  # pieces decoded before others have a turn
_DRAIN = 64 * 1024  # bytes read to keep a connection whose response is not wanted


class Response:
    """A response to read piece by piece; inside ``async with client.stream(...)``.

    Attributes:
        url: where it came from, after redirects.
        status: the code.
        reason: the server's words for it.
        headers: the header fields.
        history: the redirects that led here.
        attempts: each request that was sent.

    Example:
        ```python
        async with client.stream("GET", url) as response:
            async for chunk in response:
                print(len(chunk))
        ```
    """

    __slots__ = (
        "_burst", "_closed", "_coded", "_decoder", "_empty", "_lease", "_max_bytes", "_operation", "_pace", "_pieces",
        "_size", "_wire", "attempts", "headers", "history", "reason", "status", "url",
    )  # fmt: skip

    def __init__(
        self,
        wire: WireResponse,
        lease: Lease,
        operation: Operation,
        *,
        url: str,
        empty: bool,
        history: tuple[Hop, ...],
        max_bytes: int | None,
    ) -> None:
        self._wire = wire
        self._lease = lease
        self._operation = operation
        self._empty = empty  # the answer to HEAD: no content whatever its fields say
        self._max_bytes = max_bytes
        self._decoder: ContentDecoder | None = None
        self._pieces: Iterator[bytes] | None = None
        self._burst = 0  # pieces decoded
        self._size = 0
        self._pace: Pace | None = None
        self._closed = False
        self._coded = wire.coded
        self.url = url
        self.status = wire.status
        self.reason = wire.reason
        self.headers = wire.headers
        self.history = history
        self.attempts: tuple[Attempt, ...] = ()

    @property
    def _sets_cookies(self) -> bool:
        """Whether there is a ``Set-Cookie`` field."""
        return self._wire.sets_cookies

    @property
    def length(self) -> int | None:
        """What ``Content-Length`` says: bytes on the wire, before decompression; ``None`` if it says nothing."""
        return self._wire.length

    async def receive(self) -> bytes:
        """The next piece of the content, decompressed; ``b""`` at the end.

        Raises:
            ConnectionLost: the content was cut.
            LimitExceeded: more than ``max_bytes``.
            ProtocolError: the content is corrupt.
            OperationTimeout: no byte for ``idle_timeout`` seconds, or fewer than ``min_rate``.
            StateError: the block that it belongs to has ended.
        """
        if self._closed:
            closed = StateError("the response is closed: the block it belongs to has ended")
            self._operation.explain(closed)
            raise closed
        if self._pace is None:
            return await self._receive()
        try:
            async with self._pace.limit():
                piece = await self._receive()
            self._pace.moved(len(piece))
        except TimeoutError as error:
            self._drop()
            failure = error if isinstance(error, OperationTimeout) else self._pace.expired()
            self._operation.explain(failure)
            raise failure from None
        except AsyncNetError as error:
            self._operation.explain(error)
            raise
        return piece

    async def read(self) -> bytes:
        """The rest of the content in one; raises as `receive` does."""
        pieces = []
        while piece := await self.receive():
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        """Iterate over the content as `receive` gives it."""
        while piece := await self.receive():
            yield piece

    def _take(self) -> bytes | None:
        """All of the content, if it came together with the head and needs no decompression."""
        if self._coded or self._size:
            return None
        content = self._wire.take()
        if content is None:
            return None
        self._size = len(content)
        if self._max_bytes is not None and self._size > self._max_bytes:
            self._lease.drop()
            raise LimitExceeded(f"the content is longer than max_bytes={self._max_bytes}", phase="transfer")
        self._lease.release()
        return content

    def _drop(self) -> None:
        """Drop the connection if the content has not been read to its end."""
        self._lease.drop()

    def _end(self) -> None:
        """Be of no use from now on; what is unread is dropped with its connection."""
        self._closed = True
        self._lease.drop()

    async def _drain(self) -> None:
        """Read what little is left so that the connection can be used again, else drop it."""
        length = self.length
        if not self._empty and length is not None and length - self._size > _DRAIN:
            self._lease.drop()
            return
        try:
            left = _DRAIN
            while left > 0 and (piece := await self._wire.receive()):
                left -= len(piece)
        except AsyncNetError:
            self._lease.drop()
        except BaseException:
            self._lease.drop()
            raise
        self._lease.release()  # where something is left unread, it is dropped

    def _go_direct(self) -> Direct | None:
        """The rest of the content past all parsing, where that can be; nothing must have been received."""
        return None if self._coded or self._size or self._empty else self._wire.direct()

    async def _pour(self, write: Callable[[Pieces], object], moved: Callable[[int], object]) -> None:
        """Write the rest of the content into a file; see `core.pour`.

        Raises:
            ConnectionLost, OperationTimeout: as `receive`; what came before has been written.
        """
        direct, pace = self._go_direct(), self._pace
        if direct is None:
            await pour(self.receive, write, moved)
            return
        assert pace is not None
        try:
            await pour_direct(direct, pace, write, moved)
        except BaseException as error:
            self._drop()
            if isinstance(error, AsyncNetError):
                self._operation.explain(error)
            raise
        self._lease.release()

    @property
    def _is_coded(self) -> bool:
        """Whether what is received has had a content coding undone."""
        return self._coded

    def _keep_coded(self) -> None:
        """Give the content as it comes, its coding not undone."""
        self._coded = False

    def _use_pace(self, pace: Pace) -> None:
        """Bound every further piece in time."""
        self._pace = pace

    async def _receive(self) -> bytes:
        try:
            if self._size == 0:
                self._check_length()
            piece = await (self._receive_decoded() if self._coded else self._wire.receive())
            self._size += len(piece)
            if self._max_bytes is not None and self._size > self._max_bytes:
                raise LimitExceeded(f"the content is longer than max_bytes={self._max_bytes}", phase="transfer")
        except BaseException:
            self._lease.drop()
            raise
        if not piece:
            self._lease.release()
        return piece

    async def _receive_decoded(self) -> bytes:
        if self._decoder is None:
            self._decoder = ContentDecoder(parse_codings(self.headers["Content-Encoding"]), max_bytes=self._max_bytes)
        while True:
            if self._pieces is not None:
                for piece in self._pieces:
                    self._burst += 1
                    if self._burst % _BURST == 0:
                        await asyncio.sleep(0)  # little that was received may be much to decode
                    if piece:
                        return piece
            data = await self._wire.receive()
            if not data:
                self._decoder.finish()
                return b""
            if self._max_bytes is not None and self._decoder.received + len(data) > self._max_bytes:
                raise LimitExceeded(f"the content is longer than max_bytes={self._max_bytes}", phase="transfer")
            self._pieces = self._decoder.feed(data)

    def _check_length(self) -> None:
        """Refuse what is announced as too long before reading any of it."""
        if self._max_bytes is not None and not self._empty:
            length = self.length
            if length is not None and length > self._max_bytes:
                raise LimitExceeded(
                    f"the content has {length} bytes, more than max_bytes={self._max_bytes}", phase="transfer"
                )

    def __repr__(self) -> str:
        return f"<Response {self.status} {hide_secrets(self.url)}>"

"""One file in several ranges at once, each over its own connection."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

from ..core.files import finish_in_file_thread, run_in_file_thread
from ..core.partial import PartFile, Progressed
from ..core.pour import Pieces, pour
from ..errors import ConnectionLost, OperationTimeout, ProtocolError
from .ranges import check_range, split_ranges
from .response import Response
from .retries import delay_before

__all__ = ["Segments"]

LEAST = 1024 * 1024  # bytes: smaller segments cost more than they gain
_KEEP = 1.0  # seconds between two notes of how far all are


class Source(Protocol):
    """What is needed of the transfer that is split."""

    async def get(self, start: int, end: int | None, validator: str | None) -> Response:
        """Ask for a range."""

    def report(self, done: int, total: int | None) -> None:
        """Report progress."""


class _Changed(Exception):
    """The resource is another one now."""


class Segments:
    """The ranges of one transfer: [start, done up to, end] each.

    Args:
        source: gives the ranges.
        part: takes their bytes.
        retries: how often a range goes on after a failure without progress.
    """

    def __init__(self, source: Source, part: PartFile, *, retries: int) -> None:
        self._source = source
        self._part = part
        self._retries = retries
        self._state: Progressed = part.state or Progressed("")
        self._noted = time.monotonic() - _KEEP
        self._received = self.done

    async def take_over(self, response: Response, parts: int) -> bool:
        """Split a download that has just begun; return False if it cannot or need not be.

        The response at hand becomes the first segment.
        """
        state = self._part.state
        allowed = "bytes" in response.headers.get("Accept-Ranges", "").lower()
        if state is None or state.total is None or state.validator is None or not allowed:
            return False
        ranges = split_ranges(state.total, parts, LEAST)
        if len(ranges) < 2:
            return False
        self._state = Progressed(state.url, state.validator, state.total, [[a, a, b] for a, b in ranges])
        try:
            await run_in_file_thread(self._part.reserve, state.total)
            await run_in_file_thread(self._part.note, self._state)
        except BaseException:
            response._drop()
            raise
        await self._run(response)
        return True

    async def go_on(self) -> None:
        """Go on with what an earlier try left."""
        await self._run(None)

    @property
    def done(self) -> int:
        """Bytes that are there."""
        return sum(done - start for start, done, _ in self._state.segments)

    async def _run(self, first: Response | None) -> None:
        try:
            try:
                async with asyncio.TaskGroup() as group:
                    for index, segment in enumerate(self._state.segments):
                        group.create_task(self._fill(segment, first if index == 0 else None))
            finally:
                await finish_in_file_thread(self._part.note, self._state)
        except* _Changed:
            await run_in_file_thread(self._part.restart, Progressed(self._state.url))
            raise ProtocolError("the resource changed while it was downloaded", phase="transfer") from None
        except* Exception as group_error:
            raise _first(group_error) from None
        self._part.size = self._state.total or 0

    async def _fill(self, segment: list[int], response: Response | None) -> None:
        failures = 0
        while segment[1] < segment[2]:
            before = segment[1]
            try:
                if response is None:
                    response = await self._ask(segment)
                await self._pour(segment, response)
            except (ConnectionLost, OperationTimeout):
                failures = 1 if segment[1] > before else failures + 1
                if failures > self._retries:
                    raise
                await asyncio.sleep(delay_before(failures))
            response = None

    async def _ask(self, segment: list[int]) -> Response:
        response = await self._source.get(segment[1], segment[2], self._state.validator)
        if response.status != 206 or response._is_coded:  # If-Range did not hold: this is all of another content
            response._drop()
            raise _Changed
        try:
            if check_range(response.headers, response.length, segment[1]) not in (None, self._state.total):
                raise _Changed
        except BaseException:
            response._drop()
            raise
        return response

    async def _pour(self, segment: list[int], response: Response) -> None:
        left = segment[2] - segment[1]

        async def receive() -> bytes:
            nonlocal left
            if not left:
                return b""
            piece = await response.receive()
            if not piece:
                raise ConnectionLost("the range ended early", phase="transfer")
            piece = piece[:left]
            left -= len(piece)
            return piece

        def write(pieces: Pieces) -> None:
            segment[1] = self._part.write_at(segment[1], pieces)
            if time.monotonic() > self._noted + _KEEP:
                self._noted = time.monotonic()
                self._part.note(self._state)

        try:
            await pour(receive, write, self._moved)
            if response.status == 206:
                await response._drain()  # it ends here, and its connection serves again
        finally:
            response._drop()  # the first response goes on beyond its segment

    def _moved(self, count: int) -> None:
        self._received += count
        self._source.report(self._received, self._state.total)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error

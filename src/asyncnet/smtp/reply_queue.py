"""Received bytes to replies, many at once: with pipelining they come several to a segment."""

from __future__ import annotations

from collections import deque

from ..core.replies import Reply, ReplyParser
from ..errors import AsyncNetError, LimitExceeded

__all__ = ["ReplyQueue"]

_MAX_LINE = 8_192  # bytes: RFC 5321 section 4.5.3.1.5 allows 512, servers are known to send more
_MAX_KNOWN = 32  # lines remembered; most servers have four that they say for every message
_MAX_KNOWN_LINE = 128  # bytes


class ReplyQueue:
    """Replies in the order received.

    Attributes:
        ready: whole replies, the oldest first.
        failure: `ProtocolError` or `LimitExceeded` for what came behind them; the connection is of no use then.
    """

    __slots__ = ("_known", "_parser", "_tail", "failure", "ready")

    def __init__(self) -> None:
        self.ready: deque[Reply] = deque()
        self.failure: AsyncNetError | None = None
        self._parser = ReplyParser()
        self._tail = b""
        self._known: dict[bytes, Reply] = {}

    @property
    def idle(self) -> bool:
        """Whether nothing is there, not even a part of a reply."""
        return not self.ready and not self._tail and self._parser.idle and self.failure is None

    def feed(self, data: bytes) -> None:
        """Take in what was received; what is wrong with it is told by `failure`, after the replies before it."""
        try:
            self._take_lines(data)
        except AsyncNetError as error:
            self.failure = error

    def _take_lines(self, data: bytes) -> None:
        lines = (self._tail + data).split(b"\n")
        self._tail = lines.pop()
        parser, known, ready = self._parser, self._known, self.ready
        whole = parser.idle
        for line in lines:
            if whole and (reply := known.get(line)) is not None:
                ready.append(reply)
                continue
            begins = whole
            answer = parser.feed_line(line[:-1] if line.endswith(b"\r") else line)
            whole = answer is not None
            if answer is not None:
                ready.append(answer)
                if begins and len(line) <= _MAX_KNOWN_LINE and len(known) < _MAX_KNOWN:
                    known[line] = answer
        if len(self._tail) > _MAX_LINE:
            raise LimitExceeded(f"a line of more than {_MAX_LINE:,} bytes")

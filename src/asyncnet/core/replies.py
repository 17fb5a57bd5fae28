"""Replies that begin with three digits, as SMTP, FTP and NNTP have them.

Pure.  RFC 5321 section 4.2, RFC 959 section 4.2, RFC 3977 section 3.2.  They differ
in how a reply goes on over several lines:

* ``"coded"`` (SMTP): each line has the code, and a hyphen after it but for the last;
* ``"free"`` (FTP): the first has a hyphen, the last the same code and a space, and
  between them is anything;
* ``"none"`` (NNTP): one line.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..errors import LimitExceeded, ProtocolError
from .lines import MAX_LINE, LineBuffer

__all__ = ["Reply", "ReplyParser"]

MAX_REPLY = 1 << 16  # bytes
MAX_LINES = 1000


@dataclass(frozen=True, slots=True)
class Reply:
    """One whole reply.

    Attributes:
        code: 100 to 599.
        lines: the text of each line, without code and line end.

    Example:
        >>> str(Reply(250, ("mail.example.org", "PIPELINING")))
        '250 mail.example.org / PIPELINING'
    """

    code: int
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """The peer's words, its lines joined by line feeds."""
        return "\n".join(self.lines)

    def __str__(self) -> str:
        return f"{self.code} {' / '.join(self.lines)}".rstrip()


class ReplyParser:
    r"""Makes replies of lines, or of bytes as they come.

    Give it lines (`feed_line`) where something else reads them; else bytes (`feed`),
    and ask for replies (`next_reply`), so that what follows a reply and is none, such
    as an article or the first byte of TLS, stays to be taken (`take_rest`).
    After an error the connection is of no use any more.

    Args:
        continuation: how a reply goes on over several lines, see above.
        max_line: bytes in a line.
        max_bytes: bytes in a reply, line ends not counted.
        max_lines: lines in a reply.

    Example:
        >>> parser = ReplyParser()
        >>> parser.feed(b"250-mail.example.org\r\n250 SIZE 1000\r\n354 go")
        >>> parser.next_reply(), parser.next_reply(), parser.take_rest()
        (Reply(code=250, lines=('mail.example.org', 'SIZE 1000')), None, b'354 go')
    """

    __slots__ = ("_buffer", "_bytes", "_code", "_continuation", "_lines", "_max_bytes", "_max_line", "_max_lines")

    def __init__(
        self,
        continuation: Literal["coded", "free", "none"] = "coded",
        *,
        max_line: int = MAX_LINE,
        max_bytes: int = MAX_REPLY,
        max_lines: int = MAX_LINES,
    ) -> None:
        self._continuation = continuation
        self._max_line = max_line
        self._max_bytes = max_bytes
        self._max_lines = max_lines
        self._buffer = LineBuffer(max_line=max_line)
        self._code = b""  # of the reply that is not whole yet
        self._lines: list[str] = []
        self._bytes = 0

    @property
    def idle(self) -> bool:
        """Whether nothing is there: no bytes, and no half of a reply."""
        return not self._buffer and not self._code

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Add bytes in the order received."""
        self._buffer.feed(data)

    def next_reply(self) -> Reply | None:
        """Take the next reply out of what was fed; ``None`` if it is not whole yet.

        Raises:
            ProtocolError: the line is none of a reply.
            LimitExceeded: line or reply are too long.
        """
        while (line := self._buffer.take_line()) is not None:
            reply = self.feed_line(line)
            if reply is not None:
                return reply
        return None

    def take_rest(self) -> bytes:
        """Take the bytes after the last line that was used."""
        return self._buffer.take_rest()

    def feed_line(self, line: bytes) -> Reply | None:
        """Add one line, given without its end; return the reply if this was its last.

        Raises:
            ProtocolError: the line is none of a reply.
            LimitExceeded: line or reply are too long.
        """
        if len(line) > self._max_line:
            raise LimitExceeded(f"a line of more than {self._max_line:,} bytes")
        self._bytes += len(line)
        if self._bytes > self._max_bytes or len(self._lines) >= self._max_lines:
            raise LimitExceeded(f"a reply of more than {self._max_lines:,} lines or {self._max_bytes:,} bytes")
        if b"\0" in line or b"\r" in line or b"\n" in line:
            raise ProtocolError(f"a reply with NUL or a lone CR in it: {_shown(line)}")
        code, mark = line[:3], line[3:4]
        if self._code and self._continuation == "free":
            # RFC 959 section 4.2: only the first line's code with a space ends it.
            if code != self._code or mark not in (b" ", b"-", b""):
                self._lines.append(_decoded(line))
                return None
        elif not _is_code(code) or mark not in (b" ", b"-", b""):
            raise ProtocolError(f"not a reply: {_shown(line)}")
        elif self._code and code != self._code:
            raise ProtocolError(f"a reply whose code changes from {self._code.decode()}: {_shown(line)}")
        return self._add(code, mark, line[4:])

    def _add(self, code: bytes, mark: bytes, text: bytes) -> Reply | None:
        self._lines.append(_decoded(text))
        if mark == b"-":
            if self._continuation == "none":
                raise ProtocolError(f"a reply of several lines where one is due: {_shown(code + mark + text)}")
            self._code = code
            return None
        reply = Reply(int(code), tuple(self._lines))
        self._code, self._lines, self._bytes = b"", [], 0
        return reply


def _is_code(code: bytes) -> bool:
    # RFC 5321 section 4.2 narrows the second digit to 0-5; servers do not.
    return len(code) == 3 and code.isdigit() and 49 <= code[0] <= 53


def _decoded(text: bytes) -> str:
    """UTF-8 (RFC 6531 section 3.7.4, RFC 2640, RFC 3977 section 3.2), or Latin-1, which is never wrong."""
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("latin-1")


def _shown(line: bytes) -> str:
    """Quote what a peer sent: at most 60 characters, all printable."""
    text = "".join(chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}" for byte in line[:60])
    return f"'{text}'" if len(text) <= 60 and len(line) <= 60 else f"'{text[:57]}...'"

r"""Lines as SMTP, FTP, POP3 and NNTP speak them: commands out, lines and dot-ended blocks in.

Pure.  A block is text of many lines that ends with a lone dot; a line of it that
begins with a dot is sent with one more (RFC 5321 section 4.5.2, RFC 1939 section 3,
RFC 3977 section 3.1.1).  Where the ends of a line are not agreed on, one side's text
is the other side's command (SMTP smuggling by ``\n.\r\n``), therefore what is sent
has no line end but CRLF, and a block that is received ends with CRLF "." CRLF only.
"""

from __future__ import annotations

from ..errors import LimitExceeded
from .address import check_text

__all__ = ["LineBuffer", "dot_stuff", "dot_unstuff", "format_command", "split_lines"]

MAX_LINE = 8192  # bytes: RFC 5321 section 4.5.3.1 asks for 512, RFC 2449 section 4 too; nothing honest comes near
MAX_BLOCK = 64 << 20  # bytes
MAX_LINES = 2_000_000  # in a block that is looked at line by line

_END = b"\r\n.\r\n"
_COMPACT = 1 << 16  # bytes taken from a buffer before what is left of it is moved to its front


def format_command(*parts: str, encoding: str = "ascii") -> bytes:
    r"""Make one command line: the parts with a space between, and CRLF.

    Args:
        parts: a verb and its arguments; they may have spaces themselves.
        encoding: ``"utf-8"`` where the peer has agreed to it.

    Raises:
        TypeError: a part is no ``str``.
        ValueError: CR, LF or NUL in a part, or a character that the encoding lacks;
            the message does not show the part, which may be a password.

    Example:
        >>> format_command("RCPT", "TO:<a@example.org>")
        b'RCPT TO:<a@example.org>\r\n'
    """
    line = " ".join([check_text(part, "a command") for part in parts])
    try:
        return line.encode(encoding) + b"\r\n"
    except UnicodeEncodeError as exc:
        # The original holds the whole line.
        raise ValueError(f"a command must be {encoding}, character {exc.start} is not") from None


def dot_stuff(data: bytes | bytearray | memoryview) -> bytes:
    r"""Make a block of a text: canonical line ends, dots doubled, the lone dot appended.

    Every LF, CR and CRLF becomes a CRLF; what has none at its end gets one.  Nothing
    becomes a block of no lines.

    Source: RFC 5321 sections 2.3.8 and 4.5.2.

    Example:
        >>> dot_stuff(b"one\n.two")
        b'one\r\n..two\r\n.\r\n'
    """
    text = bytes(data)
    if b"\r" not in text:
        text = text.replace(b"\n", b"\r\n")
    else:
        ends = text.count(b"\r\n")
        if text.count(b"\n") != ends or text.count(b"\r") != ends:
            text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
    first = b"." if text.startswith(b".") else b""
    last = b".\r\n" if not text or text.endswith(b"\r\n") else _END
    return b"".join((first, text.replace(b"\r\n.", b"\r\n.."), last))


def dot_unstuff(data: bytes | bytearray | memoryview) -> bytes:
    """Take back the doubled dots of a whole block, its lone dot already removed.

    Lone CRs and LFs are left as they came: they are the peer's text, no line ends.

    Source: RFC 5321 section 4.5.2.
    """
    text = bytes(data).replace(b"\r\n.", b"\r\n")
    return text[1:] if text.startswith(b".") else text


def split_lines(block: bytes) -> list[bytes]:
    """Split a block into its lines, without CRLF or LF; a last line needs no end.

    A lone CR stays in its line; unlike ``bytes.splitlines``, so does nothing else that ends a line elsewhere.

    Raises:
        LimitExceeded: there are more than two million, which would take twenty times the block's memory.
    """
    if block.count(b"\n") > MAX_LINES:
        raise LimitExceeded(f"more than {MAX_LINES:,} lines")
    lines = block.replace(b"\r\n", b"\n").split(b"\n")
    if not lines[-1]:
        del lines[-1]
    return lines


class LineBuffer:
    r"""Received bytes, taken out as lines and blocks in the order that the protocol says.

    Nothing is searched twice, so a peer that drips costs no more than one that does not.
    After `LimitExceeded` the connection is of no use any more.

    Args:
        max_line: bytes in one line, its end not counted.
        max_block: bytes in one block as it is sent.

    Example:
        >>> buffer = LineBuffer()
        >>> buffer.feed(b"220 0 article follows\r\nSubject: x\r\n\r\n..\r\n.\r\n22")
        >>> buffer.take_line(), buffer.take_block(), buffer.take_line()
        (b'220 0 article follows', b'Subject: x\r\n\r\n.\r\n', None)
    """

    __slots__ = ("_data", "_no_block_before", "_no_line_before", "_start", "max_block", "max_line")

    def __init__(self, *, max_line: int = MAX_LINE, max_block: int = MAX_BLOCK) -> None:
        self.max_line = max_line
        self.max_block = max_block
        self._data = bytearray()
        self._start = 0  # what comes before it was taken
        self._no_line_before = 0  # how far it was searched in vain for the end of a line,
        self._no_block_before = 0  # and of a block

    def __len__(self) -> int:
        """The bytes that were fed and not taken."""
        return len(self._data) - self._start

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Add bytes in the order received."""
        self._data += data

    def take_line(self) -> bytes | None:
        """Take a line, without its CRLF or LF; ``None`` if it is not whole yet.

        Raises:
            LimitExceeded: it is longer than ``max_line``.
        """
        data, start = self._data, self._start
        end = data.find(b"\n", self._no_line_before)
        if end < 0:
            # One more may be the CR of its CRLF.
            if len(data) - start > self.max_line + 1:
                raise self._too_much("line", self.max_line)
            self._no_line_before = len(data)
            return None
        stop = end - 1 if end > start and data[end - 1] == 13 else end
        if stop - start > self.max_line:
            raise self._too_much("line", self.max_line)
        line = bytes(data[start:stop])
        self._take(end + 1)
        return line

    def take_block(self) -> bytes | None:
        """Take a block, doubled dots taken back, with CRLF after each line; ``None`` if it is not whole yet.

        Raises:
            LimitExceeded: it is longer than ``max_block``.
        """
        data, start = self._data, self._start
        if data.startswith(b".\r\n", start):  # no lines at all
            self._take(start + 3)
            return b""
        end = data.find(_END, self._no_block_before)
        if end < 0:
            if len(data) - start >= self.max_block + 3:
                raise self._too_much("block", self.max_block)
            self._no_block_before = max(start, len(data) - len(_END) + 1)
            return None
        if end + 2 - start > self.max_block:
            raise self._too_much("block", self.max_block)
        with memoryview(data) as view:
            block = dot_unstuff(view[start : end + 2])
        self._take(end + len(_END))
        return block

    def take_rest(self) -> bytes:
        """Take everything that is there."""
        rest = bytes(self._data[self._start :])
        self._take(len(self._data))
        return rest

    def _take(self, stop: int) -> None:
        if stop == len(self._data):
            self._data.clear()
            stop = 0
        elif stop >= _COMPACT:
            # Not after every line: moving 1 MiB for each of 10,000 lines would be quadratic.
            del self._data[:stop]
            stop = 0
        self._start = self._no_line_before = self._no_block_before = stop

    def _too_much(self, what: str, limit: int) -> LimitExceeded:
        return LimitExceeded(f"a {what} of more than {limit:,} bytes")

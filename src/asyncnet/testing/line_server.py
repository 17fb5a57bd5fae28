"""What the servers of line protocols share: scripted replies, and faults at a command."""

from __future__ import annotations

import asyncio
import ssl as _ssl
from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeAlias

from .server import StreamServer
from .sockets import cut, until_gone

__all__ = ["Gone", "LineServer", "Scripted", "Session", "encode_lines"]

#: A reply: its lines with their codes, bytes sent as they are, one for each time in turn, ``None`` for the usual one.
Scripted: TypeAlias = "str | bytes | Sequence[str | bytes | None] | None"


class Gone(EOFError):
    """The script ended the connection."""


class LineServer(StreamServer):
    """A server of a command protocol whose replies can be replaced and which can fail at any command.

    A key of ``replies`` and a member of ``drop_at`` and ``stall_at`` is the
    beginning of a command line; the longest one that fits counts, case does not matter.

    Attributes:
        replies: what is said in place of the usual reply; it can be changed at any time.
        drop_at: commands at which the connection is cut before the reply.
        stall_at: commands that are never answered.
        delay: seconds before each reply.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        ssl: _ssl.SSLContext | None,
        replies: Mapping[str, Scripted] | None,
        drop_at: str | Collection[str],
        stall_at: str | Collection[str],
        delay: float,
    ) -> None:
        super().__init__(host=host, port=port, ssl=ssl)
        self.replies: dict[str, Any] = dict(replies or {})
        self.drop_at = {drop_at} if isinstance(drop_at, str) else set(drop_at)
        self.stall_at = {stall_at} if isinstance(stall_at, str) else set(stall_at)
        self.delay = delay
        self._commands: list[str] = []
        self._turns: dict[str, int] = {}

    @property
    def commands(self) -> list[str]:
        """Every command line received so far, over all connections, without its CRLF."""
        with self._signal.lock:
            return list(self._commands)

    def _seen(self, line: str) -> None:
        with self._signal.lock:
            self._commands.append(line)
        self._signal.notify()

    def _scripted(self, line: str) -> str | bytes | None:
        key = _longest(line, self.replies)
        if key is None:
            return None
        found = self.replies[key]
        if isinstance(found, Sequence) and not isinstance(found, str | bytes):
            turn = self._turns.get(key, 0)
            self._turns[key] = turn + 1
            found = found[min(turn, len(found) - 1)]
        return found if isinstance(found, str | bytes) else None


class Session:
    """One connection to a `LineServer`."""

    def __init__(self, server: LineServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.server = server
        self.reader = reader
        self.writer = writer

    async def read_line(self) -> str | None:
        """The next command, ``None`` when the client has gone."""
        line = await self.reader.readline()
        if not line:
            return None
        text = line.rstrip(b"\r\n").decode("utf-8", "surrogateescape")
        self.server._seen(text)
        return text

    async def check(self, command: str) -> None:
        """Fail here if the script says so."""
        server = self.server
        if server.delay:
            await asyncio.sleep(server.delay)
        if _longest(command, server.drop_at) is not None:
            await cut(self.writer)
            raise Gone
        if _longest(command, server.stall_at) is not None:
            await until_gone(self.reader)
            raise Gone

    async def reply(self, command: str, usual: str) -> str:
        """Answer a command, as scripted or as usual; returns what was said, for its code."""
        await self.check(command)
        scripted = self.server._scripted(command)
        if isinstance(scripted, bytes):
            await self.send(scripted)
            return scripted.decode("latin-1")
        said = usual if scripted is None else scripted
        await self.send(encode_lines(said))
        return said

    async def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.writer.write(data)
        await self.writer.drain()


def encode_lines(text: str) -> bytes:
    """Lines with CRLF ends."""
    return b"".join(line.encode("utf-8", "surrogateescape") + b"\r\n" for line in text.splitlines())


def _longest(line: str, keys: Collection[str]) -> str | None:
    wanted = line.upper()
    return max((key for key in keys if wanted.startswith(key.upper())), key=len, default=None)

"""What the servers of line protocols share: scripted replies, and faults at a command."""

from __future__ import annotations

import asyncio
import re
import ssl as _ssl
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from .server import StreamServer
from .sockets import cut, until_gone

__all__ = ["Gone", "LineServer", "Login", "Scripted", "Session", "dotted", "encode_lines"]

#: A reply: its lines with their codes, bytes sent as they are, one for each time in turn, ``None`` for the usual one.
Scripted: TypeAlias = "str | bytes | Sequence[str | bytes | None] | None"


class Gone(EOFError):
    """The script ended the connection."""


@dataclass(frozen=True, slots=True)
class Login:
    """An attempt to log in: what was sent, whether it was over TLS and whether it was right."""

    mechanism: str
    username: str
    password: str
    tls: bool
    ok: bool


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
        self._logins: list[Login] = []

    @property
    def commands(self) -> list[str]:
        """Every command line received so far, over all connections, without its CRLF."""
        with self._signal.lock:
            return list(self._commands)

    @property
    def logins(self) -> list[Login]:
        """The logins tried so far."""
        with self._signal.lock:
            return list(self._logins)

    def _tried(self, login: Login) -> None:
        with self._signal.lock:
            self._logins.append(login)
        self._signal.notify()

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
        return await self.say(usual if scripted is None else scripted)

    async def say(self, said: str | bytes) -> str:
        """Send lines, or bytes as they are; returns what was said as text."""
        if isinstance(said, bytes):
            await self.send(said)
            return said.decode("latin-1")
        await self.send(encode_lines(said))
        return said

    async def upgrade(self, command: str, usual: str, inject: bytes, context: _ssl.SSLContext) -> bool:
        """Answer STARTTLS and its likes, and do the handshake if the answer is the usual one's kind."""
        await self.check(command)
        said = self.server._scripted(command) or usual
        text = encode_lines(said) if isinstance(said, str) else said
        # One segment: what a man in the middle adds must already be in the client's buffer.
        await self.send(text + inject)
        if not text.startswith(usual[:3].encode()):
            return False
        await self.writer.start_tls(context)
        return True

    async def read_block(self) -> bytes:
        """What the client sends up to the lone dot, the doubled dots made single."""
        lines: list[bytes] = []
        while True:
            line = await self.reader.readline()
            if not line:
                raise EOFError
            # Only CRLF "." CRLF ends it; a bare LF is data, and stays visible as such.
            if line == b".\r\n" and (not lines or lines[-1].endswith(b"\r\n")):
                return b"".join(lines)
            lines.append(line[1:] if line.startswith(b".") else line)

    async def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.writer.write(data)
        await self.writer.drain()


def encode_lines(text: str) -> bytes:
    """Lines with CRLF ends."""
    return b"".join(line.encode("utf-8", "surrogateescape") + b"\r\n" for line in text.splitlines())


def dotted(data: bytes) -> bytes:
    """A multi-line block: dots doubled at the beginnings of lines, the lone dot at its end."""
    if data and not data.endswith(b"\r\n"):
        data += b"\r\n"
    return re.sub(rb"(?m)^\.", b"..", data) + b".\r\n"


def _longest(line: str, keys: Collection[str]) -> str | None:
    wanted = line.upper()
    return max((key for key in keys if wanted.startswith(key.upper())), key=len, default=None)

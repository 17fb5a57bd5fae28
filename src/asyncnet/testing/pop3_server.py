"""A POP3 server with a maildrop in memory."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import ssl as _ssl
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import ClassVar

from .line_server import LineServer, Login, Scripted, Session, dotted

__all__ = ["POP3Server"]


class POP3Server(LineServer):
    r"""A POP3 server (RFC 1939) with CAPA (2449), STLS (2595), UIDL, TOP, pipelining and SASL PLAIN (5034).

    The maildrop is one for all users.  Deletions are carried out at QUIT and
    at no other end of a session.  Keys of ``replies``, ``drop_at`` and
    ``stall_at`` are the beginnings of commands, ``"CONNECT"`` for the greeting;
    replies are written with their ``+OK`` or ``-ERR``, bytes are sent as they are.

    Attributes:
        messages: what is in the maildrop now.
        logins: every `Login` tried, in order.
        commands: every command line.

    Example:
        ```python
        with testing.POP3Server([b"Subject: one\r\n\r\ntext\r\n"], users={"me": "secret"}) as server:
            print(server.messages)
        ```
    """

    _name: ClassVar[str] = "pop3"

    def __init__(
        self,
        messages: Sequence[bytes] = (),
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        ssl: _ssl.SSLContext | None = None,
        starttls: _ssl.SSLContext | None = None,
        users: Mapping[str, str] | None = None,
        apop: bool = False,
        capabilities: Sequence[str] = ("TOP", "UIDL", "USER", "PIPELINING", "RESP-CODES", "SASL PLAIN"),
        replies: Mapping[str, Scripted] | None = None,
        inject: bytes = b"",
        drop_at: str | Collection[str] = (),
        stall_at: str | Collection[str] = (),
        delay: float = 0.0,
    ) -> None:
        """Store the script.

        Args:
            messages: what is in the maildrop, with CRLF line ends.
            host: the address to bind.
            port: the port to bind, 0 for a free one.
            ssl: a server's context for TLS from the first byte; ``None`` is none.
            starttls: a server's context for STLS, which is then offered; ``None`` does not offer it.
            users: names and passwords; ``None`` takes any.
            apop: put a timestamp into the greeting and take APOP.
            capabilities: what CAPA says; empty answers it with ``-ERR``.
            replies: what is said in place of the usual replies, by command.
            inject: bytes sent in clear right behind the reply to STLS.
            drop_at: commands at which the connection is cut.
            stall_at: commands that are never answered.
            delay: seconds before each reply.
        """
        super().__init__(
            host=host, port=port, ssl=ssl, replies=replies, drop_at=drop_at, stall_at=stall_at, delay=delay
        )
        self.starttls = starttls
        self.users = None if users is None else dict(users)
        self.apop = apop
        self.capabilities = tuple(capabilities)
        self.inject = inject
        self._messages = list(messages)

    @property
    def messages(self) -> list[bytes]:
        """What is in the maildrop now."""
        with self._signal.lock:
            return list(self._messages)

    def deliver(self, message: bytes) -> None:
        """Put a message into the maildrop; sessions that begin later see it.

        Args:
            message: with CRLF line ends.
        """
        with self._signal.lock:
            self._messages.append(message)

    def _commit(self, deleted: Collection[bytes]) -> None:
        with self._signal.lock:
            for message in deleted:
                if message in self._messages:
                    self._messages.remove(message)
        self._signal.notify()

    def _knows(self, username: str, password: str) -> bool:
        return self.users is None or self.users.get(username) == password

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await _POP3Session(self, reader, writer, number).run()


class _POP3Session(Session):
    """The dialogue on one connection."""

    server: POP3Server

    def __init__(
        self, server: POP3Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> None:
        super().__init__(server, reader, writer)
        self.tls = server.ssl is not None
        self.stamp = f"<{number}@test.invalid>"
        self.username = ""
        self.logged_in = False
        self.drop: list[bytes] = []  # the maildrop as it was at the login
        self.deleted: set[int] = set()

    async def run(self) -> None:
        await self.reply("CONNECT", f"+OK ready {self.stamp}" if self.server.apop else "+OK ready")
        before: dict[str, Callable[[str, list[str]], Awaitable[None]]] = {
            "USER": self._user,
            "PASS": self._pass,
            "APOP": self._apop,
            "AUTH": self._auth,
            "STLS": self._stls,
        }
        after: dict[str, Callable[[str, list[str]], Awaitable[None]]] = {
            "STAT": self._stat,
            "LIST": self._list,
            "UIDL": self._uidl,
            "RETR": self._retr,
            "TOP": self._retr,
            "DELE": self._dele,
            "RSET": self._rset,
            "NOOP": self._noop,
        }
        while (line := await self.read_line()) is not None:
            verb, *words = line.split() or [""]
            handlers = after if self.logged_in else before
            if verb.upper() == "QUIT":
                if self.logged_in:
                    self.server._commit([self.drop[index] for index in self.deleted])
                await self.reply(line, "+OK bye")
                return
            if verb.upper() == "CAPA":
                await self._capa(line)
            elif verb.upper() in handlers:
                await handlers[verb.upper()](line, words)
            else:
                await self.reply(line, "-ERR not now, or not known")

    async def _capa(self, line: str) -> None:
        keywords = list(self.server.capabilities)
        if not keywords:
            await self.reply(line, "-ERR not known")
            return
        if self.server.starttls is not None and not self.tls:
            keywords.append("STLS")
        await self.reply(line, "\n".join(["+OK", *keywords, "."]))

    # -- logging in -----------------------------------------------------------

    async def _user(self, line: str, words: list[str]) -> None:
        self.username = words[0] if words else ""
        await self.reply(line, "+OK")

    async def _pass(self, line: str, words: list[str]) -> None:
        password = line.partition(" ")[2]  # it may contain spaces
        await self._login(line, "USER", self.username, password, self.server._knows(self.username, password))

    async def _apop(self, line: str, words: list[str]) -> None:
        username, digest = [*words, "", ""][:2]
        password = (self.server.users or {}).get(username, "")
        expected = hashlib.md5((self.stamp + password).encode(), usedforsecurity=False).hexdigest()
        await self._login(line, "APOP", username, digest, self.server.apop and digest == expected)

    async def _auth(self, line: str, words: list[str]) -> None:
        if not words or words[0].upper() != "PLAIN":
            await self.reply(line, "-ERR mechanism not known")
            return
        initial = words[1] if len(words) > 1 else None
        if initial is None:
            await self.send(b"+ \r\n")
            initial = (await self.reader.readline()).decode().strip()
        try:
            _, username, password = base64.b64decode(initial, validate=True).decode().split("\0")
        except (ValueError, binascii.Error):
            await self.reply(line, "-ERR cannot decode that")
            return
        await self._login(line, "PLAIN", username, password, self.server._knows(username, password))

    async def _login(self, line: str, mechanism: str, username: str, password: str, ok: bool) -> None:
        self.server._tried(Login(mechanism, username, password, self.tls, ok))
        said = await self.reply(line, "+OK welcome" if ok else "-ERR [AUTH] wrong credentials")
        if said.startswith("+OK"):
            self.logged_in, self.drop, self.deleted = True, self.server.messages, set()

    async def _stls(self, line: str, words: list[str]) -> None:
        context = self.server.starttls
        if context is None or self.tls:
            await self.reply(line, "-ERR not offered")
            return
        if await self.upgrade(line, "+OK go ahead", self.server.inject, context):
            self.tls = True

    # -- the maildrop ---------------------------------------------------------

    async def _stat(self, line: str, words: list[str]) -> None:
        left = self._left()
        await self.reply(line, f"+OK {len(left)} {sum(len(self.drop[index]) for index in left)}")

    async def _list(self, line: str, words: list[str]) -> None:
        await self._scan(line, words, lambda index: str(len(self.drop[index])))

    async def _uidl(self, line: str, words: list[str]) -> None:
        await self._scan(line, words, lambda index: hashlib.sha256(self.drop[index]).hexdigest()[:20])

    async def _scan(self, line: str, words: list[str], tell: Callable[[int], str]) -> None:
        if words:
            index = self._index(words[0])
            await self.reply(line, "-ERR no such message" if index is None else f"+OK {index + 1} {tell(index)}")
        else:
            await self.reply(line, "\n".join(["+OK", *(f"{i + 1} {tell(i)}" for i in self._left()), "."]))

    async def _retr(self, line: str, words: list[str]) -> None:
        index = self._index(words[0]) if words else None
        if index is None:
            await self.reply(line, "-ERR no such message")
            return
        message = self.drop[index]
        if line[:3].upper() == "TOP":
            head, _, body = message.partition(b"\r\n\r\n")
            count = int(words[1]) if len(words) > 1 and words[1].isdigit() else 0
            message = head + b"\r\n\r\n" + b"".join(body.splitlines(keepends=True)[:count])
        await self.check(line)
        scripted = self.server._scripted(line)
        if scripted is None:
            await self.send(b"+OK\r\n" + dotted(message))
        else:
            await self.say(scripted)

    async def _dele(self, line: str, words: list[str]) -> None:
        index = self._index(words[0]) if words else None
        said = await self.reply(line, "-ERR no such message" if index is None else "+OK")
        if index is not None and said.startswith("+OK"):
            self.deleted.add(index)

    async def _rset(self, line: str, words: list[str]) -> None:
        self.deleted.clear()
        await self.reply(line, "+OK")

    async def _noop(self, line: str, words: list[str]) -> None:
        await self.reply(line, "+OK")

    def _left(self) -> list[int]:
        return [index for index in range(len(self.drop)) if index not in self.deleted]

    def _index(self, word: str) -> int | None:
        index = int(word) - 1 if word.isdigit() else -1
        return index if index in self._left() else None

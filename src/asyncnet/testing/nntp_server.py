"""An NNTP server with groups in memory."""

from __future__ import annotations

import asyncio
import fnmatch
import re
import ssl as _ssl
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from email import message_from_bytes
from typing import ClassVar

from .line_server import LineServer, Login, Scripted, Session, dotted

__all__ = ["NNTPServer"]

_OVERVIEW = ("Subject", "From", "Date", "Message-ID", "References")


class NNTPServer(LineServer):
    r"""An NNTP server (RFC 3977) with AUTHINFO (4643), STARTTLS (4642), OVER, pipelining and POST.

    Articles are numbered from 1 in each group, in the order given.  Keys of
    ``replies``, ``drop_at`` and ``stall_at`` are the beginnings of commands,
    ``"CONNECT"`` for the greeting and ``"."`` for the reply after a posted article.

    Attributes:
        groups: the articles of each group; more can be added at any time.
        posted: the articles that were posted, as received, without the dots of RFC 3977 section 3.1.1.
        logins: every `Login` tried, in order.
        commands: every command line.

    Example:
        ```python
        article = b"Message-ID: <one@example.org>\r\nSubject: one\r\n\r\ntext\r\n"
        with testing.NNTPServer({"misc.test": [article]}) as server:
            print(server.posted)
        ```
    """

    _name: ClassVar[str] = "nntp"

    def __init__(
        self,
        groups: Mapping[str, Sequence[bytes]] | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        ssl: _ssl.SSLContext | None = None,
        starttls: _ssl.SSLContext | None = None,
        users: Mapping[str, str] | None = None,
        capabilities: Sequence[str] = ("READER", "OVER MSGID", "HDR", "POST", "LIST ACTIVE NEWSGROUPS OVERVIEW.FMT"),
        replies: Mapping[str, Scripted] | None = None,
        inject: bytes = b"",
        drop_at: str | Collection[str] = (),
        stall_at: str | Collection[str] = (),
        delay: float = 0.0,
    ) -> None:
        """Store the script.

        Args:
            groups: the articles of each group, with CRLF line ends.
            host: the address to bind.
            port: the port to bind, 0 for a free one.
            ssl: a server's context for TLS from the first byte; ``None`` is none.
            starttls: a server's context for STARTTLS, which is then offered; ``None`` does not offer it.
            users: names and passwords, without which nothing is read; ``None`` asks for none.
            capabilities: what CAPABILITIES says; empty answers it with 500.
            replies: what is said in place of the usual replies, by command.
            inject: bytes sent in clear right behind the reply to STARTTLS.
            drop_at: commands at which the connection is cut; at ``"."`` the article has been stored.
            stall_at: commands that are never answered.
            delay: seconds before each reply.
        """
        super().__init__(
            host=host, port=port, ssl=ssl, replies=replies, drop_at=drop_at, stall_at=stall_at, delay=delay
        )
        self.groups = {name: list(articles) for name, articles in (groups or {}).items()}
        self.starttls = starttls
        self.users = None if users is None else dict(users)
        self.capabilities = tuple(capabilities)
        self.inject = inject
        self._posted: list[bytes] = []

    @property
    def posted(self) -> list[bytes]:
        """The articles posted so far."""
        with self._signal.lock:
            return list(self._posted)

    def _store(self, article: bytes) -> None:
        with self._signal.lock:
            self._posted.append(article)
        self._signal.notify()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await _NNTPSession(self, reader, writer).run()


class _NNTPSession(Session):
    """The dialogue on one connection."""

    server: NNTPServer

    def __init__(self, server: NNTPServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        super().__init__(server, reader, writer)
        self.tls = server.ssl is not None
        self.username: str | None = None
        self.logged_in = server.users is None
        self.group: str | None = None
        self.number: int | None = None  # the current article

    async def run(self) -> None:
        if (await self.reply("CONNECT", "200 test.invalid ready, posting allowed"))[:1] != "2":
            return
        handlers: dict[str, Callable[[str, list[str]], Awaitable[None]]] = {
            "CAPABILITIES": self._capabilities,
            "AUTHINFO": self._authinfo,
            "STARTTLS": self._starttls,
            "MODE": self._mode,
        }
        readers: dict[str, Callable[[str, list[str]], Awaitable[None]]] = {
            "GROUP": self._group,
            "LIST": self._list,
            "OVER": self._over,
            "XOVER": self._over,
            "ARTICLE": self._article,
            "HEAD": self._article,
            "BODY": self._article,
            "STAT": self._article,
            "POST": self._post,
            "DATE": self._date,
        }
        while (line := await self.read_line()) is not None:
            verb, *words = line.split() or [""]
            verb = verb.upper()
            if verb == "QUIT":
                await self.reply(line, "205 bye")
                return
            if verb in handlers:
                await handlers[verb](line, words)
            elif verb not in readers:
                await self.reply(line, "500 not known")
            elif not self.logged_in:
                await self.reply(line, "480 authentication required")
            else:
                await readers[verb](line, words)

    async def block(self, line: str, usual: str, data: bytes) -> None:
        """Answer with a status line and a multi-line block."""
        await self.check(line)
        scripted = self.server._scripted(line)
        if scripted is None:
            await self.send(usual.encode() + b"\r\n" + dotted(data))
        else:
            await self.say(scripted)

    # -- the session ----------------------------------------------------------

    async def _capabilities(self, line: str, words: list[str]) -> None:
        keywords = list(self.server.capabilities)
        if not keywords:
            await self.reply(line, "500 not known")
            return
        if self.server.starttls is not None and not self.tls:
            keywords.append("STARTTLS")
        if self.server.users is not None and not self.logged_in:
            keywords.append("AUTHINFO USER")
        await self.block(line, "101 capabilities", _lines(["VERSION 2", *keywords]))

    async def _mode(self, line: str, words: list[str]) -> None:
        await self.reply(line, "200 posting allowed" if words[:1] == ["READER"] else "501 syntax")

    async def _date(self, line: str, words: list[str]) -> None:
        await self.reply(line, "111 20240229120000")

    async def _authinfo(self, line: str, words: list[str]) -> None:
        kind, value = (words[0].upper() if words else ""), line.split(" ", 2)[-1]
        if self.server.users is None:
            await self.reply(line, "502 not offered")
        elif kind == "USER":
            self.username = value
            await self.reply(line, "381 password, please")
        elif kind == "PASS" and self.username is not None:
            ok = self.server.users.get(self.username) == value
            self.server._tried(Login("USER", self.username, value, self.tls, ok))
            said = await self.reply(line, "281 welcome" if ok else "481 wrong credentials")
            self.logged_in = said.startswith("281")
        else:
            await self.reply(line, "482 USER first")

    async def _starttls(self, line: str, words: list[str]) -> None:
        context = self.server.starttls
        if context is None or self.tls:
            await self.reply(line, "502 not offered")
        elif await self.upgrade(line, "382 go ahead", self.server.inject, context):
            self.tls = True

    # -- groups and articles --------------------------------------------------

    def _articles(self) -> list[bytes]:
        return self.server.groups.get(self.group or "", [])

    async def _group(self, line: str, words: list[str]) -> None:
        name = words[0] if words else ""
        articles = self.server.groups.get(name)
        if articles is None:
            await self.reply(line, "411 no such group")
            return
        count = len(articles)
        self.group, self.number = name, 1 if count else None
        await self.reply(line, f"211 {count} {min(1, count)} {count} {name}")

    async def _list(self, line: str, words: list[str]) -> None:
        kind = words[0].upper() if words else "ACTIVE"
        pattern = words[1] if len(words) > 1 else "*"
        names = [name for name in self.server.groups if _matches(pattern, name)]
        if kind == "ACTIVE":
            rows = [
                f"{name} {len(self.server.groups[name])} {min(1, len(self.server.groups[name]))} y" for name in names
            ]
        elif kind == "NEWSGROUPS":
            rows = [f"{name}\tarticles of the test" for name in names]
        elif kind == "OVERVIEW.FMT":
            rows = [*(f"{name}:" for name in _OVERVIEW), ":bytes", ":lines"]
        else:
            await self.reply(line, "501 not that")
            return
        await self.block(line, "215 list follows", _lines(rows))

    async def _over(self, line: str, words: list[str]) -> None:
        wanted = words[0] if words else str(self.number or "")
        if wanted.startswith("<"):
            found = self._find(wanted)
            numbers = [] if found is None else [(0, found[1])]
            missing = "430 no such article"
        elif self.group is None:
            await self.reply(line, "412 no group")
            return
        else:
            first, last = _bounds(wanted, len(self._articles()))
            numbers = [(n, self._articles()[n - 1]) for n in range(max(1, first), min(last, len(self._articles())) + 1)]
            missing = "423 no articles there"
        if not numbers:
            await self.reply(line, missing)
            return
        await self.block(line, "224 overview follows", _lines([_overview(n, article) for n, article in numbers]))

    async def _article(self, line: str, words: list[str]) -> None:
        verb = line.split()[0].upper()
        code = {"ARTICLE": 220, "HEAD": 221, "BODY": 222, "STAT": 223}[verb]
        found = self._find(words[0] if words else None)
        if found is None:
            if words and words[0].startswith("<"):
                await self.reply(line, "430 no such article")
            else:
                await self.reply(line, "423 no such number" if self.group else "412 no group")
            return
        number, article = found
        usual = f"{code} {number} {_message_id(article)}"
        if verb == "STAT":
            await self.reply(line, usual)
            return
        head, _, body = article.partition(b"\r\n\r\n")
        await self.block(line, usual, {"ARTICLE": article, "HEAD": head, "BODY": body}[verb])

    def _find(self, wanted: str | None) -> tuple[int, bytes] | None:
        """An article by its id, with the number 0, or by its number, which becomes the current one."""
        if wanted is not None and wanted.startswith("<"):
            everything = (article for articles in self.server.groups.values() for article in articles)
            return next(((0, article) for article in everything if _message_id(article) == wanted), None)
        number = self.number if wanted is None else int(wanted) if wanted.isdigit() else None
        if number is None or not 1 <= number <= len(self._articles()):
            return None
        self.number = number
        return number, self._articles()[number - 1]

    async def _post(self, line: str, words: list[str]) -> None:
        if (await self.reply(line, "340 send it"))[:1] != "3":
            return
        article = await self.read_block()
        said = self.server._scripted(".") or "240 stored"
        if said[:1] in ("2", b"2"):  # before the answer goes out: who has seen that finds the article
            self.server._store(article)
        await self.check(".")
        await self.say(said)


def _lines(rows: Sequence[str]) -> bytes:
    return "".join(f"{row}\r\n" for row in rows).encode("utf-8", "surrogateescape")


def _matches(wildmat: str, name: str) -> bool:
    """RFC 3977 section 4: patterns by comma, the last one that fits decides."""
    fits = False
    for pattern in wildmat.split(","):
        if fnmatch.fnmatchcase(name, pattern.removeprefix("!")):
            fits = not pattern.startswith("!")
    return fits


def _bounds(text: str, count: int) -> tuple[int, int]:
    match = re.fullmatch(r"(\d+)(-(\d*))?", text)
    if match is None:
        return 1, 0
    first = int(match[1])
    return first, first if match[2] is None else int(match[3]) if match[3] else count


def _message_id(article: bytes) -> str:
    return str(message_from_bytes(article)["Message-ID"] or "<0>")


def _overview(number: int, article: bytes) -> str:
    message = message_from_bytes(article)
    # RFC 3977 section 8.3.2: a tab or line break inside a field becomes a space.
    fields = [re.sub(r"[\t\r\n]+", " ", str(message[name] or "")) for name in _OVERVIEW]
    body = article.partition(b"\r\n\r\n")[2]
    return "\t".join([str(number), *fields, str(len(article)), str(body.count(b"\n"))])

"""An SMTP server that stores what it is given, and misbehaves on demand."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import re
import ssl as _ssl
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from .line_server import LineServer, Login, Scripted, Session

__all__ = ["Mail", "SMTPServer"]


@dataclass(frozen=True, slots=True)
class Mail:
    """A message that the server took.

    Attributes:
        sender: the envelope's sender, ``""`` for the null sender.
        recipients: the accepted recipients.
        data: the message as received, the dots of RFC 5321 section 4.5.2 taken off.
        parameters: what followed the address in MAIL, such as ``"BODY=8BITMIME"``.
        hello: the name in EHLO or HELO.
        user: who had logged in, ``None`` if nobody.
        tls: whether it came over TLS.
        connection: which connection it came on, counted from 1.
    """

    sender: str
    recipients: tuple[str, ...]
    data: bytes
    parameters: tuple[str, ...]
    hello: str
    user: str | None
    tls: bool
    connection: int


class SMTPServer(LineServer):
    """An SMTP server (RFC 5321) with STARTTLS (3207), AUTH (4954), SIZE (1870), 8BITMIME and SMTPUTF8.

    Keys of ``replies``, ``drop_at`` and ``stall_at`` are the beginnings of
    commands (``"RCPT TO:<bad@"``), ``"CONNECT"`` for the greeting and ``"."``
    for the reply after the message.

    It offers AUTH in clear, too: `logins` tells whether a client fell for it.

    Attributes:
        messages: every `Mail` taken, in order.
        logins: every `Login` tried, in order.
        commands: every command line.

    Example:
        ```python
        with testing.SMTPServer(starttls=ca.server_context(), users={"me": "secret"}) as server:
            await asyncnet.smtp.send(message, "localhost", server.port, username="me", password="secret", dialer=dialer)
            assert server.messages[0].recipients == ("you@example.org",)
        ```
    """

    _name: ClassVar[str] = "smtp"

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        ssl: _ssl.SSLContext | None = None,
        starttls: _ssl.SSLContext | None = None,
        users: Mapping[str, str] | None = None,
        require_auth: bool = False,
        mechanisms: Sequence[str] = ("PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2"),
        extensions: Sequence[str] = ("8BITMIME", "SMTPUTF8", "PIPELINING", "ENHANCEDSTATUSCODES"),
        size: int | None = None,
        replies: Mapping[str, Scripted] | None = None,
        inject: bytes = b"",
        drop_at: str | Collection[str] = (),
        stall_at: str | Collection[str] = (),
        delay: float = 0.0,
    ) -> None:
        """Store the script.

        Args:
            host: the address to bind.
            port: the port to bind, 0 for a free one.
            ssl: a server's context for TLS from the first byte; ``None`` is none.
            starttls: a server's context for STARTTLS, which is then offered; ``None`` does not offer it.
            users: names and passwords, for XOAUTH2 names and tokens; ``None`` offers no AUTH.
            require_auth: refuse MAIL before a login.
            mechanisms: the AUTH mechanisms offered.
            extensions: further EHLO keywords.
            size: the largest message in bytes, offered as SIZE; ``None`` for no limit.
            replies: what is said in place of the usual replies, by command.
            inject: bytes sent in clear right behind the reply to STARTTLS.
            drop_at: commands at which the connection is cut; at ``"."`` the message has been stored.
            stall_at: commands that are never answered.
            delay: seconds before each reply.
        """
        super().__init__(
            host=host, port=port, ssl=ssl, replies=replies, drop_at=drop_at, stall_at=stall_at, delay=delay
        )
        self.starttls = starttls
        self.users = None if users is None else dict(users)
        self.require_auth = require_auth
        self.mechanisms = tuple(mechanisms)
        self.extensions = tuple(extensions)
        self.size = size
        self.inject = inject
        self._messages: list[Mail] = []

    @property
    def messages(self) -> list[Mail]:
        """The messages taken so far."""
        with self._signal.lock:
            return list(self._messages)

    def _store(self, mail: Mail) -> None:
        with self._signal.lock:
            self._messages.append(mail)
        self._signal.notify()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await _SMTPSession(self, reader, writer, number).run()


class _SMTPSession(Session):
    """The dialogue on one connection."""

    server: SMTPServer

    def __init__(
        self, server: SMTPServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> None:
        super().__init__(server, reader, writer)
        self.number = number
        self.tls = server.ssl is not None
        self.hello = ""
        self.user: str | None = None
        self._clear()

    def _clear(self) -> None:
        self.sender: str | None = None
        self.parameters: tuple[str, ...] = ()
        self.recipients: list[str] = []

    async def run(self) -> None:
        if (await self.reply("CONNECT", "220 test.invalid ESMTP"))[:1] != "2":
            return
        handlers: dict[str, Callable[[str], Awaitable[None]]] = {
            "EHLO": self._ehlo,
            "HELO": self._helo,
            "STARTTLS": self._starttls,
            "AUTH": self._auth,
            "MAIL": self._mail,
            "RCPT": self._rcpt,
            "DATA": self._data,
            "RSET": self._rset,
        }
        while (line := await self.read_line()) is not None:
            verb = line.partition(" ")[0].upper()
            if verb == "QUIT":
                await self.reply(line, "221 2.0.0 bye")
                return
            if verb in handlers:
                await handlers[verb](line)
            elif verb in ("NOOP", "VRFY"):
                await self.reply(line, "250 2.0.0 OK" if verb == "NOOP" else "252 2.5.2 send some mail, I'll try")
            else:
                await self.reply(line, "502 5.5.2 command not known")

    async def _ehlo(self, line: str) -> None:
        server = self.server
        keywords = ["test.invalid", *server.extensions]
        if server.size is not None:
            keywords.append(f"SIZE {server.size}")
        if server.starttls is not None and not self.tls:
            keywords.append("STARTTLS")
        if server.users is not None and server.mechanisms:
            keywords.append("AUTH " + " ".join(server.mechanisms))
        lines = [f"250-{keyword}" for keyword in keywords[:-1]] + [f"250 {keywords[-1]}"]
        await self._greeted(line, "\n".join(lines))

    async def _helo(self, line: str) -> None:
        await self._greeted(line, "250 test.invalid")

    async def _greeted(self, line: str, usual: str) -> None:
        if (await self.reply(line, usual))[:1] == "2":
            self.hello = line.partition(" ")[2]
            self._clear()

    async def _starttls(self, line: str) -> None:
        if self.server.starttls is None or self.tls:
            await self.reply(line, "502 5.5.1 not offered")
        elif await self.upgrade(line, "220 2.0.0 go ahead", self.server.inject, self.server.starttls):
            self.tls, self.hello, self.user = True, "", None
            self._clear()

    async def _rset(self, line: str) -> None:
        self._clear()
        await self.reply(line, "250 2.0.0 OK")

    # -- the envelope and the message ---------------------------------------

    async def _mail(self, line: str) -> None:
        match = re.match(r"MAIL FROM:\s*<([^>]*)>\s*(.*)", line, re.IGNORECASE)
        if match is None:
            await self.reply(line, "501 5.5.4 syntax: MAIL FROM:<address>")
            return
        parameters = tuple(match[2].split())
        if self.server.require_auth and self.user is None:
            usual = "530 5.7.0 authentication required"
        elif self.server.size is not None and _declared_size(parameters) > self.server.size:
            usual = "552 5.3.4 too large"
        else:
            usual = "250 2.1.0 OK"
        if (await self.reply(line, usual))[:1] == "2":
            self._clear()
            self.sender, self.parameters = match[1], parameters

    async def _rcpt(self, line: str) -> None:
        match = re.match(r"RCPT TO:\s*<([^>]*)>", line, re.IGNORECASE)
        if match is None or self.sender is None:
            await self.reply(line, "503 5.5.1 MAIL first" if match else "501 5.5.4 syntax: RCPT TO:<address>")
        elif (await self.reply(line, "250 2.1.5 OK"))[:1] == "2":
            self.recipients.append(match[1])

    async def _data(self, line: str) -> None:
        usual = "354 go ahead" if self.recipients else "503 5.5.1 RCPT first"
        if (await self.reply(line, usual))[:1] != "3":
            return
        data = await self.read_block()
        sender, recipients, parameters = self.sender or "", tuple(self.recipients), self.parameters
        mail = Mail(sender, recipients, data, parameters, self.hello, self.user, self.tls, self.number)
        self._clear()
        too_large = self.server.size is not None and len(data) > self.server.size
        said = self.server._scripted(".") or ("552 5.3.4 too large" if too_large else "250 2.0.0 stored")
        # Stored before the answer goes out: who has seen the answer finds the message, and who is
        # cut off here does not know that we have it.
        if said[:1] in ("2", b"2"):
            self.server._store(mail)
        await self.check(".")
        await self.say(said)

    # -- AUTH ---------------------------------------------------------------

    async def _auth(self, line: str) -> None:
        _, mechanism, initial = [*line.split(" ", 2), "", ""][:3]
        mechanism = mechanism.upper()
        await self.check(line)
        scripted = self.server._scripted(line)
        if scripted is None and (self.server.users is None or mechanism not in self.server.mechanisms):
            scripted = "504 5.5.4 mechanism not known"
        elif scripted is None:
            scripted = await self._check_login(mechanism, initial)
        await self.say(scripted)

    async def _check_login(self, mechanism: str, initial: str) -> str:
        users = self.server.users or {}
        try:
            username, password, ok = await self._credentials(mechanism, initial, users)
        except (ValueError, IndexError, binascii.Error):
            return "501 5.5.2 cannot decode that"
        self.server._tried(Login(mechanism, username, password, self.tls, ok))
        if not ok and mechanism == "XOAUTH2":
            # The mechanism tells its reason in a challenge that the client answers with nothing.
            await self._challenge(b'{"status":"401"}')
        if ok:
            self.user = username
        return "235 2.7.0 welcome" if ok else "535 5.7.8 wrong credentials"

    async def _credentials(self, mechanism: str, initial: str, users: Mapping[str, str]) -> tuple[str, str, bool]:
        if mechanism == "CRAM-MD5":
            challenge = f"<{self.number}@test.invalid>".encode()
            username, _, digest = (await self._challenge(challenge)).decode().rpartition(" ")
            expected = hmac.new(users.get(username, "").encode(), challenge, "md5").hexdigest()
            return username, digest, username in users and digest == expected
        if mechanism == "LOGIN":
            first = _decode(initial) if initial else await self._challenge(b"Username:")
            username, password = first.decode(), (await self._challenge(b"Password:")).decode()
        else:
            text = (_decode(initial) if initial else await self._challenge(b"")).decode()
            if mechanism == "PLAIN":
                _, username, password = text.split("\0")
            else:
                fields = dict(part.split("=", 1) for part in text.split("\x01") if part)
                username, password = fields["user"], fields["auth"].removeprefix("Bearer ")
        return username, password, username in users and users[username] == password

    async def _challenge(self, challenge: bytes) -> bytes:
        await self.send(b"334 " + base64.b64encode(challenge) + b"\r\n")
        answer = await self.reader.readline()
        if not answer:
            raise EOFError
        text = answer.decode().strip()
        if text == "*":
            raise ValueError("cancelled")
        return _decode(text)


def _decode(text: str) -> bytes:
    return b"" if text == "=" else base64.b64decode(text, validate=True)


def _declared_size(parameters: Sequence[str]) -> int:
    found = (part[5:] for part in parameters if part.upper().startswith("SIZE="))
    return next((int(value) for value in found if value.isdigit()), 0)

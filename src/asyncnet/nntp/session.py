"""One session with a news server: greeting, reader mode, TLS, login, commands.

RFC 3977, 4642 (STARTTLS), 4643 (AUTHINFO), 2980 for servers from before 2006.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from ..core.access import Access
from ..core.line_connection import LineConnection
from ..core.lines import MAX_BLOCK, dot_stuff, format_command
from ..core.operation import Operation
from ..core.pipeline import Exchange, PipelinedSession
from ..core.replies import Reply, ReplyParser
from ..core.sasl import Login, Mechanism, choose_mechanisms, decode_challenge, encode_answer, redact
from ..errors import AuthenticationError, ProtocolError, ReplyError, TLSError
from .listing import parse_capabilities

__all__ = ["MAX_CAPABILITIES", "Command", "Options", "Session"]

_MAX_COMMAND = 512  # bytes, CRLF included (RFC 3977 section 3.1)
MAX_CAPABILITIES = 65_536  # bytes
_MAX_LINE = 1 << 20  # bytes: of overviews; a status line is short

Command: TypeAlias = Exchange[Reply]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(Access):
    """The options of a connection."""

    tls_port: ClassVar[int] = 563  # RFC 8143 section 3
    alpn: ClassVar[tuple[str, ...]] = ("nntp",)


class Session(PipelinedSession[Reply]):
    """A connection in reader mode, logged in, and what is asked over it.

    Attributes:
        capabilities: what the server offers; empty if it did not say.
        posting: whether it said that posting is allowed.
    """

    def __init__(self, options: Options, lost: Callable[[], None]) -> None:
        super().__init__(LineConnection("nntp", options, max_line=_MAX_LINE), lost)
        self._options = options
        self._replies = ReplyParser("none")
        self.capabilities: dict[str, tuple[str, ...]] = {}
        self.posting = False

    # ---- opening

    async def open(self, operation: Operation) -> None:
        """Connect, secure and log in; the client drops it if that fails."""
        dialer = self._options.choose_dialer()
        await self._connection.dial(operation, dialer)
        with operation.span("greeting"):
            greeting = self._reply(await self._connection.line())
            if greeting.code not in (200, 201):
                raise _refused("the server takes nobody", greeting)
            self.posting = greeting.code == 200
        await self._ask_capabilities(operation)
        # Before TLS and login: a server that hands readers on to another program forgets both (RFC 4643 section 2.1).
        await self._become_reader(operation)
        if self._connection.wants_starttls(offered="STARTTLS" in self.capabilities):
            with operation.span("starttls"):
                reply = await self._pipeline.ask(self.line("STARTTLS"))
                if reply.code != 382:
                    # Never on in clear: whoever can say this in the server's place wants just that.
                    raise TLSError(f"the server offers STARTTLS and refused it: {reply}", phase="starttls")
                await self._connection.start_tls(operation, dialer)
            # RFC 4642 section 2.2.2: what was learnt in clear is forgotten.
            await self._ask_capabilities(operation)
        if self._options.username is not None:
            await self._login(operation)
            await self._ask_capabilities(operation)  # RFC 4643 section 2.2: there may be more now

    async def _ask_capabilities(self, operation: Operation) -> None:
        self.capabilities = {}
        with operation.span("capabilities"):
            command = self.block({101}, "CAPABILITIES", max_bytes=MAX_CAPABILITIES)
            if (await self._pipeline.ask(command)).code == 101:
                self.capabilities = parse_capabilities(command.block or b"")

    async def _become_reader(self, operation: Operation) -> None:
        if "READER" in self.capabilities:
            return
        with operation.span("mode reader"):
            reply = await self._pipeline.ask(self.line("MODE", "READER"))
            if reply.code in (200, 201):
                self.posting = reply.code == 200
            elif reply.code in (400, 502):
                raise _refused("the server takes no readers", reply)
        if self.capabilities and reply.code < 300:
            await self._ask_capabilities(operation)

    async def _login(self, operation: Operation) -> None:
        options = self._options
        assert options.username is not None
        with operation.span("auth", username=options.username) as span:
            login = Login(
                options.username, await options.secret(), options.token is not None, options.host, options.port
            )
            kinds, offered = self.capabilities.get("AUTHINFO", ()), self.capabilities.get("SASL", ())
            mechanisms = choose_mechanisms(offered, login, encrypted=self._connection.encrypted)
            if mechanisms and ("USER" not in kinds or login.is_token):
                span.attributes["mechanism"] = mechanisms[0].name
                reply = await self._authenticate(mechanisms[0])
            elif login.is_token:
                raise AuthenticationError("the server offers no login with a token")
            else:
                # Asked for where it is not offered, too: older servers do not say.
                span.attributes["mechanism"] = "USER"
                reply = await self._pipeline.ask(self.line("AUTHINFO", "USER", login.username))
                if reply.code == 381:
                    reply = await self._pipeline.ask(self.line("AUTHINFO", "PASS", login.secret))
            if reply.code not in (281, 283):
                if reply.code < 400:
                    raise ProtocolError(f"the server answered AUTHINFO with {reply.code}")
                text = redact(reply.text, login)
                raise AuthenticationError(
                    f"login of {login.username} refused: {reply.code} {text}", code=reply.code, text=text
                )

    async def _authenticate(self, mechanism: Mechanism) -> Reply:
        first = mechanism.begin()
        words = ["AUTHINFO", "SASL", mechanism.name]
        if first is not None:
            words.append(encode_answer(first) or "=")
            if sum(map(len, words)) + len(words) + 1 > _MAX_COMMAND:
                words.pop()
            else:
                first = None
        reply = await self._pipeline.ask(self.line(*words))
        for _ in range(3):  # no mechanism here has more steps
            if reply.code != 383:
                return reply
            answer, first = first, None
            if answer is None:
                # RFC 4643 section 2.4.2: "=" is a challenge or an answer of nothing.
                answer = mechanism.answer(decode_challenge("" if reply.text == "=" else reply.text))
            line = "*" if answer is None else encode_answer(answer) or "="
            reply = await self._pipeline.ask(Exchange(format_command(line), self._reply))
        raise ProtocolError(f"the server asks for more than {mechanism.name} has")

    # ---- commands

    def line(self, *words: str) -> Command:
        """A command that is answered by one line."""
        return Exchange(_format(words), self._reply)

    def block(self, codes: Collection[int], *words: str, max_bytes: int = MAX_BLOCK) -> Command:
        """A command that is answered by a block, with one of these codes before it."""
        return Exchange(_format(words), self._reply, lambda reply: reply.code in codes, max_block=max_bytes)

    def _reply(self, line: bytes) -> Reply:
        reply = self._replies.feed_line(line)
        assert reply is not None  # in NNTP each is one line
        return reply

    async def ask(self, operation: Operation, name: str, command: Command, codes: Collection[int]) -> Reply:
        """Send a command and wait for its answer; see `wait`."""
        with operation.span(name.lower()):
            await self._pipeline.send([command])
            return await self.wait(name, command, codes)

    async def send(self, commands: Collection[Command]) -> None:
        """Send commands in one piece."""
        await self._pipeline.send(commands)

    async def wait(self, name: str, command: Command, codes: Collection[int]) -> Reply:
        """Wait for the answer to a command that was sent.

        Raises:
            ReplyError: it was refused.
            ProtocolError: the answer has a code that means nothing here.
        """
        reply = await self._pipeline.wait(command)
        if reply.code in codes:
            return reply
        if reply.code >= 400:
            raise _refused(f"{name} refused", reply)
        self.abort()
        raise ProtocolError(f"{reply.code} is no answer to {name}")

    async def post(self, operation: Operation, article: bytes) -> Reply:
        """Post an article; nobody's command may come between the two steps (RFC 3977 section 6.3.1)."""
        pipeline = self._pipeline
        async with pipeline.turn:
            with operation.span("post"):
                command = self.line("POST")
                await pipeline.send_in_turn([command])
                await self.wait("POST", command, {340})
            with operation.span("content", bytes=len(article)):
                sent: Command = Exchange(dot_stuff(article), self._reply)
                operation.maybe_done = True
                await pipeline.send_in_turn([sent])
                try:
                    reply = await self.wait("POST", sent, {240})
                except ReplyError:
                    operation.maybe_done = False
                    raise
                operation.maybe_done = False
                return reply

    async def quit(self) -> None:
        """Say QUIT and wait for the answer."""
        self._pipeline.end()
        await self._pipeline.ask(self.line("QUIT"))


def _format(words: tuple[str, ...]) -> bytes:
    line = format_command(*words, encoding="utf-8")
    if len(line) > _MAX_COMMAND:
        raise ValueError(f"a command may have {_MAX_COMMAND} bytes, this one has {len(line)}")
    return line


def _refused(what: str, reply: Reply) -> ReplyError:
    # RFC 3977 section 3.2.1: 480 wants a login, 483 wants TLS first.
    kind = AuthenticationError if reply.code in (480, 483) else ReplyError
    return kind(f"{what}: {reply}", code=reply.code, text=reply.text)

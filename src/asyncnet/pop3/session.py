"""One session with a POP3 server: greeting, TLS, login, commands.

RFC 1939, 2449 (CAPA), 2595 (STLS), 5034 (AUTH).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from ..core.access import Access
from ..core.line_connection import LineConnection
from ..core.lines import MAX_BLOCK, format_command
from ..core.operation import Operation
from ..core.pipeline import Exchange, PipelinedSession
from ..core.sasl import Login, Mechanism, choose_mechanisms, decode_challenge, encode_answer, redact
from ..errors import AuthenticationError, ProtocolError, ReplyError, TLSError
from .status import Item, Status, parse_capabilities, parse_sizes, parse_status, parse_uids

__all__ = ["Command", "Options", "Session"]

_MAX_COMMAND = 255  # bytes, CRLF included (RFC 2449 section 4)
_MAX_LIST = MAX_BLOCK
_MAX_CAPABILITIES = 65_536  # bytes

# Response codes of a login that say nothing against the credentials (RFC 2449 section 8.1, RFC 3206).
_NOT_NOW = frozenset({"IN-USE", "LOGIN-DELAY", "SYS/TEMP", "SYS/PERM"})

Command: TypeAlias = Exchange[Status]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(Access):
    """The options of a connection.

    Attributes:
        apop: log in by APOP, which shows the password to nobody and proves it by MD5.
    """

    tls_port: ClassVar[int] = 995  # RFC 8314 section 7.2
    alpn: ClassVar[tuple[str, ...]] = ("pop3",)

    apop: bool = False

    def __post_init__(self) -> None:
        # No super(): a dataclass with slots is a new class, which a bare super() does not know.
        Access.__post_init__(self)
        if not isinstance(self.apop, bool):
            raise TypeError(f"apop must be a bool, not {type(self.apop).__name__}")
        if self.apop and self.password is None:
            raise ValueError("APOP needs a password")


def _line(*parts: str, encoding: str = "ascii") -> Command:
    """A command that is answered by one line."""
    return Exchange(format_command(*parts, encoding=encoding), parse_status)


def _block(*parts: str, max_bytes: int = _MAX_LIST) -> Command:
    """A command that is answered by a block, if it is not refused."""
    return Exchange(format_command(*parts), parse_status, _is_ok, max_block=max_bytes)


def _is_ok(status: Status) -> bool:
    return status.ok


class Session(PipelinedSession[Status]):
    """A connection that is logged in, and what is asked over it.

    Attributes:
        capabilities: what the server offers; empty if it did not say.
    """

    line = staticmethod(_line)
    block = staticmethod(_block)

    def __init__(self, options: Options, lost: Callable[[], None]) -> None:
        super().__init__(LineConnection("pop3", options), lost)
        self._options = options
        self.capabilities: dict[str, tuple[str, ...]] = {}

    @property
    def pipelining(self) -> bool:
        """Whether a command may be sent before the last one is answered (RFC 2449 section 6.6)."""
        return "PIPELINING" in self.capabilities

    # ---- opening

    async def open(self, operation: Operation) -> None:
        """Connect, secure and log in; the client drops it if that fails."""
        dialer = self._options.choose_dialer()
        await self._connection.dial(operation, dialer)
        with operation.span("greeting"):
            greeting = parse_status(await self._connection.line())
            if not greeting.ok or greeting.challenge:
                raise _refused("the server takes nobody", greeting)
        await self._ask_capabilities(operation)
        if self._connection.wants_starttls(offered="STLS" in self.capabilities, name="STLS"):
            with operation.span("starttls"):
                status = await self._pipeline.ask(_line("STLS"))
                if not status.ok:
                    # Never on in clear: whoever can say this in the server's place wants just that.
                    raise TLSError(f"the server offers STLS and refused it: {status}", phase="starttls")
                await self._connection.start_tls(operation, dialer)
            # RFC 2595 section 4: what was learnt in clear is forgotten.
            await self._ask_capabilities(operation)
        if self._options.username is not None:
            await self._login(operation, greeting)

    async def _ask_capabilities(self, operation: Operation) -> None:
        self.capabilities = {}
        with operation.span("capa"):
            command = _block("CAPA", max_bytes=_MAX_CAPABILITIES)
            if (await self._pipeline.ask(command)).ok:
                self.capabilities = parse_capabilities(command.block or b"")

    async def _login(self, operation: Operation, greeting: Status) -> None:
        options = self._options
        assert options.username is not None
        with operation.span("auth", username=options.username) as span:
            login = Login(
                options.username, await options.secret(), options.token is not None, options.host, options.port
            )
            if options.apop:
                span.attributes["mechanism"] = "APOP"
                status = await self._apop(login, greeting)
            else:
                offered = self.capabilities.get("SASL", ())
                mechanisms = choose_mechanisms(offered, login, encrypted=self._connection.encrypted)
                if mechanisms:
                    span.attributes["mechanism"] = mechanisms[0].name
                    status = await self._authenticate(mechanisms[0])
                elif not login.is_token and ("USER" in self.capabilities or not self.capabilities):
                    span.attributes["mechanism"] = "USER"
                    status = await self._user(login)
                else:
                    what = f"only {' '.join(offered)}" if offered else "no login"
                    kind = "a token" if login.is_token else "a password"
                    raise AuthenticationError(f"the server offers {what} for {kind}")
            if not status.ok:
                text = redact(status.text, login)
                error = ReplyError if status.code in _NOT_NOW else AuthenticationError
                raise error(f"login of {login.username} refused: {text or status.code}", code=status.code, text=text)

    async def _apop(self, login: Login, greeting: Status) -> Status:
        # The timestamp comes in clear and before TLS; MD5 is what RFC 1939 section 7 asks for.
        if greeting.stamp is None:
            raise AuthenticationError("the server does not offer APOP: its greeting has no timestamp")
        proof = hashlib.md5((greeting.stamp + login.secret).encode(), usedforsecurity=False).hexdigest()
        return await self._pipeline.ask(_line("APOP", login.username, proof, encoding="utf-8"))

    async def _user(self, login: Login) -> Status:
        user = _line("USER", login.username, encoding="utf-8")
        secret = _line("PASS", login.secret, encoding="utf-8")
        if self.pipelining:
            await self._pipeline.send([user, secret])
            said = await self._pipeline.wait(user)
            passed = await self._pipeline.wait(secret)
            return passed if said.ok else said
        said = await self._pipeline.ask(user)
        return await self._pipeline.ask(secret) if said.ok else said

    async def _authenticate(self, mechanism: Mechanism) -> Status:
        first = mechanism.begin()
        words = ["AUTH", mechanism.name]
        if first is not None:
            # RFC 5034 section 4: "=" is an answer of nothing; what does not fit into the line comes after it.
            words.append(encode_answer(first) or "=")
            if sum(map(len, words)) + len(words) + 1 > _MAX_COMMAND:
                words.pop()
            else:
                first = None
        status = await self._pipeline.ask(_line(*words))
        for _ in range(3):  # no mechanism here has more steps
            if not status.challenge:
                return status
            answer, first = first, None
            if answer is None:
                answer = mechanism.answer(decode_challenge(status.text))
            status = await self._pipeline.ask(_line("*" if answer is None else encode_answer(answer)))
        raise ProtocolError(f"the server asks for more than {mechanism.name} has")

    # ---- commands

    async def ask(self, operation: Operation, name: str, command: Command) -> Status:
        """Send a command and wait for its answer.

        Raises:
            ReplyError: it was refused.
        """
        with operation.span(name.lower()):
            await self._pipeline.send([command])
            return await self.wait(name, command)

    async def send(self, commands: Collection[Command]) -> None:
        """Send commands in one piece."""
        await self._pipeline.send(commands)

    async def wait(self, name: str, command: Command) -> Status:
        """Wait for the answer to a command that was sent."""
        status = await self._pipeline.wait(command)
        if not status.ok:
            raise _refused(f"{name} refused", status)
        if status.challenge:
            self.abort()
            raise ProtocolError(f"a challenge is no answer to {name}")
        return status

    async def items(self, operation: Operation) -> list[Item]:
        """The messages by number, without those that were deleted."""
        sizes, uids = _block("LIST"), _block("UIDL")
        with operation.span("list"):
            await self.send([sizes, uids] if self.pipelining else [sizes])
            try:
                await self.wait("LIST", sizes)
            except ReplyError:
                self.discard([uids])
                raise
        with operation.span("uidl"):
            if not self.pipelining:
                await self.send([uids])
            try:
                await self.wait("UIDL", uids)
            except ReplyError:  # it is optional (RFC 1939 section 7)
                uids.block = None
        found = self.trust(parse_sizes, sizes.block or b"")
        names = self.trust(parse_uids, uids.block or b"")
        return [Item(number, found[number], names.get(number)) for number in sorted(found)]

    async def quit(self) -> None:
        """Say QUIT, which carries the deletions out, and wait for the answer."""
        self._pipeline.end()
        await self.send([command := _line("QUIT")])
        await self.wait("QUIT", command)


def _refused(what: str, status: Status) -> ReplyError:
    return ReplyError(f"{what}: {status.text or status.code or 'no reason given'}", code=status.code, text=status.text)

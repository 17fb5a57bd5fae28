"""One session with an FTP server: greeting, TLS, login, commands, data connections.

RFC 959; 2228 and 4217 (TLS), 2389 (FEAT), 2428 (EPSV), 2640 (UTF-8), 3659 (MLST, SIZE, REST).
Passive mode only.
"""

from __future__ import annotations

import asyncio
import contextvars
import re
import ssl as _ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from ..core.access import Access
from ..core.dialer import Dialer
from ..core.handshake import secure_aside
from ..core.line_connection import LineConnection
from ..core.lines import format_command
from ..core.operation import ATTEMPT_TIMEOUT, Operation
from ..core.replies import Reply, ReplyParser
from ..core.stream import Stream
from ..core.tls import choose_context
from ..errors import AsyncNetError, AuthenticationError, OperationTimeout, ProtocolError, ReplyError, TLSError

__all__ = ["Options", "Session", "refused"]

ANONYMOUS = "anonymous"
_EPSV = re.compile(r"\((.)\1\1(\d{1,5})\1\)")
_PASV = re.compile(r"(\d{1,3}),(\d{1,3}),(\d{1,3}),(\d{1,3}),(\d{1,3}),(\d{1,3})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(Access):
    """The options of a connection.

    Attributes:
        account: for servers that ask for one (ACCT).
    """

    tls_port: ClassVar[int] = 990
    alpn: ClassVar[tuple[str, ...]] = ("ftp",)

    account: str | None = None

    @property
    def anonymous(self) -> bool:
        """Whether the login is nobody's: its password is no credential."""
        return self.username is None


class Session:
    """A control connection that is logged in, and the data connections that it has opened.

    Attributes:
        patience: seconds for each reply and each handshake, for transfers that have no time of their own; ``None``
            for no such limit, but that of a handshake, which takes 10 s at most.
        features: what FEAT said, by its first word.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._dialer: Dialer | None = None
        self._connection = LineConnection("ftp", options)
        self._parser = ReplyParser("free")
        self._context: _ssl.SSLContext | None = None  # of the control connection: data connections take its session up
        self._protected = False
        self._epsv = True
        self._binary = False
        self._owed = False
        self.patience: float | None = None
        self.features: dict[str, str] = {}

    @property
    def origin(self) -> str:
        """What the files of this server are known by in notes on the disk."""
        return f"ftp://{self._options.peer}/"

    # ---- opening

    async def open(self, operation: Operation) -> None:
        """Connect, secure and log in; the client drops it if that fails."""
        self._dialer = dialer = self._options.choose_dialer()
        ssl = self._options.ssl if isinstance(self._options.ssl, _ssl.SSLContext) else None
        self._context = choose_context(ssl, dialer.ssl_context, default=True, alpn=self._options.alpn)
        await self._connection.dial(operation, dialer)
        with operation.span("greeting"):
            greeting = await self._reply()
            while greeting.code == 120:  # "ready in n minutes"
                greeting = await self._reply()
            if greeting.code != 220:
                raise refused("the server takes nobody", greeting)
        if not self._connection.encrypted and self._options.starttls is not False:
            await self._secure(operation)
        if self._connection.encrypted:
            with operation.span("protect"):
                await self.expect("PBSZ 0", 200)
                await self.expect("PROT P", 200)
                self._protected = True
        await self._login(operation)
        with operation.span("feat"):
            reply = await self.ask("FEAT")
            if reply.code == 211:
                self._learn(reply)
            if "UTF8" in self.features:
                await self.ask("OPTS UTF8 ON")

    async def _secure(self, operation: Operation) -> None:
        # AUTH TLS is asked for rather than looked up: many servers answer FEAT after the login only.
        if not self._options.tls_required and self._options.anonymous and self._options.starttls is None:
            await self._secure_if_offered(operation)
            return
        with operation.span("starttls"):
            reply = await self.ask("AUTH TLS")
            if self._connection.wants_starttls(offered=reply.code == 234, name="AUTH TLS"):
                assert self._dialer is not None
                await self._connection.start_tls(operation, self._dialer)

    async def _secure_if_offered(self, operation: Operation) -> None:
        with operation.span("feat"):
            reply = await self.ask("FEAT")
        if reply.code == 211:
            self._learn(reply)
        if "TLS" in self.features.get("AUTH", "").upper():
            with operation.span("starttls"):
                reply = await self.ask("AUTH TLS")
                if reply.code != 234:
                    raise TLSError(f"the server offers AUTH TLS and refused it: {reply}", phase="starttls")
                assert self._dialer is not None
                await self._connection.start_tls(operation, self._dialer)

    def _learn(self, reply: Reply) -> None:
        self.features = {}
        for line in reply.lines[1:-1]:
            name, _, rest = line.strip().partition(" ")
            self.features[name.upper()] = f"{self.features.get(name.upper(), '')} {rest}".strip()

    async def _login(self, operation: Operation) -> None:
        options = self._options
        with operation.span("login"):
            reply = await self._command(format_command("USER", options.username or ANONYMOUS, encoding="utf-8"))
            if reply.code == 331:
                password = await options.secret() if options.has_secret else "anonymous@"
                reply = await self._command(format_command("PASS", password, encoding="utf-8"))
            if reply.code == 332 and options.account is not None:
                reply = await self._command(format_command("ACCT", options.account, encoding="utf-8"))
            if reply.code == 421:
                raise refused("the server takes nobody now", reply)
            if reply.code not in (230, 202):
                raise AuthenticationError(f"login refused: {reply}", code=reply.code, text=reply.text)

    # ---- commands

    async def ask(self, command: str, argument: str | None = None) -> Reply:
        """Send a command and wait for its reply."""
        words = command.split(" ") if argument is None else [*command.split(" "), argument]
        return await self._command(format_command(*words, encoding="utf-8"))

    async def expect(self, command: str, *codes: int, argument: str | None = None) -> Reply:
        """Send a command; raise `ReplyError` if the reply is another than expected."""
        reply = await self.ask(command, argument)
        if reply.code not in codes:
            raise refused(f"{command.partition(' ')[0]} was refused", reply)
        return reply

    @property
    def between_commands(self) -> bool:
        """Whether every command has had its last reply: what goes wrong here, goes wrong on our side alone."""
        return not self._owed

    async def _command(self, line: bytes) -> Reply:
        if not self._connection.quiet:
            raise ProtocolError("the server spoke without being asked")
        self._owed = True
        await self._connection.send(line)
        return await self._reply()

    async def _reply(self) -> Reply:
        try:
            async with asyncio.timeout(self.patience) as scope:
                while (reply := self._parser.feed_line(await self._connection.line())) is None:
                    pass
        except TimeoutError:
            if scope.expired():
                raise OperationTimeout(f"no reply for {self.patience:g} s") from None
            raise
        self._owed = reply.code < 200  # RFC 959 section 4.2: another one follows that
        return reply

    async def complete(self, operation: Operation, moving: Callable[[], bool] | None = None) -> None:
        """Wait for the server's word at the end of a transfer.

        Args:
            operation: whose time this is.
            moving: whether an upload is still on its way: the server waits for what our kernel keeps.
        """
        with operation.span("complete"):
            while True:
                try:
                    reply = await self._reply()
                    break
                except OperationTimeout:
                    if moving is None or not moving():
                        raise
        if reply.code not in (226, 250):
            raise refused("the transfer failed", reply)

    async def binary(self) -> None:
        """Have files sent as they are."""
        if not self._binary:
            await self.expect("TYPE I", 200)
            self._binary = True

    # ---- data connections

    async def data(self, operation: Operation, command: str, argument: str | None, *, restart: int = 0) -> Stream:
        """Open a data connection and have the server begin to use it.

        Args:
            operation: whose time this is.
            command: RETR, STOR, APPE, MLSD or LIST.
            argument: its path.
            restart: where to begin in the file, in bytes (REST).

        Raises:
            ReplyError: the server refused.
        """
        stream = Stream(protocol="ftp", peer=self._options.peer, timeout=None)
        with operation.span("data", command=command):
            host, port = await self._passive(operation)
            assert self._dialer is not None
            await self._dialer.dial_stream(operation, stream, host, port, ssl=False)
            try:
                if restart:
                    await self.expect(f"REST {restart}", 350)
                securing = self._begin_tls(operation, stream)
                try:
                    reply = await self.ask(command, argument)
                    if reply.code not in (125, 150):
                        raise refused(f"{command} was refused", reply)
                    if securing is not None:
                        await self._finish_tls(securing)
                finally:
                    if securing is not None:
                        securing.cancel()
                        await asyncio.wait([securing])
            except BaseException:
                stream.abort()
                raise
        return stream

    def _begin_tls(self, operation: Operation, stream: Stream) -> asyncio.Task[None] | None:
        """Servers differ in whether they greet before the handshake or after: both go on at the same time."""
        if not self._protected or self._context is None:
            return None
        control = self._connection.stream.ssl_object
        # Many servers accept only who takes up the session of the control connection: it is the same peer then.
        session = None if control is None else control.session
        name = self._options.server_hostname or self._options.host
        handshake = secure_aside(operation, stream, self._context, name, session)
        task = asyncio.get_running_loop().create_task(handshake, context=contextvars.Context())
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return task

    async def _finish_tls(self, securing: asyncio.Task[None]) -> None:
        limit = ATTEMPT_TIMEOUT if self.patience is None else min(self.patience, ATTEMPT_TIMEOUT)
        await asyncio.wait([securing], timeout=limit)
        if not securing.done():
            raise OperationTimeout(f"no TLS handshake on the data connection for {limit:g} s", phase="tls")
        error = None if securing.cancelled() else securing.exception()
        if error is not None:
            words = error.args[0] if isinstance(error, AsyncNetError) else str(error)
            if not isinstance(error.__cause__, _ssl.SSLError):  # broken off without a word of TLS
                words += "; the server may demand that the TLS session of the control connection is taken up"
            raise TLSError(f"the data connection could not be secured: {words}", phase="tls") from error

    async def _passive(self, operation: Operation) -> tuple[str, int]:
        assert self._dialer is not None
        peer = self._connection.stream.peer
        # The address that PASV tells is not believed: a server could have others dialled through us.
        through_proxy = self._dialer.proxy is not None or not isinstance(peer, tuple)
        host = self._options.host if through_proxy else str(peer[0])  # type: ignore[index]  # a tuple then
        if self._epsv:
            reply = await self.ask("EPSV")
            if reply.code == 229:
                match = _EPSV.search(reply.text)
                return host, _data_port(match and int(match[2]), reply)
            if reply.code < 500:
                raise refused("EPSV was refused", reply)
            self._epsv = False
        reply = await self.expect("PASV", 227)
        match = _PASV.search(reply.text)
        return host, _data_port(match and int(match[5]) * 256 + int(match[6]), reply)

    # ---- the end

    async def quit(self) -> None:
        """Say goodbye."""
        await self.ask("QUIT")
        await self._connection.close()

    def abort(self) -> None:
        """Drop the connection now."""
        self._connection.abort()


def _data_port(port: int | None, reply: Reply) -> int:
    if not port or port > 65_535:
        raise ProtocolError(f"no port for the data connection in {str(reply)[:60]!r}")
    return port


def refused(what: str, reply: Reply) -> ReplyError:
    """The error for a clear no."""
    return ReplyError(f"{what}: {reply}", code=reply.code, text=reply.text)

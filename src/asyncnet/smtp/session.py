"""One connection to a server: greeted, secured, logged in, and then message after message.

Every step is one command and its reply, except the envelope: with PIPELINING
it goes out in one flight, and the next message's envelope together with the
content of the one before (RFC 2920 section 3.1), so that a message costs one
round trip.
"""

from __future__ import annotations

import ssl as _ssl
from collections.abc import Callable

from ..core.dialer import Dialer
from ..core.handshake import upgrade
from ..core.lines import format_command
from ..core.operation import Operation
from ..core.replies import Reply
from ..core.sasl import Login, Mechanism, choose_mechanisms, decode_challenge, encode_answer, redact
from ..core.stream import Stream
from ..core.tls import choose_context
from ..errors import (
    AsyncNetError,
    AuthenticationError,
    ConnectionLost,
    ProtocolError,
    ReplyError,
    TLSError,
)
from .extensions import NO_EXTENSIONS, Extensions, parse_extensions
from .mail import Mail
from .options import Options
from .reply_queue import ReplyQueue
from .report import SendReport
from .retry import merge
from .transaction import Stage, Transaction, refusal

__all__ = ["Session"]

_CHUNK = 16_384  # bytes received at once
_MAX_COMMAND = 512  # bytes: a longer AUTH goes in two steps (RFC 4954 section 4)
_WHOLE = 65_536  # bytes: content up to this size is sent in one piece


class Session:
    """A connection of its own; used by one task at a time, dropped after any mishap.

    Attributes:
        extensions: what the server offers now.
        busy: a command or a message is under way; if its task is gone, the connection must be dropped.
        messages: how many were begun.
        idle_since: loop time of the last use.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._stream = Stream(protocol="smtp", peer=options.peer, timeout=None)
        self._replies = ReplyQueue()
        self._open_transaction = False
        self.extensions: Extensions = NO_EXTENSIONS
        self.busy = True
        self.messages = 0
        self.idle_since = 0.0

    # ---- opening

    async def open(self, operation: Operation, dialer: Dialer) -> None:
        """Connect, and do all that comes before the first message; dropped if anything fails."""
        options = self._options
        try:
            await dialer.dial_stream(
                operation, self._stream, options.host, options.port,
                ssl=(options.ssl or True) if options.implicit_tls else False,
                server_hostname=options.server_hostname, local_address=options.local_address,
            )  # fmt: skip
            with operation.span("greeting"):
                reply = await self._reply()
                if reply.code != 220:
                    raise self._refused("the server does not take mail", reply)
            await self._hello(operation)
            if not options.implicit_tls:
                await self._secure(operation, dialer)
            if options.username is not None:
                await self._login(operation)
        except BaseException:
            self.abort()
            raise
        self.busy = False
        self.idle_since = operation.loop.time()

    async def _hello(self, operation: Operation) -> None:
        with operation.span("ehlo"):
            reply = await self._command("EHLO", self._name())
            if reply.code // 100 == 2:
                self.extensions = parse_extensions(reply.lines[1:])
                return
            self.extensions = NO_EXTENSIONS
            if reply.code // 100 == 4:
                raise self._refused("the server refused EHLO", reply)
            # A server from before 1995 (RFC 5321 section 3.2): no extensions, so no TLS and no login either.
            reply = await self._command("HELO", self._name())
            if reply.code // 100 != 2:
                raise self._refused("the server refused HELO", reply)

    def _name(self) -> str:
        """What we call ourselves: an address where no name is known (RFC 5321 section 4.1.4)."""
        if self._options.local_hostname is not None:
            return self._options.local_hostname
        local = self._stream.local
        host = "127.0.0.1" if local is None or isinstance(local, str) else local.host.partition("%")[0]
        return f"[IPv6:{host}]" if ":" in host else f"[{host}]"

    async def _secure(self, operation: Operation, dialer: Dialer) -> None:
        options = self._options
        if options.starttls is False:
            return
        if not self.extensions.starttls:
            if options.tls_required:
                why = "credentials were given" if options.starttls is None else "starttls=True"
                raise TLSError(f"the server does not offer STARTTLS, and it is required ({why})", phase="starttls")
            return
        with operation.span("starttls"):
            reply = await self._command("STARTTLS")
            if reply.code != 220:
                # Never on in clear: whoever can say this in the server's place wants just that.
                raise TLSError(
                    f"the server offers STARTTLS and refused it: {reply.code} {reply.text}", phase="starttls"
                )
            if not self._replies.idle:
                # Somebody put it there, to be taken for the server's word inside TLS (RFC 3207 section 6).
                raise ProtocolError("the server sent more than its reply before the TLS handshake")
            own = options.ssl if isinstance(options.ssl, _ssl.SSLContext) else None
            context = choose_context(own, dialer.ssl_context, default=True)
            assert context is not None
            await upgrade(operation, self._stream, context, options.server_hostname or options.host)
        # RFC 3207 section 4.2: what was learnt in clear is forgotten.
        self.extensions = NO_EXTENSIONS
        await self._hello(operation)

    # ---- login

    async def _login(self, operation: Operation) -> None:
        options = self._options
        assert options.username is not None
        with operation.span("auth", username=options.username) as span:
            login = Login(
                options.username, await options.secret(), options.token is not None, options.host, options.port
            )
            offered = self.extensions.mechanisms
            mechanisms = choose_mechanisms(offered, login, encrypted=self._stream.ssl_object is not None)
            if not mechanisms:
                what = f"only {' '.join(offered)}" if offered else "no login"
                raise AuthenticationError(
                    f"the server offers {what} for {'a token' if login.is_token else 'a password'}"
                )
            for mechanism in mechanisms:
                span.attributes["mechanism"] = mechanism.name
                reply = await self._authenticate(mechanism)
                if reply.code == 235:
                    return
                if reply.code not in (504, 534):  # this mechanism will not do: the next one may (RFC 4954 section 4)
                    break
            text = redact(reply.text, login)
            raise AuthenticationError(
                f"login of {login.username} refused: {reply.code} {text}", code=reply.code, text=text
            )

    async def _authenticate(self, mechanism: Mechanism) -> Reply:
        first = mechanism.begin()
        line = ["AUTH", mechanism.name]
        if first is not None:
            line.append(encode_answer(first))
            if sum(map(len, line)) + 4 > _MAX_COMMAND:
                line.pop()
            else:
                first = None
        reply = await self._command(*line)
        while reply.code == 334:
            answer, first = first, None
            if answer is None:
                answer = mechanism.answer(decode_challenge(reply.text))
            if answer is None:
                raise ProtocolError(f"the server asks for more than {mechanism.name} has")
            await self._send(format_command(encode_answer(answer)))
            reply = await self._reply()
        if reply.code != 235 and not 400 <= reply.code < 600:
            raise ProtocolError(f"the server answered AUTH with {reply.code}")
        return reply

    # ---- messages

    async def carry(
        self,
        operation: Operation,
        mail: Mail,
        transaction: Transaction | None = None,
        *,
        next_flight: Callable[[], bytes] = bytes,
    ) -> SendReport:
        """Take one message to the server.

        Args:
            operation: the call that waits for it.
            mail: the message.
            transaction: given if its envelope is under way already.
            next_flight: asked for what may travel behind the content; only with PIPELINING.

        Raises:
            ReplyError: it was refused. Anything else leaves `busy` set: drop the connection.
        """
        most = self.extensions.max_recipients
        if most is not None and transaction is None and len(mail.envelope.recipients) > most:
            return await self._carry_in_parts(operation, mail, most)
        pipelined = self.extensions.pipelining
        under_way = transaction is not None
        if transaction is None:
            transaction = Transaction(mail, self.extensions, reset=self._open_transaction)
        self.busy = True
        self.messages += 1
        with operation.span("envelope", recipients=len(mail.envelope.recipients)):
            if pipelined and not under_way:
                await self._send(transaction.flight)
            ready = self._replies.ready
            while transaction.stage is Stage.ENVELOPE:
                if not pipelined:
                    await self._send(transaction.command)
                transaction.take(ready.popleft() if ready else await self._reply(), pipelined=pipelined)
        if transaction.stage in (Stage.CONTENT, Stage.NOTHING):
            with operation.span("content", bytes=len(transaction.content)):
                await self._content(operation, transaction, next_flight if pipelined else bytes)
        if transaction.stage is Stage.DONE:
            self.busy = False
            self.idle_since = operation.loop.time()
        self._open_transaction = transaction.leaves_open
        return transaction.report()

    async def _carry_in_parts(self, operation: Operation, mail: Mail, most: int) -> SendReport:
        """Take a message to more recipients than a transaction may have (RFC 9422 section 4.2): in several."""
        recipients = mail.envelope.recipients
        report: SendReport | None = None
        refused: dict[str, ReplyError] = {}
        failure: AsyncNetError | None = None
        for start in range(0, len(recipients), most):
            part = mail.only(recipients[start : start + most])
            try:
                if self.busy:  # the connection is gone: the rest is not sent
                    raise ReplyError(f"not sent: {failure}") from failure
                report = merge(report, await self.carry(operation, part))
            except AsyncNetError as error:
                if report is None and not isinstance(error, ReplyError):
                    raise
                each = error.response if isinstance(error, ReplyError) and isinstance(error.response, dict) else {}
                for address in part.envelope.recipients:
                    refused[address] = each.get(address) or _refusal_of(error)
                failure = failure or error
            finally:
                # Once some have it nobody may begin from the start, whatever happens.
                operation.maybe_done = operation.maybe_done or report is not None
        if report is None:
            assert failure is not None
            raise failure
        operation.maybe_done = False
        return SendReport(report.accepted, {**report.refused, **refused}, report.message_id, report.reply)

    async def _content(self, operation: Operation, transaction: Transaction, next_flight: Callable[[], bytes]) -> None:
        data = transaction.content if transaction.stage is Stage.CONTENT else b".\r\n"
        counts = transaction.stage is Stage.CONTENT
        try:
            if len(data) > _WHOLE:
                await self._send(data[:-5])
                data = data[-5:]
            # From here on the server may have it although we never hear of that.
            before = self._stream.bytes_sent
            try:
                await self._send(data + next_flight())
            finally:
                operation.maybe_done = counts and self._stream.bytes_sent > before
        except ConnectionLost:
            # A server may say no and hang up before it has seen everything: its word explains more than the cut.
            await self._last_word(operation, transaction)
            raise
        transaction.sent()
        transaction.take(await self._reply(), pipelined=True)
        operation.maybe_done = False

    async def _last_word(self, operation: Operation, transaction: Transaction) -> None:
        try:
            reply = await self._reply()
        except AsyncNetError:
            return
        if 400 <= reply.code < 600:
            operation.maybe_done = False
            raise self._refused("the server refused the message and hung up", reply)

    # ---- ending

    async def alive(self) -> bool:
        """Whether the server has neither closed the connection nor said anything unasked, such as 421."""
        if not self._replies.idle:
            return False
        try:
            await self._stream.receive(1, timeout=0)
        except TimeoutError:
            return True
        except AsyncNetError:
            return False
        return False

    async def quit(self) -> None:
        """Say QUIT, wait for the answer, close; the caller bounds it in time."""
        if not self.busy:
            self.busy = True
            await self._command("QUIT")
        await self._stream.close()

    async def part(self) -> None:
        """Close after a QUIT that travelled with the last message."""
        self.busy = True
        await self._reply()
        await self._stream.close()

    def abort(self) -> None:
        """Drop the connection now."""
        self.busy = True
        self._stream.abort()

    # ---- commands and replies

    async def _command(self, *parts: str) -> Reply:
        await self._send(format_command(*parts))
        return await self._reply()

    async def _send(self, data: bytes) -> None:
        try:
            await self._stream.send(data)
        except AsyncNetError as error:
            error.operation = error.phase = None  # the message's own, not the stream's
            raise

    async def _reply(self) -> Reply:
        replies = self._replies
        try:
            while not replies.ready:
                if replies.failure is not None:
                    raise replies.failure
                data = await self._stream.receive(_CHUNK)
                if not data:
                    raise ConnectionLost("the server closed the connection")
                replies.feed(data)
        except AsyncNetError as error:
            error.operation = error.phase = None
            raise
        return replies.ready.popleft()

    @staticmethod
    def _refused(what: str, reply: Reply) -> ReplyError:
        return refusal(what, reply)


def _refusal_of(error: AsyncNetError) -> ReplyError:
    """Why a recipient did not get it, when others did."""
    if isinstance(error, ReplyError):
        return error
    return ReplyError(f"not answered: {error}", maybe_done=error.maybe_done)

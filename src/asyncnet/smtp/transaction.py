"""One message over one connection: which commands come next, and what their replies mean.

Pure.  A transaction is MAIL, one RCPT a recipient, DATA, the content, and the
final reply, which alone says whether the server took it (RFC 5321 section
3.3).  With PIPELINING all commands to DATA go out in one flight (RFC 2920
section 3.1); the replies are the same, and come in the same order.
"""

from __future__ import annotations

from enum import Enum, auto

from ..core.replies import Reply
from ..errors import ProtocolError, ReplyError
from .extensions import Extensions
from .mail import Mail
from .report import SendReport

__all__ = ["Stage", "Transaction", "refusal"]

CLOSING = 421  # the server's word before it hangs up, in place of any reply (RFC 5321 section 3.8)


class Stage(Enum):
    """What the transaction waits for."""

    ENVELOPE = auto()  # a reply to a command
    CONTENT = auto()  # the server waits for the message
    NOTHING = auto()  # the server waits for a message, and no recipient is left: a lone dot ends it
    FINAL = auto()  # the reply to the content
    DONE = auto()  # the connection may be used for the next one
    BROKEN = auto()  # the connection must be dropped


def refusal(what: str, reply: Reply) -> ReplyError:
    """The error for a reply that says no."""
    return ReplyError(f"{what}: {reply.code} {reply.text}", code=reply.code, text=reply.text, response=reply)


class Transaction:
    """The state of one message.

    Args:
        mail: the message.
        extensions: the server's, as of now.
        reset: a transaction was left open before; begin with RSET.

    Raises:
        ReplyError: the server lacks what the message needs; nothing was sent.

    Attributes:
        stage: what comes next.
        content: what to send at `Stage.CONTENT`.
        failure: why the message was not taken, ``None`` while it may be.
        leaves_open: after `Stage.DONE`: the next transaction must begin with RSET.
    """

    __slots__ = (
        "_commands", "_final", "_index", "_mail", "_mail_accepted", "_recipients", "_refused", "content",
        "failure", "leaves_open", "stage",
    )  # fmt: skip

    def __init__(self, mail: Mail, extensions: Extensions, *, reset: bool = False) -> None:
        self._mail = mail
        self._recipients = mail.envelope.recipients
        self._commands = mail.commands(extensions)
        self._index = 0  # of the command whose reply comes next, MAIL being 0
        if reset:
            self._commands.insert(0, b"RSET\r\n")
            self._index = -1
        self.content = mail.content(extensions)
        self._mail_accepted = False
        self._refused: dict[str, ReplyError] = {}
        self._final: Reply | None = None
        self.failure: ReplyError | None = None
        self.leaves_open = False
        self.stage = Stage.ENVELOPE

    @property
    def flight(self) -> bytes:
        """All commands at once, for a server that offers PIPELINING."""
        return b"".join(self._commands)

    @property
    def command(self) -> bytes:
        """The next command, for a server that takes one at a time."""
        return self._commands[self._index - len(self._recipients) - 2]

    def take(self, reply: Reply, *, pipelined: bool) -> None:
        """Take the next reply and move to the next stage.

        Raises:
            ProtocolError: a reply that has no place here; the connection must be dropped.
        """
        code = reply.code
        if code == CLOSING:
            self.failure = refusal("the server is closing the connection", reply)
            self.stage = Stage.BROKEN
        elif self.stage is Stage.FINAL:
            self._take_final(reply)
        elif self._index > len(self._recipients):
            self._take_data(reply)
        elif not (200 <= code < 300 or 400 <= code < 600):
            raise ProtocolError(f"the server answered {self.command[:4].decode()} with {code} {reply.text}")
        elif self._index > 0:
            if code >= 300:
                address = self._recipients[self._index - 1]
                self._refused[address] = refusal(f"recipient {address} refused", reply)
            self._index += 1
            if not pipelined and self._index > len(self._recipients) and not self._anybody:
                self._fail_all()
                self._end_without_content()
        else:
            self._take_first(reply, pipelined)

    def sent(self) -> None:
        """The content, or the lone dot, is out."""
        self.stage = Stage.FINAL

    def report(self) -> SendReport:
        """What became of it; raises the failure if there was one."""
        if self.failure is not None:
            raise self.failure
        assert self._final is not None
        accepted = self._recipients
        if self._refused:
            accepted = tuple(address for address in accepted if address not in self._refused)
        return SendReport(accepted, self._refused, self._mail.message_id, self._final)

    # ---- inside

    @property
    def _anybody(self) -> bool:
        """Whether a recipient is left."""
        return len(self._refused) < len(self._recipients)

    def _take_first(self, reply: Reply, pipelined: bool) -> None:
        """The reply to RSET or MAIL."""
        accepted = reply.code < 300
        self._index += 1
        if self._index == 0:
            if not accepted:
                self.failure = refusal("the server refused RSET", reply)
                self.stage = Stage.BROKEN
            return
        self._mail_accepted = accepted
        if not accepted:
            self.failure = refusal(f"sender {self._mail.envelope.sender or '<>'} refused", reply)
            if not pipelined:
                self.stage = Stage.DONE

    def _take_data(self, reply: Reply) -> None:
        if reply.code == 354:
            if self.failure is None and self._anybody:
                self.stage = Stage.CONTENT
            elif self._anybody:
                # It refused the sender and goes on as if it had not; a lone dot could be taken for an empty message.
                self.stage = Stage.BROKEN
            else:
                # RFC 2920 section 3.1: 354 although no recipient is valid; a lone dot, and it says no.
                if self.failure is None:
                    self._fail_all()
                self.stage = Stage.NOTHING
        elif 400 <= reply.code < 600:
            if self.failure is None and not self._anybody:
                self._fail_all()
            if self.failure is None:
                self.failure = refusal("the server refused DATA", reply)
            self._end_without_content()
        else:
            raise ProtocolError(f"the server answered DATA with {reply.code} {reply.text}")

    def _end_without_content(self) -> None:
        self.leaves_open = self._mail_accepted
        self.stage = Stage.DONE

    def _fail_all(self) -> None:
        """All recipients were refused: one error for all, temporary if one of them is."""
        errors = list(self._refused.values())
        worst = next((e for e in errors if isinstance(e.code, int) and e.code < 500), errors[0])
        if len(errors) == 1:
            self.failure = worst
            return
        self.failure = ReplyError(
            f"all {len(errors)} recipients refused, among them: {worst.args[0]}",
            code=worst.code,
            text=worst.text,
            response=dict(self._refused),
        )

    def _take_final(self, reply: Reply) -> None:
        self.stage = Stage.DONE
        if self.failure is not None:
            return  # the reply to a lone dot: the failure is known
        if 200 <= reply.code < 300:
            self._final = reply
        elif 400 <= reply.code < 600:
            self.failure = refusal("the server refused the message", reply)
        else:
            raise ProtocolError(f"the server answered the message with {reply.code} {reply.text}")

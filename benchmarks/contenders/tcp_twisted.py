"""TCP by Twisted's protocols on its default reactor (epoll on Linux)."""

# mypy: disable-error-code="no-untyped-call"
# Much of Twisted carries no types.

from __future__ import annotations

from time import perf_counter
from typing import Any, cast

from twisted.internet import reactor as installed_reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint, connectProtocol
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import react
from twisted.python.failure import Failure
from zope.interface import implementer  # type: ignore[import-untyped]  # it ships no types

from ..job import BulkJob, EchoJob, Job, Talk

BACKLOG = 4096
reactor = cast("Any", installed_reactor)  # the module's attribute is put there when the reactor is installed


class _Plain(Protocol):
    transport: Any

    def connectionMade(self) -> None:
        self.transport.setTcpNoDelay(True)


class _Talker(_Plain):
    """Sends the next message when the echo of the last one has come."""

    def __init__(self) -> None:
        self.closed: Deferred[None] = Deferred()

    def talk(self, talk: Talk) -> Deferred[None]:
        self.messages, self.replies, self.seconds = talk
        self.number = 0
        self.done: Deferred[None] = Deferred()
        self._next()
        return self.done

    def _next(self) -> None:
        if self.number == len(self.messages):
            self.done.callback(None)
            return
        self.reply = b""
        self.start = perf_counter()
        self.transport.write(self.messages[self.number])

    def dataReceived(self, data: bytes) -> None:
        self.reply = self.reply + data if self.reply else data
        if len(self.reply) >= len(self.messages[self.number]):
            self.seconds.append(perf_counter() - self.start)
            self.replies.append(self.reply)
            self.number += 1
            self._next()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.closed.callback(None)


async def _client(job: EchoJob) -> None:
    for _ in job.cycles:
        job.phase("open")
        endpoint = TCP4ClientEndpoint(reactor, job.host, job.port)
        talkers = await gatherResults([connectProtocol(endpoint, _Talker()) for _ in range(job.connections)])
        for phase in ("warm", "echo"):
            job.phase(phase)
            await gatherResults([talker.talk(talk) for talker, talk in zip(talkers, job.talks(phase), strict=True)])
        job.phase("close")
        for talker in talkers:
            talker.transport.loseConnection()
        await gatherResults([talker.closed for talker in talkers])
        job.phase("")


def _react(main: Any, job: Job) -> None:
    try:
        react(lambda _: Deferred.fromCoroutine(main(job)))
    except SystemExit as end:  # react always ends with it
        if end.code:
            raise


def client(job: EchoJob) -> None:
    """Open, echo, close."""
    _react(_client, job)


class _Echo(_Plain):
    def dataReceived(self, data: bytes) -> None:
        self.transport.write(data)


@implementer(IHalfCloseableProtocol)
class _Count(_Plain):
    total = 0

    def dataReceived(self, data: bytes) -> None:
        self.total += len(data)

    def readConnectionLost(self) -> None:
        self.transport.write(self.total.to_bytes(8, "little"))
        self.transport.loseConnection()

    def writeConnectionLost(self) -> None:
        """Nothing to do: the connection is being closed anyway."""


async def _serve(job: Job, protocol: type[Protocol]) -> None:
    endpoint = TCP4ServerEndpoint(reactor, 0, backlog=BACKLOG, interface="127.0.0.1")
    listening = await endpoint.listen(Factory.forProtocol(protocol))
    job.ready(listening.getHost().port)
    await Deferred()


def server(job: Job) -> None:
    """Serve echoes."""
    _react(lambda given: _serve(given, _Echo), job)


def bulk_server(job: Job) -> None:
    """Count what comes, answer the count at the end."""
    _react(lambda given: _serve(given, _Count), job)


class _Receiver(_Plain):
    def __init__(self) -> None:
        self.total = 0
        self.last = b""
        self.ended: Deferred[None] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.total += len(data)
        self.last = data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.ended.callback(None)


async def _bulk_client(job: BulkJob) -> None:
    receiver = await connectProtocol(TCP4ClientEndpoint(reactor, job.host, job.port), _Receiver())
    job.phase("bulk")
    await receiver.ended
    job.phase("")
    job.received, job.last = receiver.total, receiver.last


def bulk_client(job: BulkJob) -> None:
    """Receive everything on one connection."""
    _react(_bulk_client, job)

"""TCP by Twisted's protocols on its default reactor (epoll on Linux)."""

# mypy: disable-error-code="no-untyped-call"
# Much of Twisted carries no types.

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any, cast

from twisted.internet import reactor as installed_reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import (
    SSL4ServerEndpoint,
    TCP4ClientEndpoint,
    TCP4ServerEndpoint,
    connectProtocol,
    wrapClientTLS,
)
from twisted.internet.interfaces import IPullProducer
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import react
from twisted.python.failure import Failure
from zope.interface import implementer  # type: ignore[import-untyped]  # it ships no types

from ..certificates import AUTHORITY, SERVER
from ..job import BulkJob, EchoJob, Job, SendJob, Talk

BACKLOG = 4096
reactor = cast("Any", installed_reactor)  # the module's attribute is put there when the reactor is installed


class _Plain(Protocol):
    transport: Any

    def connectionMade(self) -> None:
        self.transport.setTcpNoDelay(True)


def _target(job: Job) -> Any:
    endpoint = TCP4ClientEndpoint(reactor, job.host, job.port)
    if not job.settings.get("tls"):
        return endpoint
    from twisted.internet.ssl import Certificate, optionsForClientTLS

    authority = Certificate.loadPEM(AUTHORITY.read_bytes())
    return wrapClientTLS(optionsForClientTLS(job.host, trustRoot=authority), endpoint)


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
    endpoint = _target(job)
    for _ in job.cycles:
        job.phase("open")
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


class _Count(_Plain):
    def __init__(self, whole: int) -> None:
        self.whole = whole
        self.total = 0

    def dataReceived(self, data: bytes) -> None:
        self.total += len(data)
        if self.total >= self.whole:
            self.transport.write(self.total.to_bytes(8, "little"))
            self.transport.loseConnection()


@implementer(IPullProducer)
class _Sender(_Plain):
    """Writes the next block whenever the transport has room for it."""

    def __init__(self, job: SendJob) -> None:
        self.job = job
        self.done: Deferred[None] = Deferred()

    def begin(self) -> None:
        self.blocks: Iterator[bytes] = self.job.blocks()
        self.transport.registerProducer(self, False)

    def resumeProducing(self) -> None:
        if (block := next(self.blocks, None)) is not None:
            self.transport.write(block)
        else:
            self.transport.unregisterProducer()
            self.ended()

    def stopProducing(self) -> None:
        """The connection is gone; the other side will say so."""

    def ended(self) -> None:
        """All is written; the count comes."""

    def dataReceived(self, data: bytes) -> None:
        self.job.count += data
        if len(self.job.count) == 8:
            self.done.callback(None)


class _ServingSender(_Sender):
    def connectionMade(self) -> None:
        super().connectionMade()
        self.begin()

    def ended(self) -> None:
        self.transport.loseConnection()


def _listener(job: Job) -> Any:
    if not job.settings.get("tls"):
        return TCP4ServerEndpoint(reactor, 0, backlog=BACKLOG, interface="127.0.0.1")
    from twisted.internet.ssl import PrivateCertificate

    options = PrivateCertificate.loadPEM(SERVER.read_bytes()).options()
    return SSL4ServerEndpoint(reactor, 0, options, backlog=BACKLOG, interface="127.0.0.1")


async def _serve(job: Job, protocol: Callable[[], Protocol]) -> None:
    listening = await _listener(job).listen(Factory.forProtocol(protocol))
    job.ready(listening.getHost().port)
    await Deferred()


def server(job: Job) -> None:
    """Serve echoes."""
    _react(lambda given: _serve(given, _Echo), job)


def bulk_server(job: Job) -> None:
    """Count what comes, answer the count when all is there."""
    _react(lambda given: _serve(given, lambda: _Count(job.number("total"))), job)


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
    receiver = await connectProtocol(_target(job), _Receiver())
    job.phase("bulk")
    await receiver.ended
    job.phase("")
    job.received, job.last = receiver.total, receiver.last


def bulk_client(job: BulkJob) -> None:
    """Receive everything on one connection."""
    _react(_bulk_client, job)


async def _send_client(job: SendJob) -> None:
    sender = await connectProtocol(_target(job), _Sender(job))
    job.phase("bulk")
    sender.begin()
    await sender.done
    job.phase("")
    sender.transport.loseConnection()


def send_client(job: SendJob) -> None:
    """Send everything on one connection, receive the count."""
    _react(_send_client, job)


def send_server(job: SendJob) -> None:
    """Send everything to whoever comes."""
    _react(lambda given: _serve(given, lambda: _ServingSender(job)), job)

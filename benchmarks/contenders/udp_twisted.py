"""UDP by Twisted's `DatagramProtocol` on its default reactor."""
# mypy: disable-error-code="no-untyped-call"
# Much of Twisted carries no types.

from __future__ import annotations

from typing import Any, cast

from twisted.internet import reactor as installed_reactor
from twisted.internet.protocol import DatagramProtocol

from ..job import DatagramJob

reactor = cast("Any", installed_reactor)  # the module's attribute is put there when the reactor is installed


class _Receiver(DatagramProtocol):
    transport: Any

    def __init__(self, job: DatagramJob, connected: bool) -> None:
        self.job = job
        self.connected = connected
        self.count = -1  # the first one begins the phase
        self.size = 0

    def startProtocol(self) -> None:
        if self.connected:
            self.transport.connect(self.job.host, self.job.port)
            self.transport.write(b"go")

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        self.count += 1
        if self.count == 0:
            self.job.phase("receive")
            return
        if self.count > self.job.count:
            return  # it reads several in a turn
        self.size += len(datagram)
        if self.count == self.job.count:
            self.job.phase("")
            self.job.datagrams, self.job.received, self.job.last = self.count, self.size, datagram
            reactor.stop()


def receive_client(job: DatagramJob) -> None:
    """Connected."""
    reactor.listenUDP(0, _Receiver(job, True), interface="127.0.0.1", maxPacketSize=65536)
    reactor.run()


def receive_server(job: DatagramJob) -> None:
    """From anybody."""
    port = reactor.listenUDP(0, _Receiver(job, False), interface="127.0.0.1", maxPacketSize=65536)
    job.ready(port.getHost().port)
    reactor.run()


def send(job: DatagramJob) -> None:
    """One `write` each."""
    payloads = job.payloads()
    protocol = DatagramProtocol()
    reactor.listenUDP(0, protocol, interface="127.0.0.1")
    transport = cast("Any", protocol.transport)
    transport.connect(job.host, job.port)
    left = job.count // len(payloads)

    def thousand() -> None:
        nonlocal left
        for payload in payloads:
            transport.write(payload)
        left -= 1
        if left:
            reactor.callLater(0, thousand)
        else:
            job.phase("")
            reactor.stop()

    def begin() -> None:
        job.phase("send")
        thousand()

    reactor.callWhenRunning(begin)
    reactor.run()

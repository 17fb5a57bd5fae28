"""UDP by an `asyncio.DatagramProtocol`."""

from __future__ import annotations

import asyncio
from typing import Any

from ..job import DatagramJob


class _Receiver(asyncio.DatagramProtocol):
    def __init__(self, job: DatagramJob) -> None:
        self.job = job
        self.count = -1  # the first one begins the phase
        self.size = 0
        self.enough = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        self.count += 1
        if self.count == 0:
            self.job.phase("receive")
            return
        self.size += len(data)
        if self.count == self.job.count:
            self.job.phase("")
            self.job.datagrams, self.job.received, self.job.last = self.count, self.size, data
            self.enough.set_result(None)


async def _client(job: DatagramJob) -> None:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(lambda: _Receiver(job), remote_addr=(job.host, job.port))
    transport.sendto(b"go")
    await protocol.enough
    transport.close()


def receive_client(job: DatagramJob) -> None:
    """Connected."""
    job.run(_client(job))


async def _server(job: DatagramJob) -> None:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(lambda: _Receiver(job), local_addr=("127.0.0.1", 0))
    job.ready(transport.get_extra_info("sockname")[1])
    await protocol.enough
    transport.close()


def receive_server(job: DatagramJob) -> None:
    """From anybody."""
    job.run(_server(job))


class _Sender(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.closed = asyncio.get_running_loop().create_future()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.set_result(None)


async def _send(job: DatagramJob) -> None:
    payloads = job.payloads()
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(_Sender, remote_addr=(job.host, job.port))
    job.phase("send")
    for _ in range(job.count // len(payloads)):
        for payload in payloads:
            transport.sendto(payload)
        await asyncio.sleep(0)  # lets the transport send what the kernel did not take at once
    transport.close()  # sends what is left
    await protocol.closed
    job.phase("")


def send(job: DatagramJob) -> None:
    """One `sendto` of the transport each."""
    job.run(_send(job))

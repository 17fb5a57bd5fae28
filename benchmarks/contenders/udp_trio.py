"""UDP by trio's sockets: trio has no datagram API above them."""

from __future__ import annotations

import trio

from ..job import DatagramJob


async def _receive(job: DatagramJob, udp: trio.socket.SocketType) -> None:
    await udp.recvfrom(65536)
    count = size = 0
    data = b""
    job.phase("receive")
    while count < job.count:
        data, _ = await udp.recvfrom(65536)
        count += 1
        size += len(data)
    job.phase("")
    job.datagrams, job.received, job.last = count, size, data


async def _connected(job: DatagramJob) -> trio.socket.SocketType:
    udp = trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM)
    await udp.connect((job.host, job.port))
    return udp


async def _client(job: DatagramJob) -> None:
    with await _connected(job) as udp:
        await udp.send(b"go")
        await _receive(job, udp)


def receive_client(job: DatagramJob) -> None:
    """Connected."""
    trio.run(_client, job)


async def _server(job: DatagramJob) -> None:
    with trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM) as udp:
        await udp.bind(("127.0.0.1", 0))
        job.ready(udp.getsockname()[1])
        await _receive(job, udp)


def receive_server(job: DatagramJob) -> None:
    """From anybody."""
    trio.run(_server, job)


async def _send(job: DatagramJob) -> None:
    payloads = job.payloads()
    with await _connected(job) as udp:
        job.phase("send")
        for _ in range(job.count // len(payloads)):
            for payload in payloads:
                await udp.send(payload)
        job.phase("")


def send(job: DatagramJob) -> None:
    """One `send` each."""
    trio.run(_send, job)

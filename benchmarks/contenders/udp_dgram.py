"""UDP by asyncio-dgram."""

from __future__ import annotations

import asyncio_dgram
from asyncio_dgram.aio import DatagramStream

from ..job import DatagramJob


async def _receive(job: DatagramJob, udp: DatagramStream) -> None:
    await udp.recv()
    count = size = 0
    data = b""
    job.phase("receive")
    while count < job.count:
        data, _ = await udp.recv()
        count += 1
        size += len(data)
    job.phase("")
    job.datagrams, job.received, job.last = count, size, data
    udp.close()


async def _client(job: DatagramJob) -> None:
    udp = await asyncio_dgram.connect((job.host, job.port))
    await udp.send(b"go")
    await _receive(job, udp)


def receive_client(job: DatagramJob) -> None:
    """Connected."""
    job.run(_client(job))


async def _server(job: DatagramJob) -> None:
    udp = await asyncio_dgram.bind(("127.0.0.1", 0))
    job.ready(udp.sockname[1])
    await _receive(job, udp)


def receive_server(job: DatagramJob) -> None:
    """From anybody."""
    job.run(_server(job))


async def _send(job: DatagramJob) -> None:
    payloads = job.payloads()
    udp = await asyncio_dgram.connect((job.host, job.port))
    job.phase("send")
    for _ in range(job.count // len(payloads)):
        for payload in payloads:
            await udp.send(payload)
    job.phase("")
    udp.close()


def send(job: DatagramJob) -> None:
    """One `send` each."""
    job.run(_send(job))

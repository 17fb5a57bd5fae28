"""UDP by asyncnet: `receive_many` and `async for` on `udp.Client` and `udp.Server`, `send_many`."""

from __future__ import annotations

from asyncnet import udp

from ..job import DatagramJob
from . import loops


async def _many_client(job: DatagramJob) -> None:
    async with udp.Client(job.host, job.port) as client:
        await client.send(b"go")
        await client.receive_many()
        count = size = 0
        batch: list[bytes] = []
        job.phase("receive")
        while count < job.count:
            batch = await client.receive_many()
            count += len(batch)
            size += sum(map(len, batch))
        job.phase("")
        job.datagrams, job.received, job.last = count, size, batch[-1]


def receive_client_many(job: DatagramJob) -> None:
    """Connected, in batches."""
    job.run(_many_client(job))


async def _for_client(job: DatagramJob) -> None:
    async with udp.Client(job.host, job.port) as client:
        await client.send(b"go")
        await client.receive()
        await loops.take_each(job, client)


def receive_client_for(job: DatagramJob) -> None:
    """Connected, one by one."""
    job.run(_for_client(job))


async def _many_server(job: DatagramJob) -> None:
    async with udp.Server() as server:
        job.ready(server.port)
        await server.receive_many()
        count = size = 0
        batch: list[udp.Datagram] = []
        job.phase("receive")
        while count < job.count:
            batch = await server.receive_many()
            count += len(batch)
            size += sum([len(data) for data, _ in batch])
        job.phase("")
        job.datagrams, job.received, job.last = count, size, batch[-1].data


def receive_server_many(job: DatagramJob) -> None:
    """From anybody, in batches."""
    job.run(_many_server(job))


async def _for_server(job: DatagramJob) -> None:
    async with udp.Server() as server:
        job.ready(server.port)
        await server.receive()
        count = size = 0
        last = b""
        job.phase("receive")
        async for datagram in server:
            count += 1
            last = datagram.data
            size += len(last)
            if count == job.count:
                break
        job.phase("")
        job.datagrams, job.received, job.last = count, size, last


def receive_server_for(job: DatagramJob) -> None:
    """From anybody, one by one."""
    job.run(_for_server(job))


async def _send(job: DatagramJob) -> None:
    payloads = job.payloads()
    async with udp.Client(job.host, job.port) as client:
        job.phase("send")
        for _ in range(job.count // len(payloads)):
            await client.send_many(payloads)
        job.phase("")


def send(job: DatagramJob) -> None:
    """A thousand at a time."""
    job.run(_send(job))


async def _send_buffer(job: DatagramJob) -> None:
    payloads = job.payloads()
    buffer = b"".join(payloads)
    async with udp.Client(job.host, job.port) as client:
        job.phase("send")
        for _ in range(job.count // len(payloads)):
            await client.send_many(buffer, size=job.size)
        job.phase("")


def send_buffer(job: DatagramJob) -> None:
    """A thousand at a time that stand in one buffer, as those of a file do."""
    job.run(_send_buffer(job))

"""UDP by asyncudp."""

from __future__ import annotations

import asyncudp  # type: ignore[import-untyped]  # it ships no types

from ..job import DatagramJob

QUEUE = 10_000  # datagrams it keeps; without a limit a flood fills the memory


async def _receive(job: DatagramJob, udp: asyncudp.Socket) -> None:
    await udp.recvfrom()
    count = size = 0
    data = b""
    job.phase("receive")
    while count < job.count:
        data, _ = await udp.recvfrom()
        count += 1
        size += len(data)
    job.phase("")
    job.datagrams, job.received, job.last = count, size, data
    udp.close()


async def _client(job: DatagramJob) -> None:
    udp = await asyncudp.create_socket(remote_addr=(job.host, job.port), packets_queue_max_size=QUEUE)
    udp.sendto(b"go")
    await _receive(job, udp)


def receive_client(job: DatagramJob) -> None:
    """Connected."""
    job.run(_client(job))


async def _server(job: DatagramJob) -> None:
    udp = await asyncudp.create_socket(local_addr=("127.0.0.1", 0), packets_queue_max_size=QUEUE)
    job.ready(udp.getsockname()[1])
    await _receive(job, udp)


def receive_server(job: DatagramJob) -> None:
    """From anybody."""
    job.run(_server(job))

"""UDP by asyncudp."""

from __future__ import annotations

import asyncudp  # type: ignore[import-untyped]  # it ships no types

from ..job import DatagramJob
from . import loops

QUEUE = 10_000  # datagrams it keeps; without a limit a flood fills the memory


async def _client(job: DatagramJob) -> None:
    udp = await asyncudp.create_socket(remote_addr=(job.host, job.port), packets_queue_max_size=QUEUE)
    udp.sendto(b"go")
    await loops.take_datagrams(job, udp.recvfrom)
    udp.close()


def receive_client(job: DatagramJob) -> None:
    """Connected."""
    job.run(_client(job))


async def _server(job: DatagramJob) -> None:
    udp = await asyncudp.create_socket(local_addr=("127.0.0.1", 0), packets_queue_max_size=QUEUE)
    job.ready(udp.getsockname()[1])
    await loops.take_datagrams(job, udp.recvfrom)
    udp.close()


def receive_server(job: DatagramJob) -> None:
    """From anybody."""
    job.run(_server(job))

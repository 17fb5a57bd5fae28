"""UDP by asyncio-dgram."""

from __future__ import annotations

import asyncio_dgram

from ..job import DatagramJob
from . import loops


async def _client(job: DatagramJob) -> None:
    udp = await asyncio_dgram.connect((job.host, job.port))
    await udp.send(b"go")
    await loops.take_datagrams(job, udp.recv)
    udp.close()


def receive_client(job: DatagramJob) -> None:
    """Connected."""
    job.run(_client(job))


async def _server(job: DatagramJob) -> None:
    udp = await asyncio_dgram.bind(("127.0.0.1", 0))
    job.ready(udp.sockname[1])
    await loops.take_datagrams(job, udp.recv)
    udp.close()


def receive_server(job: DatagramJob) -> None:
    """From anybody."""
    job.run(_server(job))


async def _send(job: DatagramJob) -> None:
    udp = await asyncio_dgram.connect((job.host, job.port))
    await loops.give_datagrams(job, udp.send)
    udp.close()


def send(job: DatagramJob) -> None:
    """One `send` each."""
    job.run(_send(job))

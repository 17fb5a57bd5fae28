"""UDP by trio's sockets: trio has no datagram API above them."""

from __future__ import annotations

from functools import partial

import trio

from ..job import DatagramJob
from . import loops


async def _connected(job: DatagramJob) -> trio.socket.SocketType:
    udp = trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM)
    await udp.connect((job.host, job.port))
    return udp


async def _client(job: DatagramJob) -> None:
    with await _connected(job) as udp:
        await udp.send(b"go")
        await loops.take_datagrams(job, partial(udp.recvfrom, 65536))


def receive_client(job: DatagramJob) -> None:
    """Connected."""
    trio.run(_client, job)


async def _server(job: DatagramJob) -> None:
    with trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM) as udp:
        await udp.bind(("127.0.0.1", 0))
        job.ready(udp.getsockname()[1])
        await loops.take_datagrams(job, partial(udp.recvfrom, 65536))


def receive_server(job: DatagramJob) -> None:
    """From anybody."""
    trio.run(_server, job)


async def _send(job: DatagramJob) -> None:
    with await _connected(job) as udp:
        await loops.give_datagrams(job, udp.send)


def send(job: DatagramJob) -> None:
    """One `send` each."""
    trio.run(_send, job)

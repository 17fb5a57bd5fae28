"""UDP by anyio on the asyncio backend, on uvloop when the case says so."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio
from anyio.abc import SocketAttribute

from ..job import DatagramJob
from . import loops


def _run(job: DatagramJob, main: Callable[[], Awaitable[None]]) -> None:
    anyio.run(main, backend="asyncio", backend_options={"use_uvloop": job.loop == "uvloop"})


async def _client(job: DatagramJob) -> None:
    async with await anyio.create_connected_udp_socket(job.host, job.port) as udp:
        await udp.send(b"go")
        await udp.receive()
        await loops.take_each(job, udp)


def receive_client(job: DatagramJob) -> None:
    """Connected."""
    _run(job, lambda: _client(job))


async def _server(job: DatagramJob) -> None:
    async with await anyio.create_udp_socket(local_host="127.0.0.1") as udp:
        job.ready(udp.extra(SocketAttribute.local_port))
        await udp.receive()
        count = size = 0
        data = b""
        job.phase("receive")
        async for data, _ in udp:
            count += 1
            size += len(data)
            if count == job.count:
                break
        job.phase("")
        job.datagrams, job.received, job.last = count, size, data


def receive_server(job: DatagramJob) -> None:
    """From anybody."""
    _run(job, lambda: _server(job))


async def _send(job: DatagramJob) -> None:
    async with await anyio.create_connected_udp_socket(job.host, job.port) as udp:
        await loops.give_datagrams(job, udp.send)


def send(job: DatagramJob) -> None:
    """One `send` each."""
    _run(job, lambda: _send(job))

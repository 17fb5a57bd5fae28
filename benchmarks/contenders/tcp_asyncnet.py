"""TCP by asyncnet: `tcp.Client`, `tcp.Server`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from asyncnet import tcp

from ..job import BulkJob, EchoJob, Job, SendJob
from . import loops

BACKLOG = 4096


async def _client(job: EchoJob) -> None:
    tls = job.client_tls
    for _ in job.cycles:
        job.phase("open")
        clients = [tcp.Client(job.host, job.port, ssl=tls) for _ in range(job.connections)]
        streams = await asyncio.gather(*(client.open() for client in clients))
        for phase in ("warm", "echo"):
            job.phase(phase)
            pairs = zip(streams, job.talks(phase), strict=True)
            await asyncio.gather(*(loops.talk(stream.send, stream.receive, talk) for stream, talk in pairs))
        job.phase("close")
        await asyncio.gather(*(stream.close() for stream in streams))
        job.phase("")


def client(job: EchoJob) -> None:
    """Open, echo, close."""
    job.run(_client(job))


async def _echo(stream: tcp.Stream) -> None:
    async for chunk in stream:
        await stream.send(chunk)


async def _serve(job: Job, handler: Callable[[tcp.Stream], Awaitable[None]]) -> None:
    async with tcp.Server(handler, backlog=BACKLOG, ssl=job.server_tls) as listening:
        job.ready(listening.port)
        await listening.serve_forever()


def server(job: Job) -> None:
    """Serve echoes."""
    job.run(_serve(job, _echo))


async def _bulk_client(job: BulkJob) -> None:
    async with tcp.Client(job.host, job.port, ssl=job.client_tls) as stream:
        await loops.take_all(job, stream)


def bulk_client(job: BulkJob) -> None:
    """Receive everything on one connection, as chunks."""
    job.run(_bulk_client(job))


async def _bulk_into(job: BulkJob) -> None:
    async with tcp.Client(job.host, job.port, ssl=job.client_tls) as stream:
        buffer = bytearray(262144)
        job.phase("bulk")
        total = last = 0
        while size := await stream.receive_into(buffer):
            total += size
            last = size
        job.phase("")
        job.received, job.last = total, bytes(buffer[:last])


def bulk_client_into(job: BulkJob) -> None:
    """Receive everything on one connection, into a buffer of 256 KiB."""
    job.run(_bulk_into(job))


def bulk_server(job: Job) -> None:
    """Count what comes, answer the count when all is there."""
    whole = job.number("total")

    async def count(stream: tcp.Stream) -> None:
        await stream.send(await loops.count(stream, whole))

    job.run(_serve(job, count))


async def _send_client(job: SendJob) -> None:
    async with tcp.Client(job.host, job.port, ssl=job.client_tls) as stream:
        job.phase("bulk")
        for block in job.blocks():
            await stream.send(block)
        job.count = await stream.receive_exactly(8)
        job.phase("")


def send_client(job: SendJob) -> None:
    """Send everything on one connection, receive the count."""
    job.run(_send_client(job))


def send_server(job: SendJob) -> None:
    """Send everything to whoever comes."""

    async def send(stream: tcp.Stream) -> None:
        for block in job.blocks():
            await stream.send(block)

    job.run(_serve(job, send))

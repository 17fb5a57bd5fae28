"""TCP by anyio on the asyncio backend, on uvloop when the case says so."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio
from anyio.abc import ByteStream, SocketAttribute
from anyio.streams.tls import TLSListener

from ..job import BulkJob, EchoJob, Job, SendJob
from . import loops

BACKLOG = 4096


def _run(job: Job, main: Callable[[], Awaitable[None]]) -> None:
    anyio.run(main, backend="asyncio", backend_options={"use_uvloop": job.loop == "uvloop"})


async def _connect(job: Job) -> ByteStream:
    if job.client_tls is None:
        return await anyio.connect_tcp(job.host, job.port)
    return await anyio.connect_tcp(job.host, job.port, ssl_context=job.client_tls)


async def _client(job: EchoJob) -> None:
    async def connect() -> None:
        streams.append(await _connect(job))

    _ = job.client_tls  # made before the clock runs
    for _ in job.cycles:
        streams: list[ByteStream] = []
        job.phase("open")
        async with anyio.create_task_group() as group:
            for _ in range(job.connections):
                group.start_soon(connect)
        for phase in ("warm", "echo"):
            job.phase(phase)
            async with anyio.create_task_group() as group:
                for stream, talk in zip(streams, job.talks(phase), strict=True):
                    group.start_soon(loops.talk, stream.send, stream.receive, talk)
        job.phase("close")
        async with anyio.create_task_group() as group:
            for stream in streams:
                group.start_soon(stream.aclose)
        job.phase("")


def client(job: EchoJob) -> None:
    """Open, echo, close."""
    _run(job, lambda: _client(job))


async def _echo(stream: ByteStream) -> None:
    async with stream:
        async for chunk in stream:
            await stream.send(chunk)


async def _serve(job: Job, handler: Callable[[ByteStream], Awaitable[None]]) -> None:
    listening = await anyio.create_tcp_listener(local_host="127.0.0.1", backlog=BACKLOG)
    job.ready(listening.extra(SocketAttribute.local_port))
    if job.server_tls is None:
        await listening.serve(handler)
    else:
        await TLSListener(listening, job.server_tls).serve(handler)


def server(job: Job) -> None:
    """Serve echoes."""
    _run(job, lambda: _serve(job, _echo))


def bulk_server(job: Job) -> None:
    """Count what comes, answer the count when all is there."""
    whole = job.number("total")

    async def count(stream: ByteStream) -> None:
        async with stream:
            await stream.send(await loops.count(stream, whole))

    _run(job, lambda: _serve(job, count))


async def _bulk_client(job: BulkJob) -> None:
    async with await _connect(job) as stream:
        await loops.take_all(job, stream)


def bulk_client(job: BulkJob) -> None:
    """Receive everything on one connection."""
    _run(job, lambda: _bulk_client(job))


async def _send_client(job: SendJob) -> None:
    async with await _connect(job) as stream:
        job.phase("bulk")
        for block in job.blocks():
            await stream.send(block)
        while len(job.count) < 8:
            job.count += await stream.receive()
        job.phase("")


def send_client(job: SendJob) -> None:
    """Send everything on one connection, receive the count."""
    _run(job, lambda: _send_client(job))


def send_server(job: SendJob) -> None:
    """Send everything to whoever comes."""

    async def send(stream: ByteStream) -> None:
        async with stream:
            for block in job.blocks():
                await stream.send(block)

    _run(job, lambda: _serve(job, send))

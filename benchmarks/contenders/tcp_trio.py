"""TCP by trio on its own loop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio

from ..job import BulkJob, EchoJob, Job, SendJob
from . import loops

BACKLOG = 4096


Stream = trio.SocketStream | trio.SSLStream[trio.SocketStream]


async def _connect(job: Job) -> Stream:
    if job.client_tls is None:
        return await trio.open_tcp_stream(job.host, job.port)
    stream = await trio.open_ssl_over_tcp_stream(job.host, job.port, ssl_context=job.client_tls)
    await stream.do_handshake()
    return stream


async def _client(job: EchoJob) -> None:
    async def connect() -> None:
        streams.append(await _connect(job))

    _ = job.client_tls  # made before the clock runs
    for _ in job.cycles:
        streams: list[Stream] = []
        job.phase("open")
        async with trio.open_nursery() as nursery:
            for _ in range(job.connections):
                nursery.start_soon(connect)
        for phase in ("warm", "echo"):
            job.phase(phase)
            async with trio.open_nursery() as nursery:
                for stream, talk in zip(streams, job.talks(phase), strict=True):
                    nursery.start_soon(loops.talk, stream.send_all, stream.receive_some, talk)
        job.phase("close")
        async with trio.open_nursery() as nursery:
            for stream in streams:
                nursery.start_soon(stream.aclose)
        job.phase("")


def client(job: EchoJob) -> None:
    """Open, echo, close."""
    trio.run(_client, job)


async def _echo(stream: Stream) -> None:
    async with stream:
        async for chunk in stream:
            await stream.send_all(chunk)


async def _serve(job: Job, handler: Callable[[Stream], Awaitable[None]]) -> None:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1", backlog=BACKLOG)
    job.ready(listeners[0].socket.getsockname()[1])
    if job.server_tls is None:
        await trio.serve_listeners(handler, listeners)
    else:
        await trio.serve_listeners(handler, [trio.SSLListener(one, job.server_tls) for one in listeners])


def server(job: Job) -> None:
    """Serve echoes."""
    trio.run(_serve, job, _echo)


def bulk_server(job: Job) -> None:
    """Count what comes, answer the count when all is there."""
    whole = job.number("total")

    async def count(stream: Stream) -> None:
        async with stream:
            await stream.send_all(await loops.count(stream, whole))

    trio.run(_serve, job, count)


async def _bulk_client(job: BulkJob) -> None:
    async with await _connect(job) as stream:
        await loops.take_all(job, stream)


def bulk_client(job: BulkJob) -> None:
    """Receive everything on one connection."""
    trio.run(_bulk_client, job)


async def _send_client(job: SendJob) -> None:
    async with await _connect(job) as stream:
        job.phase("bulk")
        for block in job.blocks():
            await stream.send_all(block)
        while len(job.count) < 8:
            job.count += await stream.receive_some()
        job.phase("")


def send_client(job: SendJob) -> None:
    """Send everything on one connection, receive the count."""
    trio.run(_send_client, job)


def send_server(job: SendJob) -> None:
    """Send everything to whoever comes."""

    async def send(stream: Stream) -> None:
        async with stream:
            for block in job.blocks():
                await stream.send_all(block)

    trio.run(_serve, job, send)

"""TCP by trio on its own loop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from time import perf_counter

import trio

from ..job import BulkJob, EchoJob, Job, Talk

BACKLOG = 4096


async def _talk(stream: trio.SocketStream, talk: Talk) -> None:
    messages, replies, seconds = talk
    for message in messages:
        start = perf_counter()
        await stream.send_all(message)
        reply = bytes(await stream.receive_some())
        while len(reply) < len(message):
            reply += await stream.receive_some()
        seconds.append(perf_counter() - start)
        replies.append(reply)


async def _client(job: EchoJob) -> None:
    async def connect() -> None:
        streams.append(await trio.open_tcp_stream(job.host, job.port))

    for _ in job.cycles:
        streams: list[trio.SocketStream] = []
        job.phase("open")
        async with trio.open_nursery() as nursery:
            for _ in range(job.connections):
                nursery.start_soon(connect)
        for phase in ("warm", "echo"):
            job.phase(phase)
            async with trio.open_nursery() as nursery:
                for stream, talk in zip(streams, job.talks(phase), strict=True):
                    nursery.start_soon(_talk, stream, talk)
        job.phase("close")
        async with trio.open_nursery() as nursery:
            for stream in streams:
                nursery.start_soon(stream.aclose)
        job.phase("")


def client(job: EchoJob) -> None:
    """Open, echo, close."""
    trio.run(_client, job)


async def _echo(stream: trio.SocketStream) -> None:
    async for chunk in stream:
        await stream.send_all(chunk)


async def _count(stream: trio.SocketStream) -> None:
    total = 0
    async for chunk in stream:
        total += len(chunk)
    await stream.send_all(total.to_bytes(8, "little"))


async def _serve(job: Job, handler: Callable[[trio.SocketStream], Awaitable[None]]) -> None:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1", backlog=BACKLOG)
    job.ready(listeners[0].socket.getsockname()[1])
    await trio.serve_listeners(handler, listeners)


def server(job: Job) -> None:
    """Serve echoes."""
    trio.run(_serve, job, _echo)


def bulk_server(job: Job) -> None:
    """Count what comes, answer the count at the end."""
    trio.run(_serve, job, _count)


async def _bulk_client(job: BulkJob) -> None:
    async with await trio.open_tcp_stream(job.host, job.port) as stream:
        job.phase("bulk")
        total = 0
        last: bytes | bytearray = b""
        async for chunk in stream:
            total += len(chunk)
            last = chunk
        job.phase("")
        job.received, job.last = total, bytes(last)


def bulk_client(job: BulkJob) -> None:
    """Receive everything on one connection."""
    trio.run(_bulk_client, job)

"""TCP by asyncio's streams: `open_connection`, `start_server`."""

from __future__ import annotations

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable, Callable
from time import perf_counter

from ..job import BulkJob, EchoJob, Job, SendJob, Talk

BACKLOG = 4096
CHUNK = 65536  # what one read asks for; the documentation's examples ask for less


async def _talk(reader: StreamReader, writer: StreamWriter, talk: Talk) -> None:
    messages, replies, seconds = talk
    for message in messages:
        start = perf_counter()
        writer.write(message)
        await writer.drain()
        reply = await reader.read(CHUNK)
        while len(reply) < len(message):
            reply += await reader.read(CHUNK)
        seconds.append(perf_counter() - start)
        replies.append(reply)


async def _close(writer: StreamWriter) -> None:
    writer.close()
    await writer.wait_closed()


async def _client(job: EchoJob) -> None:
    tls = job.client_tls
    for _ in job.cycles:
        job.phase("open")
        opening = (asyncio.open_connection(job.host, job.port, ssl=tls) for _ in range(job.connections))
        pairs = await asyncio.gather(*opening)
        for phase in ("warm", "echo"):
            job.phase(phase)
            await asyncio.gather(*(_talk(*pair, talk) for pair, talk in zip(pairs, job.talks(phase), strict=True)))
        job.phase("close")
        await asyncio.gather(*(_close(writer) for _, writer in pairs))
        job.phase("")


def client(job: EchoJob) -> None:
    """Open, echo, close."""
    job.run(_client(job))


async def _echo(reader: StreamReader, writer: StreamWriter) -> None:
    while chunk := await reader.read(CHUNK):
        writer.write(chunk)
        await writer.drain()
    await _close(writer)


async def _serve(job: Job, handler: Callable[[StreamReader, StreamWriter], Awaitable[None]]) -> None:
    listening = await asyncio.start_server(handler, "127.0.0.1", 0, backlog=BACKLOG, ssl=job.server_tls)
    job.ready(listening.sockets[0].getsockname()[1])
    await listening.serve_forever()


def server(job: Job) -> None:
    """Serve echoes."""
    job.run(_serve(job, _echo))


def bulk_server(job: Job) -> None:
    """Count what comes, answer the count when all is there."""
    whole = job.number("total")

    async def count(reader: StreamReader, writer: StreamWriter) -> None:
        total = 0
        while total < whole and (chunk := await reader.read(CHUNK)):
            total += len(chunk)
        writer.write(total.to_bytes(8, "little"))
        await _close(writer)

    job.run(_serve(job, count))


async def _bulk_client(job: BulkJob) -> None:
    reader, writer = await asyncio.open_connection(job.host, job.port, ssl=job.client_tls)
    job.phase("bulk")
    total = 0
    last = b""
    while chunk := await reader.read(CHUNK):
        total += len(chunk)
        last = chunk
    job.phase("")
    job.received, job.last = total, last
    await _close(writer)


def bulk_client(job: BulkJob) -> None:
    """Receive everything on one connection."""
    job.run(_bulk_client(job))


async def _send(writer: StreamWriter, job: SendJob) -> None:
    for block in job.blocks():
        writer.write(block)
        await writer.drain()


async def _send_client(job: SendJob) -> None:
    reader, writer = await asyncio.open_connection(job.host, job.port, ssl=job.client_tls)
    job.phase("bulk")
    await _send(writer, job)
    job.count = await reader.readexactly(8)
    job.phase("")
    await _close(writer)


def send_client(job: SendJob) -> None:
    """Send everything on one connection, receive the count."""
    job.run(_send_client(job))


def send_server(job: SendJob) -> None:
    """Send everything to whoever comes."""

    async def send(reader: StreamReader, writer: StreamWriter) -> None:
        await _send(writer, job)
        await _close(writer)

    job.run(_serve(job, send))

"""TCP by an `asyncio.Protocol`: callbacks, no coroutine for each connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import perf_counter
from typing import cast

from ..job import BulkJob, EchoJob, Job, Talk

BACKLOG = 4096


class _Talker(asyncio.Protocol):
    """Sends the next message when the echo of the last one has come."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self.closed = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def talk(self, talk: Talk) -> asyncio.Future[None]:
        self.messages, self.replies, self.seconds = talk
        self.number = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._next()
        return self.done

    def _next(self) -> None:
        if self.number == len(self.messages):
            self.done.set_result(None)
            return
        self.reply = b""
        self.start = perf_counter()
        self.transport.write(self.messages[self.number])

    def data_received(self, data: bytes) -> None:
        self.reply = self.reply + data if self.reply else data
        if len(self.reply) >= len(self.messages[self.number]):
            self.seconds.append(perf_counter() - self.start)
            self.replies.append(self.reply)
            self.number += 1
            self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.set_result(None)


async def _client(job: EchoJob) -> None:
    loop = asyncio.get_running_loop()
    tls = job.client_tls
    for _ in job.cycles:
        job.phase("open")
        opening = (loop.create_connection(_Talker, job.host, job.port, ssl=tls) for _ in range(job.connections))
        talkers = [protocol for _, protocol in await asyncio.gather(*opening)]
        for phase in ("warm", "echo"):
            job.phase(phase)
            await asyncio.gather(*(talker.talk(talk) for talker, talk in zip(talkers, job.talks(phase), strict=True)))
        job.phase("close")
        for talker in talkers:
            talker.transport.close()
        await asyncio.gather(*(talker.closed for talker in talkers))
        job.phase("")


def client(job: EchoJob) -> None:
    """Open, echo, close."""
    job.run(_client(job))


class _Echo(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


class _Count(asyncio.Protocol):
    def __init__(self, whole: int) -> None:
        self.whole = whole
        self.total = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.total += len(data)
        if self.total >= self.whole:
            self.transport.write(self.total.to_bytes(8, "little"))
            self.transport.close()


async def _serve(job: Job, protocol: Callable[[], asyncio.Protocol]) -> None:
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(protocol, "127.0.0.1", 0, backlog=BACKLOG, ssl=job.server_tls)
    job.ready(listening.sockets[0].getsockname()[1])
    await listening.serve_forever()


def server(job: Job) -> None:
    """Serve echoes."""
    job.run(_serve(job, _Echo))


def bulk_server(job: Job) -> None:
    """Count what comes, answer the count when all is there."""
    job.run(_serve(job, lambda: _Count(job.number("total"))))


class _Receiver(asyncio.Protocol):
    def __init__(self) -> None:
        self.total = 0
        self.last = b""
        self.ended = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        self.total += len(data)
        self.last = data

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended.set_result(None)


async def _bulk_client(job: BulkJob) -> None:
    _, receiver = await asyncio.get_running_loop().create_connection(_Receiver, job.host, job.port, ssl=job.client_tls)
    job.phase("bulk")
    await receiver.ended
    job.phase("")
    job.received, job.last = receiver.total, receiver.last


def bulk_client(job: BulkJob) -> None:
    """Receive everything on one connection."""
    job.run(_bulk_client(job))

"""What contenders of the same shape do in the same way: once, so that all of them are measured by the same code."""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable
from time import perf_counter
from typing import Any

from ..job import BulkJob, DatagramJob, Talk

Send = Callable[[bytes], Awaitable[Any]]


async def talk(send: Send, receive: Callable[[], Awaitable[bytes]], what: Talk) -> None:
    """Send one message after the other on a stream, and wait for each echo."""
    messages, replies, seconds = what
    for message in messages:
        start = perf_counter()
        await send(message)
        reply = await receive()
        while len(reply) < len(message):
            reply += await receive()
        seconds.append(perf_counter() - start)
        replies.append(reply)


async def take_all(job: BulkJob, stream: AsyncIterable[bytes]) -> None:
    """Receive a stream to its end."""
    job.phase("bulk")
    total = 0
    chunk = b""
    async for chunk in stream:
        total += len(chunk)
    job.phase("")
    job.received, job.last = total, chunk


async def count(stream: AsyncIterable[bytes], whole: int) -> bytes:
    """Receive so many bytes of a stream; how many there were, as the other side wants to read it."""
    total = 0
    async for chunk in stream:
        total += len(chunk)
        if total >= whole:
            break
    return total.to_bytes(8, "little")


async def take_datagrams(job: DatagramJob, receive: Callable[[], Awaitable[tuple[bytes, Any]]]) -> None:
    """Receive datagrams that come with their sender."""
    await receive()
    count = size = 0
    data = b""
    job.phase("receive")
    while count < job.count:
        data, _ = await receive()
        count += 1
        size += len(data)
    job.phase("")
    job.datagrams, job.received, job.last = count, size, data


async def take_each(job: DatagramJob, datagrams: AsyncIterable[bytes]) -> None:
    """Iterate over datagrams."""
    count = size = 0
    data = b""
    job.phase("receive")
    async for data in datagrams:
        count += 1
        size += len(data)
        if count == job.count:
            break
    job.phase("")
    job.datagrams, job.received, job.last = count, size, data


async def give_datagrams(job: DatagramJob, send: Send) -> None:
    """Send datagrams one by one."""
    payloads = job.payloads()
    job.phase("send")
    for _ in range(job.count // len(payloads)):
        for payload in payloads:
            await send(payload)
    job.phase("")

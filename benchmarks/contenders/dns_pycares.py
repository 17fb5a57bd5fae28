"""Names by pycares with callbacks, its own thread for the sockets: what aiodns stands on."""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import Any

import pycares

from ..jobs_dns import NamesJob

RECEIVE_BUFFER = 1 << 20  # bytes: room for a thousand answers at once, or some are lost and asked for again


def _asked(channel: pycares.Channel, name: str) -> asyncio.Future[Any]:
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Any] = loop.create_future()

    def done(result: Any, error: int | None) -> None:  # in the thread of pycares
        if error is None:
            loop.call_soon_threadsafe(future.set_result, result)
        else:
            loop.call_soon_threadsafe(future.set_exception, OSError(error, pycares.errno.strerror(error)))

    channel.query(name, pycares.QUERY_TYPE_A, callback=done)
    return future


async def _distinct(job: NamesJob) -> None:
    channel = pycares.Channel(
        servers=[job.host], udp_port=job.port, tcp_port=job.port, socket_receive_buffer_size=RECEIVE_BUFFER
    )

    async def one(name: str) -> None:
        start = perf_counter()
        result = await _asked(channel, name)
        job.seconds.append(perf_counter() - start)
        found[name] = result

    found: dict[str, Any] = {}
    await _asked(channel, "warm.example.org")
    job.phase("resolve")
    await asyncio.gather(*(one(name) for name in job.names))
    job.phase("")
    job.answers.update({name: [record.data.addr for record in result.answer] for name, result in found.items()})
    channel.close()


def distinct(job: NamesJob) -> None:
    """`Channel.query`, all at once."""
    job.run(_distinct(job))

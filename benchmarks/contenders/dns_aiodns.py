"""Names by aiodns; c-ares keeps answers of its own."""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import Any

import aiodns

from ..jobs_dns import NamesJob

RECEIVE_BUFFER = 1 << 20  # bytes: room for a thousand answers at once, or some are lost and asked for again


def _resolver(job: NamesJob) -> aiodns.DNSResolver:
    return aiodns.DNSResolver(
        [job.host], udp_port=job.port, tcp_port=job.port, socket_receive_buffer_size=RECEIVE_BUFFER
    )


def _addresses(result: Any) -> list[str]:
    return [record.data.addr for record in result.answer]


async def _cached(job: NamesJob) -> None:
    async with _resolver(job) as resolver:
        job.phase("warm")
        for name in job.names:
            await resolver.query_dns(name, "A")
        job.phase("resolve")
        for _ in range(job.turns):
            for name in job.names:
                result = await resolver.query_dns(name, "A")
        job.phase("")
        for name in job.names:
            result = await resolver.query_dns(name, "A")
            job.answers[name] = _addresses(result)


def cached(job: NamesJob) -> None:
    """`query_dns` for one family, each name again and again."""
    job.run(_cached(job))


async def _distinct(job: NamesJob) -> None:
    async with _resolver(job) as resolver:

        async def one(name: str) -> None:
            start = perf_counter()
            result = await resolver.query_dns(name, "A")
            job.seconds.append(perf_counter() - start)
            found[name] = result

        found: dict[str, Any] = {}
        await resolver.query_dns("warm.example.org", "A")
        job.phase("resolve")
        await asyncio.gather(*(one(name) for name in job.names))
        job.phase("")
    job.answers.update({name: _addresses(result) for name, result in found.items()})


def distinct(job: NamesJob) -> None:
    """`query_dns`, all at once."""
    job.run(_distinct(job))


async def _behind(job: NamesJob) -> None:
    async with _resolver(job) as resolver:
        waiting = [asyncio.ensure_future(resolver.query_dns(name, "A")) for name in job.hanging]
        await resolver.query_dns("warm.example.org", "A")
        job.phase("resolve")
        for _ in range(job.turns):
            start = perf_counter()
            found = await resolver.getaddrinfo("localhost")
            job.seconds.append(perf_counter() - start)
        job.phase("")
        job.answers["localhost"] = [_text(node.addr[0]) for node in found.nodes]
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


def _text(host: str | bytes) -> str:
    return host.decode() if isinstance(host, bytes) else host


def behind(job: NamesJob) -> None:
    """`getaddrinfo("localhost")` while other names hang."""
    job.run(_behind(job))


async def _same(job: NamesJob) -> None:
    async with _resolver(job) as resolver:
        job.phase("resolve")
        results = await asyncio.gather(*(resolver.query_dns(job.names[0], "A") for _ in range(job.turns)))
        job.phase("")
        job.answers[job.names[0]] = list({address for result in results for address in _addresses(result)})


def same(job: NamesJob) -> None:
    """`query_dns` of one name by everybody at once."""
    job.run(_same(job))

"""Names by dnspython's asyncio resolver, with the cache that its documentation recommends."""

from __future__ import annotations

import asyncio
from time import perf_counter

import dns.asyncresolver
import dns.resolver

from ..jobs_dns import NamesJob


def _resolver(job: NamesJob) -> dns.asyncresolver.Resolver:
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers = [job.host]
    resolver.port = job.port
    resolver.lifetime = 30.0
    resolver.cache = dns.resolver.LRUCache()
    return resolver


def _addresses(answer: dns.resolver.Answer) -> list[str]:
    return [record.address for record in answer]


async def _cached(job: NamesJob) -> None:
    resolver = _resolver(job)
    job.phase("warm")
    for name in job.names:
        await resolver.resolve(name, "A")
    job.phase("resolve")
    for _ in range(job.turns):
        for name in job.names:
            answer = await resolver.resolve(name, "A")
    job.phase("")
    for name in job.names:
        answer = await resolver.resolve(name, "A")
        job.answers[name] = _addresses(answer)


def cached(job: NamesJob) -> None:
    """`resolve` for one family, each name again and again."""
    job.run(_cached(job))


async def _distinct(job: NamesJob) -> None:
    resolver = _resolver(job)

    async def one(name: str) -> None:
        start = perf_counter()
        answer = await resolver.resolve(name, "A")
        job.seconds.append(perf_counter() - start)
        found[name] = answer

    found: dict[str, dns.resolver.Answer] = {}
    await resolver.resolve("warm.example.org", "A")
    job.phase("resolve")
    await asyncio.gather(*(one(name) for name in job.names))
    job.phase("")
    job.answers.update({name: _addresses(answer) for name, answer in found.items()})


def distinct(job: NamesJob) -> None:
    """`resolve`, all at once."""
    job.run(_distinct(job))

"""Names by asyncnet: `dns.Resolver`."""

from __future__ import annotations

import asyncio
from time import perf_counter

from asyncnet import dns

from ..jobs_dns import NamesJob


async def _cached(job: NamesJob) -> None:
    async with dns.Resolver(nameservers=[job.server]) as resolver:
        job.phase("warm")
        for name in job.names:
            await resolver.resolve(name)
        job.phase("resolve")
        for _ in range(job.turns):
            for name in job.names:
                found = await resolver.resolve(name)
        job.phase("")
        for name in job.names:
            found = await resolver.resolve(name)
            job.answers[name] = [str(address) for address in found]


def cached(job: NamesJob) -> None:
    """`resolve`, both families, each name again and again."""
    job.run(_cached(job))


async def _distinct(job: NamesJob) -> None:
    async with dns.Resolver(nameservers=[job.server]) as resolver:

        async def one(name: str) -> None:
            start = perf_counter()
            answer = await resolver.lookup(name, "A")
            job.seconds.append(perf_counter() - start)
            found[name] = answer

        found: dict[str, dns.Answer[dns.A]] = {}
        await resolver.lookup("warm.example.org", "A")
        job.phase("resolve")
        await asyncio.gather(*(one(name) for name in job.names))
        job.phase("")
    job.answers.update({name: [str(record.address) for record in answer] for name, answer in found.items()})


def distinct(job: NamesJob) -> None:
    """`lookup`, all at once."""
    job.run(_distinct(job))


async def _behind(job: NamesJob) -> None:
    async with dns.Resolver(nameservers=[job.server]) as resolver:
        waiting = [asyncio.ensure_future(resolver.resolve(name)) for name in job.hanging]
        await resolver.lookup("warm.example.org", "A")  # all questions are out by now
        job.phase("resolve")
        for _ in range(job.turns):
            start = perf_counter()
            found = await resolver.resolve("localhost")
            job.seconds.append(perf_counter() - start)
        job.phase("")
        job.answers["localhost"] = [str(address) for address in found]
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


def behind(job: NamesJob) -> None:
    """`resolve("localhost")` while other names hang."""
    job.run(_behind(job))


async def _same(job: NamesJob) -> None:
    async with dns.Resolver(nameservers=[job.server]) as resolver:
        job.phase("resolve")
        answers = await asyncio.gather(*(resolver.lookup(job.names[0], "A") for _ in range(job.turns)))
        job.phase("")
        job.answers[job.names[0]] = list({str(record.address) for answer in answers for record in answer})


def same(job: NamesJob) -> None:
    """`lookup` of one name by everybody at once."""
    job.run(_same(job))

"""News by asyncnet: `nntp.Client`."""

from __future__ import annotations

from asyncnet import nntp

from ..jobs_mail import ReadJob


async def _articles(job: ReadJob) -> None:
    found = {}
    async with nntp.Client(job.host, job.port, ssl=False) as client:
        job.phase("fetch")
        async for outcome in client.fetch_many(job.ids):
            if outcome.error is not None:
                raise outcome.error
            found[outcome.item] = outcome.value
        job.phase("")
    for name in job.ids:
        job.subjects.append(found[name].headers["Subject"])
        job.bodies.append(found[name].body)


def articles(job: ReadJob) -> None:
    """`fetch_many`: pipelined, one connection."""
    job.run(_articles(job))

"""News by asyncnet: `nntp.Client`."""

from __future__ import annotations

from asyncnet import nntp

from ..jobs_mail import ReadJob


async def _articles(job: ReadJob) -> None:
    found: dict[str, tuple[str, str]] = {}
    async with nntp.Client(job.host, job.port, ssl=False) as client:
        job.phase("fetch")
        async for outcome in client.fetch_many(job.ids):
            if outcome.value is None:
                raise outcome.error or ValueError(outcome.item)
            found[outcome.item] = (outcome.value.headers["Subject"], outcome.value.body)
        job.phase("")
    for name in job.ids:
        job.subjects.append(found[name][0])
        job.bodies.append(found[name][1])


def articles(job: ReadJob) -> None:
    """`fetch_many`: pipelined, one connection."""
    job.run(_articles(job))

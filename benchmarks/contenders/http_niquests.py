"""HTTP by niquests, its asynchronous session."""

from __future__ import annotations

import asyncio
from time import perf_counter

import niquests

from ..jobs_files import DownloadJob
from ..jobs_http import PagesJob


async def _pages(job: PagesJob) -> None:
    numbers = iter(range(job.requests))

    async def worker(session: niquests.AsyncSession) -> None:
        for number in numbers:
            start = perf_counter()
            response = await session.get(job.urls[number], headers=job.headers)
            job.seconds.append(perf_counter() - start)
            job.bodies[number] = response.raise_for_status().content or b""

    async with niquests.AsyncSession(pool_maxsize=job.in_flight) as session:
        job.phase("fetch")
        await asyncio.gather(*(worker(session) for _ in range(job.in_flight)))
        job.phase("")


def pages(job: PagesJob) -> None:
    """One session, so many tasks."""
    job.run(_pages(job))


async def _download(job: DownloadJob) -> None:
    job.phase("download")
    async with niquests.AsyncSession() as session:
        response = await session.get(job.http_url, stream=True)
        response.raise_for_status()
        with job.path.open("wb") as file:  # as its documentation shows
            async for chunk in await response.iter_content(65536):
                file.write(chunk)
    job.phase("")


def download(job: DownloadJob) -> None:
    """One file in chunks of 64 KiB."""
    job.run(_download(job))

"""HTTP by httpx, on asyncio."""

from __future__ import annotations

import asyncio
from time import perf_counter

import httpx

from ..jobs_files import DownloadJob
from ..jobs_http import PagesJob


async def _pages(job: PagesJob) -> None:
    numbers = iter(range(job.requests))

    async def worker(client: httpx.AsyncClient) -> None:
        for number in numbers:
            start = perf_counter()
            response = await client.get(job.urls[number], headers=job.headers)
            job.seconds.append(perf_counter() - start)
            job.bodies[number] = response.raise_for_status().content

    async with httpx.AsyncClient(timeout=30) as client:
        job.phase("fetch")
        await asyncio.gather(*(worker(client) for _ in range(job.in_flight)))
        job.phase("")


def pages(job: PagesJob) -> None:
    """One client, so many tasks."""
    job.run(_pages(job))


async def _download(job: DownloadJob) -> None:
    job.phase("download")
    async with httpx.AsyncClient() as client, client.stream("GET", job.http_url) as response:
        response.raise_for_status()
        with job.path.open("wb") as file:  # as its documentation shows
            async for chunk in response.aiter_bytes():
                file.write(chunk)
    job.phase("")


def download(job: DownloadJob) -> None:
    """One file in the chunks that come."""
    job.run(_download(job))

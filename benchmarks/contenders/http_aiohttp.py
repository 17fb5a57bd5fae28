"""HTTP by aiohttp itself."""

from __future__ import annotations

import asyncio
from time import perf_counter

import aiohttp

from ..jobs_files import DownloadJob
from ..jobs_http import CancelJob, ImagesJob, PagesJob


async def _pages(job: PagesJob) -> None:
    numbers = iter(range(job.requests))

    async def worker(session: aiohttp.ClientSession) -> None:
        for number in numbers:
            start = perf_counter()
            async with session.get(job.urls[number], headers=job.headers) as response:
                response.raise_for_status()
                body = await response.read()
            job.seconds.append(perf_counter() - start)
            job.bodies[number] = body

    async with aiohttp.ClientSession() as session:
        job.phase("fetch")
        await asyncio.gather(*(worker(session) for _ in range(job.in_flight)))
        job.phase("")


def pages(job: PagesJob) -> None:
    """One session, so many tasks."""
    job.run(_pages(job))


async def _download(job: DownloadJob) -> None:
    job.phase("download")
    async with aiohttp.ClientSession() as session, session.get(job.http_url) as response:
        response.raise_for_status()
        with job.path.open("wb") as file:  # as its documentation shows
            async for chunk in response.content.iter_chunked(65536):
                file.write(chunk)
    job.phase("")


def download(job: DownloadJob) -> None:
    """One file in chunks of 64 KiB."""
    job.run(_download(job))


async def _images(job: ImagesJob) -> None:
    limit = asyncio.Semaphore(job.concurrency)

    async def one(number: int, url: str) -> None:
        async with limit:
            try:
                async with session.get(url) as response:
                    response.raise_for_status()
                    job.bodies[number] = await response.read()
            except (aiohttp.ClientError, TimeoutError):
                pass

    connector = aiohttp.TCPConnector(limit=job.concurrency)
    timeout = aiohttp.ClientTimeout(total=job.timeout)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        job.phase("fetch")
        await asyncio.gather(*(one(number, url) for number, url in job.urls_by_number()))
        job.phase("")


def images(job: ImagesJob) -> None:
    """A plain gather behind a semaphore."""
    job.run(_images(job))


async def _cancelled(job: CancelJob) -> None:
    async def fetch(url: str) -> bytes:
        async with session.get(url) as response:
            return await response.read()

    before = job.descriptors()
    async with aiohttp.ClientSession() as session:
        await job.cancel(fetch)
        job.left = job.descriptors() - before


def cancelled(job: CancelJob) -> None:
    """A hundred at a time."""
    job.run(_cancelled(job))

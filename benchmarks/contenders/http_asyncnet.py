"""HTTP by asyncnet: `http.Client`, `download`, `fetch_many`."""

from __future__ import annotations

import asyncio
from time import perf_counter

import asyncnet
import asyncnet.http.aiohttp_wire  # the first request would load it; the others' engines come with their import
from asyncnet import http

from ..jobs_files import DownloadJob
from ..jobs_http import CancelJob, ImagesJob, PagesJob


async def _pages(job: PagesJob) -> None:
    numbers = iter(range(job.requests))

    async def worker(client: http.Client) -> None:
        for number in numbers:
            start = perf_counter()
            page = await client.fetch(job.urls[number], headers=job.headers)
            job.seconds.append(perf_counter() - start)
            job.bodies[number] = page.content

    async with http.Client() as client:
        job.phase("fetch")
        await asyncio.gather(*(worker(client) for _ in range(job.in_flight)))
        job.phase("")


def pages(job: PagesJob) -> None:
    """One client, so many tasks."""
    job.run(_pages(job))


async def _traced(job: PagesJob) -> None:
    with asyncnet.trace() as trace:
        await _pages(job)
    if len(trace.spans) < job.requests:
        raise ValueError(f"{len(trace.spans)} spans were recorded")


def traced(job: PagesJob) -> None:
    """The same with tracing on."""
    job.run(_traced(job))


async def _download(job: DownloadJob) -> None:
    job.phase("download")
    await http.download(job.http_url, job.path)
    job.phase("")


def download(job: DownloadJob) -> None:
    """One file, as it comes: no hash."""
    job.run(_download(job))


async def _images(job: ImagesJob, give_up_host_after: int | None) -> None:
    numbers = {url: number for number, url in job.urls_by_number()}
    job.phase("fetch")
    async for outcome in http.fetch_many(
        job.urls, concurrency=job.concurrency, timeout=job.timeout, give_up_host_after=give_up_host_after
    ):
        if outcome.ok and outcome.value is not None:
            job.bodies[numbers[outcome.item]] = outcome.value.content
    job.phase("")


def images(job: ImagesJob) -> None:
    """`fetch_many` as it comes: hosts that only time out are given up."""
    job.run(_images(job, 5))


def images_all(job: ImagesJob) -> None:
    """`fetch_many` that tries every URL, as the others do."""
    job.run(_images(job, None))


async def _cancelled(job: CancelJob) -> None:
    before = job.descriptors()
    async with http.Client() as client:
        await job.cancel(client.fetch)
        job.left = job.descriptors() - before


def cancelled(job: CancelJob) -> None:
    """A hundred at a time."""
    job.run(_cancelled(job))

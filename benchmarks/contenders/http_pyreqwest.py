"""HTTP by pyreqwest: reqwest, in Rust, with a thread of its own."""

from __future__ import annotations

import asyncio
from time import perf_counter

from pyreqwest.client import Client, ClientBuilder

from ..jobs_files import DownloadJob
from ..jobs_http import PagesJob


async def _pages(job: PagesJob) -> None:
    numbers = iter(range(job.requests))

    async def worker(client: Client) -> None:
        for number in numbers:
            start = perf_counter()
            response = await client.get(job.urls[number]).headers(job.headers).build().send()
            body = await response.bytes()
            job.seconds.append(perf_counter() - start)
            job.bodies[number] = bytes(body)

    async with ClientBuilder().error_for_status(True).build() as client:
        job.phase("fetch")
        await asyncio.gather(*(worker(client) for _ in range(job.in_flight)))
        job.phase("")


def pages(job: PagesJob) -> None:
    """One client, so many tasks."""
    job.run(_pages(job))


async def _download(job: DownloadJob) -> None:
    job.phase("download")
    async with ClientBuilder().error_for_status(True).build() as client:
        async with client.get(job.http_url).build_streamed() as response:
            with job.path.open("wb") as file:  # writing is the same for everybody
                while chunk := await response.body_reader.read_chunk():
                    file.write(chunk)
    job.phase("")


def download(job: DownloadJob) -> None:
    """One file in the chunks that come."""
    job.run(_download(job))

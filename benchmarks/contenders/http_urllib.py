"""HTTP by urllib in threads, from the standard library."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.pool import ThreadPool
from threading import Semaphore
from time import perf_counter
from urllib.request import Request, urlopen

from ..jobs_files import DownloadJob
from ..jobs_http import ImagesJob, PagesJob


def pages(job: PagesJob) -> None:
    """A pool of threads; urllib opens a connection for each request."""

    def one(number: int) -> None:
        start = perf_counter()
        with urlopen(Request(job.urls[number], headers=job.headers), timeout=30) as response:
            body = response.read()
        job.seconds.append(perf_counter() - start)
        job.bodies[number] = body

    with ThreadPoolExecutor(job.in_flight) as pool:
        job.phase("fetch")
        for _ in pool.map(one, range(job.requests)):
            pass
        job.phase("")


def download(job: DownloadJob) -> None:
    """One file by `copyfileobj`."""
    job.phase("download")
    with urlopen(job.http_url, timeout=30) as response, job.path.open("wb") as file:
        shutil.copyfileobj(response, file)
    job.phase("")


def _image(row: tuple[int, str], timeout: float) -> tuple[int, io.BytesIO | None, str | None]:
    number, url = row
    try:
        request = Request(url, data=None, headers={"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101"})
        with urlopen(request, timeout=timeout) as response:
            return number, io.BytesIO(response.read()), None
    except Exception as error:  # as img2dataset does
        return number, None, str(error)


def images(job: ImagesJob) -> None:
    """The fetch loop of img2dataset: a pool of threads behind a semaphore."""
    semaphore = Semaphore(job.concurrency * 2)

    def rows() -> Iterator[tuple[int, str]]:
        for row in job.urls_by_number():
            semaphore.acquire()
            yield row

    job.phase("fetch")
    with ThreadPool(job.concurrency) as pool:
        for number, stream, _ in pool.imap_unordered(lambda row: _image(row, job.timeout), rows()):
            if stream is not None:
                job.bodies[number] = stream.getvalue()
            semaphore.release()
        pool.terminate()
    job.phase("")

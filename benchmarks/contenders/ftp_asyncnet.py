"""FTP by asyncnet: `ftp.Client.download`."""

from __future__ import annotations

from asyncnet import ftp

from ..jobs_files import DownloadJob


async def _download(job: DownloadJob) -> None:
    async with ftp.Client(job.host, job.port) as client:
        job.phase("download")
        await client.download("/big", job.path)
        job.phase("")


def download(job: DownloadJob) -> None:
    """One file, on an open connection."""
    job.run(_download(job))

"""FTP by aioftp."""

from __future__ import annotations

import aioftp

from ..jobs_files import DownloadJob


async def _download(job: DownloadJob) -> None:
    async with aioftp.Client.context(job.host, job.port) as client:
        job.phase("download")
        await client.download("/big", str(job.path), write_into=True)
        job.phase("")


def download(job: DownloadJob) -> None:
    """One file, on an open connection."""
    job.run(_download(job))

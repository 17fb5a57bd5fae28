"""FTP by ftplib, from the standard library."""

from __future__ import annotations

import ftplib

from ..jobs_files import DownloadJob


def download(job: DownloadJob) -> None:
    """One file in blocks of 64 KiB, on an open connection."""
    with ftplib.FTP() as client:
        client.connect(job.host, job.port, timeout=30)
        client.login()
        job.phase("download")
        with job.path.open("wb") as file:
            client.retrbinary("RETR /big", file.write, blocksize=65536)
        job.phase("")

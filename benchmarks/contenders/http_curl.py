"""HTTP by curl: not a library for Python, but what this machine can do."""

from __future__ import annotations

import subprocess

from ..jobs_files import DownloadJob


def download(job: DownloadJob) -> None:
    """One file; the program's start is in the time, its CPU and memory are not."""
    job.phase("download")
    subprocess.run(["curl", "--silent", "--fail", "--output", job.path, job.http_url], check=True, timeout=50)
    job.phase("")

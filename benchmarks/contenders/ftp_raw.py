"""FTP by blocking sockets and `recv_into`: not a library, but how fast the other side is."""

from __future__ import annotations

import ftplib

from ..jobs_files import DownloadJob


def download(job: DownloadJob) -> None:
    """One file, on an open connection; ftplib for the commands only."""
    buffer = memoryview(bytearray(1 << 20))
    with ftplib.FTP() as client:
        client.connect(job.host, job.port, timeout=30)
        client.login()
        client.voidcmd("TYPE I")
        job.phase("download")
        with job.path.open("wb", buffering=0) as file, client.transfercmd("RETR /big") as data:
            while size := data.recv_into(buffer):
                file.write(buffer[:size])
        client.voidresp()
        job.phase("")

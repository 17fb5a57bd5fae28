"""Mail and news by a blocking socket that asks for everything at once: not a client, but how fast the other side is."""

from __future__ import annotations

import socket
from collections.abc import Iterable

from ..jobs_mail import ReadJob

END = b"\r\n.\r\n"


def messages(job: ReadJob) -> None:
    """POP3: every RETR at once."""
    numbers = range(1, job.count + 1)
    _read(job, b"USER x\r\nPASS y\r\n", 3, (f"RETR {number}\r\n".encode() for number in numbers))


def articles(job: ReadJob) -> None:
    """NNTP: every ARTICLE at once."""
    _read(job, b"", 1, (f"ARTICLE {name}\r\n".encode() for name in job.ids))


def _read(job: ReadJob, first: bytes, lines: int, commands: Iterable[bytes]) -> None:
    with socket.create_connection((job.host, job.port), timeout=30) as link, link.makefile("rb") as file:
        link.sendall(first)
        for _ in range(lines):
            file.readline()
        job.phase("fetch")
        link.sendall(b"".join(commands))
        read = b""
        while len(job.bodies) < job.count:
            read += file.read1(1 << 20)
            *whole, read = read.split(END)
            for message in whole:
                head, _, body = message.partition(b"\r\n\r\n")
                subject = next(line for line in head.splitlines() if line.startswith(b"Subject: "))
                job.subjects.append(subject[9:].decode())
                job.bodies.append(body.replace(b"\r\n..", b"\r\n.").decode() + "\r\n")
        job.phase("")
        link.sendall(b"QUIT\r\n")
        file.read()

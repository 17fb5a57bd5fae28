"""Contenders for the tests of the runner: one that is right, others that are not."""

from __future__ import annotations

import socket
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.job import EchoJob, Job


def _exchange(link: socket.socket, message: bytes) -> bytes:
    link.sendall(message)
    reply = b""
    while len(reply) < len(message):
        reply += link.recv(65536)
    return reply


def honest(job: EchoJob) -> None:
    """Plain sockets, one connection after the other."""
    for _ in job.cycles:
        job.phase("open")
        links = [socket.create_connection((job.host, job.port)) for _ in range(job.connections)]
        for phase in ("warm", "echo"):
            job.phase(phase)
            for link, (messages, replies, seconds) in zip(links, job.talks(phase), strict=True):
                for message in messages:
                    replies.append(_exchange(link, message))
                    seconds.append(1e-6)
        job.phase("close")
        for link in links:
            link.close()
        job.phase("")


def mixed_up(job: EchoJob) -> None:
    """As many right bytes as `honest`, but those of the first two connections exchanged."""
    honest(job)
    (_, first, _), (_, second, _), *_ = job.talks("echo")
    first[:], second[:] = second[:], first[:]


def lazy(job: EchoJob) -> None:
    """Makes the replies up without ever connecting."""
    for phase in ("open", "warm", "echo", "close", ""):
        job.phase(phase)
        for messages, replies, _ in job.talks(phase) if phase in ("warm", "echo") else ():
            replies.extend(messages)


def crashing(job: EchoJob) -> None:
    """Ends with an error of its own."""
    raise RuntimeError("not today")


def silent(job: Job) -> None:
    """Never says anything."""
    sys.stdin.read()


def _serve(job: Job, change: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        job.ready(listener.getsockname()[1])
        while True:
            link, _ = listener.accept()
            with link:
                while data := link.recv(65536):
                    link.sendall(data[: -len(change) or None] + change)


def honest_server(job: Job) -> None:
    """Echoes, one connection at a time."""
    _serve(job, b"")


def altering_server(job: Job) -> None:
    """Echoes with another last byte."""
    _serve(job, b"!")

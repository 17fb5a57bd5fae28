"""Questions by one bare socket: not a resolver, but how fast the other side is."""

from __future__ import annotations

import socket
from time import perf_counter

from ..jobs_dns import NamesJob

WINDOW = 64  # questions under way


def distinct(job: NamesJob) -> None:
    """Each name once, type A; the address is what an answer ends with."""
    questions = [_question(number, name) for number, name in enumerate(job.names)]
    starts = [0.0] * len(questions)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(10)
        udp.connect((job.host, job.port))
        job.phase("resolve")
        for number in range(len(questions) + WINDOW):
            if number < len(questions):
                starts[number] = perf_counter()
                udp.send(questions[number])
            if number >= WINDOW:
                _receive(udp, job, starts)
        job.phase("")


def _receive(udp: socket.socket, job: NamesJob, starts: list[float]) -> None:
    answer = udp.recv(512)
    number = int.from_bytes(answer[:2])
    job.seconds.append(perf_counter() - starts[number])
    job.answers[job.names[number]] = [socket.inet_ntoa(answer[-4:])]


def _question(number: int, name: str) -> bytes:
    labels = b"".join(len(label).to_bytes() + label.encode() for label in name.split("."))
    return number.to_bytes(2) + b"\1\0\0\1\0\0\0\0\0\0" + labels + b"\0\0\1\0\1"

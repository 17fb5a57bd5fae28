"""TLS by Python's ssl module alone: not a library, but what OpenSSL can do here.  The process becomes that program."""

from __future__ import annotations

import os
from typing import NoReturn

from ..job import Job
from ..peers import program


def _become(*arguments: object) -> NoReturn:
    command = program("tls", *arguments, compiled=False)
    os.execv(command[0], command)


def client(job: Job) -> None:
    """Open, echo, close."""
    amounts = [job.number(name) for name in ("connections", "messages", "warm", "size", "cycles")]
    _become("echo", job.port, os.getpid(), *amounts, 0, 0)


def server(job: Job) -> None:
    """Serve echoes."""
    _become("serve", "echo", 0)


def bulk_client(job: Job) -> None:
    """Receive everything on one connection."""
    _become("pull", job.port, os.getpid(), job.number("total"))


def bulk_server(job: Job) -> None:
    """Count what comes, answer the count when all is there."""
    _become("serve", "sink", job.number("total"))


def send_client(job: Job) -> None:
    """Send everything on one connection, receive the count."""
    _become("push", job.port, os.getpid(), job.number("total"))


def send_server(job: Job) -> None:
    """Send everything to whoever comes."""
    _become("serve", "source", job.number("total"))

"""TCP by one epoll loop in C: not a library, but what this machine can do.  The process becomes the C program."""

from __future__ import annotations

import os
from typing import NoReturn

from ..job import Job
from ..peers import program


def _become(*arguments: object, name: str) -> NoReturn:
    command = program(name, *arguments)
    os.execv(command[0], command)


def client(job: Job) -> None:
    """Open, echo, close."""
    amounts = [job.number(name) for name in ("connections", "messages", "warm", "size", "cycles")]
    _become("echo", job.port, os.getpid(), *amounts, 0, 0, name="load")


def server(job: Job) -> None:
    """Serve echoes."""
    _become("echo", 0, name="serve")


def bulk_client(job: Job) -> None:
    """Receive everything on one connection."""
    _become("pull", job.port, os.getpid(), job.number("total"), name="load")


def bulk_server(job: Job) -> None:
    """Count what comes, answer the count when all is there."""
    _become("sink", job.number("total"), name="serve")


def send_client(job: Job) -> None:
    """Send everything on one connection, receive the count."""
    _become("push", job.port, os.getpid(), job.number("total"), name="load")


def send_server(job: Job) -> None:
    """Send everything to whoever comes."""
    _become("source", job.number("total"), name="serve")

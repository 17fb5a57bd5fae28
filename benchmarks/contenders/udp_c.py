"""UDP in C with the kernel's batching: not a library, but what this machine can do."""

from __future__ import annotations

import os

from ..job import DatagramJob
from ..peers import program


def receive_server(job: DatagramJob) -> None:
    """From anybody, by `recvmmsg`."""
    command = program("datagrams", "receive", job.count)
    os.execv(command[0], command)


def send(job: DatagramJob) -> None:
    """With segmentation offload."""
    command = program("datagrams", "send", job.port, job.count, job.size)
    os.execv(command[0], command)

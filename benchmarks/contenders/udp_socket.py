"""UDP by a plain socket, one system call a datagram: what every other way of sending is measured by."""

from __future__ import annotations

import socket

from ..job import DatagramJob


def send(job: DatagramJob) -> None:
    """One `sendto` each."""
    payloads = job.payloads()
    target = (job.host, job.port)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        job.phase("send")
        for _ in range(job.count // len(payloads)):
            for payload in payloads:
                udp.sendto(payload, target)
        job.phase("")

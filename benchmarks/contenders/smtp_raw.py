"""Mail by blocking sockets that wait for nothing before the end: not a client, but how fast the other side is."""

from __future__ import annotations

import socket

from ..jobs_mail import MailJob


def pool(job: MailJob) -> None:
    """Everything that a connection has to say at once; no real server would have it."""
    bodies = [bytes(one).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") for one in job.messages]
    envelope = f"MAIL FROM:<{job.sender}>\r\nRCPT TO:<{job.recipient}>\r\nDATA\r\n".encode()
    said = [
        b"EHLO raw\r\n"
        + b"".join(envelope + body + b".\r\n" for body in bodies[first :: job.connections])
        + b"QUIT\r\n"
        for first in range(job.connections)
    ]
    job.phase("send")
    links = [socket.create_connection((job.host, job.port), timeout=30) for _ in said]
    for link, words in zip(links, said, strict=True):
        link.sendall(words)
    for link in links:
        while link.recv(65536):
            pass
        link.close()
    job.phase("")

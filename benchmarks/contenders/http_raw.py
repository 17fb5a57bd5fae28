"""HTTP by bare sockets and a selector: not a client, but how fast the other side is."""

from __future__ import annotations

import selectors
import socket
from time import perf_counter

from ..jobs_http import PagesJob

END = b"\r\n\r\n"
LENGTH = 1024  # of each page


def pages(job: PagesJob) -> None:
    """So many connections; each sends its next request when the last one is answered."""
    numbers = iter(range(job.requests))
    fresh = bool(job.headers)
    more = "Connection: close\r\n" if fresh else ""
    selector = selectors.DefaultSelector()

    def ask(link: socket.socket | None) -> None:
        number = next(numbers, None)
        if number is None:
            return
        if link is None:
            link = socket.create_connection((job.host, job.port))
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        started[link] = (number, perf_counter())
        got[link] = b""
        link.sendall(f"GET /page/{number} HTTP/1.1\r\nHost: {job.host}\r\n{more}\r\n".encode())
        selector.register(link, selectors.EVENT_READ)

    started: dict[socket.socket, tuple[int, float]] = {}
    got: dict[socket.socket, bytes] = {}
    job.phase("fetch")
    for _ in range(job.in_flight):
        ask(None)
    while selector.get_map():
        for key, _ in selector.select():
            link = key.fileobj
            assert isinstance(link, socket.socket)
            got[link] += link.recv(65536)
            _, _, body = got[link].partition(END)
            if len(body) < LENGTH:
                continue
            number, start = started.pop(link)
            job.bodies[number] = body
            job.seconds.append(perf_counter() - start)
            selector.unregister(link)
            if fresh:
                link.close()
            ask(None if fresh else link)
    job.phase("")

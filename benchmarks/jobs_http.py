"""The tasks of the HTTP scenarios."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any

from .job import Job

__all__ = ["CancelJob", "ImagesJob", "PagesJob"]


class PagesJob(Job):
    """Fetch `requests` pages with `in_flight` requests at once; phase: fetch."""

    def __init__(self, settings: Mapping[str, int | str], loop: str, port: int) -> None:
        super().__init__(settings, loop, port)
        self.requests = self.number("requests")
        self.in_flight = self.number("in_flight")
        self.urls = [f"http://{self.host}:{port}/page/{number}" for number in range(self.requests)]
        self.bodies: list[bytes] = [b""] * self.requests
        self.seconds: list[float] = []

    @property
    def headers(self) -> dict[str, str]:
        """What to send beside the usual: `Connection: close` where each request has a connection of its own."""
        return {"Connection": "close"} if self.settings.get("fresh") else {}

    def check(self) -> None:
        for number, body in enumerate(self.bodies):
            head = f"<!doctype html><html><head><title>{number}</title></head><body>".encode()
            if body != head.ljust(1024, b"x"):
                raise ValueError(f"page {number} is {body!r}")

    def latencies(self) -> Sequence[float]:
        return self.seconds


class ImagesJob(Job):
    """Fetch images from many hosts, some of which are dead or stall; phase: fetch.

    `bodies` gets what was obtained, by the number that ends the URL.
    """

    def __init__(self, settings: Mapping[str, int | str], loop: str, port: int) -> None:
        super().__init__(settings, loop, port)
        self.concurrency = self.number("concurrency")
        self.timeout = float(self.number("timeout"))
        self.bodies: dict[int, bytes] = {}
        hosts, dead, stalling = self.number("hosts"), self.number("dead"), self.number("stalling")
        self.urls = [
            f"http://127.0.1.{number % hosts + 1}:{port}/{'stall' if number % hosts < stalling else 'image'}/{number}"
            for number in range(self.number("images"))
        ]
        last = hosts - dead
        self.live = [number for number in range(len(self.urls)) if stalling <= number % hosts < last]

    def urls_by_number(self) -> Iterator[tuple[int, str]]:
        """Each URL and its number."""
        return enumerate(self.urls)

    def check(self) -> None:
        for number, body in self.bodies.items():
            digits = str(number).encode()
            if len(body) != 4096 or not body.startswith(b"\x89PNG\r\n\x1a\n") or body[67 : 67 + len(digits)] != digits:
                raise ValueError(f"image {number} is {body[:80]!r}")

    def counted(self) -> dict[str, int]:
        return {"live": len(self.live), "obtained": len(self.bodies.keys() & set(self.live))}


class CancelJob(Job):
    """Begin `requests` requests that get no answer, cancel them at different moments; phase: cancel.

    `left` is how many sockets are open then beyond those that were before the client was made.
    """

    left = 0

    def __init__(self, settings: Mapping[str, int | str], loop: str, port: int) -> None:
        super().__init__(settings, loop, port)
        self.url = f"http://{self.host}:{port}/stall/1"
        self.requests = self.number("requests")
        self.cancelled = 0

    @staticmethod
    def descriptors() -> int:
        """How many are open."""
        found = 0
        for name in os.listdir("/dev/fd"):
            with contextlib.suppress(OSError):  # that of the listing itself
                found += stat.S_ISSOCK(os.stat(f"/dev/fd/{name}").st_mode)
        return found

    async def cancel(self, fetch: Callable[[str], Awaitable[Any]]) -> None:
        """Begin a hundred at a time and cancel them at different moments."""
        import asyncio  # not for contenders without it

        self.phase("cancel")
        while self.cancelled < self.requests:
            tasks = [asyncio.ensure_future(fetch(self.url)) for _ in range(100)]
            for _ in range(self.cancelled // 100 % 20):
                await asyncio.sleep(0)
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            self.cancelled += sum(isinstance(result, asyncio.CancelledError) for result in results)
        self.phase("")

    def check(self) -> None:
        if self.cancelled != self.requests:
            raise ValueError(f"{self.cancelled} requests ended as cancelled")

    def counted(self) -> dict[str, int]:
        return {"left": self.left}

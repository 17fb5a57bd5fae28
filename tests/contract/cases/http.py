"""http: the one-shots, and the client's methods over a pool of its own."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncnet
from asyncnet import testing
from tests.contract.case import Case, Life, Target

PNG = (
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\x06\0\0\0\x1f\x15\xc4\x89"
    b"\0\0\0\nIDATx\x9cc\0\1\0\0\5\0\1\r\n-\xb4\0\0\0\0IEND\xaeB`\x82"
)
NO_TARGET = "the name of a file may hold a line break; NUL is refused, which tests/http shows"
FILES = frozenset({"folder", "manifest"})

_folders: list[str] = []


@contextlib.contextmanager
def server() -> Iterator[testing.HTTPServer]:
    with testing.HTTPServer({"/image": PNG, "*": testing.Resource(b"content" * 100)}) as running:
        try:
            yield running
        finally:
            while _folders:
                shutil.rmtree(_folders.pop(), ignore_errors=True)


def folder() -> str:
    _folders.append(tempfile.mkdtemp(prefix="asyncnet-contract-"))
    return _folders[-1]


def url(target: Target, path: str = "/page") -> str:
    return f"http://{target.host}:{target.port}{path}"


def client(target: Target) -> asyncnet.http.Client:
    return asyncnet.http.Client(base_url=url(target, "/"), timeout=target.timeout, dialer=target.dialer)


@contextlib.asynccontextmanager
async def response(target: Target) -> AsyncIterator[asyncnet.http.Response]:
    async with client(target) as http, http.stream("GET", "/page") as streamed:
        yield streamed


@contextlib.asynccontextmanager
async def page(target: Target) -> AsyncIterator[asyncnet.http.Page]:
    yield await asyncnet.http.fetch(url(target), timeout=target.timeout, dialer=target.dialer)


@contextlib.asynccontextmanager
async def image(target: Target) -> AsyncIterator[asyncnet.http.Image]:
    yield await asyncnet.http.fetch_image(url(target, "/image"), timeout=target.timeout, dialer=target.dialer)


CASES = [
    Case("http.fetch", server, lambda t: ((url(t),), {}), pooled=True),
    Case("http.fetch_image", server, lambda t: ((url(t, "/image"),), {}), pooled=True),
    Case("http.download", server, lambda t: ((url(t), folder()), {}), pooled=True),
    Case("http.fetch_many", server, lambda t: (([url(t)],), {}), pooled=True),
    Case("http.download_many", server, lambda t: (([url(t)], folder()), {}), pooled=True, free_text=FILES),
    Case(
        "http.Client.request", server, lambda t: (("POST", "/page"), {"data": b"1"}), client,
        free_text=frozenset({"data", "json"}),
    ),
    Case("http.Client.fetch", server, lambda t: (("/page",), {}), client),
    Case("http.Client.fetch_image", server, lambda t: (("/image",), {}), client),
    Case("http.Client.download", server, lambda t: (("/page", folder()), {}), client),
    Case("http.Client.fetch_many", server, lambda t: (([url(t)],), {}), client),
    Case("http.Response.read", server, lambda t: ((), {}), response, takes_timeout=False),
    Case("http.Response.receive", server, lambda t: ((), {}), response, takes_timeout=False),
    Case("http.Page.save", server, lambda t: ((f"{folder()}/page",), {}), page, pooled=True, takes_timeout=False),
    Case("http.Image.save", server, lambda t: ((f"{folder()}/image",), {}), image, pooled=True, takes_timeout=False),
    Case("http.Client.download_many", server, lambda t: (([url(t)], folder()), {}), client, free_text=FILES),
]  # fmt: skip


def made_client(target: Target, **changes: Any) -> asyncnet.http.Client:
    keywords = {"base_url": url(target, "/"), "timeout": target.timeout, "dialer": target.dialer, **changes}
    return asyncnet.http.Client(**keywords)


LIVES = [Life("http.Client", made_client, server, opening_connects=False)]

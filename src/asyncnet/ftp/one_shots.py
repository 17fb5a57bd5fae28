"""One transfer in one call, by URL."""

from __future__ import annotations

import os
import ssl as _ssl
from urllib.parse import unquote

from ..core.address import URL, parse_url
from ..core.dialer import Dialer
from ..core.operation import DEFAULT_TIMEOUT
from ..core.pace import IDLE_TIMEOUT, MIN_RATE
from ..core.progress import Progress
from .client import Client
from .session import ANONYMOUS
from .transfer import Transfer

__all__ = ["download", "upload"]

_PORTS = {"ftp": 21, "ftps": 990}


async def download(
    url: str,
    path: str | os.PathLike[str],
    *,
    resume: bool = True,
    progress: Progress = None,
    username: str | None = None,
    password: str | None = None,
    max_bytes: int | None = None,
    idle_timeout: float | None = IDLE_TIMEOUT,
    min_rate: float | None = MIN_RATE,
    timeout: float | None = None,
    ssl: bool | _ssl.SSLContext | None = None,
    starttls: bool | None = None,
    dialer: Dialer | None = None,
) -> Transfer:
    """Download a file by its URL.

    Args:
        url: ``ftp://host/path``, or ``ftps://`` for TLS from the first byte; may hold ``user:password@``.
        path: where to save it; a folder gets it under its own name.
        resume: go on with what an earlier try has left.
        progress: called with bytes so far and in all; ``True`` draws a bar (extra ``progress``).
        max_bytes: the most to write; ``None`` for no limit.
        idle_timeout: seconds in which no byte moved, and none of a reply came.
        min_rate: bytes per second, averaged over ``idle_timeout``.
        username: overrides the URL's; nobody's login without either.
        password: overrides the URL's; never shown.
        timeout: seconds for the transfer, ``None`` for no limit; opening has 30 s.
        ssl: TLS from the first byte.
        starttls: as for `Client`.
        dialer: who opens the connections; ``None`` for the current one.

    Raises:
        AuthenticationError, ReplyError, ConnectionLost, OperationTimeout and what dialling raises.

    Example:
        ```python
        got = await asyncnet.ftp.download(f"ftp://127.0.0.1:{server.port}/pub/readme.txt", folder)
        ```
    """
    target, client = _client(url, username, password, timeout, ssl, starttls, dialer)
    async with client as ftp:
        return await ftp.download(
            target, path, resume=resume, progress=progress, max_bytes=max_bytes,
            idle_timeout=idle_timeout, min_rate=min_rate, timeout=timeout,
        )  # fmt: skip


async def upload(
    path: str | os.PathLike[str],
    url: str,
    *,
    resume: bool = False,
    progress: Progress = None,
    username: str | None = None,
    password: str | None = None,
    idle_timeout: float | None = IDLE_TIMEOUT,
    min_rate: float | None = MIN_RATE,
    timeout: float | None = None,
    ssl: bool | _ssl.SSLContext | None = None,
    starttls: bool | None = None,
    dialer: Dialer | None = None,
) -> Transfer:
    """Upload a file to a URL.

    Args:
        path: the file to send.
        url: ``ftp://user@host/path``, or ``ftps://`` for TLS from the first byte.
        resume: what is there is the beginning of the same file: send the rest.
        progress: called with bytes so far and in all; ``True`` draws a bar (extra ``progress``).
        idle_timeout: seconds in which no byte moved, and none of a reply came.
        min_rate: bytes per second, averaged over ``idle_timeout``.
        username: overrides the URL's.
        password: overrides the URL's; never shown.
        timeout: seconds for the transfer, ``None`` for no limit; opening has 30 s.
        ssl: TLS from the first byte.
        starttls: as for `Client`.
        dialer: who opens the connections; ``None`` for the current one.

    Raises:
        As for `download`; ``maybe_done`` where the server may have the whole file.
    """
    target, client = _client(url, username, password, timeout, ssl, starttls, dialer)
    async with client as ftp:
        return await ftp.upload(
            path, target, resume=resume, progress=progress,
            idle_timeout=idle_timeout, min_rate=min_rate, timeout=timeout,
        )  # fmt: skip


def _client(
    text: str,
    username: str | None,
    password: str | None,
    timeout: float | None,
    ssl: bool | _ssl.SSLContext | None,
    starttls: bool | None,
    dialer: Dialer | None,
) -> tuple[str, Client]:
    url: URL = parse_url(text, _PORTS)
    target = unquote(url.path)
    if target.endswith("/") or "\r" in target or "\n" in target or "\0" in target:
        raise ValueError(f"{url} names no file")
    client = Client(
        url.host,
        url.port,
        username=username or url.username or ANONYMOUS,
        password=password if password is not None else url.password,
        ssl=True if ssl is None and url.scheme == "ftps" else ssl,
        starttls=starttls,
        timeout=DEFAULT_TIMEOUT if timeout is None else min(timeout, DEFAULT_TIMEOUT),
        dialer=dialer,
    )
    return target, client

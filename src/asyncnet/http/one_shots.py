"""One call, one result: no client to open or close.

What these share - connections, nothing else - belongs to the running loop; see
`asyncnet.close`.
"""

from __future__ import annotations

import contextlib
import os
import ssl as _ssl
from collections.abc import AsyncGenerator

from ..core.dialer import Dialer, current_dialer
from ..core.operation import DEFAULT_TIMEOUT, Operation, check_timeout
from ..core.outcome import Outcome
from ..core.pace import IDLE_TIMEOUT, MIN_RATE
from ..core.progress import Progress
from . import fetching
from .auth import Auth
from .crawling import Spreading, check_folder, download_all, spread
from .download import Download, Transfer, check_options, check_target
from .headers import HeaderInput
from .image import MAX_PIXELS, Image
from .many import CONCURRENCY, GIVE_UP_AFTER, PER_HOST, URLs
from .page import Page
from .redirects import MAX_REDIRECTS
from .request import MAX_BYTES, make_request
from .urls import Params, parse_http_url

__all__ = ["download", "download_many", "fetch", "fetch_image", "fetch_many"]


async def fetch(
    url: str,
    *,
    params: Params | None = None,
    headers: HeaderInput | None = None,
    auth: Auth | tuple[str, str] | None = None,
    follow_redirects: bool = True,
    if_changed_since: Page | None = None,
    raise_for_status: bool = True,
    max_bytes: int | None = MAX_BYTES,
    retries: int = 2,
    timeout: float | None = DEFAULT_TIMEOUT,
    ssl: bool | _ssl.SSLContext | None = None,
    server_hostname: str | None = None,
    dialer: Dialer | None = None,
) -> Page:
    """Fetch a page.

    Args:
        url: http or https.
        params: appended to the query.
        headers: sent with the request.
        auth: `Basic`, `Bearer`, `Digest` or a tuple of username and password, for the URL's origin only.
        follow_redirects: whether redirects are followed, at most 10.
        if_changed_since: the page as it was fetched before; if it still holds, it comes back with status 304.
        raise_for_status: raise `ReplyError` for a status of 400 or more.
        max_bytes: the largest content, compressed or not; ``None`` for no limit.
        retries: how often it is repeated after a failure that may pass.
        timeout: seconds for all of it; ``None`` for no limit.
        ssl: a context for https; ``None`` is the dialer's, or the system's.
        server_hostname: the name to verify when it differs from the URL's.
        dialer: opens the connection; ``None`` for the current one.

    Returns:
        The `Page`.

    Raises:
        ValueError, TypeError: bad input; nothing was sent.
        ReplyError: the status says no; ``.response`` is the page.
        ResolveError, ConnectError, TLSError, ConnectionLost, OperationTimeout, LimitExceeded, ProtocolError.

    Source: RFC 9110, RFC 9112; text as the WHATWG standards have it.
    """
    request = make_request(
        parse_http_url(url),
        dialer=dialer,
        params=params,
        headers=headers,
        auth=auth,
        since=if_changed_since,
        max_bytes=max_bytes,
        retries=retries,
        max_redirects=MAX_REDIRECTS if follow_redirects else 0,
        ssl=ssl,
        server_hostname=server_hostname,
    )
    async with Operation("http", "fetch", peer=request.shown, timeout=timeout) as operation:
        return await fetching.fetch_page(
            fetching.shared_engine(), operation, request, raise_for_status=raise_for_status
        )


async def fetch_image(
    url: str,
    *,
    params: Params | None = None,
    headers: HeaderInput | None = None,
    auth: Auth | tuple[str, str] | None = None,
    max_pixels: int | None = MAX_PIXELS,
    max_bytes: int | None = MAX_BYTES,
    retries: int = 2,
    timeout: float | None = DEFAULT_TIMEOUT,
    ssl: bool | _ssl.SSLContext | None = None,
    server_hostname: str | None = None,
    dialer: Dialer | None = None,
) -> Image:
    """Fetch an image and tell its format and size, by its content alone.

    Args:
        max_pixels: more, width times height, is `LimitExceeded`; ``None`` for no limit.
        url: see `fetch`.
        params: see `fetch`.
        headers: see `fetch`.
        auth: see `fetch`.
        max_bytes: see `fetch`.
        retries: see `fetch`.
        timeout: see `fetch`.
        ssl: see `fetch`.
        server_hostname: see `fetch`.
        dialer: see `fetch`.

    Raises:
        ProtocolError: the content is no image, such as an error page with status 200.
        ReplyError: the status says no.
        ResolveError, ConnectError, TLSError, ConnectionLost, OperationTimeout, LimitExceeded.
    """
    request = make_request(
        parse_http_url(url),
        dialer=dialer,
        params=params,
        headers=headers,
        auth=auth,
        max_bytes=max_bytes,
        retries=retries,
        ssl=ssl,
        server_hostname=server_hostname,
    )
    async with Operation("http", "fetch_image", peer=request.shown, timeout=timeout) as operation:
        return await fetching.fetch_image(fetching.shared_engine(), operation, request, max_pixels=max_pixels)


async def download(
    url: str,
    path: str | os.PathLike[str],
    *,
    params: Params | None = None,
    headers: HeaderInput | None = None,
    auth: Auth | tuple[str, str] | None = None,
    resume: bool = True,
    known_hash: str | None = None,
    hash: bool = False,
    segments: int = 1,
    progress: Progress = None,
    max_bytes: int | None = None,
    retries: int = 2,
    timeout: float | None = None,
    idle_timeout: float | None = IDLE_TIMEOUT,
    min_rate: float | None = MIN_RATE,
    ssl: bool | _ssl.SSLContext | None = None,
    server_hostname: str | None = None,
    dialer: Dialer | None = None,
) -> Download:
    """Download a file: whole, checked and in its place, or not at all.

    The bytes grow in ``<path>.part`` beside it; what a killed or failed try
    leaves there is used by the next one, if the server can say that it is
    still the same thing.

    Args:
        url: http or https.
        path: the file, which is replaced if it exists; or a folder, where it gets a safe name from
            ``Content-Disposition`` or the URL, with a number if that name is taken.
        params: appended to the query.
        headers: sent with each request.
        auth: see `fetch`.
        resume: go on with what an earlier try has left.
        known_hash: such as ``"sha256:..."``; a file with another one is not put in place.
        hash: compute the SHA-256.
        segments: how many ranges of the file to get at once, where the server allows it.
        progress: ``True`` for a bar, or a function of the bytes so far and the total or ``None``.
        max_bytes: the largest file; ``None`` for no limit.
        retries: how often to go on after a failure without progress.
        timeout: seconds for all of it; ``None`` for no limit.
        idle_timeout: seconds in which no byte moved.
        min_rate: bytes per second, averaged over ``idle_timeout``; ``None`` for no limit.
        ssl: see `fetch`.
        server_hostname: see `fetch`.
        dialer: see `fetch`.

    Returns:
        The `Download`.

    Raises:
        ValueError, TypeError: bad input; nothing was sent.
        OSError: the file cannot be written, or the disk is too small.
        ProtocolError: the hash is another one, or the answer makes no sense.
        StateError: another download is writing the same file.
        ReplyError, ResolveError, ConnectError, TLSError, ConnectionLost, OperationTimeout, LimitExceeded.

    Source: RFC 9110 sections 13 and 14, RFC 6266.
    """
    target = check_target(path)
    options = check_options(
        resume=resume,
        known_hash=known_hash,
        hash=hash,
        segments=segments,
        progress=progress,
        max_bytes=max_bytes,
        idle_timeout=idle_timeout,
        min_rate=min_rate,
    )
    request = make_request(
        parse_http_url(url),
        dialer=dialer,
        params=params,
        headers=headers,
        auth=auth,
        retries=retries,
        ssl=ssl,
        server_hostname=server_hostname,
    )
    async with Operation("http", "download", peer=request.shown, timeout=timeout) as operation:
        return await Transfer(fetching.shared_engine(), operation, request, target, options).run()


async def fetch_many(
    urls: URLs,
    *,
    concurrency: int = CONCURRENCY,
    per_host: int = PER_HOST,
    give_up_host_after: int | None = GIVE_UP_AFTER,
    progress: Progress = None,
    headers: HeaderInput | None = None,
    raise_for_status: bool = True,
    max_bytes: int | None = MAX_BYTES,
    retries: int = 2,
    timeout: float | None = DEFAULT_TIMEOUT,
    ssl: bool | _ssl.SSLContext | None = None,
    dialer: Dialer | None = None,
) -> AsyncGenerator[Outcome[Page], None]:
    """Fetch many pages; yields an `Outcome` for each, in the order of completion.

    Args:
        urls: an iterable or async iterable, which may be endless.
        concurrency: how many at once.
        per_host: how many at once with one host; the others do not wait for a slow one.
        give_up_host_after: after so many timeouts in a row without a success the rest of a host's
            URLs end at once with that reason; ``None``: never.
        progress: ``True`` for a bar, or a function of the count so far and the total or ``None``.
        headers: sent with each request.
        raise_for_status: whether a status of 400 or more is an error of its outcome.
        max_bytes: the largest content of each.
        retries: how often each is repeated.
        timeout: seconds for each, its waiting for a place excluded.
        ssl: see `fetch`.
        dialer: see `fetch`.

    Yields:
        ``Outcome(item, value, error, elapsed)``; what `fetch` would raise is in ``error``.
    """
    how = Spreading(concurrency, per_host, give_up_host_after, progress)
    dialer = dialer or current_dialer()
    timeout = check_timeout(timeout)
    make_request(_ANY, dialer=dialer, headers=headers, max_bytes=max_bytes, retries=retries, ssl=ssl)
    engine = fetching.shared_engine()

    async def one(url: str) -> Page:
        request = make_request(
            parse_http_url(url), dialer=dialer, headers=headers, max_bytes=max_bytes, retries=retries, ssl=ssl
        )
        async with Operation("http", "fetch_many", peer=request.shown, timeout=timeout) as operation:
            return await fetching.fetch_page(engine, operation, request, raise_for_status=raise_for_status)

    async with contextlib.aclosing(spread("fetch_many", urls, one, how)) as outcomes:
        async for outcome in outcomes:
            yield outcome


async def download_many(
    urls: URLs,
    folder: str | os.PathLike[str],
    *,
    concurrency: int = CONCURRENCY,
    per_host: int = PER_HOST,
    give_up_host_after: int | None = GIVE_UP_AFTER,
    manifest: str | os.PathLike[str] | None = None,
    progress: Progress = None,
    headers: HeaderInput | None = None,
    resume: bool = True,
    hash: bool = False,
    max_bytes: int | None = None,
    retries: int = 2,
    timeout: float | None = None,
    idle_timeout: float | None = IDLE_TIMEOUT,
    min_rate: float | None = MIN_RATE,
    ssl: bool | _ssl.SSLContext | None = None,
    dialer: Dialer | None = None,
) -> AsyncGenerator[Outcome[Download], None]:
    """Download many files into a folder; yields an `Outcome` for each, in the order of completion.

    Args:
        urls: an iterable or async iterable, which may be endless.
        folder: made if it does not exist; names as in `download`.
        concurrency: how many at once.
        per_host: how many at once with one host.
        give_up_host_after: see `fetch_many`; a later run with the manifest tries them again.
        manifest: an SQLite file that records what is done; a later run skips that, even after a kill.
        progress: ``True`` for a bar, or a function of the count so far and the total or ``None``.
        headers: sent with each request.
        resume: see `download`.
        hash: see `download`.
        max_bytes: the largest file.
        retries: see `download`.
        timeout: seconds for each; ``None`` for no limit.
        idle_timeout: see `download`.
        min_rate: see `download`.
        ssl: see `fetch`.
        dialer: see `fetch`.

    Yields:
        ``Outcome(item, value, error, elapsed)``; what `download` would raise is in ``error``.
    """
    how = Spreading(concurrency, per_host, give_up_host_after, progress)
    target = check_folder(folder)
    dialer = dialer or current_dialer()
    timeout = check_timeout(timeout)
    make_request(_ANY, dialer=dialer, headers=headers, retries=retries, ssl=ssl)
    options = check_options(resume=resume, hash=hash, max_bytes=max_bytes, idle_timeout=idle_timeout, min_rate=min_rate)
    engine = fetching.shared_engine()

    async def one(url: str) -> Download:
        request = make_request(parse_http_url(url), dialer=dialer, headers=headers, retries=retries, ssl=ssl)
        async with Operation("http", "download_many", peer=request.shown, timeout=timeout) as operation:
            return await Transfer(engine, operation, request, target, options).run()

    async with contextlib.aclosing(download_all(urls, target, one, how, manifest, hash=hash)) as outcomes:
        async for outcome in outcomes:
            yield outcome


_ANY = parse_http_url("http://localhost/")  # for checks before the first URL is known

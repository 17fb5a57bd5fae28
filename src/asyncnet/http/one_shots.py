"""One call, one result: no client to open or close.

What these share - connections, nothing else - belongs to the running loop; see
`asyncnet.close`.
"""

from __future__ import annotations

import ssl as _ssl

from ..core.dialer import Dialer
from ..core.operation import DEFAULT_TIMEOUT, Operation
from . import fetching
from .auth import Auth
from .headers import HeaderInput
from .image import MAX_PIXELS, Image
from .page import Page
from .redirects import MAX_REDIRECTS
from .request import MAX_BYTES, make_request
from .urls import Params, parse_http_url

__all__ = ["fetch", "fetch_image"]


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
    async with Operation("http", "fetch", peer=request.text, timeout=timeout) as operation:
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
    async with Operation("http", "fetch_image", peer=request.text, timeout=timeout) as operation:
        return await fetching.fetch_image(fetching.shared_engine(), operation, request, max_pixels=max_pixels)

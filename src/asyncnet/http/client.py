"""The HTTP client: one pool, one set of defaults, many requests."""

from __future__ import annotations

import contextlib
import os
import ssl as _ssl
from collections.abc import AsyncGenerator, Mapping
from types import EllipsisType
from typing import Any, ClassVar

from ..core.address import check_text
from ..core.dialer import Dialer
from ..core.files import run_in_file_thread
from ..core.operation import DEFAULT_TIMEOUT, Operation, Timeout, check_timeout
from ..core.pace import IDLE_TIMEOUT, MIN_RATE, Pace, check_rate
from ..errors import StateError
from . import fetching
from .auth import Auth, check_auth
from .body import Data, Files, make_body
from .bulk import Bulk, Limit
from .cookies import CookieJar, check_cookies
from .environment import EnvironmentProxies, Logins, read_netrc
from .headers import HeaderInput
from .image import MAX_PIXELS, Image
from .journey import Engine, Journey
from .page import Page
from .pool import MAX_CONNECTIONS, PER_HOST, Pool, PoolStats
from .rates import Rates
from .redirects import MAX_REDIRECTS
from .request import MAX_BYTES, Request, check_count, check_request_headers, harmless, make_request
from .response import Response
from .urls import Params, join_base, parse_http_url
from .wire import Wire

__all__ = ["Client"]


class Client(Bulk):
    """Many requests over kept connections, with cookies and shared defaults.

    Args:
        base_url: what relative URLs of requests are below; a folder, whether it ends in a slash or
            not. Credentials, cookies and own headers of the client then go to its origin only.
        headers: sent with each request.
        cookies: sent with each request, as the caller's own; what servers set is kept besides.
        auth: `Basic`, `Bearer`, `Digest` or a tuple of username and password. For the origin of
            ``base_url``, or of the URL that a call names; redirects to others leave it behind.
        follow_redirects: whether redirects are followed; at most ``max_redirects``.
        max_redirects: more is `LimitExceeded`.
        allow_downgrade: follow redirects from https to http too.
        retries: how often a request is repeated where that is safe.
        per_host: connections to one origin at once; further requests wait.
        max_connections: connections in all.
        max_bytes: the largest content that is held; ``None`` for no limit.
        timeout: seconds for each operation, unless it says otherwise; ``None`` for no limit.
        ssl: a context for https; ``None`` or ``True`` is the dialer's, or the system's.
        server_hostname: the name to verify when it differs from the URL's.
        rate: requests per second to one origin; ``None`` for no limit.
        dialer: opens the connections; ``None`` for the current one at the time of the call.
        netrc: ``True`` for logins from ``$NETRC`` or ``~/.netrc``, or the path of such a file; over https
            only, and where neither ``auth`` nor the URL has any.
        environment_proxy: heed ``http_proxy``, ``https_proxy``, ``all_proxy`` and ``no_proxy``.
        wire: another engine in place of aiohttp.

    Example:
        ```python
        async with asyncnet.http.Client(base_url="https://api.example.org/v1/", auth=("user", "secret")) as client:
            page = await client.request("POST", "items", json={"name": "first"})
            print(page.json())
        ```
    """

    _protocol: ClassVar[str] = "http"

    def __init__(
        self,
        *,
        base_url: str | None = None,
        headers: HeaderInput | None = None,
        cookies: Mapping[str, str] | None = None,
        auth: Auth | tuple[str, str] | None = None,
        follow_redirects: bool = True,
        max_redirects: int = MAX_REDIRECTS,
        allow_downgrade: bool = False,
        retries: int = 2,
        per_host: int = PER_HOST,
        max_connections: int = MAX_CONNECTIONS,
        max_bytes: int | None = MAX_BYTES,
        timeout: float | None = DEFAULT_TIMEOUT,
        ssl: bool | _ssl.SSLContext | None = None,
        server_hostname: str | None = None,
        rate: float | None = None,
        dialer: Dialer | None = None,
        netrc: bool | str | os.PathLike[str] = False,
        environment_proxy: bool = False,
        wire: Wire | None = None,
    ) -> None:
        self._base = None if base_url is None else parse_http_url(base_url)
        super().__init__(peer=None if self._base is None else str(self._base), timeout=timeout)
        self._headers = check_request_headers(headers)
        self._own_cookies = check_cookies(cookies)
        self._auth = check_auth(auth)
        self._redirects = (check_count(max_redirects, "max_redirects") or 0) if follow_redirects else 0
        self._allow_downgrade = allow_downgrade
        self._retries = check_count(retries, "retries") or 0
        self._max_bytes = check_count(max_bytes, "max_bytes")
        self._ssl = ssl
        self._server_hostname = server_hostname
        self._dialer = dialer
        self._wire = wire
        self._per_host = check_count(per_host, "per_host", 1) or PER_HOST
        self._max_connections = check_count(max_connections, "max_connections", 1) or MAX_CONNECTIONS
        rate = check_rate(rate, "rate")
        self._rates = None if rate is None else Rates(rate)
        self._netrc = netrc if isinstance(netrc, bool) else check_text(os.fspath(netrc), "netrc")
        self._logins: Logins | None = None
        self._environment_proxy = environment_proxy
        self._proxies: dict[Dialer, EnvironmentProxies] = {}
        self._jar = CookieJar()
        self._engine: Engine | None = None
        # Whatever is wrong with these shows here, not at the first request.
        make_request(
            self._base or parse_http_url("http://localhost/"),
            dialer=dialer or _NOBODY, ssl=ssl, server_hostname=server_hostname,
        )  # fmt: skip

    async def _open(self, operation: Operation) -> None:
        wire = self._wire or fetching.load_wire()  # now, and not in the first request's time
        pool = Pool(
            lambda: wire,
            per_host=self._per_host,
            max_connections=self._max_connections,
        )
        if self._netrc is not False:
            path = None if self._netrc is True else self._netrc
            self._logins = await run_in_file_thread(read_netrc, path)
        self._engine = Engine(pool, self._jar, self._rates)

    async def _goodbye(self) -> None:
        if self._engine is not None:
            await self._engine.pool.close()

    def _drop(self) -> None:
        if self._engine is None:
            return
        if self._loop is None or self._loop.is_closed():
            self._engine.pool.abort()
        else:
            self._engine.pool.drop()

    @property
    def stats(self) -> PoolStats:
        """What the connection pool holds and has done."""
        return self._engine.pool.stats if self._engine is not None else PoolStats(0, 0, 0, 0, 0)

    @property
    def cookies(self) -> CookieJar:
        """What servers have set."""
        return self._jar

    async def request(
        self,
        method: str,
        url: str,
        *,
        params: Params | None = None,
        headers: HeaderInput | None = None,
        json: Any = None,
        data: Data | None = None,
        files: Files | None = None,
        auth: Auth | tuple[str, str] | None = None,
        if_changed_since: Page | None = None,
        raise_for_status: bool = False,
        max_bytes: Limit = ...,
        retries: Limit = ...,
        timeout: Timeout = ...,
    ) -> Page:
        """Send a request and return its response whole.

        Args:
            method: such as ``"POST"``.
            url: absolute, or below ``base_url``.
            params: appended to the query.
            headers: besides the client's own, and before them.
            json: a body, as JSON.
            data: a body: bytes, text, a mapping (sent as a form), a path, a file that is open in binary mode,
                or an iterable or async iterable of bytes.
            files: uploads, sent as multipart/form-data together with the fields of ``data``.
            auth: in place of the client's.
            if_changed_since: a page fetched before; if it still holds, it comes back with status 304.
            raise_for_status: raise `ReplyError` for a status of 400 or more.
            max_bytes: the largest content that is held.
            retries: how often it is repeated where that is safe.
            timeout: seconds for all of it; by default the client's.

        Raises:
            ValueError, TypeError: bad input; nothing was sent.
            ReplyError: asked for, and the status says no; ``.response`` is the page.
            ResolveError, ConnectError, TLSError, ConnectionLost, OperationTimeout, LimitExceeded, ProtocolError.

        Source: RFC 9110, RFC 9112.
        """
        request = self._make(url, method, params, headers, auth, if_changed_since, max_bytes, retries)
        engine, operation = self._start("request", request, timeout)
        async with operation:
            request.body = await make_body(json=json, data=data, files=files)
            return await fetching.fetch_page(engine, operation, request, raise_for_status=raise_for_status)

    async def fetch(
        self,
        url: str,
        *,
        params: Params | None = None,
        headers: HeaderInput | None = None,
        auth: Auth | tuple[str, str] | None = None,
        if_changed_since: Page | None = None,
        raise_for_status: bool = True,
        max_bytes: Limit = ...,
        retries: Limit = ...,
        timeout: Timeout = ...,
    ) -> Page:
        """GET a page; a status of 400 or more is a `ReplyError`. See `request` for the rest."""
        request = self._make(url, "GET", params, headers, auth, if_changed_since, max_bytes, retries)
        engine, operation = self._start("fetch", request, timeout)
        async with operation:
            return await fetching.fetch_page(engine, operation, request, raise_for_status=raise_for_status)

    async def fetch_image(
        self,
        url: str,
        *,
        params: Params | None = None,
        headers: HeaderInput | None = None,
        auth: Auth | tuple[str, str] | None = None,
        max_pixels: int | None = MAX_PIXELS,
        max_bytes: Limit = ...,
        retries: Limit = ...,
        timeout: Timeout = ...,
    ) -> Image:
        """GET an image; what is none is a `ProtocolError`.

        Args:
            max_pixels: more, width times height, is `LimitExceeded`; ``None`` for no limit.
            url: see `request`.
            params: see `request`.
            headers: see `request`.
            auth: see `request`.
            max_bytes: see `request`.
            retries: see `request`.
            timeout: see `request`.
        """
        request = self._make(url, "GET", params, headers, auth, None, max_bytes, retries)
        engine, operation = self._start("fetch_image", request, timeout)
        async with operation:
            return await fetching.fetch_image(engine, operation, request, max_pixels=max_pixels)

    @contextlib.asynccontextmanager
    async def stream(
        self,
        method: str,
        url: str,
        *,
        params: Params | None = None,
        headers: HeaderInput | None = None,
        json: Any = None,
        data: Data | None = None,
        files: Files | None = None,
        auth: Auth | tuple[str, str] | None = None,
        raise_for_status: bool = False,
        max_bytes: int | None = None,
        retries: Limit = ...,
        timeout: Timeout = ...,
        idle_timeout: float | None = IDLE_TIMEOUT,
        min_rate: float | None = MIN_RATE,
    ) -> AsyncGenerator[Response, None]:
        """Send a request; inside ``async with``, read its response piece by piece.

        Args:
            max_bytes: the largest content in all; ``None`` for no limit.
            timeout: seconds until the block ends, content included. By default the client's
                bounds the time to the head of the response, and the content has no limit in all.
            idle_timeout: seconds in which no byte of the content moved.
            min_rate: bytes per second, averaged over ``idle_timeout``; ``None`` for no limit.
            method: see `request`.
            url: see `request`.
            params: see `request`.
            headers: see `request`.
            json: see `request`.
            data: see `request`.
            files: see `request`.
            auth: see `request`.
            raise_for_status: see `request`.
            retries: see `request`.
        """
        request = self._make(url, method, params, headers, auth, None, max_bytes, retries)
        request.idle_timeout = check_timeout(idle_timeout, "idle_timeout")
        engine, operation = self._start("stream", request, timeout)
        pace = Pace(
            operation.loop,
            idle_timeout=idle_timeout,
            min_rate=min_rate,
            deadline=None if timeout is ... else operation.deadline,
        )
        async with operation:
            request.body = await make_body(json=json, data=data, files=files)
            response = await Journey(engine, operation, request).run(_unread)
            if raise_for_status and response.status >= 400:
                raise fetching.reply_error(await fetching.read_page(response, operation))
        response._use_pace(pace)
        try:
            yield response
        finally:
            response._end()

    def _make(
        self,
        url: str,
        method: str = "GET",
        params: Params | None = None,
        headers: HeaderInput | None = None,
        auth: Auth | tuple[str, str] | None = None,
        since: Page | None = None,
        max_bytes: Limit = ...,
        retries: Limit = ...,
    ) -> Request:
        """A request with the client's defaults where the call has none."""
        target = join_base(self._base, url)
        # What the client was given is for its base only, if it has one.
        at_home = self._base is None or target.origin == self._base.origin
        own = check_request_headers(headers)
        if self._headers:
            names = {name.lower() for name, _ in own}
            defaults = self._headers if at_home else harmless(self._headers)
            own = (*own, *(pair for pair in defaults if pair[0].lower() not in names))
        if auth is None and target.username is None:
            auth = self._auth if at_home else None
            if auth is None and self._logins is not None:
                auth = self._logins.find(target)
        request = make_request(
            target,
            dialer=self._dialer,
            method=method,
            params=params,
            headers=own,
            auth=auth,
            since=since,
            max_bytes=self._max_bytes if isinstance(max_bytes, EllipsisType) else max_bytes,
            retries=self._retries if isinstance(retries, EllipsisType) else retries,
            max_redirects=self._redirects,
            ssl=self._ssl,
            server_hostname=self._server_hostname,
        )
        request.cookies = self._own_cookies if at_home else None
        request.allow_downgrade = self._allow_downgrade
        if self._environment_proxy:
            request.route = self._proxies_for(request.dialer).dialer_for
        return request

    def _proxies_for(self, dialer: Dialer) -> EnvironmentProxies:
        known = self._proxies.get(dialer)
        if known is None:
            if len(self._proxies) >= _DIALERS:
                self._proxies.clear()
            known = self._proxies[dialer] = EnvironmentProxies(dialer)
        return known

    def _start(self, name: str, request: Request, timeout: Timeout) -> tuple[Engine, Operation]:
        operation = self._begin(name, timeout, peer=request.shown)
        if self._engine is None:
            raise StateError("the client is not open", protocol="http", operation=name)
        return self._engine, operation


_DIALERS = 16  # dialers whose proxies are remembered
_NOBODY = Dialer()  # for checks that dial nothing


async def _unread(response: Response) -> Response:
    return response

"""The way of one call through redirects, retries and authentication, above the wire.

Each hop is one exchange on a connection of the pool.  The caller's credentials
and cookies are for the origin that the caller named; a redirect to another
origin leaves them behind.  A hop is repeated only where that is safe.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import TypeVar

from ..core.dialer import Dialer
from ..core.operation import Operation
from ..core.redact import hide_secrets
from ..core.tls import choose_context
from ..errors import (
    AsyncNetError,
    Attempt,
    ConnectError,
    ConnectionLost,
    LimitExceeded,
    OperationTimeout,
    ProtocolError,
    ResolveError,
)
from .auth import Challenge, Digest, parse_challenges
from .cookies import CookieJar
from .handshake import ALPN
from .page import Hop
from .pool import Lease, Pool
from .rates import Rates
from .redirects import Redirect, follow
from .request import Request, build_head
from .response import Response
from .retries import (
    IDEMPOTENT,
    MAX_RETRY_AFTER,
    Budget,
    delay_before,
    is_repeatable,
    is_temporary,
    parse_retry_after,
)
from .wire import WireConnection, WireRequest, WireResponse

__all__ = ["Engine", "Journey"]

T = TypeVar("T")

_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})  # RFC 9110 section 9.2.1
_NONCES = 256  # digest challenges remembered


class Engine:
    """What the calls of one client share."""

    def __init__(self, pool: Pool, jar: CookieJar | None = None, rates: Rates | None = None) -> None:
        self.pool = pool
        self.jar = jar
        self.rates = rates
        self.budget = Budget()
        # The digest challenge of an origin and how often its nonce was used (RFC 7616 section 3.4).
        self.nonces: OrderedDict[tuple[str, str, int], tuple[Challenge, int]] = OrderedDict()


class Journey:
    """One call under way."""

    def __init__(self, engine: Engine, operation: Operation, request: Request) -> None:
        self._engine = engine
        self._operation = operation
        self._request = request
        self._jar = engine.jar
        self._method = request.method
        self._url = request.url
        self._text = request.text
        self._body = request.body
        self._trusted = True  # whether the hop is to the origin that the caller named
        self._history: list[Hop] = []
        self._attempts: list[Attempt] = []
        self._sent_cookies: str | None = None  # those of the jar
        self._seen: set[tuple[str, str, str | None]] = set()
        self._retries = 0
        self._fresh = False  # whether to take no connection that was used before
        self._challenged = False
        self._written = False
        self._acted = False  # whether a redirect has answered what is not to be repeated
        self._stale = False  # whether the failure was that of an idle connection
        self._started = operation.started

    async def run(self, consume: Callable[[Response], Awaitable[T]]) -> T:
        """Go until a response is final and ``consume`` has had it; what that raises may be retried too."""
        while True:
            try:
                response = await self._send()
                if (response.status < 300 and not response._sets_cookies) or not await self._goes_on(response):
                    response.attempts = (*self._attempts, self._attempt(""))
                    value = await consume(response)
                    self._operation.maybe_done = False
                    self._engine.budget.succeeded(self._url.origin)
                    return value
            except AsyncNetError as error:
                if not await self._retry_after_error(error):
                    raise

    # ---- one hop

    async def _send(self) -> Response:
        operation, request, url = self._operation, self._request, self._url
        self._started = operation.loop.time()
        self._written = False
        body = self._body
        head = build_head(self._method, url, request.headers, self._extra_fields(), body, trusted=self._trusted)
        wire_request = WireRequest(
            self._method,
            head,
            None if body is None else body.content(),
            body is not None and body.length is None,
        )
        dialer = request.dialer if request.route is None else request.route(url)
        if self._engine.rates is not None:
            await self._keep_rate(self._engine.rates)
        pool = self._engine.pool
        context = None if url.scheme == "http" else self._context(dialer)
        name = request.server_hostname if self._trusted else None
        station = pool.station(url.scheme, url.host, url.port, dialer, context, name, bulk=request.bulk)
        lease = None if self._fresh else pool.take(station)
        if lease is None:
            lease = await pool.acquire(operation, station, fresh=self._fresh)
        unsafe = self._method not in _SAFE
        try:
            with operation.span("request", method=self._method, url=hide_secrets(self._text), reused=lease.reused):
                operation.maybe_done = unsafe or self._acted
                if request.idle_timeout is None or body is not None:  # an upload may well take longer
                    answer = await lease.connection.exchange(wire_request)
                else:
                    answer = await self._exchange(lease.connection, wire_request, request.idle_timeout)
                self._written = True  # also for what may yet happen to the content
        except BaseException as error:
            self._note_failure(error, lease, unsafe)
            lease.drop()
            raise
        return Response(
            answer,
            lease,
            operation,
            url=self._text,
            empty=self._method == "HEAD",
            history=tuple(self._history),
            max_bytes=request.max_bytes,
        )

    def _note_failure(self, error: BaseException, lease: Lease, unsafe: bool) -> None:
        """Whether the server may have acted on a request that failed, and whether it never got it."""
        self._written = lease.connection.written
        self._operation.maybe_done = self._acted or (unsafe and self._written)
        if isinstance(error, ConnectionLost) and lease.reused and is_repeatable(self._method, written=self._written):
            # The server closed an idle connection just as it was used again: no failure of
            # anybody (RFC 9112 section 9.3.1), so it counts as no retry.
            self._stale = True

    def _context(self, dialer: Dialer) -> ssl.SSLContext | None:
        return choose_context(self._request.ssl, dialer.ssl_context, default=True, alpn=ALPN)

    async def _keep_rate(self, rates: Rates) -> None:
        delay = rates.reserve(self._url.origin, self._operation.loop.time())
        if delay > 0:
            with self._operation.span("rate", seconds=round(delay, 3)):
                await asyncio.sleep(delay)

    async def _exchange(self, connection: WireConnection, request: WireRequest, idle: float) -> WireResponse:
        try:
            async with asyncio.timeout(idle) as limit:
                return await connection.exchange(request)
        except TimeoutError as error:
            if limit.expired():
                raise OperationTimeout(f"no answer for {idle:g} s", phase="request") from error
            raise

    def _extra_fields(self) -> list[tuple[str, str]]:
        """Cookies, credentials and conditions for this hop."""
        request = self._request
        fields: list[tuple[str, str]] = []
        if not self._jar and not request.cookies and request.auth is None and request.since is None:
            self._sent_cookies = None
            return fields
        cookies = [request.cookies] if request.cookies and self._trusted else []
        self._sent_cookies = None if self._jar is None else self._jar.header(self._url, time.time())
        if self._sent_cookies:
            cookies.append(self._sent_cookies)
        if cookies:
            fields.append(("Cookie", "; ".join(cookies)))
        if self._trusted and (authorization := self._authorization()):
            fields.append(("Authorization", authorization))
        since = request.since
        if since is not None and since.url == self._text:
            # RFC 9110 section 13.1: the entity tag is preferred, the date is for servers without.
            if tag := since.headers.get("ETag"):
                fields.append(("If-None-Match", tag))
            if date := since.headers.get("Last-Modified"):
                fields.append(("If-Modified-Since", date))
        return fields

    def _authorization(self) -> str | None:
        auth = self._request.auth
        if not isinstance(auth, Digest):
            return None if auth is None else auth.header()
        known = self._engine.nonces.get(self._url.origin)
        if known is None:
            return None
        challenge, count = known
        self._engine.nonces[self._url.origin] = (challenge, count + 1)
        target = f"{self._url.path}?{self._url.query}" if self._url.query else self._url.path
        return auth.answer(challenge, self._method, target, count + 1)

    # ---- what follows a response

    async def _goes_on(self, response: Response) -> bool:
        """Prepare the next hop if the response asks for one."""
        if response._sets_cookies:
            if self._jar is None:
                self._jar = CookieJar()  # for the redirects of this call
            self._jar.store(response.headers.get_all("Set-Cookie"), self._url, time.time())
        status = response.status
        if status < 300:
            return False
        if status == 401 and self._answer_challenge(response):
            await response._drain()
            return True
        if is_temporary(status) and await self._retry_after_status(response):
            return True
        if self._request.max_redirects == 0:
            return False
        try:
            redirect = follow(
                status,
                response.headers.get("Location"),
                self._method,
                self._url,
                allow_downgrade=self._request.allow_downgrade,
            )
            if redirect is None:
                return False
            self._turn(response, redirect)
        except BaseException:
            response._drop()
            raise
        await response._drain()
        return True

    def _turn(self, response: Response, redirect: Redirect) -> None:
        """Take the redirect, unless it leads nowhere."""
        self._seen.add((self._method, self._text, self._sent_cookies))
        self._history.append(Hop(self._text, response.status, response.headers["Location"]))
        if len(self._history) > self._request.max_redirects:
            raise LimitExceeded(f"more than {self._request.max_redirects} redirects", phase="redirect")
        if redirect.keep_body and self._body is not None and not self._body.replayable:
            raise ProtocolError(
                f"redirected with {response.status}, but a streamed body cannot be sent again", phase="redirect"
            )
        self._attempts.append(self._attempt(str(response.status)))
        self._acted = self._acted or redirect.method != self._method
        self._url, self._text, self._method = redirect.url, str(redirect.url), redirect.method
        if not redirect.keep_body:
            self._body = None
        self._trusted = redirect.url.origin == self._request.url.origin
        cookies = self._jar.header(self._url, time.time()) if self._jar is not None else None
        if (self._method, self._text, cookies) in self._seen:
            raise ProtocolError("the redirects go round in a circle", phase="redirect")
        self._fresh = self._challenged = False

    def _answer_challenge(self, response: Response) -> bool:
        auth = self._request.auth
        if not isinstance(auth, Digest) or not self._trusted or self._challenged:
            return False
        if self._body is not None and not self._body.replayable:
            return False
        challenge = Digest.usable(
            one for field in response.headers.get_all("WWW-Authenticate") for one in parse_challenges(field)
        )
        if challenge is None:
            return False
        # Once: a second refusal means that the credentials are wrong, unless the nonce was only stale.
        self._challenged = True
        nonces = self._engine.nonces
        nonces.pop(self._url.origin, None)
        nonces[self._url.origin] = (challenge, 0)
        if len(nonces) > _NONCES:
            nonces.popitem(last=False)
        self._attempts.append(self._attempt("401"))
        return True

    # ---- trying again

    async def _retry_after_error(self, error: AsyncNetError) -> bool:
        """Wait for the right moment and return True, or False if the error is final."""
        if self._stale:
            self._stale = False
            self._fresh = True
            if self._replayable():
                return True
        if isinstance(error, ConnectError | ResolveError):
            self._written = False  # the dialer has recorded each address by itself
        else:
            self._attempts.append(self._attempt(_one_line(error)))
            error.attempts = tuple(self._attempts)
        if not is_temporary(error) or not is_repeatable(self._method, written=self._written):
            return False
        delay = self._next_delay(None)
        if delay is None:
            return False
        await self._pause(delay)
        return True

    async def _retry_after_status(self, response: Response) -> bool:
        if self._method not in IDEMPOTENT:
            return False
        wait = parse_retry_after(response.headers.get("Retry-After", ""), time.time())
        delay = None if wait is not None and wait > MAX_RETRY_AFTER else self._next_delay(wait)
        if delay is None:
            return False
        self._attempts.append(self._attempt(str(response.status)))
        await response._drain()
        await self._pause(delay)
        return True

    def _next_delay(self, wait: float | None) -> float | None:
        """Seconds before the next try, ``None`` if there is to be none."""
        if self._retries >= self._request.retries or not self._replayable():
            return None
        delay = delay_before(self._retries + 1, wait)
        remaining = self._operation.remaining
        if remaining is not None and delay >= remaining:
            return None  # the reason that is known now is worth more than a timeout later
        return delay if self._engine.budget.take(self._url.origin) else None

    async def _pause(self, delay: float) -> None:
        self._retries += 1
        with self._operation.span("backoff", seconds=round(delay, 3), retry=self._retries):
            await asyncio.sleep(delay)

    def _replayable(self) -> bool:
        return self._body is None or self._body.replayable

    def _attempt(self, error: str) -> Attempt:
        return Attempt(
            f"{self._method} {hide_secrets(self._text)}", error, None, self._operation.loop.time() - self._started
        )


def _one_line(error: AsyncNetError) -> str:
    return str(error.args[0]) if error.args else type(error).__name__

"""A request as it was asked for, and the bytes of its head for one hop (RFC 9112 sections 3 and 5)."""

from __future__ import annotations

import functools
import ssl as _ssl
from collections.abc import Callable
from dataclasses import dataclass

from ..core.address import URL, check_host
from ..core.dialer import Dialer, current_dialer
from ..core.redact import hide_secrets
from ..core.tls import check_tls
from .auth import Auth, Basic, check_auth
from .body import Body
from .content import accepted_codings
from .headers import HeaderInput, check_headers
from .page import Page
from .redirects import MAX_REDIRECTS
from .urls import Params, add_params, authority, request_target, without_user

__all__ = [
    "MAX_BYTES",
    "Request",
    "build_head",
    "check_count",
    "check_method",
    "check_request_headers",
    "harmless",
    "make_request",
]

MAX_BYTES = 64 * 1024 * 1024
USER_AGENT = "asyncnet"

# The framing of messages is the wire's; a caller's own would be a way to smuggle requests (RFC 9112 section 11.2).
_OURS = frozenset({"content-length", "transfer-encoding", "te", "trailer", "upgrade", "expect", "keep-alive"})

# What of the caller's header fields another origin may see after a redirect: nothing that could be a credential.
_HARMLESS = frozenset(
    {
        "accept",
        "accept-encoding",
        "accept-language",
        "cache-control",
        "content-language",
        "content-type",
        "if-range",
        "pragma",
        "range",
        "user-agent",
    }
)


@dataclass(slots=True, kw_only=True)
class Request:
    """What a call asked for; its redirects and retries start from it.

    Attributes:
        method: upper case.
        url: without user name and password, which have become ``auth``.
        text: the same as text, the whole of it.
        headers: the caller's, checked.
        cookies: the caller's own, as a field; for the URL's origin only.
        auth: for the URL's origin only.
        route: chooses the dialer for each hop; ``None`` for always the same.
        since: the page that may still hold.
        bulk: whether a large body is expected.
        idle_timeout: seconds to wait for the head of a response; ``None`` leaves it to the operation.
    """

    method: str
    url: URL
    text: str
    dialer: Dialer
    headers: tuple[tuple[str, str], ...] = ()
    cookies: str | None = None
    auth: Auth | None = None
    route: Callable[[URL], Dialer] | None = None
    body: Body | None = None
    since: Page | None = None
    max_bytes: int | None = MAX_BYTES
    retries: int = 2
    max_redirects: int = MAX_REDIRECTS
    allow_downgrade: bool = False
    ssl: bool | _ssl.SSLContext | None = None
    server_hostname: str | None = None
    idle_timeout: float | None = None
    bulk: bool = False

    @property
    def shown(self) -> str:
        """The URL as errors and traces name it."""
        return hide_secrets(self.text)


def check_method(method: str) -> str:
    """Return a method in upper case, or raise before any I/O."""
    if not isinstance(method, str):
        raise TypeError(f"method must be a str, not {type(method).__name__}")
    if not method.isascii() or not method.replace("-", "").isalpha():
        raise ValueError(f"{method!r} is no HTTP method")
    if method.upper() == "CONNECT":
        raise ValueError("CONNECT opens tunnels; give the dialer a proxy instead")
    return method.upper()


def check_request_headers(headers: HeaderInput | None) -> tuple[tuple[str, str], ...]:
    """As `check_headers`, and refuse the fields that frame a message."""
    if headers is None:
        return ()
    checked = check_headers(headers)
    for name, _ in checked:
        if name.lower() in _OURS:
            raise ValueError(f"header {name!r} belongs to the framing of messages and cannot be set")
    return checked


def harmless(headers: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Those of a caller's fields that any origin may see."""
    return tuple(pair for pair in headers if pair[0].lower() in _HARMLESS)


@functools.cache
def _default_fields() -> str:
    return f"User-Agent: {USER_AGENT}\r\nAccept: */*\r\nAccept-Encoding: {accepted_codings()}\r\n"


def build_head(
    method: str,
    url: URL,
    headers: tuple[tuple[str, str], ...],
    extra: list[tuple[str, str]],
    body: Body | None,
    *,
    trusted: bool,
) -> bytes:
    """The request line and all fields.

    Args:
        method: upper case.
        url: where to.
        headers: the caller's.
        extra: ours, such as ``Authorization``; left out where the caller has the same.
        body: what follows.
        trusted: whether the caller's fields may all go there, or only the harmless ones.
    """
    if headers:
        if not trusted:
            headers = harmless(headers)
        names = {name.lower() for name, _ in headers}
    else:
        names = set()
    host = "" if "host" in names else f"Host: {authority(url)}\r\n"
    lines = [f"{method} {request_target(url)} HTTP/1.1\r\n{host}"]
    if names:
        lines += [f"{name}: {value}\r\n" for name, value in headers]
        lines += [
            field + "\r\n"
            for field in _default_fields().split("\r\n")
            if field and field.partition(":")[0].lower() not in names
        ]
    else:
        lines.append(_default_fields())
    lines += [f"{name}: {value}\r\n" for name, value in extra if name.lower() not in names]
    if body is not None:
        if body.content_type is not None and "content-type" not in names:
            lines.append(f"Content-Type: {body.content_type}\r\n")
        # RFC 9112 section 6.3: a length where it is known, chunks where it is not.
        lines.append("Transfer-Encoding: chunked\r\n" if body.length is None else f"Content-Length: {body.length}\r\n")
    elif method in ("POST", "PUT", "PATCH"):
        lines.append("Content-Length: 0\r\n")  # RFC 9110 section 8.6
    lines.append("\r\n")
    return "".join(lines).encode()


def check_count(value: int | None, name: str, least: int = 0) -> int | None:
    """Return a count, or raise before any I/O; ``None`` stays ``None``."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be an int or None, not {type(value).__name__}")
    if value < least:
        raise ValueError(f"{name} must be at least {least}, not {value}")
    return value


def make_request(
    url: URL,
    *,
    dialer: Dialer | None,
    method: str = "GET",
    params: Params | None = None,
    headers: HeaderInput | None = None,
    auth: Auth | tuple[str, str] | None = None,
    since: Page | None = None,
    max_bytes: int | None = MAX_BYTES,
    retries: int | None = 2,
    max_redirects: int = MAX_REDIRECTS,
    ssl: bool | _ssl.SSLContext | None = None,
    server_hostname: str | None = None,
) -> Request:
    """Check what a call gave, and make its request; nothing is sent."""
    check_tls(ssl, server_hostname)
    if ssl is False:
        raise ValueError("ssl=False: the URL's scheme says whether there is TLS; write http:// for none")
    if since is not None and not isinstance(since, Page):
        raise TypeError(f"if_changed_since must be a Page or None, not {type(since).__name__}")
    if dialer is not None and not isinstance(dialer, Dialer):
        raise TypeError(f"dialer must be a Dialer or None, not {type(dialer).__name__}")
    checked_auth = check_auth(auth)
    if url.username is not None:
        checked_auth = checked_auth or Basic(url.username, url.password or "")
        url = without_user(url)
    url = add_params(url, params)
    return Request(
        method=method if method == "GET" else check_method(method),
        url=url,
        text=str(url),
        dialer=dialer or current_dialer(),
        headers=check_request_headers(headers),
        auth=checked_auth,
        since=since,
        max_bytes=check_count(max_bytes, "max_bytes"),
        retries=check_count(retries, "retries") or 0,
        max_redirects=max_redirects,
        ssl=ssl,
        server_hostname=None if server_hostname is None else check_host(server_hostname, "server_hostname"),
    )

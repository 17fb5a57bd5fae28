"""Cookies (RFC 6265, with the prefixes of its successor draft).

No public suffix list is at hand, so what cannot be verified is not shared: a
``Domain`` attribute is honoured only where the domain is plainly one that
somebody registered, else the cookie goes back to the very host that set it.
"""

from __future__ import annotations

import email.utils
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from ..core.address import URL, check_text, parse_literal
from .domains import is_registrable

__all__ = ["Cookie", "CookieJar", "check_cookies"]

MAX_COOKIE = 4096  # bytes of name and value (RFC 6265 section 6.1)
MAX_PER_DOMAIN = 100
MAX_COOKIES = 3000
MAX_AGE = 400 * 86400  # seconds; what browsers keep at most


@dataclass(frozen=True, slots=True)
class Cookie:
    """One stored cookie.

    Attributes:
        name, value: as the server sent them.
        domain: the host it goes to.
        host_only: whether it goes to that host alone, or to those below it too.
        path: the path below which it is sent.
        secure: whether it goes over https only.
        expires: POSIX time, ``None`` for the life of the jar.
    """

    name: str
    value: str
    domain: str
    host_only: bool = True
    path: str = "/"
    secure: bool = False
    expires: float | None = None

    def __repr__(self) -> str:
        return f"<Cookie {self.name}=*** for {self.domain}{self.path}>"


class CookieJar:
    """The cookies of a client.  Bounded: 100 a host, 3,000 in all; the oldest go first."""

    def __init__(self) -> None:
        self._cookies: dict[tuple[str, str, str], Cookie] = {}

    def __len__(self) -> int:
        return len(self._cookies)

    def __repr__(self) -> str:
        return f"<CookieJar with {len(self)} cookies>"

    def __iter__(self) -> Iterator[Cookie]:
        return iter(list(self._cookies.values()))

    def clear(self) -> None:
        """Forget all cookies."""
        self._cookies.clear()

    def store(self, fields: Iterable[str], url: URL, now: float) -> None:
        """Take the ``Set-Cookie`` fields of a response; what is not allowed is left out silently.

        Args:
            fields: each field's value.
            url: of the response.
            now: POSIX time.
        """
        for field in fields:
            cookie = parse_set_cookie(field, url, now)
            if cookie is not None:
                self._put(cookie, url, now)

    def _put(self, cookie: Cookie, url: URL, now: float) -> None:
        key = (cookie.domain, cookie.path, cookie.name)
        old = self._cookies.get(key)
        if old is not None and old.secure and url.scheme != "https":
            return  # an attacker on the path must not overwrite it (successor draft, "leave secure cookies alone")
        self._cookies.pop(key, None)
        if cookie.expires is not None and cookie.expires <= now:
            return
        self._cookies[key] = cookie
        same = [other for other in self._cookies if other[0] == cookie.domain]
        if len(same) > MAX_PER_DOMAIN:
            del self._cookies[same[0]]
        if len(self._cookies) > MAX_COOKIES:
            del self._cookies[next(iter(self._cookies))]

    def header(self, url: URL, now: float) -> str | None:
        """The ``Cookie`` field for a request, ``None`` if no cookie is for it (RFC 6265 section 5.4)."""
        found = []
        for key, cookie in list(self._cookies.items()):
            if cookie.expires is not None and cookie.expires <= now:
                del self._cookies[key]
            elif _is_for(cookie, url):
                found.append(cookie)
        # Longer paths first; equally long ones in the order in which they came.
        found.sort(key=lambda cookie: -len(cookie.path))
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in found) or None


def _is_for(cookie: Cookie, url: URL) -> bool:
    if cookie.secure and url.scheme != "https":
        return False
    if url.host != cookie.domain and (cookie.host_only or not url.host.endswith("." + cookie.domain)):
        return False
    path = url.path
    # RFC 6265 section 5.1.4: equal, or a prefix that ends at a slash.
    return path == cookie.path or (
        path.startswith(cookie.path) and (cookie.path.endswith("/") or path[len(cookie.path)] == "/")
    )


_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def parse_set_cookie(field: str, url: URL, now: float) -> Cookie | None:
    """The cookie of one ``Set-Cookie`` field, ``None`` for one that is to be ignored (RFC 6265 section 5.2)."""
    if _CONTROL.search(field):
        return None
    pair, *attributes = field.split(";")
    name, equals, value = pair.partition("=")
    name, value = name.strip(), value.strip()
    if not equals or not name or len(name) + len(value) > MAX_COOKIE:
        return None
    given: dict[str, str] = {}
    for attribute in attributes:
        key, _, text = attribute.partition("=")
        given[key.strip().lower()] = text.strip()  # the last one counts
    secure = "secure" in given
    if secure and url.scheme != "https":
        return None
    scope = _scope(given.get("domain", ""), url.host)
    if scope is None:
        return None
    domain, host_only = scope
    path = given.get("path", "")
    if not path.startswith("/"):
        path = unquote(url.path).rpartition("/")[0] or "/"  # section 5.1.4, the default path
    # The prefixes promise to the server how the cookie was set (successor draft, section 4.1.3).
    lowered = name.lower()
    if lowered.startswith(("__secure-", "__host-")) and not secure:
        return None
    if lowered.startswith("__host-") and ("domain" in given or path != "/"):
        return None
    return Cookie(name, value, domain, host_only, path, secure, _expiry(given, now))


def _scope(attribute: str, host: str) -> tuple[str, bool] | None:
    """Domain and host-only flag, ``None`` if the attribute names somebody else."""
    domain = attribute.lower().removeprefix(".").rstrip(".")
    if not domain or (domain == host and parse_literal(host) is not None):
        return host, True
    if parse_literal(host) is not None or not (host == domain or host.endswith("." + domain)):
        return None
    if not is_registrable(domain):
        # A suffix such as co.uk, or what might be one: for other hosts never.
        return host, True
    return domain, False


def _expiry(given: Mapping[str, str], now: float) -> float | None:
    age = given.get("max-age")
    if age is not None and re.fullmatch(r"-?[0-9]+", age):
        return now + max(-1, min(int(age[:12]), MAX_AGE))
    expires = given.get("expires")
    if expires:
        try:
            return min(email.utils.parsedate_to_datetime(expires).timestamp(), now + MAX_AGE)
        except (ValueError, TypeError, OverflowError, OSError):
            return None
    return None


_COOKIE_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_COOKIE_VALUE = re.compile(r'[^\x00-\x20\x7f",;\\]*|"[^\x00-\x20\x7f",;\\]*"')


def check_cookies(cookies: Mapping[str, str] | None) -> str | None:
    """The ``Cookie`` field for a caller's own cookies, or raise before any I/O."""
    if cookies is None:
        return None
    if not isinstance(cookies, Mapping):
        raise TypeError(f"cookies must be a mapping of names to values, not {type(cookies).__name__}")
    parts = []
    for name, value in cookies.items():
        check_text(name, "a cookie's name")
        check_text(value, "a cookie's value")
        if not _COOKIE_NAME.fullmatch(name) or not _COOKIE_VALUE.fullmatch(value):
            raise ValueError(f"cookie {name!r} holds a character that RFC 6265 section 4.1.1 does not allow")
        parts.append(f"{name}={value}")
    return "; ".join(parts) or None

"""URLs of http and https: checked, joined, and written for a request (RFC 3986, RFC 9110 section 4.2)."""

from __future__ import annotations

import dataclasses
import functools
import re
import urllib.parse
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from ..core.address import URL, parse_url

__all__ = [
    "PORTS",
    "Params",
    "add_params",
    "authority",
    "encode_params",
    "join_base",
    "parse_http_url",
    "request_target",
    "resolve_url",
    "without_user",
]

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

PORTS = {"http": 80, "https": 443}

# Query parameters: a value may repeat as a list; None leaves the parameter out.
Params: TypeAlias = "Mapping[str, object] | Iterable[tuple[str, object]]"


def parse_http_url(text: str) -> URL:
    """Parse an absolute http or https URL; ``ValueError`` or ``TypeError`` for anything else."""
    if isinstance(text, str) and "@" not in text:
        return _parse_cached(text)
    return parse_url(text, PORTS)  # never remembered: it may hold a password


@functools.lru_cache(maxsize=1024)
def _parse_cached(text: str) -> URL:
    return parse_url(text, PORTS)


def without_user(url: URL) -> URL:
    """The same place without user name and password."""
    if url.username is None and url.password is None:
        return url
    return dataclasses.replace(url, username=None, password=None)


def resolve_url(base: URL, reference: str) -> URL:
    """What a reference found at ``base`` means, such as a ``Location`` or a link (RFC 3986 section 5).

    Raises:
        ValueError: it is no http or https URL.
    """
    return parse_http_url(_join(without_user(base), reference.strip(" ")))


def join_base(base: URL | None, text: str) -> URL:
    """The URL of a request: absolute, or below the client's ``base_url``."""
    if base is None:
        return parse_http_url(text)
    if not isinstance(text, str):
        raise TypeError(f"a URL must be a str, not {type(text).__name__}")
    scheme, separator, _ = text.partition("://")
    if separator and scheme.isalnum():
        return parse_http_url(text)
    # The base is a folder: its own last part is never replaced.
    folder = base.path if base.path.endswith("/") else base.path + "/"
    anchor = dataclasses.replace(without_user(base), path=folder, query="", fragment="")
    joined = parse_http_url(_join(anchor, text))
    if joined.origin == base.origin:
        joined = dataclasses.replace(joined, username=base.username, password=base.password)
    return joined


def _join(base: URL, reference: str) -> str:
    # urljoin drops line breaks and tabs silently, and two readers of one text must not see two URLs.
    if _CONTROL.search(reference):
        raise ValueError("a URL must not contain control characters")
    if _SCHEME.match(reference):
        return reference  # RFC 3986 section 5.2.2, strictly: nothing is taken from the base
    return urllib.parse.urljoin(str(base), reference)


def add_params(url: URL, params: Params | None) -> URL:
    """Append query parameters, escaped as HTML forms do.

    Raises:
        TypeError: a name is not a ``str``, or a value is neither str, number, bool, ``None`` nor a list of these.
    """
    if params is None:
        return url
    text = encode_params(params)
    if not text:
        return url
    return dataclasses.replace(url, query=f"{url.query}&{text}" if url.query else text)


def encode_params(params: Params) -> str:
    """Parameters as ``application/x-www-form-urlencoded`` text."""
    if isinstance(params, str | bytes):
        raise TypeError("parameters must be a mapping or pairs of name and value; a query as text belongs into the URL")
    pairs: list[tuple[str, str]] = []
    for name, value in params.items() if isinstance(params, Mapping) else params:
        if not isinstance(name, str):
            raise TypeError(f"the name of a parameter must be a str, not {type(name).__name__}")
        for one in value if isinstance(value, list | tuple) else (value,):
            if one is None:
                continue
            if isinstance(one, bool):
                pairs.append((name, "true" if one else "false"))
            elif isinstance(one, str | int | float):
                pairs.append((name, str(one)))
            else:
                raise TypeError(f"the value of parameter {name!r} must be a str, a number or a bool")
    return urllib.parse.urlencode(pairs)


def request_target(url: URL) -> str:
    """Path and query as they stand in the request line (RFC 9112 section 3.2.1)."""
    return f"{url.path}?{url.query}" if url.query else url.path


def authority(url: URL) -> str:
    """Host and port as they stand in the ``Host`` field (RFC 9110 section 7.2)."""
    # A zone id means something on this machine only (RFC 6874 section 3).
    host = f"[{url.host.partition('%')[0]}]" if ":" in url.host else url.host
    return host if url.port == PORTS[url.scheme] else f"{host}:{url.port}"

"""A page: what `fetch` returns."""

from __future__ import annotations

import contextlib
import html
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..core.redact import hide_secrets
from ..errors import Attempt, ProtocolError
from .headers import Headers
from .markup import find_links, find_title
from .text import decode_text, find_encoding
from .urls import parse_http_url, resolve_url

__all__ = ["Hop", "Page"]


@dataclass(frozen=True, slots=True)
class Hop:
    """One response that led on to another place.

    Attributes:
        url: what was asked for.
        status: such as 302.
        location: where it led, as it was written.
    """

    url: str
    status: int
    location: str

    def __repr__(self) -> str:
        return f"Hop({hide_secrets(self.url)!r}, {self.status}, {hide_secrets(self.location)!r})"


@dataclass(frozen=True, slots=True)
class Page:
    """The whole of a response.

    Attributes:
        url: where it came from in the end, after redirects; without user name and password.
        status: the code, such as 200; 304 if it was fetched with ``if_changed_since`` and had not changed.
        reason: the server's own words for it, often empty.
        headers: the header fields; case does not matter.
        content: the body, decompressed.
        history: the redirects that led here.
        attempts: each request that was sent, the failed ones with their reason.
        elapsed: seconds from the call to the last byte.
        timings: how many of them each phase took, such as ``connect`` (names included), ``tls``, ``request``
            and ``transfer``; what was not needed is missing.

    Example:
        ```python
        page = await asyncnet.http.fetch("https://www.python.org/")
        print(page.status, page.title, len(page.links))
        ```
    """

    url: str
    status: int
    reason: str
    headers: Headers
    content: bytes
    history: tuple[Hop, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    elapsed: float = 0.0
    timings: Mapping[str, float] = field(default_factory=dict, repr=False, compare=False)
    # What was derived from the content once is not derived again.
    _derived: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def ok(self) -> bool:
        """Whether the status is below 400."""
        return self.status < 400

    @property
    def unchanged(self) -> bool:
        """Whether the server said that the page given as ``if_changed_since`` still holds."""
        return self.status == 304

    @property
    def encoding(self) -> str:
        """The encoding of the text, found the WHATWG way; never fails."""
        encoding = self._derived.get("encoding")
        if encoding is None:
            encoding = self._derived["encoding"] = find_encoding(self.content, self.headers.get("Content-Type", ""))
        return str(encoding)

    @property
    def text(self) -> str:
        """The content as text; what cannot be decoded becomes U+FFFD."""
        text = self._derived.get("text")
        if text is None:
            text = self._derived["text"] = decode_text(self.content, self.encoding)
        return str(text)

    @property
    def title(self) -> str | None:
        """The content of ``<title>``, ``None`` if there is none."""
        if "title" not in self._derived:
            self._derived["title"] = find_title(self.text)
        title: str | None = self._derived["title"]
        return title

    @property
    def links(self) -> tuple[str, ...]:
        """Where ``<a>`` and ``<area>`` lead over http and https: absolute, in order, each once."""
        if "links" not in self._derived:
            self._derived["links"] = _absolute_links(self.url, self.text)
        links: tuple[str, ...] = self._derived["links"]
        return links

    def json(self) -> Any:
        """The content as JSON.

        Raises:
            ProtocolError: it is none.
        """
        try:
            # RFC 8259 section 8.1: UTF-8; json.loads knows UTF-16 and a BOM too.
            return json.loads(self.content)
        except (ValueError, RecursionError) as error:
            raise ProtocolError(
                f"the content is no JSON: {error}", protocol="http", peer=hide_secrets(self.url)
            ) from error

    async def save(self, path: str | os.PathLike[str]) -> None:
        """Write the content, decompressed, to a file that is there whole or not at all."""
        from ..core.files import save_bytes

        await save_bytes(path, self.content)

    def __repr__(self) -> str:
        return f"<Page {self.status} {hide_secrets(self.url)}, {len(self.content):,} bytes>"

    def _repr_html_(self) -> str:
        # A summary with everything escaped: the page's own markup and scripts never run in a notebook.
        way = [*(hop.url for hop in self.history), self.url]
        rows = [
            ("URL", hide_secrets(self.url)),
            ("Status", f"{self.status} {self.reason}"),
            ("Title", self.title or ""),
            ("Type", self.headers.get("Content-Type", "")),
            ("Size", f"{len(self.content):,} bytes"),
            ("Redirects", " → ".join(map(hide_secrets, way)) if self.history else "none"),
            ("Elapsed", f"{self.elapsed:.3f} s"),
            ("Text", self.text[:500]),
        ]
        cells = "".join(
            f"<tr><th style='text-align:left'>{name}</th><td style='text-align:left'>{html.escape(value)}</td></tr>"
            for name, value in rows
        )
        return f"<table>{cells}</table>"


def _absolute_links(url: str, text: str) -> tuple[str, ...]:
    base = parse_http_url(url)
    declared, references = find_links(text)
    if declared:
        with contextlib.suppress(ValueError):  # a broken <base> is as good as none
            base = resolve_url(base, declared)
    links: dict[str, None] = {}
    for reference in references:
        try:
            links.setdefault(str(resolve_url(base, reference)), None)
        except ValueError:
            continue  # mailto:, javascript:, or no URL at all
    return tuple(links)

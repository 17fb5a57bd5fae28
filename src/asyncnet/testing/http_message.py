"""What the HTTP server records and what its routes answer with."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import parse_qs, urlsplit

__all__ = ["Headers", "Raw", "Request", "Resource", "Response", "Route"]

#: Header fields as pairs, in order; a mapping is taken too.
Headers: TypeAlias = "Mapping[str, str] | Sequence[tuple[str, str]]"


def pairs(headers: Headers) -> list[tuple[str, str]]:
    """Header fields as a list of pairs."""
    return list(headers.items() if isinstance(headers, Mapping) else headers)


@dataclass(frozen=True, slots=True)
class Request:
    """A request that the server received.

    Attributes:
        method: such as ``"GET"``.
        target: as it stood in the request line.
        headers: every field as it came, in order.
        body: the whole body, decoded from chunks.
        connection: which connection it came on, counted from 1: equal numbers mean reuse.
        peer: the client's host and port.
        version: ``"HTTP/1.1"`` or ``"HTTP/1.0"``.
    """

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    connection: int
    peer: tuple[str, int]
    version: str = "HTTP/1.1"

    @property
    def path(self) -> str:
        """The path of the target, without the query."""
        return urlsplit(self.target).path if "://" in self.target else self.target.partition("?")[0]

    @property
    def query(self) -> dict[str, list[str]]:
        """The parameters of the query."""
        return parse_qs(urlsplit(self.target).query, keep_blank_values=True)

    def header(self, name: str) -> str | None:
        """The first field of that name, ``None`` if there is none; case does not matter."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)


@dataclass(frozen=True, slots=True)
class Response:
    """A response, and what may go wrong with it.

    Attributes:
        status: the status code.
        headers: pairs or a mapping; ``Content-Length`` and ``Date`` are added where they are absent.
        body: bytes, text (UTF-8), or an iterable or async iterable of bytes, which is sent in chunks.
        reason: the reason phrase; ``None`` is the usual one.
        chunked: send a body of bytes in one chunk, too.
        delay: seconds before the first byte.
        cut_at: drop the connection after that many bytes of the body.
        stall_at: send no more after that many bytes of the body, and keep the connection open.
        close: close the connection afterwards, and say so.
    """

    status: int = 200
    headers: Headers = ()
    body: bytes | str | Iterable[bytes] | AsyncIterable[bytes] = b""
    reason: str | None = None
    chunked: bool = False
    delay: float = 0.0
    cut_at: int | None = None
    stall_at: int | None = None
    close: bool = False


@dataclass(frozen=True, slots=True)
class Raw:
    """Bytes sent as they are in place of a response, or a function that talks for itself.

    The connection is closed afterwards.

    Attributes:
        script: bytes, or an async function of reader and writer.
    """

    script: bytes | Callable[[Any, Any], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Resource:
    """A file as a good server gives it: ETag, Last-Modified, conditional requests and single ranges.

    ``cut_at`` and ``stall_at`` count bytes of the response's body; once they
    are listed, each request takes the next one, so that a download can be cut
    twice and succeed the third time.

    Attributes:
        body: the content.
        content_type: its media type.
        etag: the entity tag with its quotes; ``""`` derives one from the content, ``None`` sends none.
        last_modified: an HTTP date, ``None`` sends none.
        ranges: whether ranges are served.
        cuts: for each request in turn, after how many bytes the connection is dropped; ``None`` is not at all.
        headers: further fields.
    """

    body: bytes
    content_type: str = "application/octet-stream"
    etag: str | None = ""
    last_modified: str | None = None
    ranges: bool = True
    cuts: Sequence[int | None] = ()
    headers: Headers = ()
    _taken: list[int] = field(default_factory=lambda: [0], repr=False, compare=False)

    def respond(self, request: Request) -> Response:
        """The response to a request for it (RFC 9110 sections 13 and 14)."""
        tag = self.etag if self.etag != "" else f'"{hashlib.sha256(self.body).hexdigest()[:16]}"'
        headers = [("Content-Type", self.content_type), *pairs(self.headers)]
        if tag is not None:
            headers.append(("ETag", tag))
        if self.last_modified is not None:
            headers.append(("Last-Modified", self.last_modified))
        if self.ranges:
            headers.append(("Accept-Ranges", "bytes"))
        if self._unchanged(request, tag):
            return Response(304, headers)
        status, body = 200, self.body
        if self.ranges and self._range_holds(request, tag):
            wanted = _byte_range(request.header("Range") or "", len(self.body))
            if wanted is not None and wanted[0] >= len(self.body):
                return Response(416, [*headers, ("Content-Range", f"bytes */{len(self.body)}")])
            if wanted is not None:
                first, last = wanted
                status, body = 206, self.body[first : last + 1]
                headers.append(("Content-Range", f"bytes {first}-{last}/{len(self.body)}"))
        return Response(status, headers, body, cut_at=self._cut())

    def _unchanged(self, request: Request, tag: str | None) -> bool:
        wanted = request.header("If-None-Match")
        if wanted is not None:
            tags = [part.strip().removeprefix("W/") for part in wanted.split(",")]
            return tag is not None and (tag.removeprefix("W/") in tags or "*" in tags)
        since = request.header("If-Modified-Since")
        return since is not None and since == self.last_modified

    def _range_holds(self, request: Request, tag: str | None) -> bool:
        condition = request.header("If-Range")
        if condition is None:
            return True
        # RFC 9110 section 13.1.5: compared strongly.
        return condition == self.last_modified or (condition == tag and not condition.startswith("W/"))

    def _cut(self) -> int | None:
        number = self._taken[0]
        self._taken[0] += 1
        return self.cuts[number] if number < len(self.cuts) else None


def _byte_range(value: str, size: int) -> tuple[int, int] | None:
    """First and last byte of a single range, ``None`` for what a server may ignore."""
    unit, _, rest = value.partition("=")
    first, dash, last = rest.partition("-")
    if unit.strip() != "bytes" or not dash or "," in rest:
        return None
    if first.isdigit():
        return int(first), min(int(last), size - 1) if last.isdigit() else size - 1
    if last.isdigit() and int(last):
        return max(0, size - int(last)), size - 1
    return None


#: What a path can be mapped to: see `HTTPServer`.
Route: TypeAlias = "bytes | str | Response | Resource | Raw | list[Any] | Callable[[Request], Any]"

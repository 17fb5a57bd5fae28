"""Where a redirect leads, and what of the request goes with it (RFC 9110 section 15.4)."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from ..core.address import URL
from ..errors import ProtocolError
from .urls import resolve_url, without_user

__all__ = ["MAX_REDIRECTS", "Redirect", "follow"]

MAX_REDIRECTS = 10
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Redirect:
    """The next request of a redirect.

    Attributes:
        url: where to, the fragment inherited where the new place has none.
        method: which may have become ``GET``.
        keep_body: whether the body is sent again.
        same_origin: whether credentials and cookies of the caller may go along.
    """

    url: URL
    method: str
    keep_body: bool
    same_origin: bool


def follow(
    status: int, location: str | None, method: str, url: URL, *, allow_downgrade: bool = False
) -> Redirect | None:
    """The request that a response asks for, ``None`` if it asks for none.

    Args:
        status: of the response.
        location: its ``Location``, ``None`` if it has none; such a response is final.
        method: of the request that it answers.
        url: of the request that it answers.
        allow_downgrade: follow from https to http too.

    Raises:
        ProtocolError: the place is no http(s) URL, or a step down from https to http.
    """
    if status not in _REDIRECTS or location is None:
        return None
    try:
        # Credentials that a peer writes into a URL are not the caller's: they are not used.
        target = without_user(resolve_url(url, location))
    except ValueError as error:
        raise ProtocolError(f"redirected to what is no http URL: {error}", phase="redirect") from error
    if url.scheme == "https" and target.scheme == "http" and not allow_downgrade:
        raise ProtocolError(f"redirected from https to {target}, which is not encrypted", phase="redirect")
    if url.fragment and not target.fragment and "#" not in location:
        target = dataclasses.replace(target, fragment=url.fragment)  # section 10.2.2
    # Section 15.4.4: 303 asks for GET of another thing; 15.4.2 and .3: user agents
    # may, and all do, turn POST into GET; 307 and 308 change nothing.
    becomes_get = (status == 303 and method != "HEAD") or (status in (301, 302) and method == "POST")
    return Redirect(
        url=target,
        method="GET" if becomes_get else method,
        keep_body=not becomes_get,
        same_origin=target.origin == url.origin,
    )

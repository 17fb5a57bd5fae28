"""URLs as they are shown: in errors, traces and the ``repr`` of results.

Pure.  Some services take their token in the query, where it would go into logs with
every error.  Which parameter is a secret is known by its name only, so this is a net
for what should not be there (RFC 6750 section 2.3, RFC 9110 section 17.9): what must
stay secret belongs into a header field or ``auth=``.
"""

from __future__ import annotations

import re

__all__ = ["hide_secrets"]

_PARAMETER = re.compile(r"(?<=[?&;])([^=&;#]+)=[^&;#]+")
_SECRET = re.compile(
    r"token|secret|passw|pwd|api[-_.]?key|access[-_.]?key|private[-_.]?key|credential|signature|session|jwt"
    r"|^(?:key|sig|sign|auth|authorization|code|sid|pass|otp|pin)$"
)


def hide_secrets(url: str) -> str:
    """The URL with ``***`` in place of each value in its query whose name speaks of a secret."""
    if "?" not in url:
        return url
    place, mark, query = url.partition("?")
    return place + _PARAMETER.sub(_hide, mark + query)


def _hide(parameter: re.Match[str]) -> str:
    return f"{parameter[1]}=***" if _SECRET.search(parameter[1].lower()) else parameter[0]

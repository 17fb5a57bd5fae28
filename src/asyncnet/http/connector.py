"""The way in for users' own aiohttp sessions; loads aiohttp when it is called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.dialer import Dialer, current_dialer

if TYPE_CHECKING:
    import aiohttp

__all__ = ["connector"]


def connector(dialer: Dialer | None = None) -> aiohttp.TCPConnector:
    """Make a connector for your own `aiohttp.ClientSession`; inside a running loop.

    Every connection of the session, redirects included, is opened by the
    dialer: its names, overrides, address policy, proxy and trust hold there
    too.  The session owns the connector and closes it.

    Args:
        dialer: opens the connections; ``None`` for the current one.

    Raises:
        TypeError: it is no Dialer.
        RuntimeError: no loop is running.

    Example:
        ```python
        safe = asyncnet.Dialer(allow=asyncnet.public_only)
        async with aiohttp.ClientSession(connector=asyncnet.http.connector(safe)) as session:
            ...
        ```
    """
    if dialer is not None and not isinstance(dialer, Dialer):
        raise TypeError(f"dialer must be a Dialer or None, not {type(dialer).__name__}")
    from .aiohttp_connector import make_connector

    return make_connector(dialer or current_dialer())

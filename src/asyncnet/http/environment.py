"""What the user's environment says, for those who ask for it: ``~/.netrc`` and the proxy variables."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from ..core.address import URL
from ..core.dialer import Dialer
from .auth import Basic

__all__ = ["EnvironmentProxies", "Logins", "read_netrc"]


class Logins:
    """The logins of a netrc file, by host."""

    def __init__(self, logins: Mapping[str, tuple[str, str]]) -> None:
        self._logins = logins

    def find(self, url: URL) -> Basic | None:
        """The login for a URL; never for one that is not encrypted, since nobody wrote it for this URL."""
        found = self._logins.get(url.host) if url.scheme == "https" else None
        return None if found is None else Basic(*found)


def read_netrc(path: str | os.PathLike[str] | None) -> Logins:
    """Read a netrc file; blocks.

    Args:
        path: the file; ``None`` for ``$NETRC`` or ``~/.netrc``, which need not exist.

    Raises:
        ValueError: it is malformed.
        OSError: a file that was named cannot be read.
    """
    named = path if path is not None else os.environ.get("NETRC")
    file = Path(named) if named is not None else Path.home() / ".netrc"
    if named is None and not file.is_file():
        return Logins({})
    import netrc  # for those who ask for it

    try:
        parsed = netrc.netrc(str(file))
    except netrc.NetrcParseError as error:
        # Its message may quote the line, and the line may be the password.
        raise ValueError(f"{file} is malformed in line {error.lineno}") from None
    # The default entry is left out: it would give a login to any host that asks.
    return Logins({host: (entry[0], entry[2]) for host, entry in parsed.hosts.items() if host != "default"})


class EnvironmentProxies:
    """Chooses the dialer for a URL by ``http_proxy``, ``https_proxy``, ``all_proxy`` and ``no_proxy``."""

    def __init__(self, dialer: Dialer) -> None:
        import urllib.request  # 5 ms, for those who ask for it

        self._dialer = dialer
        # The standard library's own reading of no_proxy; its stubs do not name it.
        self._bypass: Callable[[str, dict[str, str]], object] = vars(urllib.request)["proxy_bypass_environment"]
        self._proxies = urllib.request.getproxies_environment()
        self._made: dict[str, Dialer] = {}

    def dialer_for(self, url: URL) -> Dialer:
        """The dialer to reach a URL with."""
        proxy = self._proxies.get(url.scheme) or self._proxies.get("all")
        # A proxy that the caller's own dialer has was asked for in code: it wins.
        if not proxy or self._dialer.proxy is not None or self._bypassed(url):
            return self._dialer
        if "://" not in proxy:
            proxy = f"http://{proxy}"
        made = self._made.get(proxy)
        if made is None:
            base = self._dialer
            made = self._made[proxy] = Dialer(
                resolver=base.resolver,
                allow=base.allow,
                hosts=base.hosts,
                proxy=proxy,
                family=base.family,
                local_address=base.local_address,
                ssl_context=base.ssl_context,
                happy_eyeballs_delay=base.happy_eyeballs_delay,
            )
        return made

    def _bypassed(self, url: URL) -> bool:
        return bool(self._bypass(f"{url.host}:{url.port}", self._proxies))

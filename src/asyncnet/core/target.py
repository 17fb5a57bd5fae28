"""Where a caller wants to connect to or from: checked before any I/O."""

from __future__ import annotations

import os
from typing import TypeAlias

from .address import Endpoint, check_host, check_port, parse_literal

__all__ = ["LocalAddress", "check_local_address", "check_target"]

LocalAddress: TypeAlias = "tuple[str, int]"


def check_target(host: object, port: object, path: object = None) -> str:
    """Check host and port, or the path of a Unix socket; return it as errors name it."""
    if path is not None:
        if host is not None or port is not None:
            raise ValueError("give either host and port, or path")
        return check_path(path)
    return str(Endpoint(check_host(host), check_port(port)))


def check_path(path: object) -> str:
    """Check the path of a Unix socket."""
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"path must be a str or a path, not {type(path).__name__}")
    text = os.fspath(path)
    if not isinstance(text, str) or not text or "\0" in text:
        raise ValueError("path must be text, not empty, without NUL")
    return text


def check_local_address(local_address: object) -> LocalAddress | None:
    """Return the address to bind as ``(host, port)``, ``None`` for none; the host must be a literal."""
    if local_address is None:
        return None
    if not isinstance(local_address, tuple) or len(local_address) != 2:
        raise TypeError("local_address must be a tuple (host, port) or None")
    host, port = check_host(local_address[0], "local_address host"), check_port(local_address[1], "local_address port")
    if parse_literal(host) is None:
        raise ValueError(f"local_address must be an IP address, not {host!r}")
    return host, port

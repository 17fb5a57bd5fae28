"""What a resolver is told when it is made, checked at once."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from .address import check_host
from .nameserver import Nameserver, check_nameservers
from .operation import check_timeout

__all__ = ["ResolverOptions", "check_options", "usable_nameservers"]

_MAX_NEGATIVE_TTL = 30.0  # seconds: that there is no such name is nothing to rely on for long


@dataclass(frozen=True, slots=True)
class ResolverOptions:
    """The settings of a resolver; `Resolver` says what they mean.

    Attributes:
        nameservers: ``None`` for those of the config file, if one was given, else the system's.
        search: ``None`` for that of the config file.
        ndots: ``None`` for that of the config file.
        hosts_file: ``None`` for none.
        config_file: ``None`` for the system's.
        cache_size, max_ttl, negative_ttl, stale_for: as given, within their bounds.
    """

    nameservers: tuple[Nameserver, ...] | None
    search: tuple[str, ...] | None
    ndots: int | None
    hosts_file: str | None
    config_file: str | None
    cache_size: int
    max_ttl: float
    negative_ttl: float
    stale_for: float


def check_options(
    *,
    nameservers: Sequence[str] | None,
    search: Sequence[str] | None,
    ndots: int | None,
    hosts_file: str | os.PathLike[str] | bool | None,
    config_file: str | os.PathLike[str] | None,
    cache_size: int,
    max_ttl: float,
    negative_ttl: float,
    stale_for: float,
) -> ResolverOptions:
    """Raise `TypeError` or `ValueError` for what cannot be used."""
    if search is None and nameservers is not None and config_file is None:
        search = ()  # the system's list belongs to the system's servers
    return ResolverOptions(
        nameservers=check_nameservers(nameservers),
        search=_check_search(search),
        ndots=None if ndots is None else _check_count(ndots, "ndots"),
        hosts_file=_check_hosts_file(hosts_file),
        config_file=None if config_file is None else _check_path(config_file, "config_file"),
        cache_size=_check_count(cache_size, "cache_size"),
        max_ttl=_check_seconds(max_ttl, "max_ttl"),
        negative_ttl=min(_MAX_NEGATIVE_TTL, _check_seconds(negative_ttl, "negative_ttl")),
        stale_for=_check_seconds(stale_for, "stale_for"),
    )


def usable_nameservers(listed: Sequence[str]) -> tuple[Nameserver, ...] | None:
    """Those of a resolv.conf that make sense; without any it is this machine, as in the C library."""
    found: list[Nameserver] = []
    for text in listed:
        with suppress(ValueError):
            found += check_nameservers([text]) or ()
    return tuple(found) or check_nameservers(["127.0.0.1"])


def system_hosts_file() -> str:
    """Where the hosts file is."""
    if sys.platform == "win32":
        return os.path.join(os.environ.get("SYSTEMROOT", r"C:\Windows"), r"System32\drivers\etc\hosts")
    return "/etc/hosts"


def _check_search(search: Sequence[str] | None) -> tuple[str, ...] | None:
    if search is None:
        return None
    if isinstance(search, str | bytes) or not isinstance(search, Iterable):
        raise TypeError("search must be a list of domains")
    return tuple(check_host(domain, "search").strip(".") for domain in search)


def _check_count(value: int, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be an int, not {type(value).__name__}")
    if value < 0:
        raise ValueError(f"{name} must not be negative, not {value}")
    return value


def _check_seconds(value: float, name: str) -> float:
    if value is None:
        raise TypeError(f"{name} must be a number of seconds")
    seconds = check_timeout(value, name)
    return float("inf") if seconds is None else seconds


def _check_hosts_file(hosts_file: str | os.PathLike[str] | bool | None) -> str | None:
    if hosts_file is None or hosts_file is True:
        return system_hosts_file()
    return None if hosts_file is False else _check_path(hosts_file, "hosts_file")


def _check_path(path: str | os.PathLike[str], name: str) -> str:
    text = os.fspath(path) if isinstance(path, os.PathLike) else path
    if not isinstance(text, str):
        raise TypeError(f"{name} must be a str or a path, not {type(text).__name__}")
    if "\0" in text:
        raise ValueError(f"{name} must not contain NUL")
    return text

"""The system's own files about names, read again when they change.

Reading is blocking work and done in the file thread; how often it is looked
whether they have changed is bounded, because every lookup asks.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from typing import TypeAlias

from .files import run_in_file_thread
from .hosts_file import Hosts, parse_hosts
from .resolv_conf import SearchList, parse_resolv_conf

__all__ = ["NameFiles", "system_hosts_file"]

_INTERVAL = 5.0  # seconds between two looks
_MAX_BYTES = 32 << 20  # block lists kept in a hosts file are large; a device file given by mistake is endless


def system_hosts_file() -> str:
    """Where the hosts file is."""
    if sys.platform == "win32":
        return os.path.join(os.environ.get("SYSTEMROOT", r"C:\Windows"), r"System32\drivers\etc\hosts")
    return "/etc/hosts"


_Stamp: TypeAlias = "tuple[int, int, int] | None"  # of a file as it was read; None if it was not there


class NameFiles:
    """The hosts file and resolv.conf.

    Args:
        hosts: path of the hosts file, ``None`` for none.
        config: path of the resolv.conf, ``None`` for none.
    """

    def __init__(self, hosts: str | None, config: str | None) -> None:
        self.hosts_path = hosts
        self._config = config
        self._hosts_stamp: _Stamp = None
        self._config_stamp: _Stamp = None
        self._lock = asyncio.Lock()
        self.hosts = Hosts()
        self.search = SearchList()
        self.due = 0.0  # time.monotonic() of the next look

    async def look(self) -> bool:
        """Read again what has changed; whether anything had."""
        async with self._lock:  # the first look is waited for by all; later ones only by who makes them
            if time.monotonic() < self.due:
                return False
            hosts, config = await run_in_file_thread(self._read)
            self.due = time.monotonic() + _INTERVAL
            if hosts is not None:
                self._hosts_stamp, self.hosts = hosts
            if config is not None:
                self._config_stamp, self.search = config
            return hosts is not None or config is not None

    def _read(self) -> tuple[tuple[_Stamp, Hosts] | None, tuple[_Stamp, SearchList] | None]:
        hosts = _changed(self.hosts_path, self._hosts_stamp)
        config = _changed(self._config, self._config_stamp)
        return (
            None if hosts is None else (hosts[0], parse_hosts(hosts[1])),
            None if config is None else (config[0], parse_resolv_conf(config[1])),
        )


def _changed(path: str | None, known: _Stamp) -> tuple[_Stamp, str] | None:
    """The stamp and text of a file that is not as it was; one that cannot be read is empty."""
    if path is None:
        return None
    stamp: _Stamp = None
    text = ""
    with contextlib.suppress(OSError), open(path, "rb") as file:
        status = os.fstat(file.fileno())
        stamp = (status.st_ino, status.st_size, status.st_mtime_ns)
        if stamp != known:
            text = file.read(_MAX_BYTES).decode("utf-8", "replace")
    return None if stamp == known else (stamp, text)

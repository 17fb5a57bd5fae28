"""The system's own files about names, read again when they change.

Reading is blocking work and done in the file thread; how often it is looked
whether they have changed is bounded, because every lookup asks.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import os
import time
from collections.abc import Callable
from typing import TypeAlias

from .files import run_in_file_thread
from .hosts_file import Hosts, parse_hosts
from .resolv_conf import ResolvConf, parse_resolv_conf

__all__ = ["NameFiles"]

_INTERVAL = 5.0  # seconds between two looks
_MAX_BYTES = 32 << 20  # block lists kept in a hosts file are large; a device file given by mistake is endless


_Stamp: TypeAlias = "tuple[int, int, int] | None"  # of a file as it was read; None if it was not there


class NameFiles:
    """The hosts file and resolv.conf.

    Args:
        hosts: path of the hosts file, ``None`` for none.
        config: path of the resolv.conf, ``None`` for none.
        changed: called when one of them has changed since it was first looked at.
    """

    def __init__(self, hosts: str | None, config: str | None, changed: Callable[[], None]) -> None:
        self.hosts_path = hosts
        self._config_path = config
        self._hosts_stamp: _Stamp = None
        self._config_stamp: _Stamp = None
        self._changed = changed
        self._reading: asyncio.Task[None] | None = None
        self.hosts = Hosts()
        self.config = ResolvConf()
        self._looked = False
        self.due = 0.0  # time.monotonic() of the next look

    async def look(self) -> None:
        """Read again what has changed.  Whoever comes meanwhile waits for the same; each may be cancelled."""
        if time.monotonic() < self.due:
            return
        if self._reading is None:
            self._reading = asyncio.get_running_loop().create_task(self._look(), context=contextvars.Context())
        await asyncio.wait([self._reading])

    def drop(self) -> None:
        """Stop waiting for the file thread."""
        if self._reading is not None and not self._reading.get_loop().is_closed():
            self._reading.cancel()

    async def close(self) -> None:
        """Stop waiting for the file thread, and wait until that has stopped."""
        reading = self._reading
        self.drop()
        if reading is not None:
            await asyncio.wait([reading])

    async def _look(self) -> None:
        try:
            hosts, config = await run_in_file_thread(self._read)
            # What could be read is read; the next look comes in its time, and not with the next question.
            self.due = time.monotonic() + _INTERVAL
            first, self._looked = not self._looked, True
            if hosts is not None:
                self._hosts_stamp, self.hosts = hosts
            if config is not None:
                self._config_stamp, self.config = config
            if (hosts is not None or config is not None) and not first:
                self._changed()
        finally:
            self._reading = None

    def _read(self) -> tuple[tuple[_Stamp, Hosts] | None, tuple[_Stamp, ResolvConf] | None]:
        hosts = _changed(self.hosts_path, self._hosts_stamp)
        config = _changed(self._config_path, self._config_stamp)
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

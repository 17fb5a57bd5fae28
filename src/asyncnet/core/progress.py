"""Progress of transfers: a callback, or a bar."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeAlias

__all__ = ["Progress", "Reporter", "check_progress"]

# True for a bar, or a function of the count so far and the total, None if that is unknown.
Progress: TypeAlias = "bool | Callable[[int, int | None], object] | None"

_INTERVAL = 0.1  # seconds between two reports; the first and the last always come


class Reporter:
    """Reports a growing count, not too often.

    Args:
        progress: as the caller gave it.
        title: what the bar is called.
        unit: ``"B"`` for bytes, or what else is counted.
    """

    def __init__(self, progress: Progress, title: str, unit: str) -> None:
        self._callback = progress if callable(progress) else None
        self._bar: Any = None
        if progress is True:
            from tqdm.auto import tqdm  # in a notebook it draws a widget

            # Its monitor is a thread that would outlive everything here.
            quiet: Any = type("tqdm", (tqdm,), {"monitor_interval": 0})
            self._bar = quiet(desc=title, unit=unit, unit_scale=unit == "B", unit_divisor=1024, leave=True)
        self._last = 0.0
        self._reported: tuple[int, int | None] | None = None

    def report(self, done: int, total: int | None, *, final: bool = False) -> None:
        """Say how far it is."""
        if self._callback is None and self._bar is None:
            return
        now = time.monotonic()
        if not final and now - self._last < _INTERVAL:
            return
        self._last = now
        if self._reported == (done, total):
            return
        self._reported = (done, total)
        if self._bar is not None:
            self._bar.total = total
            self._bar.n = done
            self._bar.refresh()
        if self._callback is not None:
            self._callback(done, total)

    def close(self) -> None:
        """Let the bar stand as it is."""
        if self._bar is not None:
            self._bar.close()


def check_progress(progress: Progress) -> None:
    """Raise before any I/O for what is no progress, or a bar where tqdm is not installed.

    Raises:
        TypeError: neither a bool, a callable nor ``None``.
        ImportError: ``True``, and tqdm is missing.
    """
    if progress is True:
        try:
            import tqdm.auto  # noqa: F401 - only whether it is there
        except ImportError as error:
            raise ImportError("progress=True needs tqdm: install asyncnet[progress]") from error
    elif progress is not None and progress is not False and not callable(progress):
        raise TypeError("progress must be True, a callable or None")

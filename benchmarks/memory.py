"""What a process holds, by the kernel's account."""

from __future__ import annotations

import sys

__all__ = ["peak_bytes", "user_bytes"]


def _status(name: str, pid: int | None) -> int | None:
    try:
        with open(f"/proc/{pid or 'self'}/status") as status:
            for line in status:
                if line.startswith(name + ":"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return None


def user_bytes(pid: int | None = None) -> int | None:
    """Resident anonymous memory now, in bytes: what the program itself has written; `None` where it cannot be known."""
    return _status("RssAnon", pid)


def peak_bytes(pid: int | None = None) -> int | None:
    """The most that was ever resident, in bytes.

    VmHWM belongs to the program; `ru_maxrss` starts with what the parent had when it forked, and is only the fallback.
    """
    peak = _status("VmHWM", pid)
    if peak is None and pid is None:
        import resource

        unit = 1 if sys.platform == "darwin" else 1024
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return peak

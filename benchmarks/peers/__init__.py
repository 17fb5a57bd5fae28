"""The fixed other sides: C programs, compiled when first used; the same in Python where there is no compiler."""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from ..process import ROOT, python

__all__ = ["HAVE_COMPILER", "described", "program"]

SOURCES = Path(__file__).resolve().parent
BUILT = ROOT / "build" / "benchmarks"
# The C programs are for Linux (epoll, /proc).  BENCHMARK_PEERS=python leaves them aside where they could be had.
HAVE_COMPILER = (
    shutil.which("cc") is not None
    and os.path.exists("/proc/self/status")
    and os.environ.get("BENCHMARK_PEERS") != "python"
)


def program(name: str, *arguments: object, compiled: bool = HAVE_COMPILER) -> list[str]:
    """The command of one of the programs, by the name of its source."""
    words = [str(argument) for argument in arguments]
    if compiled:
        return [str(_compiled(name)), *words]
    return python("-m", f"benchmarks.peers.{name}", *words)


def described() -> str:
    """One line on what the other sides are."""
    if HAVE_COMPILER:
        return "other sides: C, one epoll loop each"
    return "other sides: Python (no C compiler, not Linux, or asked for); they may be what limits fast contenders"


@functools.cache
def _compiled(name: str) -> Path:
    """Compile once for each text of the sources."""
    text = (SOURCES / "common.h").read_bytes() + (SOURCES / f"{name}.c").read_bytes()
    path = BUILT / f"{name}-{hashlib.sha256(text).hexdigest()[:12]}"
    if not path.exists():
        BUILT.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(f".{os.getpid()}")
        subprocess.run(["cc", "-O2", "-o", fresh, SOURCES / f"{name}.c"], check=True, timeout=60)
        fresh.replace(path)
    return path

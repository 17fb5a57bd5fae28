"""Where and with what the numbers were made."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from .process import ROOT, choose_cores

__all__ = ["describe", "one_line"]

PACKAGES = (
    "asyncnet", "aiohttp", "aiodns", "pycares", "aiosmtplib", "uvloop", "anyio", "trio", "Twisted", "dnspython",
    "httpx", "niquests", "aioftp", "asyncudp", "asyncio-dgram",
)  # fmt: skip


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _commit() -> str | None:
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _versions() -> dict[str, str]:
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def describe() -> dict[str, Any]:
    """Machine, system, interpreter, packages, commit; as JSON takes it."""
    contender, other = choose_cores()
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "contender_core": contender,
        "other_core": other,
        "system": f"{platform.system()} {platform.release()}",
        "python": sys.version.split()[0],
        "implementation": platform.python_implementation(),
        "packages": _versions(),
        "commit": _commit(),
    }


def one_line(facts: Mapping[str, Any] | None = None) -> str:
    """The same for the head of the printed output; of this machine, or of the facts that are given."""
    facts = facts or describe()
    pinned = "contender and other side on a core each" if facts["contender_core"] is not None else "nothing pinned"
    return (f"{facts['processor']}, {facts['cores']} cores ({pinned}), {facts['system']}, "
            f"{facts['implementation']} {facts['python']}, commit {facts['commit']}")  # fmt: skip

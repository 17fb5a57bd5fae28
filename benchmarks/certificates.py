"""The certificate of the TLS scenarios: made by trustme when it is first needed, kept in build/."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

__all__ = ["AUTHORITY", "SERVER", "make"]

FOLDER = Path(__file__).resolve().parent.parent / "build" / "benchmarks" / "certificates"
AUTHORITY = FOLDER / "authority.pem"  # what clients trust
SERVER = FOLDER / "server.pem"  # key and certificate of 127.0.0.1, in one file


def make() -> None:
    """Make both files where they are not there yet; all at once, so that two runners do not mix theirs."""
    if FOLDER.exists():
        return
    import trustme

    fresh = FOLDER.with_name(f"certificates.{os.getpid()}")
    fresh.mkdir(parents=True, exist_ok=True)
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(fresh / AUTHORITY.name))
    authority.issue_cert("127.0.0.1", "localhost").private_key_and_cert_chain_pem.write_to_path(
        str(fresh / SERVER.name)
    )
    with contextlib.suppress(OSError):  # another runner was faster
        fresh.rename(FOLDER)
    shutil.rmtree(fresh, ignore_errors=True)

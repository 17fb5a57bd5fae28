"""What a long job has done so far, in an SQLite file, so that it goes on after a kill.

Every method blocks and belongs into the file thread.
"""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import StateError

if TYPE_CHECKING:
    import sqlite3

__all__ = ["Manifest", "Record"]

_SCHEMA = """
create table if not exists downloads (
    url text primary key,
    path text,
    size integer,
    sha256 text,
    final_url text,
    error text,
    updated real not null
) without rowid
"""
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Record:
    """One URL that is done."""

    url: str
    path: Path
    size: int
    sha256: str | None
    final_url: str


class Manifest:
    """The record of one job; errors are noted too, and tried again by the next run."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._database: sqlite3.Connection | None = None

    def open(self) -> None:
        """Open or create the file.

        Raises:
            StateError: it is no manifest, or of a newer version.
        """
        import sqlite3  # for those who want a manifest

        # Jobs of the file thread run one after the other, if not always in the same thread.
        database = sqlite3.connect(self._path, timeout=10.0, isolation_level=None, check_same_thread=False)
        try:
            version = database.execute("pragma user_version").fetchone()[0]
            if version not in (0, _VERSION):
                raise StateError(f"{self._path} is a manifest of version {version}, not {_VERSION}")
            # A write-ahead log survives a killed process, and needs no fsync for each record.
            database.execute("pragma journal_mode = wal")
            database.execute("pragma synchronous = normal")
            database.execute(_SCHEMA)
            database.execute(f"pragma user_version = {_VERSION}")
        except sqlite3.DatabaseError as error:
            database.close()
            raise StateError(f"{self._path} is no manifest: {error}") from error
        except BaseException:
            database.close()
            raise
        self._database = database

    def find(self, url: str, folder: Path) -> Record | None:
        """The record of a URL that is done and whose file is still there as it was."""
        assert self._database is not None
        row = self._database.execute(
            "select path, size, sha256, final_url from downloads where url = ? and error is null", (url,)
        ).fetchone()
        if row is None:
            return None
        path = folder / row[0]
        with contextlib.suppress(OSError):
            if os.path.getsize(path) == row[1]:
                return Record(url, path, row[1], row[2], row[3])
        return None

    def done(self, record: Record, folder: Path) -> None:
        """Note that a URL is done."""
        name = os.path.relpath(record.path, folder)  # the folder may move together with its manifest
        self._put(record.url, name, record.size, record.sha256, record.final_url, None)

    def failed(self, url: str, error: str) -> None:
        """Note why a URL failed."""
        self._put(url, None, None, None, None, error)

    def _put(self, *values: object) -> None:
        assert self._database is not None
        self._database.execute("insert or replace into downloads values (?, ?, ?, ?, ?, ?, ?)", (*values, time.time()))

    def close(self) -> None:
        """Close the file.  Idempotent."""
        if self._database is not None:
            self._database.close()
            self._database = None

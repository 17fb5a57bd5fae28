"""The file that a download grows in, and what is needed to go on with it later.

Beside ``name`` stand ``name.part`` with the bytes and ``name.part.json`` with
the URL, the validator and - for segments - how far each of them is.  Every
method blocks and belongs into the file thread; the file is locked, so that two
downloads into the same place do not mix.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..errors import StateError
from .checksum import Hasher

__all__ = ["PartFile", "Progressed"]

_READ = 1024 * 1024
_RESERVE = 16 * 1024 * 1024  # bytes to leave free on the disk


@dataclass(slots=True)
class Progressed:
    """What is known of a download that has begun.

    Attributes:
        url: what was asked for.
        validator: strong, ``None`` if the server gave none.
        total: bytes of the whole, ``None`` if the server does not say.
        segments: [start, done up to, end] of each, empty for a download in one.
    """

    url: str
    validator: str | None = None
    total: int | None = None
    segments: list[list[int]] = field(default_factory=list)


class PartFile:
    """The bytes so far; made by `open`, ended by `finish` or `close`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._notes = path.with_name(path.name + ".json")
        self._descriptor = -1
        self.size = 0  # bytes in order from the start; segments have their own count
        self.state: Progressed | None = None

    def open(self, url: str, *, resume: bool) -> None:
        """Open or create it, lock it, and read what is known of an earlier try; to be closed even if this fails.

        Raises:
            StateError: another download has it.
            OSError: as the file system has it.
        """
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
        try:
            self._lock(descriptor)
        except BaseException:
            os.close(descriptor)  # and no more: the file is another's, even if it is empty
            raise
        self._descriptor = descriptor
        self.state = self._load(url) if resume else None
        if self.state is None:
            os.ftruncate(descriptor, 0)
        self.size = os.fstat(descriptor).st_size

    def _lock(self, descriptor: int) -> None:
        try:
            import fcntl
        except ImportError:  # not on Windows, where a file that is open cannot be replaced anyway
            return
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StateError(f"another download is writing {self.path}") from error
        # Between opening and locking, the other one may have finished and renamed it.
        if not os.path.exists(self.path) or os.stat(self.path).st_ino != os.fstat(descriptor).st_ino:
            raise StateError(f"another download has just finished with {self.path}")

    def _load(self, url: str) -> Progressed | None:
        try:
            known: Any = json.loads(self._notes.read_text(encoding="utf-8"))
            state = Progressed(
                str(known["url"]),
                None if known["validator"] is None else str(known["validator"]),
                None if known["total"] is None else int(known["total"]),
                [[int(number) for number in segment] for segment in known["segments"]],
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return state if state.url == url else None

    def note(self, state: Progressed) -> None:
        """Remember this for a later try; whole or not at all, as the file itself."""
        self.state = state
        temporary = self._notes.with_name(self._notes.name + "~")
        temporary.write_text(json.dumps(asdict(state)), encoding="utf-8")
        os.replace(temporary, self._notes)

    def restart(self, state: Progressed) -> None:
        """Begin again at the first byte."""
        os.ftruncate(self._descriptor, 0)
        self.size = 0
        self.note(state)

    def check_space(self, needed: int) -> None:
        """Raise ``OSError`` with ``ENOSPC`` if the disk has no room for so many more bytes."""
        free = shutil.disk_usage(self.path.parent).free
        if needed + _RESERVE > free:
            raise OSError(errno.ENOSPC, f"{needed:,} bytes are to come and {free:,} are free", str(self.path.parent))

    def append(self, pieces: Sequence[bytes | memoryview], hashers: Iterable[Hasher] = ()) -> None:
        """Write at the end."""
        self.size = self.write_at(self.size, pieces, hashers)

    def write_at(self, position: int, pieces: Sequence[bytes | memoryview], hashers: Iterable[Hasher] = ()) -> int:
        """Write at a place; return the place after it."""
        for piece in pieces:
            for hasher in hashers:
                hasher.update(piece)
            view = memoryview(piece)
            while view:
                count = os.pwrite(self._descriptor, view, position)
                position += count
                view = view[count:]
        return position

    def reserve(self, total: int) -> None:
        """Give it its full size for segments that are written in any order."""
        os.ftruncate(self._descriptor, total)

    def feed(self, hashers: Iterable[Hasher], size: int) -> None:
        """Give the first ``size`` bytes to hash objects."""
        position = 0
        while position < size:
            data = os.pread(self._descriptor, min(_READ, size - position), position)
            if not data:
                raise OSError(errno.EIO, "became shorter while it was read", str(self.path))
            position += len(data)
            for hasher in hashers:
                hasher.update(data)

    def sync(self) -> None:
        """Wait until the bytes are on the disk."""
        os.fsync(self._descriptor)

    def finish(self, path: Path) -> Path:
        """Put it in its place, replacing what was there."""
        os.replace(self.path, path)
        self._end()
        return path

    def finish_in(self, folder: Path, name: str) -> Path:
        """Put it into a folder under that name, or that name with a number; never replaces anything."""
        stem, dot, extension = name.rpartition(".")
        if not stem:
            stem, dot, extension = name, "", ""
        for number in range(10_000):
            path = folder / (name if number == 0 else f"{stem} ({number}){dot}{extension}")
            try:
                os.link(self.path, path)  # fails where the name is taken, with no moment in between
            except FileExistsError:
                continue
            except OSError:  # a file system without hard links
                try:
                    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
                except FileExistsError:
                    continue
                os.replace(self.path, path)
                self._end()
                return path
            os.unlink(self.path)
            self._end()
            return path
        raise FileExistsError(errno.EEXIST, "and 10,000 numbered ones like it", str(folder / name))

    def discard(self) -> None:
        """Remove it: its bytes are worth nothing."""
        with contextlib.suppress(OSError):
            os.unlink(self.path)
        self._end()

    def _end(self) -> None:
        with contextlib.suppress(OSError):
            os.unlink(self._notes)
        self._sync_folder()
        self.close()

    def _sync_folder(self) -> None:
        # The rename is on the disk only when the folder is.
        with contextlib.suppress(OSError):
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def close(self) -> None:
        """Leave it for a later try.  Idempotent."""
        if self._descriptor >= 0:
            if os.fstat(self._descriptor).st_size == 0 and self.state is None:
                with contextlib.suppress(OSError):  # nothing came: leave nothing
                    os.unlink(self.path)
            os.close(self._descriptor)
            self._descriptor = -1


def part_name(url: str, name: str) -> str:
    """The name of the part for a download into a folder, the same for the same URL."""
    return f"{name}.{hashlib.sha256(url.encode()).hexdigest()[:8]}.part"

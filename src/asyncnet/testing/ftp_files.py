"""The file tree of the FTP server, and how it is listed."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping

__all__ = ["MODIFIED", "Tree"]

#: When everything in the tree was modified, as MDTM and MLST say it (UTC).
MODIFIED = "20240229120000"


class Tree:
    """Files and folders by their absolute paths.

    Attributes:
        files: the content of each file.
        folders: every folder, ``"/"`` included.
    """

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files: dict[str, bytes] = {}
        self.folders = {"/"}
        for path, content in files.items():
            self.add(path, content)

    def add(self, path: str, content: bytes) -> None:
        """Put a file there, and the folders above it."""
        path = self.resolve("/", path)
        self.files[path] = content
        while path != "/":
            path = posixpath.dirname(path)
            self.folders.add(path)

    def resolve(self, folder: str, path: str) -> str:
        """An absolute path without dots; nothing is above the root."""
        return "/" + posixpath.normpath(posixpath.join("/", folder, path)).lstrip("/")

    def exists(self, path: str) -> bool:
        """Whether there is a file or folder."""
        return path in self.files or path in self.folders

    def children(self, folder: str) -> Iterator[str]:
        """The paths in a folder, sorted."""
        return (
            path for path in sorted({*self.files, *self.folders}) if path != "/" and posixpath.dirname(path) == folder
        )

    def store(self, path: str, content: bytes) -> bool:
        """Write a file; False where its folder is absent or the path is a folder."""
        if path in self.folders or posixpath.dirname(path) not in self.folders:
            return False
        self.files[path] = content
        return True

    def rename(self, old: str, new: str) -> bool:
        """Move a file or an empty folder; False where that cannot be."""
        if posixpath.dirname(new) not in self.folders or self.exists(new):
            return False
        if old in self.files:
            self.files[new] = self.files.pop(old)
            return True
        if old in self.folders and old != "/" and not any(self.children(old)):
            self.folders.discard(old)
            self.folders.add(new)
            return True
        return False

    def remove_folder(self, path: str) -> bool:
        """Remove an empty folder; False where there is none."""
        if path == "/" or path not in self.folders or any(self.children(path)):
            return False
        self.folders.discard(path)
        return True

    def facts(self, path: str) -> str:
        """One line of MLSD or MLST (RFC 3659 section 7), without the name."""
        if path in self.files:
            return f"type=file;size={len(self.files[path])};modify={MODIFIED};perm=rwad; "
        return f"type=dir;modify={MODIFIED};perm=elcmp; "

    def row(self, path: str) -> str:
        """One line of LIST, the way most servers write it."""
        name = posixpath.basename(path)
        if path in self.files:
            return f"-rw-r--r--   1 owner    group    {len(self.files[path]):>12} Feb 29  2024 {name}"
        return f"drwxr-xr-x   2 owner    group    {4096:>12} Feb 29  2024 {name}"

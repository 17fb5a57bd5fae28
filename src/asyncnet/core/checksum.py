"""Known hashes of files, such as ``sha256:9f86d0...``."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Hasher", "KnownHash", "parse_hash"]

_LENGTHS = {"md5": 32, "sha1": 40, "sha224": 56, "sha256": 64, "sha384": 96, "sha512": 128}


class Hasher(Protocol):
    """The part of a hashlib object that is used."""

    def update(self, data: bytes | memoryview, /) -> None:
        """Take more data."""

    def hexdigest(self) -> str:
        """The hash so far."""


@dataclass(frozen=True, slots=True)
class KnownHash:
    """An algorithm and the hash that a file must have."""

    algorithm: str
    digest: str

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.digest}"

    def new(self) -> Hasher:
        """A new hash object of the algorithm."""
        return hashlib.new(self.algorithm, usedforsecurity=False)


def parse_hash(text: str | None) -> KnownHash | None:
    """Parse ``"sha256:<hex>"``; a bare hash of 64 digits is SHA-256.

    Raises:
        TypeError: not a ``str``.
        ValueError: an unknown algorithm, or not as many hexadecimal digits as it has.
    """
    if text is None:
        return None
    if not isinstance(text, str):
        raise TypeError(f"known_hash must be a str such as 'sha256:...', not {type(text).__name__}")
    algorithm, colon, digest = text.partition(":")
    if not colon:
        algorithm, digest = "sha256", text
    algorithm, digest = algorithm.lower().replace("-", ""), digest.lower()
    if algorithm not in _LENGTHS:
        raise ValueError(f"known_hash must be one of {', '.join(_LENGTHS)}, not {algorithm!r}")
    if not re.fullmatch(r"[0-9a-f]*", digest) or len(digest) != _LENGTHS[algorithm]:
        raise ValueError(f"known_hash must have {_LENGTHS[algorithm]} hexadecimal digits for {algorithm}")
    return KnownHash(algorithm, digest)

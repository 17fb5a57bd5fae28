"""What callers hand over to be sent, as bytes.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["as_bytes", "joined"]


def as_bytes(data: object, name: str = "data") -> bytes:
    """Return a copy of anything that holds bytes: bytes, bytearray, memoryview, array, mmap.

    Raises:
        TypeError: it holds none. Numbers too: ``bytes(5)`` would be five zeros that nobody meant.
    """
    if isinstance(data, bytes):
        return data
    try:
        view = memoryview(data)  # type: ignore[arg-type]  # what has no buffer is the TypeError below
    except TypeError:
        raise TypeError(f"{name} must be bytes, not {type(data).__name__}") from None
    with view:
        return view.tobytes()


def joined(data: object, name: str = "data") -> bytes:
    """Return `as_bytes`, or the pieces of an iterable of such as one.

    Raises:
        TypeError: it is neither.
    """
    if isinstance(data, Iterable) and not isinstance(data, str):
        try:
            return as_bytes(data, name)
        except TypeError:
            return b"".join(as_bytes(piece, f"each piece of {name}") for piece in data)
    if isinstance(data, str):
        raise TypeError(f"{name} must be bytes, not str: encode it first")
    return as_bytes(data, name)

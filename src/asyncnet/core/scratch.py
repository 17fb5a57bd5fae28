"""The memory that all plaintext and ciphertext of a loop is received into.

One piece serves all connections, because everything is copied out of it before
the loop receives again.
"""

from __future__ import annotations

from .loop_scope import current_scope

__all__ = ["SIZE", "scratch_memory"]

SIZE = 262_144  # bytes: what asyncio's transports take anew for each receive


class _Scratch:
    def __init__(self) -> None:
        self.view = memoryview(bytearray(SIZE))

    async def close(self) -> None:
        """Nothing is open; connections that still live keep the memory."""

    def abort(self) -> None:
        """Nothing is open."""


def scratch_memory() -> memoryview:
    """The running loop's, made at first use."""
    return current_scope().get("receive memory", _Scratch).view

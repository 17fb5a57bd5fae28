"""Sending something long: a peer that takes nothing, or too little, ends it, and not a piece that takes long."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import AsyncNetError, OperationTimeout
from .connection import Connection
from .pace import Pace

__all__ = ["moving", "send_piece"]


async def send_piece(connection: Connection, data: bytes, pace: Pace) -> None:
    """Send a piece, for as long as the peer takes bytes at that pace."""
    try:
        await _room(connection, pace)
        connection._writable("send").write(data)
        await _room(connection, pace)
        connection._writable("send")
        pace.moved(len(data))
    except AsyncNetError as error:
        error.operation = None  # that of the whole, not of one piece
        raise


async def _room(connection: Connection, pace: Pace) -> None:
    wire = connection._writable("send")
    still = moving(connection, pace)
    while wire.write_paused:
        try:
            await connection._room(wire, pace.idle_timeout)
        except OperationTimeout:
            if not still():
                raise


def moving(connection: Connection, pace: Pace) -> Callable[[], bool]:
    """What tells whether the peer has taken bytes since it was asked last; raises where they are too few."""
    left = connection._unsent

    def still() -> bool:
        nonlocal left
        before, left = left, connection._unsent
        pace.moved(max(before - left, 0))
        return left < before

    return still

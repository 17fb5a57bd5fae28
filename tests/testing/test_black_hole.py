"""The address that lets nobody in."""

from __future__ import annotations

import socket

import pytest

from asyncnet import testing


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_connect_waits_until_it_gives_up(host: str) -> None:
    with testing.BlackHole(host=host) as hole:
        for _ in range(2):
            with pytest.raises(TimeoutError):
                socket.create_connection(hole.address, timeout=0.05)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(hole.address, timeout=5.0)


@pytest.mark.asyncio
async def test_it_leaves_nothing() -> None:
    async with testing.no_leaks():
        async with testing.BlackHole() as hole:
            assert hole.port

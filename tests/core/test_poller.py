"""Streams on the loop's own readers and writers, as where there is no epoll; and the end of the epoll object."""

from __future__ import annotations

import asyncio
import random

import pytest

import asyncnet
from asyncnet import testing
from asyncnet.core.loop_scope import current_scope
from asyncnet.core.poller import LoopPoller, Poller, current_poller

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize("poller", [LoopPoller, Poller])
async def test_bytes_both_ways_with_backpressure(poller: type[LoopPoller] | type[Poller]) -> None:
    current_scope().get("poller", poller)
    assert type(current_poller()) is poller
    data = random.Random(1).randbytes(3_000_000)
    with testing.TCPServer() as server:
        assert await asyncnet.tcp.exchange(server.host, server.port, data) == data


@pytest.mark.parametrize("poller", [LoopPoller, Poller])
async def test_nothing_is_left(poller: type[LoopPoller] | type[Poller]) -> None:
    with testing.TCPServer() as server:
        async with testing.no_leaks():
            current_scope().get("poller", poller)
            stream = await asyncnet.tcp.Client(server.host, server.port).open()
            # Closing what the loop shares does not take the ground from under a stream that is open.
            await asyncnet.close()
            await stream.send(b"still here")
            assert await stream.receive_exactly(10) == b"still here"
            await stream.close()


async def test_reset_behind_the_last_bytes_is_seen() -> None:
    gate = testing.Gate()
    with testing.TCPServer([testing.Wait(gate), testing.Send(b"1234"), testing.Reset()]) as server:
        async with asyncnet.tcp.Client(server.host, server.port) as stream:
            gate.set()
            with pytest.raises(asyncnet.ConnectionLost):
                async with asyncio.timeout(10):
                    async for _ in stream:
                        continue

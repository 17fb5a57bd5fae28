"""Any mixture of ways to receive, timed out and cancelled now and then, gives the bytes that were sent, each once."""

from __future__ import annotations

import asyncio
import random

import pytest

import asyncnet
from asyncnet import testing

pytestmark = pytest.mark.asyncio

WHOLE = 3_000_000


async def read(stream: asyncnet.tcp.Stream, chance: random.Random) -> bytes:
    """Receive something in one way or another."""
    way = chance.randrange(7)
    most = chance.choice([1, 7, 1_000, 65_536, 200_000])
    if way == 0:
        return await stream.receive(most)
    if way == 1:
        memory = bytearray(most)
        count = await stream.receive_into(memory)
        return bytes(memory[:count])
    if way == 2:
        return await stream.receive_exactly(most)
    if way == 3:
        return await stream.receive_until(bytes([chance.randrange(256)]), 5_000)
    if way == 4:
        return await stream.receive_until(b"\0" * chance.randrange(1, 3), most)
    if way == 5:
        return await stream.receive(most, timeout=chance.choice([0.0, 0.000_1, 5.0]))
    return await anext(stream.__aiter__(), b"")


async def read_or_give_up(stream: asyncnet.tcp.Stream, chance: random.Random) -> bytes:
    """As `read`, but cancelled after some turns of the loop, or never."""
    if chance.random() < 0.5:
        return await read(stream, chance)
    task = asyncio.create_task(read(stream, chance))
    for _ in range(chance.randrange(4)):
        await asyncio.sleep(0)
    if chance.random() < 0.5:
        task.cancel()
    return await task


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("seed", range(4))
async def test_any_reads(seed: int, tls: bool) -> None:
    chance = random.Random(seed)
    data = chance.randbytes(WHOLE)
    authority = testing.CertificateAuthority()

    async def give(stream: asyncnet.tcp.Stream) -> None:
        start = 0
        while start < WHOLE:
            size = chance.choice([1, 10, 1_000, 70_000, 500_000])
            await stream.send(data[start : start + size])
            start += size
            if chance.random() < 0.5:
                await asyncio.sleep(0)

    async with asyncnet.tcp.Server(give, ssl=authority.server_context() if tls else None) as server:
        client = asyncnet.tcp.Client("127.0.0.1", server.port, ssl=authority.client_context() if tls else None)
        async with client as stream:
            received = bytearray()
            while len(received) < WHOLE:
                before = stream.bytes_received
                try:
                    piece = await read_or_give_up(stream, chance)
                except (asyncnet.LimitExceeded, asyncnet.OperationTimeout, asyncio.CancelledError):
                    assert stream.bytes_received >= before
                    continue
                except asyncnet.ConnectionLost:  # more was asked for than there is
                    piece = await stream.receive()
                received += piece
                assert piece == data[len(received) - len(piece) : len(received)]
            assert await stream.receive() == b""
            assert stream.bytes_received == WHOLE

"""Much at once: every byte in order, a turn for everybody else, and the same ends as for little."""

from __future__ import annotations

import asyncio
import hashlib
import random

import pytest

import asyncnet
from asyncnet import tcp, testing

pytestmark = pytest.mark.asyncio

DATA = random.Random(4).randbytes(1_000_003)
TIMES = 24


async def _pump(stream: tcp.Stream) -> None:
    for _ in range(TIMES):
        await stream.send(DATA)


def _whole() -> str:
    found = hashlib.sha256()
    for _ in range(TIMES):
        found.update(DATA)
    return found.hexdigest()


async def _by_chunks(stream: tcp.Stream, found: list[bytes]) -> None:
    async for chunk in stream:
        found.append(chunk)


async def _by_receive(stream: tcp.Stream, found: list[bytes]) -> None:
    while chunk := await stream.receive(50_000):
        assert len(chunk) <= 50_000
        found.append(chunk)


async def _by_receive_into(stream: tcp.Stream, found: list[bytes]) -> None:
    buffer = bytearray(300_000)
    while count := await stream.receive_into(buffer):
        found.append(bytes(buffer[:count]))


async def _by_turns(stream: tcp.Stream, found: list[bytes]) -> None:
    """Each way after the other, with what it leaves behind."""
    buffer = bytearray(70_000)
    while True:
        found.append(await stream.receive(10_000))
        if not found[-1]:
            return
        count = await stream.receive_into(buffer)
        found.append(bytes(buffer[:count]))
        found.append(await stream.receive())
        if stream.bytes_received < (TIMES - 2) * len(DATA):
            found.append(await stream.receive_exactly(123_456))


@pytest.mark.parametrize("read", [_by_chunks, _by_receive, _by_receive_into, _by_turns])
async def test_every_byte_in_order(read) -> None:
    found: list[bytes] = []
    async with tcp.Server(_pump) as server, tcp.Client("127.0.0.1", server.port) as stream:
        await read(stream, found)
        assert stream.bytes_received == TIMES * len(DATA)
    assert hashlib.sha256(b"".join(found)).hexdigest() == _whole()


async def test_others_have_their_turn() -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    ended = asyncio.Event()

    async def endless(stream: tcp.Stream) -> None:
        try:
            while not ended.is_set():
                await stream.send(DATA)
        except asyncnet.ConnectionLost:
            pass

    async with tcp.Server(endless) as server, tcp.Client("127.0.0.1", server.port) as stream:
        task = asyncio.create_task(other())
        async for _ in stream:
            if stream.bytes_received > 50_000_000:
                break
        task.cancel()
        ended.set()
    assert turns >= 25  # not two megabytes without one


async def test_a_cancellation_is_heard_in_the_middle() -> None:
    async def endless(stream: tcp.Stream) -> None:
        try:
            while True:
                await stream.send(DATA)
        except asyncnet.ConnectionLost:
            pass

    async def read(stream: tcp.Stream) -> None:
        async for _ in stream:
            pass

    async with tcp.Server(endless) as server, tcp.Client("127.0.0.1", server.port) as stream:
        task = asyncio.create_task(read(stream))
        while stream.bytes_received < 3_000_000:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await stream.receive()


@pytest.mark.parametrize("ending", [testing.Reset(), testing.Close()])
async def test_the_end_after_much(ending) -> None:
    gate = testing.Gate()
    with testing.TCPServer([testing.Send(DATA * 5), testing.Wait(gate), ending]) as server:
        async with tcp.Client("127.0.0.1", server.port) as stream:
            returned = 0  # not bytes_received: what the kernel has handed over may still wait in the stream
            while returned < 5 * len(DATA):
                returned += len(await stream.receive())
            gate.set()
            if isinstance(ending, testing.Close):
                assert await stream.receive() == b""
            else:
                with pytest.raises(asyncnet.ConnectionLost) as caught:
                    await stream.receive()
                assert caught.value.errno == 104

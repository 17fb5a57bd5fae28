"""Hostile peers in numbers: limits hold, honest peers are still served, nothing is left."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import random
import socket
import struct

import pytest

import asyncnet
from asyncnet import testing

pytestmark = pytest.mark.asyncio

RESET = struct.pack("ii", 1, 0)


async def echo(stream: asyncnet.tcp.Stream) -> None:
    async for chunk in stream:
        await stream.send(chunk)


async def served(port: int) -> bool:
    return await asyncnet.tcp.exchange("127.0.0.1", port, b"honest", timeout=10) == b"honest"


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port))


async def until(server: asyncnet.tcp.Server, active: int) -> None:
    async with asyncio.timeout(10):
        while server.stats.active != active:
            await asyncio.sleep(0)


async def test_storm_of_resets(caplog: pytest.LogCaptureFixture) -> None:
    async with testing.no_leaks(), asyncnet.tcp.Server(echo) as server:
        for _ in range(10):
            for number in range(30):
                sock = connect(server.port)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                if number % 2:
                    sock.send(b"x" * number)
                sock.close()
            assert await served(server.port)
        await until(server, 0)
        assert server.stats.accepted >= 10
    assert all(record.levelno < logging.CRITICAL for record in caplog.records)


async def test_slow_writers_run_into_the_idle_limit_and_honest_peers_do_not() -> None:
    async def line(stream: asyncnet.tcp.Stream) -> None:
        await stream.send(await stream.receive_line(1_000))

    async with testing.no_leaks(), asyncnet.tcp.Server(line, idle_timeout=0.2) as server:
        slow = [connect(server.port) for _ in range(50)]
        for sock in slow:
            sock.send(b"GET / HT")
        await until(server, 50)
        assert await asyncnet.tcp.exchange("127.0.0.1", server.port, b"fast\n") == b"fast"
        await until(server, 0)
        for sock in slow:
            sock.close()


async def test_endless_line_ends_at_its_limit() -> None:
    limits: list[BaseException] = []

    async def line(stream: asyncnet.tcp.Stream) -> None:
        try:
            await stream.receive_line(10_000)
        except asyncnet.LimitExceeded as error:
            limits.append(error)

    async with testing.no_leaks(), asyncnet.tcp.Server(line) as server:
        async with asyncnet.tcp.Client("127.0.0.1", server.port) as stream:
            with pytest.raises((asyncnet.ConnectionLost, asyncnet.StateError)):
                while True:
                    await stream.send(b"x" * 65_536, timeout=5)
        await until(server, 0)
        assert len(limits) == 1


async def test_peer_that_sends_faster_than_it_is_read_is_made_to_wait() -> None:
    go_on = asyncio.Event()
    held: list[int] = []

    async def reader(stream: asyncnet.tcp.Stream) -> None:
        await go_on.wait()
        held.append(stream.bytes_received)
        total = sum([len(chunk) async for chunk in stream])
        await stream.send(b"%d" % total)

    async with testing.no_leaks(), asyncnet.tcp.Server(reader) as server:
        async with asyncnet.tcp.Client("127.0.0.1", server.port) as stream:
            data = bytes(20_000_000)
            sending = asyncio.create_task(stream.send(data, timeout=None))
            for _ in range(200):
                await asyncio.sleep(0)
            assert not sending.done()
            go_on.set()
            await sending
            await stream.send_eof()
            assert await stream.receive(timeout=10) == b"20000000"
        # Read ahead, and what one receive brings beyond it; never the whole.
        assert held[0] <= 2 * 262_144


async def test_half_open_peers_do_not_keep_the_server() -> None:
    """They send their end and go on listening for ever; the handler's end is theirs."""

    async def answer(stream: asyncnet.tcp.Stream) -> None:
        while await stream.receive():
            pass
        await stream.send(b"done")

    async with testing.no_leaks(), asyncnet.tcp.Server(answer) as server:
        peers = [connect(server.port) for _ in range(20)]
        await until(server, 20)
        for peer in peers:
            peer.shutdown(socket.SHUT_WR)
        await until(server, 0)
        for peer in peers:
            assert peer.recv(10) == b"done"
            peer.close()


async def test_many_connections_are_held_echoed_on_and_drained() -> None:
    count = 500
    async with testing.no_leaks(), asyncnet.tcp.Server(echo, backlog=count) as server:
        clients = [asyncnet.tcp.Client("127.0.0.1", server.port) for _ in range(count)]
        await asyncio.gather(*(client.open() for client in clients))
        await until(server, count)
        for round_number in range(3):
            messages = [b"%d:%d" % (round_number, number) for number in range(count)]
            await asyncio.gather(*(client.send(data) for client, data in zip(clients, messages, strict=True)))
            answers = await asyncio.gather(
                *(client.receive_exactly(len(data)) for client, data in zip(clients, messages, strict=True))
            )
            assert answers == messages
        closing = asyncio.create_task(server.close(grace=10))
        await asyncio.gather(*(client.close() for client in clients))
        await closing
        assert server.stats.active == 0
        assert server.stats.accepted == count


@pytest.mark.parametrize("faults", [{"fragment": 100, "jitter": 0.001}, {"bandwidth": 4_000_000, "latency": 0.005}])
async def test_hash_in_is_hash_out_through_a_faulty_link(faults: dict[str, float]) -> None:
    data = random.Random(5).randbytes(300_000)
    async with asyncnet.tcp.Server(echo) as server:
        with testing.FaultyLink("127.0.0.1", server.port, seed=5, **faults) as link:  # type: ignore[arg-type]  # keywords
            answer = await asyncnet.tcp.exchange(link.host, link.port, data)
    assert hashlib.sha256(answer).digest() == hashlib.sha256(data).digest()


async def test_reset_at_every_place_is_a_typed_error_or_the_whole() -> None:
    data = random.Random(6).randbytes(100_000)
    async with asyncnet.tcp.Server(echo) as server:
        for at in (1, 50_000, 99_999, 150_000, 199_999):
            with testing.FaultyLink("127.0.0.1", server.port, reset_at=at) as link:
                with pytest.raises((asyncnet.ConnectionLost, asyncnet.ConnectError)):
                    if await asyncnet.tcp.exchange(link.host, link.port, data) == data:
                        raise asyncnet.ConnectionLost("complete: the reset came behind the last byte")

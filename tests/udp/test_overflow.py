"""The queue is bounded in datagrams and in bytes, and each datagram is accounted for."""

from __future__ import annotations

import asyncio
import socket
import sys

import pytest

from asyncnet import udp
from tests.udp.peers import plain_socket, port_of, turns_until

pytestmark = pytest.mark.asyncio


def send(sock: socket.socket, port: int, numbers: range, size: int = 4) -> None:
    for number in numbers:
        sock.sendto(number.to_bytes(4, "big").ljust(size, b"."), ("127.0.0.1", port))


def numbers(datagrams: list[udp.Datagram]) -> list[int]:
    return [int.from_bytes(datagram.data[:4], "big") for datagram in datagrams]


@pytest.mark.parametrize(("policy", "kept"), [("drop-oldest", range(20, 30)), ("drop-newest", range(10))])
async def test_a_full_queue(policy, kept):
    async with udp.Server(queue=10, on_overflow=policy) as server:
        with plain_socket() as peer:
            send(peer, server.port, range(30))
            await turns_until(lambda: server.stats.received == 30)
            stats = server.stats
            assert (stats.dropped, stats.waiting, stats.received_bytes) == (20, 10, 120)
            assert numbers(await server.receive_many()) == list(kept)
            send(peer, server.port, range(50, 52))
            assert (await server.receive()).data == (50).to_bytes(4, "big")


@pytest.mark.parametrize(("policy", "kept"), [("drop-oldest", range(6, 10)), ("drop-newest", range(4))])
async def test_a_queue_full_of_bytes(policy, kept):
    async with udp.Server(queue_bytes=4_500, on_overflow=policy) as server:
        with plain_socket() as peer:
            send(peer, server.port, range(10), size=1_000)
            await turns_until(lambda: server.stats.received == 10)
            assert (server.stats.dropped, server.stats.waiting) == (6, 4)
            assert numbers(await server.receive_many()) == list(kept)


async def test_what_was_taken_makes_room_for_bytes():
    async with udp.Server(queue_bytes=4_500) as server:
        with plain_socket() as peer:
            for turn in range(5):
                send(peer, server.port, range(turn * 4, turn * 4 + 4), size=1_000)
                await turns_until(lambda turn=turn: server.stats.received == turn * 4 + 4)
                assert (await server.receive()).data[:4] == (turn * 4).to_bytes(4, "big")
                assert len(await server.receive_many(2)) == 2
                assert len(await server.receive_many()) == 1
            assert server.stats.dropped == 0


async def test_a_datagram_larger_than_the_queue():
    async with udp.Server(queue_bytes=100) as server:
        with plain_socket() as peer:
            send(peer, server.port, range(1), size=101)
            send(peer, server.port, range(1, 2), size=100)
            assert numbers(await server.receive_many()) == [1]
            assert server.stats.dropped == 1


async def test_pause_leaves_the_rest_to_the_kernel():
    async with udp.Server(queue=10, on_overflow="pause") as server:
        with plain_socket() as peer:
            send(peer, server.port, range(40))
            await turns_until(lambda: server.stats.waiting == 10)
            for _ in range(20):
                await asyncio.sleep(0)
            assert server.stats.received == 10
            got: list[int] = []
            while len(got) < 40:
                got += numbers([await server.receive()])
                assert server.stats.waiting <= 10
            assert got == list(range(40)), "nothing was lost, nothing out of order"
            assert server.stats.dropped == 0


async def test_pause_counts_bytes_too():
    async with udp.Server(queue_bytes=3_000, on_overflow="pause") as server:
        with plain_socket() as peer:
            send(peer, server.port, range(20), size=1_000)
            got: list[int] = []
            while len(got) < 20:
                got += numbers(await server.receive_many())
                assert server.stats.waiting <= 3
            assert got == list(range(20))


async def test_pause_and_close():
    server = await udp.Server(queue=2, on_overflow="pause").open()
    with plain_socket() as peer:
        send(peer, server.port, range(5))
        await turns_until(lambda: server.stats.waiting == 2)
        await server.close()
    assert (server.stats.received, server.stats.dropped) == (2, 2)


async def test_pause_with_a_handler():
    seen: list[int] = []

    async def note(datagram: udp.Datagram) -> None:
        await asyncio.sleep(0)
        seen.append(numbers([datagram])[0])

    async with udp.Server(note, queue=3, concurrency=2, on_overflow="pause") as server:
        with plain_socket() as peer:
            send(peer, server.port, range(50))
            await turns_until(lambda: len(seen) == 50)
    assert seen == list(range(50))


async def test_a_client_drops_too():
    with plain_socket() as peer:
        async with udp.Client("127.0.0.1", port_of(peer), queue=5) as client:
            for number in range(8):
                peer.sendto(b"%d" % number, client.local)
            await turns_until(lambda: client.stats.received == 8)
            assert client.stats.dropped == 3
            assert [data async for data in until(client, 5)] == [b"3", b"4", b"5", b"6", b"7"]


async def until(client: udp.Client, count: int):
    async for data in client:
        yield data
        count -= 1
        if not count:
            return


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts what its buffer had no room for")
async def test_what_the_kernel_drops_is_counted():
    server = await udp.Server(receive_buffer=1).open()  # the kernel gives its least
    with plain_socket() as peer:
        send(peer, server.port, range(100), size=1_000)
        got = numbers(await server.receive_many())
        stats = server.stats
        assert stats.dropped_by_kernel > 0
        assert len(got) + stats.dropped_by_kernel == 100
        assert got == list(range(len(got)))
    await server.close()
    assert server.stats.dropped_by_kernel == stats.dropped_by_kernel


async def test_a_flood_leaves_others_their_turn():
    async with udp.Server(queue=100_000) as server:
        with plain_socket() as peer:
            send(peer, server.port, range(1_000))
            await server.receive()
            assert server.stats.received < 1_000, "one turn does not take everything"


async def test_merged_datagrams_count_one_by_one():
    payloads = [b"x" * 100] * 500
    async with udp.Server(queue=50, queue_bytes=1 << 20) as server, udp.Client("127.0.0.1", server.port) as client:
        await client.send_many(payloads)
        await turns_until(lambda: server.stats.received == 500)
        stats = server.stats
        assert (stats.dropped, stats.waiting, stats.received_bytes) == (450, 50, 50_000)

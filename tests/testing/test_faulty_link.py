"""The faulty link, between plain sockets."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from asyncnet import testing


@pytest.fixture
def echo() -> Iterator[testing.TCPServer]:
    with testing.TCPServer() as server:
        yield server


def connect(link: testing.FaultyLink) -> socket.socket:
    return socket.create_connection(link.address, timeout=5.0)


def read(client: socket.socket, count: int) -> bytes:
    received = b""
    while len(received) < count and (chunk := client.recv(count - len(received))):
        received += chunk
    return received


def exchange(client: socket.socket, data: bytes) -> bytes:
    client.sendall(data)
    return read(client, len(data))


def test_a_good_link_passes_everything_both_ways(echo: testing.TCPServer) -> None:
    data = bytes(range(256)) * 100
    with testing.FaultyLink(*echo.address) as link:
        with connect(link) as client:
            assert exchange(client, data) == data
            client.shutdown(socket.SHUT_WR)
            assert client.recv(1) == b""
        link.block_until(lambda: link.connections == (0, 1))
        assert link.bytes_up == link.bytes_down == len(data)
        echo.block_until(lambda: echo.connections.open == 0)


@pytest.mark.parametrize("faults", [{"latency": 0.02}, {"latency": 0.02, "jitter": 0.005}, {"bandwidth": 50_000}])
def test_time_is_taken_and_order_kept(echo: testing.TCPServer, faults: dict[str, Any]) -> None:
    data = bytes(i % 251 for i in range(2000))
    with testing.FaultyLink(*echo.address, **faults) as link, connect(link) as client:
        start = time.monotonic()
        assert exchange(client, data) == data
        assert time.monotonic() - start >= 0.04  # both ways


def test_pieces(echo: testing.TCPServer) -> None:
    with testing.FaultyLink(*echo.address, fragment=7) as link, connect(link) as client:
        assert exchange(client, bytes(range(100))) == bytes(range(100))
        sizes = []

        async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while data := await reader.read(1000):
                sizes.append(len(data))
                writer.write(b".")

        echo.script = note
    with testing.FaultyLink(*echo.address, fragment=7, gap=0.05) as link, connect(link) as client:
        client.sendall(bytes(10))
        assert read(client, 2) == b".."
        assert sizes == [7, 3]


def test_reset_at_a_byte(echo: testing.TCPServer) -> None:
    with testing.FaultyLink(*echo.address, reset_at=5) as link, connect(link) as client:
        client.sendall(b"0123456789")
        assert read(client, 5) == b"01234"
        with pytest.raises(ConnectionResetError):
            client.recv(1)
        echo.block_until(lambda: echo.connections.open == 0)
        assert link.bytes_down == 5


def test_truncate_at_a_byte_keeps_the_other_way(echo: testing.TCPServer) -> None:
    with testing.FaultyLink(*echo.address, truncate_at=5) as link, connect(link) as client:
        client.sendall(b"0123456789")
        assert b"".join(iter(lambda: client.recv(100), b"")) == b"01234"
        client.sendall(b"more")
        echo.block_until(lambda: echo.received == [b"0123456789more"])


def test_stall_at_a_byte_until_healed(echo: testing.TCPServer) -> None:
    with testing.FaultyLink(*echo.address, stall_at=5) as link, connect(link) as client:
        client.sendall(b"0123456789")
        assert read(client, 5) == b"01234"
        client.settimeout(0.02)
        with pytest.raises(TimeoutError):
            client.recv(1)
        client.settimeout(5.0)
        link.heal()
        assert read(client, 5) == b"56789"
        assert exchange(client, b"again") == b"again"


def test_faults_on_the_way_up(echo: testing.TCPServer) -> None:
    with testing.FaultyLink(*echo.address, reset_at=5, way="up") as link, connect(link) as client:
        client.sendall(b"0123456789")
        with pytest.raises(ConnectionResetError):
            while client.recv(100):
                pass
        echo.block_until(lambda: echo.received == [b"01234"])


def test_stall_and_heal_while_it_runs(echo: testing.TCPServer) -> None:
    with testing.FaultyLink(*echo.address) as link, connect(link) as client:
        assert exchange(client, b"one") == b"one"
        link.stall()
        client.sendall(b"two")
        client.settimeout(0.02)
        with pytest.raises(TimeoutError):
            client.recv(1)
        link.heal()
        client.settimeout(5.0)
        assert read(client, 3) == b"two"


def test_a_reset_by_the_client_reaches_the_target(echo: testing.TCPServer) -> None:
    with testing.FaultyLink(*echo.address) as link:
        client = connect(link)
        assert exchange(client, b"x") == b"x"
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()
        echo.block_until(lambda: echo.connections.open == 0)


def test_nobody_behind_the_link(echo: testing.TCPServer) -> None:
    address = echo.address
    echo.stop()
    with testing.FaultyLink(*address) as link:
        # It may even be reset before connect() has returned.
        with pytest.raises(ConnectionResetError), connect(link) as client:
            client.recv(1)


def test_a_link_closes_in_time_with_all_it_holds(echo: testing.TCPServer) -> None:
    link = testing.FaultyLink(*echo.address, latency=3600.0)
    link.stall()  # before it starts, too
    with link, connect(link) as client:
        client.sendall(b"under way")
        link.block_until(lambda: link.connections.open == 1)
        start = time.monotonic()
        link.stop()
        assert time.monotonic() - start < 10.0
    link.stall()  # afterwards it does nothing
    link.heal()


# ---- datagrams


@pytest.fixture
def udp() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.settimeout(5.0)
        yield made


def test_datagrams_go_both_ways(udp: socket.socket) -> None:
    with testing.UDPServer() as server, testing.FaultyLink(*server.address, latency=0.01) as link:
        udp.connect(link.address)
        start = time.monotonic()
        udp.send(b"hello")
        assert udp.recv(100) == b"hello"
        assert time.monotonic() - start >= 0.02
        assert (link.bytes_up, link.bytes_down, link.datagrams_lost) == (5, 5, 0)


def lost_of(seed: int, udp: socket.socket) -> list[bytes]:
    with testing.UDPServer(lambda data, peer: None) as server:
        with testing.FaultyLink(*server.address, loss=0.5, seed=seed) as link:
            for number in range(50):
                udp.sendto(b"%d" % number, link.address)
                # One at a time: what arrives is to depend on the seed alone.
                link.block_until(lambda: link.datagrams_lost + link.datagrams_up > number)  # noqa: B023  # called at once
            server.block_until(lambda: len(server.datagrams) == 50 - link.datagrams_lost)
            return [data for data, _ in server.datagrams]


def test_loss_comes_from_the_seed(udp: socket.socket) -> None:
    first = lost_of(1, udp)
    assert 10 < len(first) < 40
    assert lost_of(1, udp) == first
    assert lost_of(2, udp) != first


def test_a_stalled_link_loses_datagrams(udp: socket.socket) -> None:
    with testing.UDPServer() as server, testing.FaultyLink(*server.address) as link:
        link.stall()
        udp.sendto(b"lost", link.address)
        link.block_until(lambda: link.datagrams_lost == 1)
        link.heal()
        udp.sendto(b"found", link.address)
        assert udp.recv(100) == b"found"


def test_nobody_behind_the_link_loses_datagrams(udp: socket.socket) -> None:
    with testing.UDPServer() as server:
        address = server.address
    with testing.FaultyLink(*address) as link:
        for _ in range(3):
            udp.sendto(b"x", link.address)
        link.block_until(lambda: link.datagrams_up >= 1)


def test_many_clients_are_forgotten_in_turn() -> None:
    with testing.UDPServer() as server, testing.FaultyLink(*server.address, max_peers=2) as link:
        for number in range(4):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.settimeout(5.0)
                client.sendto(b"%d" % number, link.address)
                assert client.recv(10) == b"%d" % number
        assert len({peer for _, peer in server.datagrams}) == 4

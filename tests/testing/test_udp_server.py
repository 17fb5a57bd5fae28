"""The scripted UDP server."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest

from asyncnet import testing


@pytest.fixture
def client() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.settimeout(5.0)
        yield made


def test_it_echoes_and_records_empty_datagrams_too(client: socket.socket) -> None:
    with testing.UDPServer() as server:
        client.connect(server.address)
        for data in (b"one", b""):
            client.send(data)
            assert client.recv(100) == data
        assert server.datagrams == [(b"one", client.getsockname()), (b"", client.getsockname())]
        server.send(b"unasked", client.getsockname())
        assert client.recv(100) == b"unasked"


def test_it_answers_by_a_function(client: socket.socket) -> None:
    def reply(data: bytes, peer: tuple[str, int]) -> list[bytes] | None:
        return [b"1", b"2"] if data == b"many" else None

    with testing.UDPServer(reply) as server:
        client.connect(server.address)
        client.send(b"none")
        client.send(b"many")
        assert [client.recv(10), client.recv(10)] == [b"1", b"2"]


def test_it_answers_by_a_coroutine(client: socket.socket) -> None:
    async def reply(data: bytes, peer: tuple[str, int]) -> bytes:
        await asyncio.sleep(0)
        return data.upper()

    with testing.UDPServer(reply) as server:
        client.sendto(b"hello", server.address)
        assert client.recv(10) == b"HELLO"


def test_a_failing_function_fails_the_test(client: socket.socket) -> None:
    def reply(data: bytes, peer: tuple[str, int]) -> bytes:
        raise LookupError("oops")

    with pytest.raises(AssertionError, match="LookupError: oops"):
        with testing.UDPServer(reply) as server:
            client.sendto(b"x", server.address)
            server.block_until(lambda: bool(server.errors))


def test_a_reply_too_long_to_send_is_lost(client: socket.socket) -> None:
    with testing.UDPServer(lambda data, peer: [bytes(70_000), b"short"]) as server:
        client.sendto(b"x", server.address)
        assert client.recv(100) == b"short"

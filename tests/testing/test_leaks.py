"""The leak check finds what is left, and nothing else."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Iterator

import pytest

from asyncnet import testing


@pytest.fixture
def server() -> Iterator[testing.TCPServer]:
    with testing.TCPServer() as made:
        yield made


@pytest.mark.asyncio
async def test_a_clean_block_passes(server: testing.TCPServer) -> None:
    async with testing.no_leaks():
        reader, writer = await asyncio.open_connection(*server.address)
        writer.write(b"x")
        assert await reader.read(1) == b"x"
        task = asyncio.create_task(asyncio.sleep(3600))
        task.cancel()
        writer.close()


@pytest.mark.asyncio
async def test_a_task_is_named() -> None:
    with pytest.raises(AssertionError, match="left behind: task <Task pending name='lingerer'"):
        async with testing.no_leaks(grace=0.0):
            task = asyncio.create_task(asyncio.sleep(3600), name="lingerer")
    task.cancel()


@pytest.mark.asyncio
async def test_a_timer_is_named() -> None:
    loop = asyncio.get_running_loop()
    if not hasattr(loop, "_scheduled"):
        async with testing.no_leaks(grace=0.0):  # uvloop does not show its timers: nothing is found, nothing fails
            loop.call_later(3600, print)
        return
    with pytest.raises(AssertionError, match="left behind: timer <TimerHandle"):
        async with testing.no_leaks(grace=0.0):
            handle = loop.call_later(3600, print)
    handle.cancel()
    async with testing.no_leaks(grace=0.0):
        loop.call_later(3600, print).cancel()


@pytest.mark.asyncio
async def test_a_socket_is_named_by_its_addresses(server: testing.TCPServer) -> None:
    with pytest.raises(AssertionError, match=rf"TCP socket \d+ .*127.0.0.1.* -> \('127.0.0.1', {server.port}\)"):
        async with testing.no_leaks(grace=0.0):
            client = socket.create_connection(server.address)
    client.close()


def test_sockets_descriptors_and_threads_in_a_plain_block() -> None:
    gate = threading.Event()
    with pytest.raises(AssertionError) as caught:
        with testing.no_leaks(grace=0.01):
            thread = threading.Thread(target=gate.wait, name="lingerer")
            thread.start()
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            left, right = socket.socketpair()
            read, write = os.pipe()
    gate.set()
    thread.join()
    for made in (sock, left, right):
        made.close()
    for number in (read, write):
        os.close(number)
    text = str(caught.value)
    assert "thread 'lingerer'" in text
    assert "UDP socket" in text
    assert f"descriptor {read} (pipe:" in text
    assert text.count(";") == 5


def test_what_ends_in_time_is_no_leak() -> None:
    gate = threading.Event()
    thread = threading.Thread(target=gate.wait)
    with testing.no_leaks():
        thread.start()
        timer = threading.Timer(0.01, gate.set)
        timer.start()


def test_the_sockets_of_servers_are_not_blamed(server: testing.TCPServer) -> None:
    with socket.create_connection(server.address) as client:
        client.sendall(b"x")
        assert client.recv(1) == b"x"
        with testing.no_leaks(grace=0.0):
            other = socket.create_connection(server.address)
            server.block_until(lambda: server.connections.open == 2)
            other.close()


@pytest.mark.asyncio
async def test_an_error_of_the_block_goes_first() -> None:
    with pytest.raises(ValueError, match="mine"):
        async with testing.no_leaks(grace=0.0):
            task = asyncio.create_task(asyncio.sleep(3600))
            raise ValueError("mine")
    task.cancel()
    with pytest.raises(ValueError, match="mine"):
        with testing.no_leaks(grace=0.0):
            raise ValueError("mine")

"""Non-blocking sockets on a loop, each step safe to cancel."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Iterator

import pytest

from asyncnet.core.address import Endpoint
from asyncnet.core.sockets import (
    connect_socket,
    receive_exactly,
    receive_head,
    send_all,
    sockaddr,
    wait_readable,
    wait_writable,
)

pytestmark = pytest.mark.asyncio


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        yield ours, theirs


async def turns(count: int = 3) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_an_endpoint_is_what_the_socket_calls_take():
    assert sockaddr(Endpoint("127.0.0.1", 80)) == ("127.0.0.1", 80)
    assert sockaddr(Endpoint("::1", 80)) == ("::1", 80)
    assert sockaddr(Endpoint("fe80::1%lo", 80)) == ("fe80::1", 80, 0, socket.if_nametoindex("lo"))
    assert sockaddr(Endpoint("fe80::1%7", 80)) == ("fe80::1", 80, 0, 7)
    with pytest.raises(OSError, match="No such device: nowhere") as caught:
        sockaddr(Endpoint("fe80::1%nowhere", 80))
    assert caught.value.errno == errno.ENODEV


async def test_waiting_ends_when_there_is_something(pair):
    ours, theirs = pair
    await wait_writable(ours)
    waiting = asyncio.create_task(wait_readable(ours))
    await turns()
    assert not waiting.done()
    theirs.send(b"x")
    await waiting


@pytest.mark.parametrize("wait", [wait_readable, wait_writable])
async def test_a_wait_that_is_cancelled_gives_its_descriptor_back_at_once(pair, wait):
    ours, theirs = pair
    theirs.setblocking(False)
    with pytest.raises(BlockingIOError):
        while True:  # fill the pipe, or writing would not have to wait
            ours.send(bytes(65536))
    waiting = asyncio.create_task(wait(ours))
    await turns()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    loop = asyncio.get_running_loop()
    assert not loop.remove_reader(ours)
    assert not loop.remove_writer(ours)


async def test_connecting_to_a_listener_and_to_nobody():
    with socket.socket() as listener, socket.socket() as sock, socket.socket() as other:
        listener.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        with pytest.raises(ConnectionRefusedError):
            await connect_socket(sock, listener.getsockname())
        listener.listen()
        other.setblocking(False)
        await connect_socket(other, listener.getsockname())
        assert other.getpeername() == listener.getsockname()


async def test_a_unix_socket_waits_for_a_place_in_the_queue(tmp_path):
    path = str(tmp_path / "socket")
    with (
        socket.socket(socket.AF_UNIX) as listener,
        socket.socket(socket.AF_UNIX) as first,
        socket.socket(socket.AF_UNIX) as second,
    ):
        listener.bind(path)
        listener.listen(0)
        first.connect(path)
        second.setblocking(False)
        connecting = asyncio.create_task(connect_socket(second, path))
        await turns(10)
        assert not connecting.done()
        listener.accept()[0].close()
        await connecting
        assert second.getpeername() == path


async def test_all_is_sent_also_to_a_slow_peer(pair):
    ours, theirs = pair
    data = bytes(range(256)) * 8192
    sending = asyncio.create_task(send_all(ours, data))
    await turns()
    assert not sending.done()
    received = bytearray()
    theirs.setblocking(False)
    while len(received) < len(data):
        await wait_readable(theirs)
        received += theirs.recv(100_000)
    await sending
    assert received == data


async def test_exactly_so_many_bytes_are_received(pair):
    ours, theirs = pair
    receiving = asyncio.create_task(receive_exactly(ours, 5))
    for piece in (b"ab", b"c", b"defg"):
        theirs.send(piece)
        await turns()
    assert await receiving == b"abcde"
    assert await receive_exactly(ours, 0) == b""
    assert ours.recv(10) == b"fg"


async def test_an_end_in_the_middle_is_an_error(pair):
    ours, theirs = pair
    theirs.send(b"ab")
    theirs.close()
    with pytest.raises(EOFError, match="closed after 2 of 5 bytes"):
        await receive_exactly(ours, 5)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
async def test_a_head_is_received_to_its_end_and_not_one_byte_more(pair, size):
    ours, theirs = pair
    head = b"HTTP/1.1 200 OK\r\nX: y\r\n\r\n"
    receiving = asyncio.create_task(receive_head(ours, 1000))
    message = head + b"220 the server speaks first\r\n\r\n"
    for start in range(0, len(message), size):
        theirs.send(message[start : start + size])
        await turns()
    assert await receiving == head
    assert ours.recv(1000) == message[len(head) :]


async def test_a_head_that_is_cut_or_endless_is_an_error(pair):
    ours, theirs = pair
    theirs.send(b"x" * 1000)
    with pytest.raises(ValueError, match="more than 600 bytes without an empty line"):
        await receive_head(ours, 600)
    theirs.close()
    with pytest.raises(EOFError, match="closed after 400 bytes"):
        await receive_head(ours, 10_000)

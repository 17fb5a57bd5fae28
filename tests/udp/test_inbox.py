"""What comes in: without the kernel's merging, before the connection, in a flood."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import threading
from collections.abc import Iterator

import pytest

from asyncnet import udp
from asyncnet.core.address import Endpoint
from asyncnet.udp.inbox import UDP_GRO, OpenInbox, PeerInbox
from asyncnet.udp.sockets import _from_before, connect_socket, socket_address
from tests.udp.peers import plain_socket, port_of, turns_until

pytestmark = pytest.mark.asyncio


class OldKernel(socket.socket):
    """A socket of a system that merges nothing: Linux before 5.0, macOS, Windows."""

    def setsockopt(self, level, option, *value) -> None:
        if (level, option) == (socket.IPPROTO_UDP, UDP_GRO):
            raise OSError(errno.ENOPROTOOPT, "Protocol not available")
        super().setsockopt(level, option, *value)


@contextlib.contextmanager
def old_socket() -> Iterator[socket.socket]:
    with OldKernel(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        yield sock


@contextlib.contextmanager
def watching(inbox, sock: socket.socket) -> Iterator[None]:
    inbox.watch(sock)
    try:
        yield
    finally:
        inbox.end()


async def test_from_anybody_without_merging():
    with old_socket() as sock, plain_socket() as peer:
        inbox = OpenInbox(asyncio.get_running_loop(), 10, 1 << 20, "drop-oldest")
        with watching(inbox, sock):
            for data in (b"one", b"", b"three"):
                peer.sendto(data, sock.getsockname())
            await inbox.wait(None)
            assert inbox.take_many(10) == [(data, ("127.0.0.1", port_of(peer))) for data in (b"one", b"", b"three")]


async def test_from_one_peer_without_merging():
    with old_socket() as sock, plain_socket() as peer:
        sock.connect(peer.getsockname())
        inbox = PeerInbox(asyncio.get_running_loop(), 10, 1 << 20, "drop-oldest")
        with watching(inbox, sock):
            for data in (b"one", b"", b"three"):
                peer.sendto(data, sock.getsockname())
            await inbox.wait(None)
            assert inbox.take_many(10) == [b"one", b"", b"three"]
            # Segments come apart: the kernel knows that this socket takes none merged.
            peer.connect(sock.getsockname())
            peer.sendmsg([b"x" * 30], [(socket.IPPROTO_UDP, 103, (10).to_bytes(2, "little"))])
            await inbox.wait(None)
            assert inbox.take_many(10) == [b"x" * 10] * 3


async def test_a_turn_is_bounded_in_bytes():
    with plain_socket() as peer:
        async with udp.Client("127.0.0.1", port_of(peer), queue_bytes=1 << 30) as client:
            for _ in range(40):
                peer.sendto(bytes(60_000), client.local)
            await client.receive()
            waiting = client.stats.waiting
            taken = waiting + 1
            while taken < 40 - (client.stats.dropped_by_kernel or 0):
                taken += len(await client.receive_many())
            assert client.stats.received == taken


async def test_what_came_before_the_connection():
    with plain_socket() as peer, plain_socket() as stranger, plain_socket() as sock:
        sock.setblocking(False)
        stranger.sendto(b"spoofed", sock.getsockname())
        peer.sendto(b"early", sock.getsockname())
        stranger.sendto(b"spoofed", sock.getsockname())
        sock.connect(peer.getsockname())
        assert _from_before(sock, Endpoint(*peer.getsockname())) == [b"early"]
        inbox = PeerInbox(asyncio.get_running_loop(), 2, 1 << 20, "drop-newest")
        inbox.preload([b"early", b"birds", b"late"])
        assert (inbox.received, inbox.dropped, list(inbox.queue)) == (3, 1, [b"early", b"birds"])


async def test_a_socket_that_cannot_be_made_is_closed():
    with pytest.raises(OSError, match="other family"):
        connect_socket(Endpoint("127.0.0.1", 9), ("::1", 0))

    def refuse(sock: socket.socket) -> None:
        raise OSError(errno.ENODEV, "no such device")

    with pytest.raises(OSError, match="no such device"):
        connect_socket(Endpoint("127.0.0.1", 9), None, refuse)


async def test_zones():
    assert Endpoint.from_sockaddr(("fe80::1", 9, 0, 4)) == ("fe80::1%4", 9)
    assert Endpoint.from_sockaddr(("fe80::1%eth0", 9, 0, 4)) == ("fe80::1%eth0", 9)
    assert Endpoint.from_sockaddr(("::1", 9, 0, 0)) == ("::1", 9)
    assert socket_address("fe80::1%4", 9) == ("fe80::1", 9, 0, 4)
    assert socket_address("127.0.0.1", 9) == ("127.0.0.1", 9)
    name = socket.if_nameindex()[0]
    assert socket_address(f"fe80::1%{name[1]}", 9) == ("fe80::1", 9, 0, name[0])


async def test_honest_peers_are_served_in_a_flood():
    served = 0

    async def echo(datagram: udp.Datagram) -> bytes | None:
        nonlocal served
        served += 1
        return None if datagram.data.startswith(b"junk") else datagram.data

    done = threading.Event()

    def flood(port: int) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect(("127.0.0.1", port))
            while not done.wait(0.001):
                for _ in range(400):
                    sock.send(b"junk" * 50)

    async with udp.Server(echo, queue=200, queue_bytes=100_000) as server:
        thread = threading.Thread(target=flood, args=(server.port,))
        thread.start()
        try:
            await turns_until(lambda: served > 1_000)
            for number in range(5):
                question = b"honest %d" % number
                assert await udp.exchange("127.0.0.1", server.port, question, timeout=20, retries=99) == question
                assert server.stats.waiting <= 200
        finally:
            done.set()
            thread.join()
        await turns_until(lambda: not server.stats.waiting and not server.stats.active)
        assert server.stats.received == served + server.stats.dropped

"""Room to send: a full socket makes the sender wait, in turn, within its time.

Loopback takes every UDP datagram at once, so the waiting is tried on a pair of
Unix datagram sockets, which fill up as a socket in front of a slow device does.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import sys
from collections.abc import Iterator

import pytest

import asyncnet
from asyncnet import udp
from asyncnet.udp.outbox import Outbox
from tests.udp.peers import plain_socket, port_of

pytestmark = pytest.mark.asyncio


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with ours, theirs:
        ours.setblocking(False)
        theirs.setblocking(False)
        yield ours, theirs


def fill(outbox: Outbox) -> int:
    count = 0
    while outbox.try_send(b"%d" % count):
        count += 1
        assert count < 100_000
    return count


def empty(sock: socket.socket) -> list[bytes]:
    found = []
    try:
        while True:
            found.append(sock.recv(65_535))
    except BlockingIOError:
        return found


async def test_a_full_socket_makes_the_sender_wait(pair):
    ours, theirs = pair
    outbox = Outbox(asyncio.get_running_loop(), ours)
    count = fill(outbox)
    assert outbox.sent == count
    sending = asyncio.ensure_future(outbox.send(b"waited"))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not sending.done()
    assert outbox.waiters
    got = empty(theirs)
    await sending
    assert [*got, *empty(theirs)] == [*(b"%d" % n for n in range(count)), b"waited"]
    assert not outbox.waiters
    assert outbox.sent == count + 1


async def test_several_wait_and_all_get_through(pair):
    ours, theirs = pair
    outbox = Outbox(asyncio.get_running_loop(), ours)
    count = fill(outbox)
    sending = [asyncio.ensure_future(outbox.send(b"late %d" % n)) for n in range(3 * count)]
    many = asyncio.ensure_future(outbox.send_many([b"many %d" % n for n in range(count)]))
    got: list[bytes] = []
    while not (many.done() and all(task.done() for task in sending)):
        await asyncio.sleep(0)
        got += empty(theirs)
    got += empty(theirs)
    assert len(got) == outbox.sent == 5 * count
    assert [data for data in got if data.startswith(b"many")] == [b"many %d" % n for n in range(count)]


async def test_a_cancelled_wait_sends_nothing(pair):
    ours, theirs = pair
    outbox = Outbox(asyncio.get_running_loop(), ours)
    count = fill(outbox)
    first, second = (asyncio.ensure_future(outbox.send(data)) for data in (b"first", b"second"))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    got = empty(theirs)
    await second
    assert [*got, *empty(theirs)][count:] == [b"second"]


async def test_closing_wakes_who_waits(pair):
    ours, _ = pair
    outbox = Outbox(asyncio.get_running_loop(), ours)
    fill(outbox)
    sending = asyncio.ensure_future(outbox.send(b"x"))
    await asyncio.sleep(0)
    outbox.close()
    ours.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        await sending


async def test_a_client_that_waits_is_bounded_and_explained(pair):
    """The same through the client: its socket is exchanged for the full one."""
    ours, theirs = pair
    with plain_socket() as peer:
        async with udp.Client("127.0.0.1", port_of(peer)) as client:
            client._outbox = client._outboxes[socket.AF_INET] = Outbox(asyncio.get_running_loop(), ours)
            fill(client._outbox)
            with pytest.raises(asyncnet.OperationTimeout, match=r"took no more within 0\.02 s") as caught:
                await client.send(b"x", timeout=0.02)
            assert (caught.value.operation, caught.value.phase) == ("send", "send")
            sending = asyncio.ensure_future(client.send(b"waited"))
            await asyncio.sleep(0)
            also = asyncio.ensure_future(client.send(b"behind it"))
            await asyncio.sleep(0)
            empty(theirs)
            await asyncio.gather(sending, also)
            assert sorted(empty(theirs)) == [b"behind it", b"waited"]
            fill(client._outbox)
            waiting = asyncio.ensure_future(client.send(b"x"))
            await asyncio.sleep(0)
            theirs.close()
            with pytest.raises(asyncnet.ConnectError, match="cannot be reached"):
                await waiting


async def test_close_while_sending(pair):
    ours, _ = pair
    with plain_socket() as peer:
        client = await udp.Client("127.0.0.1", port_of(peer)).open()
        client._outbox = client._outboxes[socket.AF_INET] = Outbox(asyncio.get_running_loop(), ours)
        client._sockets.append(ours)
        fill(client._outbox)
        waiting = asyncio.ensure_future(client.send(b"x"))
        await asyncio.sleep(0)
        await client.close()
        with pytest.raises(asyncnet.StateError, match="closed while it was being sent to"):
            await waiting


@pytest.mark.skipif(sys.platform != "linux", reason="UDP_SEGMENT is Linux's")
async def test_what_cannot_be_segmented_goes_one_by_one():
    payloads = [bytes([number]) * 1_000 for number in range(30)]
    with plain_socket() as peer:
        async with udp.Client("127.0.0.1", port_of(peer)) as client:
            assert client._outbox.max_segment == 65_507
            # Without a checksum of its own a datagram cannot be cut up below us: EINVAL.
            client._sockets[0].setsockopt(socket.SOL_SOCKET, 11, 1)  # SO_NO_CHECK
            assert await client.send_many(payloads) == 30
            assert [peer.recv(2_000) for _ in payloads] == payloads
            assert client._outbox.max_segment == 999, "smaller ones may still go"
            assert await client.send_many([b"small"] * 3) == 3
            assert client._outbox.max_segment == 4
            assert client.stats.sent == 33


@pytest.mark.skipif(sys.platform != "linux", reason="UDP_SEGMENT is Linux's")
@pytest.mark.parametrize(("number", "left"), [(errno.EIO, 0), (errno.EINVAL, 99), (errno.ENOPROTOOPT, 99)])
async def test_what_each_refusal_means(pair, number, left):
    outbox = Outbox(asyncio.get_running_loop(), pair[0])
    assert outbox.max_segment == 0, "a Unix socket knows no segments"
    outbox.max_segment = 65_507
    outbox._segments_refused(OSError(number, "refused"), 100)
    assert outbox.max_segment == left
    with pytest.raises(ConnectionRefusedError):
        outbox._segments_refused(OSError(errno.ECONNREFUSED, "nobody there"), 100)


async def test_a_full_device_is_tried_again_after_a_moment(pair):
    """ENOBUFS: the socket says that it is writable all the time."""
    ours, theirs = pair
    outbox = Outbox(asyncio.get_running_loop(), ours)
    assert outbox._is_full(OSError(errno.ENOBUFS, "no buffer space"))
    await outbox.send(b"x")
    assert empty(theirs) == [b"x"]
    assert not outbox._is_full(OSError(errno.ECONNREFUSED, "nobody there"))

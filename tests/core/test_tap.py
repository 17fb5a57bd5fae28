"""The file thread's own way to a connection, by itself."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from asyncnet.core.direct import Tap

BUFFER = 1000


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, peers = socket.socketpair()
    ours.setblocking(False)
    with ours, peers:
        yield ours, peers


def run(tap: Tap, most: int) -> tuple[bytes, tuple[int, OSError | None]]:
    written = bytearray()
    view = memoryview(bytearray(BUFFER))
    view[:5] = b"first"
    told = tap.run(written.extend, view, 5, most)
    return bytes(written), told


@pytest.mark.parametrize("size", [0, 1, BUFFER, BUFFER + 1, 3 * BUFFER + 7])
def test_it_goes_on_with_what_is_there(pair, size):
    ours, peers = pair
    peers.sendall(b"x" * size)
    tap = Tap(ours)
    assert run(tap, 1_000_000) == (b"first" + b"x" * size, (size, None))
    tap.close()
    assert ours.fileno() >= 0


def test_it_takes_no_more_than_it_may(pair):
    ours, peers = pair
    peers.sendall(b"x" * 2000)
    tap = Tap(ours)
    assert run(tap, 1500)[1] == (1500, None)
    assert run(tap, 0) == (b"first", (0, None))
    tap.close()
    assert len(ours.recv(5000)) == 500


def test_an_end_is_left_to_the_loop(pair):
    ours, peers = pair
    peers.sendall(b"last")
    peers.shutdown(socket.SHUT_WR)
    tap = Tap(ours)
    assert run(tap, 5000) == (b"firstlast", (4, None))
    tap.close()
    assert ours.recv(10) == b""


def test_a_connection_that_was_closed_meanwhile_leads_nowhere_else(pair):
    ours, peers = pair
    tap = Tap(ours)
    number = ours.fileno()
    ours.close()
    other, far = socket.socketpair()
    with other, far:
        assert number in (other.fileno(), far.fileno())
        far.sendall(b"somebody else's")
        other.sendall(b"somebody else's")
        peers.sendall(b"ours")
        assert run(tap, 5000)[0] == b"firstours"
    tap.close()


def test_closed_it_only_writes(pair):
    tap = Tap(pair[0])
    pair[1].sendall(b"x")
    tap.close()
    assert run(tap, 100) == (b"first", (0, None))


def test_without_a_descriptor_for_it_it_only_writes():
    sock = socket.socket()
    sock.close()  # cannot be duplicated, as when there are no descriptors left
    tap = Tap(sock)
    assert run(tap, 100) == (b"first", (0, None))
    tap.close()

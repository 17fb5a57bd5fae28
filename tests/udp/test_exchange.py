"""One question, one answer."""

from __future__ import annotations

import asyncio
import errno
import time

import pytest

import asyncnet
from asyncnet import testing, udp
from asyncnet.core.address import Endpoint
from tests.udp.peers import plain_socket, port_of, unused_port

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize("data", [b"", b"hello", b"x" * 65_507])
async def test_an_answer(data):
    with testing.UDPServer(lambda data, peer: data[::-1]) as server:
        assert await udp.exchange(*server.address, data) == data[::-1]
        assert [datagram.data for datagram in server.datagrams] == [data]


async def test_asked_again_when_nothing_comes():
    questions = []

    def third_time_lucky(data: bytes, peer: object) -> bytes | None:
        questions.append(data)
        return b"yes" if len(questions) == 3 else None

    with testing.UDPServer(third_time_lucky) as server:
        began = time.monotonic()
        assert await udp.exchange(*server.address, b"?", timeout=0.6, retries=2) == b"yes"
        assert time.monotonic() - began >= 0.38  # two thirds of the time were waited
        assert questions == [b"?"] * 3


async def test_a_late_answer_to_an_earlier_try_counts():
    async with udp.Server() as peer:
        asking = asyncio.ensure_future(udp.exchange("127.0.0.1", peer.port, b"?", timeout=0.4, retries=1))
        first, second = await peer.receive(), await peer.receive()
        assert first == second, "asked again from the same socket"
        await peer.send(b"late", first.peer)
        assert await asking == b"late"


async def test_silence():
    with plain_socket() as peer:
        port = port_of(peer)
        with pytest.raises(asyncnet.OperationTimeout, match=r"within 0\.1 s") as caught:
            await udp.exchange("127.0.0.1", port, b"?", timeout=0.1, retries=3)
    error = caught.value
    assert (error.operation, error.phase, error.maybe_done) == ("exchange", "transfer", True)
    assert [attempt.error for attempt in error.attempts] == ["no answer"] * 4
    assert {attempt.target for attempt in error.attempts} == {f"127.0.0.1:{port}"}
    assert sum(attempt.elapsed for attempt in error.attempts) == pytest.approx(error.elapsed, abs=0.05)


async def test_refused():
    port = unused_port()
    with pytest.raises(asyncnet.ConnectError, match=f"127.0.0.1:{port} cannot be reached: .* refused") as caught:
        await udp.exchange("127.0.0.1", port, b"?")
    assert caught.value.errno == errno.ECONNREFUSED
    assert len(caught.value.attempts) == 1


class Everywhere(asyncnet.Dialer):
    """A dialer for whom a name has several addresses."""

    def __init__(self, *endpoints: tuple[str, int]) -> None:
        super().__init__()
        self.found = tuple(Endpoint(*endpoint) for endpoint in endpoints)

    async def targets(self, operation, host, port):
        return self.found


async def test_the_next_address_when_one_refuses():
    with testing.UDPServer() as server:
        dialer = Everywhere(("::1", unused_port()), ("127.0.0.1", unused_port()), server.address)
        answer = await udp.exchange("many.example", 9, b"x", timeout=5, retries=0, dialer=dialer)
        assert answer == b"x"


async def test_the_next_address_when_one_is_silent():
    with plain_socket() as silent, testing.UDPServer() as server:
        dialer = Everywhere(("127.0.0.1", port_of(silent)), server.address)
        with asyncnet.trace() as trace:
            assert await udp.exchange("many.example", 9, b"x", timeout=0.4, retries=1, dialer=dialer) == b"x"
        assert silent.recv(10) == b"x"
        assert str(server.address[1]) in str(trace)


async def test_every_address_refuses():
    ports = [unused_port(), unused_port()]
    dialer = Everywhere(*(("127.0.0.1", port) for port in ports))
    with pytest.raises(asyncnet.ConnectError) as caught:
        await udp.exchange("many.example", 9, b"x", dialer=dialer)
    assert [attempt.target for attempt in caught.value.attempts] == [f"127.0.0.1:{port}" for port in ports]
    assert str(ports[0]) in str(caught.value)
    assert str(ports[1]) in str(caught.value)


async def test_several_addresses_from_one_port():
    own = unused_port()
    with plain_socket() as silent, testing.UDPServer() as server:
        dialer = Everywhere(("127.0.0.1", port_of(silent)), server.address)
        answer = await udp.exchange(
            "many.example", 9, b"x", timeout=0.4, retries=1, dialer=dialer, local_address=("127.0.0.1", own)
        )
        assert answer == b"x"
        assert silent.recvfrom(10)[1] == server.datagrams[0].peer == ("127.0.0.1", own)


async def test_a_stranger_is_not_heard():
    async with udp.Server() as peer:
        with plain_socket() as stranger:
            asking = asyncio.ensure_future(udp.exchange("127.0.0.1", peer.port, b"?"))
            asked = await peer.receive()
            stranger.sendto(b"spoofed", asked.peer)
            await peer.send(b"honest", asked.peer)
            assert await asking == b"honest"


async def test_the_policy_judges_the_address():
    with plain_socket() as peer, pytest.raises(asyncnet.ForbiddenAddress):
        dialer = asyncnet.Dialer(allow=asyncnet.public_only)
        await udp.exchange("127.0.0.1", port_of(peer), b"?", dialer=dialer)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"port": 0}, ValueError),
        ({"port": -1}, ValueError),
        ({"host": "a\nb"}, ValueError),
        ({"data": "text"}, TypeError),
        ({"data": bytes(65_508)}, ValueError),
        ({"retries": -1}, ValueError),
        ({"retries": 1.5}, TypeError),
        ({"timeout": -1}, ValueError),
        ({"local_address": ("localhost", 1)}, ValueError),
    ],
)
async def test_bad_arguments(changes, error):
    arguments = {"host": "127.0.0.1", "port": 9, "data": b"", **changes}
    with pytest.raises(error):
        await udp.exchange(arguments.pop("host"), arguments.pop("port"), arguments.pop("data"), **arguments)


async def test_no_time_limit():
    with testing.UDPServer() as server:
        assert await udp.exchange(*server.address, b"x", timeout=None) == b"x"


async def test_cancelled_while_it_waits():
    async with udp.Server() as peer:
        asking = asyncio.ensure_future(udp.exchange("127.0.0.1", peer.port, b"?"))
        asked = await peer.receive()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        with plain_socket(port=asked.peer.port) as again:  # its socket is gone
            assert port_of(again) == asked.peer.port


async def test_an_address_that_cannot_even_be_tried():
    with testing.UDPServer() as server:
        dialer = Everywhere(("::1", 9), server.address)
        answer = await udp.exchange("many.example", 9, b"x", dialer=dialer, local_address=("127.0.0.1", 0))
        assert answer == b"x"
    with pytest.raises(asyncnet.ConnectError, match="other family") as caught:
        await udp.exchange("::1", 9, b"x", local_address=("127.0.0.1", 0))
    assert caught.value.errno == errno.EAFNOSUPPORT
    assert not caught.value.maybe_done


async def test_a_second_answer_is_not_waited_for():
    async with udp.Server() as peer:
        asking = asyncio.ensure_future(udp.exchange("127.0.0.1", peer.port, b"?"))
        asked = await peer.receive()
        await peer.send_many([b"first", b"second"], asked.peer)
        assert await asking == b"first"

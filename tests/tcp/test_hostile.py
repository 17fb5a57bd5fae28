"""Hostile peers in numbers: limits hold, honest peers are still served, nothing is left."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import random
import socket
import ssl
import struct
from collections.abc import AsyncIterator

import pytest

import asyncnet
from asyncnet import testing

pytestmark = pytest.mark.asyncio

DRIP = 0.01  # seconds from one byte of a dripping peer to the next
DRIPPING = 20  # such peers at once
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
        began = asyncio.get_running_loop().time()
        async with asyncnet.tcp.Client("127.0.0.1", server.port) as stream:
            with pytest.raises((asyncnet.ConnectionLost, asyncnet.StateError)):
                while True:
                    await stream.send(b"x" * 65_536, timeout=5)
        await until(server, 0)
        assert len(limits) == 1
        # A peer is given two seconds to stop, once.
        assert asyncio.get_running_loop().time() - began < 3.8


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


@contextlib.asynccontextmanager
async def dripping(port: int, data: bytes) -> AsyncIterator[testing.FaultyLink]:
    """Peers that send a byte each 10 ms; in the end the server has hung up on all of them."""
    with testing.FaultyLink("127.0.0.1", port, fragment=1, gap=DRIP) as link, contextlib.ExitStack() as stack:
        peers = [stack.enter_context(connect(link.port)) for _ in range(DRIPPING)]
        for peer in peers:
            peer.sendall(data)
        await link.wait_until(lambda: link.bytes_up >= DRIPPING)
        yield link
        for peer in peers:
            peer.setblocking(False)
            with contextlib.suppress(ConnectionResetError):
                assert not await asyncio.get_running_loop().sock_recv(peer, 1)


async def test_a_dripping_line_is_bounded_by_its_timeout_and_never_idle() -> None:
    async def line(stream: asyncnet.tcp.Stream) -> None:
        try:
            await stream.send(await stream.receive_line(1_000, timeout=0.3))
        except asyncnet.OperationTimeout:
            stream.abort()

    async with testing.no_leaks(), asyncnet.tcp.Server(line, idle_timeout=0.2) as server:
        async with dripping(server.port, b"x" * 500) as link:
            assert await asyncnet.tcp.exchange("127.0.0.1", server.port, b"fast\n", timeout=10) == b"fast"
        assert link.bytes_up < 500 * DRIPPING
        await until(server, 0)


async def test_a_dripping_handshake_is_bounded_and_honest_peers_are_served() -> None:
    authority = testing.CertificateAuthority()
    hello = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        authority.client_context().wrap_bio(ssl.MemoryBIO(), hello, server_hostname="127.0.0.1").do_handshake()
    async with (
        testing.no_leaks(),
        asyncnet.tcp.Server(echo, ssl=authority.server_context(), handshake_timeout=1.0) as server,
    ):
        async with dripping(server.port, hello.read()) as link:
            trust = authority.client_context()
            answer = await asyncnet.tcp.exchange("127.0.0.1", server.port, b"honest", ssl=trust, timeout=10)
            assert answer == b"honest"
        assert link.bytes_up < 200 * DRIPPING
        await until(server, 0)
        assert server.stats.failed_handshakes == DRIPPING
        assert server.stats.failed_handlers == 0


async def test_hostile_proxy_headers_end_their_own_connection_only(caplog: pytest.LogCaptureFixture) -> None:
    served: list[object] = []

    async def tell(stream: asyncnet.tcp.Stream) -> None:
        served.append(stream.peer)
        await stream.send(b"served")

    binary = b"\r\n\r\n\x00\r\nQUIT\n"
    hostile = [
        b"PROXY TCP4 " + b"1" * 2_000,
        b"PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n",
        b"PROXY TCP4 999.2.3.4 5.6.7.8 1 2\r\n",
        b"PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n",
        b"PROXY TCP4 1.2.3.4 5.6.7.8 \xb2 2\r\n",
        b"PROXY \r\n",
        b"proxy TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
        b"\x00" * 100,
        binary + b"\x21\x11\xff\xff",
        binary + b"\x21\x11\x00\x00",
        binary + b"\x31\x11\x00\x0c" + bytes(12),
        binary + b"\x2f\x11\x00\x0c" + bytes(12),
        binary[:5],
    ]
    async with testing.no_leaks(), asyncnet.tcp.Server(tell, proxy_protocol=True, handshake_timeout=0.3) as server:
        for start in hostile:
            with pytest.raises((asyncnet.ConnectionLost, EOFError)):
                if not await asyncnet.tcp.exchange("127.0.0.1", server.port, start, timeout=10):
                    raise EOFError
        assert served == []
        header = b"PROXY TCP6 2001:db8::7 2001:db8::1 56324 443\r\n"
        assert await asyncnet.tcp.exchange("127.0.0.1", server.port, header, timeout=10) == b"served"
        assert served == [("2001:db8::7", 56324)]
        assert server.stats.failed_handshakes == len(hostile)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


FAULTS = [
    {"fragment": 100, "jitter": 0.001},
    {"bandwidth": 4_000_000, "latency": 0.005},
    {"fragment": 1_000, "latency": 0.002, "jitter": 0.002, "bandwidth": 8_000_000},
]


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("faults", FAULTS, ids=["fragments", "throttled", "all"])
async def test_hash_in_is_hash_out_through_a_faulty_link(faults: dict[str, float], tls: bool) -> None:
    data = random.Random(5).randbytes(300_000)
    authority = testing.CertificateAuthority()
    trust = authority.client_context() if tls else None
    async with asyncnet.tcp.Server(echo, ssl=authority.server_context() if tls else None) as server:
        with testing.FaultyLink("127.0.0.1", server.port, seed=5, **faults) as link:  # type: ignore[arg-type]  # keywords
            answer = await asyncnet.tcp.exchange(link.host, link.port, data, ssl=trust)
    assert hashlib.sha256(answer).digest() == hashlib.sha256(data).digest()


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("fault", ["reset_at", "truncate_at"])
async def test_an_end_at_every_place_is_a_typed_error_or_the_whole(fault: str, tls: bool) -> None:
    data = random.Random(6).randbytes(100_000)
    authority = testing.CertificateAuthority()
    trust = authority.client_context() if tls else None
    async with asyncnet.tcp.Server(echo, ssl=authority.server_context() if tls else None) as server:
        for at in (1, 1_000, 50_000, 99_999, 150_000, 199_999):
            places = {fault: at}
            with testing.FaultyLink("127.0.0.1", server.port, **places) as link:  # type: ignore[arg-type]  # a keyword
                exchange = asyncnet.tcp.exchange(link.host, link.port, data, ssl=trust, timeout=20)
                (outcome,) = await asyncio.gather(exchange, return_exceptions=True)
            if isinstance(outcome, bytes):
                # Plain TCP cannot tell a cut from an end: what came is the beginning of what was sent.
                assert data.startswith(outcome)
                assert outcome == data or (fault == "truncate_at" and not tls)
            else:
                assert isinstance(outcome, asyncnet.ConnectionLost | asyncnet.ConnectError), outcome
                assert (outcome.protocol, outcome.operation) == ("tcp", "exchange")

"""The client: one peer, what it sends, what it refuses, how it ends."""

from __future__ import annotations

import asyncio
import errno
import socket

import pytest

import asyncnet
from asyncnet import udp
from tests.udp.peers import plain_socket, port_of, turns_until, unused_port

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_there_and_back(host):
    with plain_socket(host) as peer:
        async with udp.Client(host, port_of(peer)) as client:
            await client.send(b"ping")
            data, address = peer.recvfrom(100)
            assert (data, address[:2]) == (b"ping", client.local)
            assert client.peer == (host, port_of(peer))
            peer.sendto(b"pong", address)
            assert await client.receive() == b"pong"


async def test_a_name_is_resolved_by_the_dialer():
    dialer = asyncnet.Dialer(hosts={"printer.example": "127.0.0.1"})
    with plain_socket() as peer:
        async with udp.Client("printer.example", port_of(peer), dialer=dialer) as client:
            await client.send(b"x")
            assert client.peer == ("127.0.0.1", port_of(peer))
            assert peer.recv(10) == b"x"


async def test_the_policy_judges_the_address():
    with asyncnet.use(asyncnet.Dialer(allow=asyncnet.public_only)):
        with pytest.raises(asyncnet.ForbiddenAddress):
            await udp.Client("127.0.0.1", 9).open()


@pytest.mark.parametrize("size", [0, 1, 1472, 1473, 65_507])
async def test_every_size(size):
    with plain_socket() as peer:
        async with udp.Client("127.0.0.1", port_of(peer)) as client:
            await client.send(b"x" * size)
            data, address = peer.recvfrom(65_535)
            assert data == b"x" * size
            peer.sendto(data, address)
            peer.sendto(b"after", address)
            assert await client.receive() == data
            assert await client.receive() == b"after"
            assert client.stats.received_bytes == size + 5


@pytest.mark.parametrize("data", [bytearray(b"abc"), memoryview(b"abc"), memoryview(b"aXbXc")[::2]])
async def test_other_kinds_of_bytes(data):
    with plain_socket() as peer:
        async with udp.Client("127.0.0.1", port_of(peer)) as client:
            await client.send(data)
            assert peer.recv(10) == b"abc"


async def test_what_is_refused_before_anything_is_sent():
    with plain_socket() as peer:
        async with udp.Client("127.0.0.1", port_of(peer)) as client:
            with pytest.raises(ValueError, match="not 65508"):
                await client.send(bytes(65_508))
            with pytest.raises(TypeError, match="data must be bytes, not str"):
                await client.send("text")
            with pytest.raises(ValueError, match="timeout"):
                await client.send(b"", timeout=-1)
            with pytest.raises(ValueError, match="max_count"):
                await client.receive_many(0)
            with pytest.raises(ValueError, match="timeout"):
                await client.receive(timeout=float("nan"))
            assert client.stats.sent == 0


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"port": 0}, ValueError, "port 0"),
        ({"port": 65536}, ValueError, "port"),
        ({"port": "80x"}, ValueError, "port"),
        ({"port": None}, TypeError, "port"),
        ({"host": ""}, ValueError, "host"),
        ({"host": "a b"}, ValueError, "host"),
        ({"host": None}, TypeError, "host"),
        ({"local_address": "127.0.0.1"}, TypeError, "local_address"),
        ({"queue": 0}, ValueError, "queue must be at least 1"),
        ({"queue": 1.5}, TypeError, "queue must be an int"),
        ({"queue_bytes": -1}, ValueError, "queue_bytes"),
        ({"receive_buffer": 0}, ValueError, "receive_buffer"),
        ({"on_overflow": "explode"}, ValueError, "drop-oldest"),
        ({"ttl": 256}, ValueError, "ttl"),
        ({"ttl": True}, TypeError, "ttl"),
        ({"interface": ""}, ValueError, "interface"),
        ({"interface": 3}, TypeError, "interface"),
        ({"timeout": -1}, ValueError, "timeout"),
    ],
)
async def test_bad_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        udp.Client(**{"host": "127.0.0.1", "port": 9, **arguments})


async def test_only_the_peer_is_heard():
    with plain_socket() as peer, plain_socket() as stranger:
        async with udp.Client("127.0.0.1", port_of(peer)) as client:
            stranger.sendto(b"spoofed", client.local)
            peer.sendto(b"honest", client.local)
            assert await client.receive() == b"honest"
            assert client.stats.received == 1


async def test_local_address():
    port = unused_port()
    with plain_socket() as peer:
        async with udp.Client("127.0.0.1", port_of(peer), local_address=("127.0.0.1", port)) as client:
            await client.send(b"x")
            assert peer.recvfrom(10)[1] == ("127.0.0.1", port)
            peer.sendto(b"y", client.local)
            assert await client.receive() == b"y"


async def test_a_local_address_that_is_taken():
    with plain_socket() as other, pytest.raises(asyncnet.ConnectError, match="in use") as caught:
        await udp.Client("127.0.0.1", 9, local_address=("127.0.0.1", port_of(other))).open()
    assert caught.value.errno == errno.EADDRINUSE
    assert [attempt.target for attempt in caught.value.attempts] == ["127.0.0.1:9"]


async def test_a_local_address_of_the_other_family():
    with pytest.raises(asyncnet.ConnectError, match="other family"):
        await udp.Client("127.0.0.1", 9, local_address=("::1", 0)).open()


async def test_nobody_there():
    port = unused_port()
    async with udp.Client("127.0.0.1", port) as client:
        await client.send(b"anybody?")
        with pytest.raises(asyncnet.ConnectError, match="refused") as caught:
            await client.receive()
        error = caught.value
        assert (error.errno, error.peer, error.operation) == (errno.ECONNREFUSED, f"127.0.0.1:{port}", "receive")
        # It is told once, and the client goes on.
        with plain_socket(port=port) as peer:
            await client.send(b"and now?")
            assert peer.recv(100) == b"and now?"
            peer.sendto(b"yes", client.local)
            assert await client.receive() == b"yes"
        assert client.stats.errors == 1


async def test_somebody_who_only_sends_is_told_too():
    async with udp.Client("127.0.0.1", unused_port()) as client:
        await client.send(b"one")
        with pytest.raises(asyncnet.ConnectError, match="refused"):
            await client.send(b"two")
        assert client.stats.sent == 1


async def test_a_peer_that_was_there_is_lost():
    with plain_socket() as peer:
        client = await udp.Client("127.0.0.1", port_of(peer)).open()
        peer.sendto(b"hello", client.local)
        assert await client.receive() == b"hello"
    await client.send(b"still there?")
    with pytest.raises(asyncnet.ConnectionLost, match="refused"):
        await client.receive()
    await client.close()


async def test_what_came_before_an_error_is_received_first():
    with plain_socket() as peer:
        client = await udp.Client("127.0.0.1", port_of(peer)).open()
        peer.sendto(b"last words", client.local)
    await client.send(b"?")
    await asyncio.sleep(0)
    assert await client.receive() == b"last words"
    with pytest.raises(asyncnet.ConnectionLost):
        await client.receive()
    await client.close()


async def test_a_broadcast_address_wants_to_be_allowed():
    with pytest.raises(asyncnet.ConnectError, match="broadcast=True"):
        await udp.Client("127.255.255.255", 9).open()


async def test_broadcast():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("0.0.0.0", 0))
        peer.settimeout(5)
        async with udp.Client("127.255.255.255", port_of(peer), broadcast=True) as client:
            await client.send(b"all")
            assert peer.recv(10) == b"all"


async def test_ttl():
    async with udp.Client("127.0.0.1", 9, ttl=7) as client:
        (sock,) = client._sockets
        assert sock.getsockopt(socket.IPPROTO_IP, socket.IP_TTL) == 7
    async with udp.Client("::1", 9, ttl=7) as client:
        (sock,) = client._sockets
        assert sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS) == 7


# ---- waiting


async def test_nothing_comes():
    with plain_socket() as peer:
        async with udp.Client("127.0.0.1", port_of(peer)) as client:
            with pytest.raises(asyncnet.OperationTimeout, match=r"no datagram came within 0.02 s") as caught:
                await client.receive(timeout=0.02)
            assert caught.value.operation == "receive"
            with pytest.raises(asyncnet.OperationTimeout) as caught:
                await client.receive_many(timeout=0)
            assert caught.value.operation == "receive_many"
            peer.sendto(b"late", client.local)
            assert await client.receive(timeout=5) == b"late"


async def test_the_clients_own_timeout_is_for_receiving_too():
    async with udp.Client("127.0.0.1", 9, timeout=0.01) as client:
        with pytest.raises(asyncnet.OperationTimeout, match=r"0\.01"):
            await client.receive()
        with pytest.raises(asyncnet.OperationTimeout, match=r"0\.01"):
            async for _ in client:
                pass


async def test_one_timer_serves_waits_of_all_lengths():
    with plain_socket() as peer:
        async with udp.Client("127.0.0.1", port_of(peer)) as client:
            for limit in (0.03, 60, 0.01, 0.02):
                peer.sendto(b"x", client.local)
                waiting = asyncio.ensure_future(client.receive(timeout=limit))
                assert await waiting == b"x"
            loop = asyncio.get_running_loop()
            began = loop.time()
            with pytest.raises(asyncnet.OperationTimeout, match=r"0\.05"):
                await client.receive(timeout=0.05)
            assert 0.04 < loop.time() - began < 2


async def test_a_cancelled_receive_loses_nothing():
    with plain_socket() as peer:
        async with udp.Client("127.0.0.1", port_of(peer)) as client:
            waiting = asyncio.ensure_future(client.receive())
            await asyncio.sleep(0)
            peer.sendto(b"one", client.local)
            peer.sendto(b"two", client.local)
            await turns_until(lambda: client.stats.received)
            waiting.cancel()  # woken already, not yet run
            with pytest.raises(asyncio.CancelledError):
                await waiting
            assert [await client.receive(), await client.receive()] == [b"one", b"two"]


async def test_only_one_may_receive():
    with plain_socket() as peer:
        async with udp.Client("127.0.0.1", port_of(peer)) as client:
            waiting = asyncio.ensure_future(client.receive())
            await asyncio.sleep(0)
            for again in (client.receive(), client.receive_many(), anext(client)):
                with pytest.raises(asyncnet.StateError, match="another task is receiving"):
                    await again
            peer.sendto(b"x", client.local)
            assert await waiting == b"x"


async def test_many_may_send():
    with plain_socket() as peer:
        async with udp.Client("127.0.0.1", port_of(peer)) as client:
            await asyncio.gather(*(client.send(bytes([n])) for n in range(50)))
            assert sorted(peer.recv(10) for _ in range(50)) == [bytes([n]) for n in range(50)]


async def test_a_sender_that_never_waits_lets_others_run():
    with plain_socket() as peer:
        async with udp.Client("127.0.0.1", port_of(peer)) as client:
            turns = 0

            async def count() -> None:
                nonlocal turns
                while True:
                    turns += 1
                    await asyncio.sleep(0)

            counting = asyncio.ensure_future(count())
            for _ in range(300):
                await client.send(b"")
            assert turns >= 4
            before = turns
            await client.send_many([b"x"] * 3000)
            assert turns >= before + 2
            counting.cancel()


# ---- many


@pytest.mark.parametrize("size", [0, 1, 100, 1200, 20_000])
async def test_send_many_and_receive_many(size):
    payloads = [index.to_bytes(4, "big")[:size] + bytes(max(0, size - 4)) for index in range(30)]
    async with udp.Server() as server, udp.Client("127.0.0.1", server.port) as client:
        assert await client.send_many(payloads) == 30
        got: list[bytes] = []
        while len(got) < 30:
            got += [datagram.data for datagram in await server.receive_many(timeout=5)]
        assert got == payloads
        peer = client.local
        assert await server.send_many(iter(payloads), peer) == 30
        back: list[bytes] = []
        while len(back) < 30:
            some = await client.receive_many(7, timeout=5)
            assert 1 <= len(some) <= 7
            back += some
        assert back == payloads
        assert client.stats.sent == client.stats.received == server.stats.sent == server.stats.received == 30
        assert client.stats.received_bytes == client.stats.sent_bytes == 30 * size


async def test_segments_arrive_apart_at_a_plain_socket():
    payloads = [bytes([n]) * 500 for n in range(20)] + [b"short"]
    with plain_socket() as peer:
        async with udp.Client("127.0.0.1", port_of(peer)) as client:
            assert await client.send_many(payloads) == 21
            assert [peer.recv(2000) for _ in payloads] == payloads


async def test_one_buffer_cut_into_datagrams():
    data = bytes(range(250)) * 11
    async with udp.Server() as server, udp.Client("127.0.0.1", server.port) as client:
        assert await client.send_many(data, size=1_000) == 3
        got = [(await server.receive()).data for _ in range(3)]
        assert [len(part) for part in got] == [1_000, 1_000, 750]
        assert b"".join(got) == data
        assert await server.send_many(memoryview(data), client.local, size=2_000) == 2
        assert b"".join([await client.receive(), await client.receive()]) == data
        client._outbox.max_segment = 0
        assert await client.send_many(data, size=100) == 28
        assert server.stats.sent_bytes == len(data)
        assert client.stats.sent_bytes == 2 * len(data)


async def test_what_the_route_cannot_segment_is_sent_one_by_one():
    # Larger than the loopback's packets, cut into pieces by IP: as segments the kernel refuses that.
    payloads = [bytes([n]) * 30_000 for n in range(6)]
    with plain_socket() as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        async with udp.Client("127.0.0.1", port_of(peer)) as client:
            if hasattr(socket, "IP_MTU_DISCOVER"):
                (sock,) = client._sockets
                sock.setsockopt(socket.IPPROTO_IP, socket.IP_MTU_DISCOVER, socket.IP_PMTUDISC_DONT)
            assert await client.send_many(payloads) == 6
            assert [peer.recv(65_535) for _ in payloads] == payloads


async def test_without_segments():
    payloads = [bytes([n]) * 100 for n in range(50)]
    with plain_socket() as peer:
        async with udp.Client("127.0.0.1", port_of(peer)) as client:
            client._outbox.max_segment = 0
            assert await client.send_many(payloads) == 50
            assert [peer.recv(2000) for _ in payloads] == payloads


async def test_send_many_of_what_is_no_payload():
    with plain_socket() as peer:
        async with udp.Client("127.0.0.1", port_of(peer)) as client:
            with pytest.raises(TypeError, match="not str"):
                await client.send_many(["text"])
            with pytest.raises(ValueError, match="65508"):
                await client.send_many([bytes(65_508)])
            with pytest.raises(TypeError, match="size= cuts one buffer"):
                await client.send_many(b"one")
            assert await client.send_many([]) == 0
            assert client.stats.sent == 0


async def test_send_many_to_nobody():
    async with udp.Client("127.0.0.1", unused_port()) as client:
        with pytest.raises(asyncnet.ConnectError, match="refused") as caught:
            await client.send_many([b"x" * size for size in range(10)])
        assert caught.value.operation == "send_many"
        assert client.stats.sent < 10


async def test_an_endless_send_is_bounded_by_its_timeout():
    def endless():
        while True:
            yield b"x" * 1000

    async with udp.Server() as server, udp.Client("127.0.0.1", server.port) as client:
        with pytest.raises(asyncnet.OperationTimeout, match=r"the network took no more within 0\.05 s"):
            await client.send_many(endless(), timeout=0.05)
        assert client.stats.sent > 0
        await client.send(b"goes on")


# ---- life


async def test_before_and_after():
    client = udp.Client("127.0.0.1", 9)
    for call in (client.send(b""), client.receive(), client.receive_many(), client.send_many([]), anext(client)):
        with pytest.raises(asyncnet.StateError, match="not open"):
            await call
    assert client.local is None
    assert client.peer is None
    assert client.stats == udp.Stats()
    await client.open()
    await client.close()
    await client.close()
    client.abort()
    assert client.closed
    assert client.local is None
    for call in (client.send(b""), client.receive(), client.receive_many(), client.send_many([])):
        with pytest.raises(asyncnet.StateError, match="closed"):
            await call
    with pytest.raises(asyncnet.StateError, match="opens once"):
        await client.open()
    with pytest.raises(StopAsyncIteration):
        await anext(client)


async def test_closing_wakes_who_waits():
    client = await udp.Client("127.0.0.1", 9).open()
    waiting = asyncio.ensure_future(client.receive())
    await asyncio.sleep(0)
    await client.close()
    with pytest.raises(asyncnet.StateError, match="closed while"):
        await waiting


async def test_closing_ends_an_iteration():
    with plain_socket() as peer:
        client = await udp.Client("127.0.0.1", port_of(peer)).open()
        got = []

        async def iterate() -> None:
            async for data in client:
                got.append(data)

        iterating = asyncio.ensure_future(iterate())
        peer.sendto(b"one", client.local)
        await turns_until(lambda: got)
        client.abort()
        await iterating
        assert got == [b"one"]


async def test_what_was_not_received_is_counted():
    with plain_socket() as peer:
        client = await udp.Client("127.0.0.1", port_of(peer)).open()
        for _ in range(3):
            peer.sendto(b"x", client.local)
        await client.receive()
        await client.close()
        stats = client.stats
        assert (stats.received, stats.dropped, stats.waiting) == (3, 2, 0)


async def test_another_loop():
    client = await udp.Client("127.0.0.1", 9).open()

    def elsewhere() -> list[str]:
        async def use() -> list[str]:
            messages = []
            for call in (client.receive(), client.send(b""), client.send_many([b""])):
                with pytest.raises(asyncnet.StateError) as caught:
                    await call
                messages.append(str(caught.value))
            return messages

        return asyncio.run(use())

    messages = await asyncio.get_running_loop().run_in_executor(None, elsewhere)
    await asyncio.get_running_loop().shutdown_default_executor()
    assert all("belongs to the loop" in message for message in messages)
    await client.close()


async def test_repr():
    async with udp.Client("127.0.0.1", 9) as client:
        assert repr(client) == "<Client 127.0.0.1:9 open, 0 received, 0 sent, 0 dropped>"


async def test_the_trace_says_which_address():
    with asyncnet.trace() as trace:
        async with udp.Client("127.0.0.1", 9):
            pass
    assert "udp open" in str(trace)
    connect = next(span for span in trace.spans if span.name == "connect")
    assert connect.attributes["address"] == "127.0.0.1:9"

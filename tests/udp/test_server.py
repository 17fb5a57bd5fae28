"""The server: datagrams from anybody, handlers, limits, its end."""

from __future__ import annotations

import asyncio
import contextvars
import errno
import logging
import os
import signal
import socket

import pytest

import asyncnet
from asyncnet import udp
from asyncnet.core.files import run_in_file_thread
from tests.udp.peers import plain_socket, port_of, turns_until, unused_port

pytestmark = pytest.mark.asyncio


# ---- receiving and sending


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_iterated_over(host):
    async with udp.Server(host=host) as server:
        with plain_socket(host) as one, plain_socket(host) as other:
            one.sendto(b"one", (host, server.port))
            other.sendto(b"", (host, server.port))
            got = []
            async for datagram in server:
                got.append(datagram)
                await server.send(b"got " + datagram.data, datagram.peer)
                if len(got) == 2:
                    break
            assert got == [(b"one", (host, port_of(one))), (b"", (host, port_of(other)))]
            assert (one.recv(100), other.recv(100)) == (b"got one", b"got ")
            assert (server.stats.received, server.stats.sent, server.stats.received_bytes) == (2, 2, 3)


async def test_every_interface_is_both_families():
    async with udp.Server(host=None) as server:
        assert [address.host for address in server.addresses] == ["0.0.0.0", "::"]
        assert {address.port for address in server.addresses} == {server.port}
        for host in ("127.0.0.1", "::1"):
            async with udp.Client(host, server.port) as client:
                await client.send(host.encode())
                datagram = await server.receive()
                assert (datagram.data, datagram.peer) == (host.encode(), client.local)
                await server.send(b"back", datagram.peer)
                assert await client.receive() == b"back"
        assert server.stats.sent == 2


@pytest.mark.parametrize(
    ("family", "hosts"), [(socket.AF_INET, ["0.0.0.0"]), (socket.AF_INET6, ["::"])], ids=["IPv4", "IPv6"]
)
async def test_one_family(family, hosts):
    async with udp.Server(host=None, family=family) as server:
        assert [address.host for address in server.addresses] == hosts


async def test_a_name_to_bind():
    async with udp.Server(host="localhost") as server:
        assert server.addresses == (("127.0.0.1", server.port),)


async def test_a_plain_tuple_is_a_peer():
    async with udp.Server() as server:
        with plain_socket() as peer:
            await server.send(b"first word", ("127.0.0.1", port_of(peer)))
            assert peer.recvfrom(100) == (b"first word", ("127.0.0.1", server.port))


@pytest.mark.parametrize(
    ("peer", "error", "message"),
    [
        (("localhost", 9), ValueError, "must be an IP address, not the name"),
        (("127.0.0.1", 0), ValueError, "port 0"),
        (("127.0.0.1", 65536), ValueError, "port"),
        (("127.0.0.1", "9"), ValueError, "port"),
        (("", 9), ValueError, "host"),
        ("127.0.0.1:9", TypeError, "peer must be"),
        (("127.0.0.1", 9, 0), TypeError, "peer must be"),
        (None, TypeError, "peer must be"),
        (("::1", 9), ValueError, "bound to 127.0.0.1:[0-9]+ and cannot send to .::1.:9"),
    ],
)
async def test_what_is_no_peer(peer, error, message):
    async with udp.Server() as server:
        for sending in (server.send(b"x", peer), server.send_many([b"x"], peer)):
            with pytest.raises(error, match=message):
                await sending
        assert server.stats.sent == 0


async def test_a_peer_that_cannot_be_sent_to():
    async with udp.Server() as server:
        with pytest.raises(asyncnet.ConnectError, match="broadcast=True") as caught:
            await server.send(b"x", ("127.255.255.255", 9))
        assert caught.value.errno == errno.EACCES
        assert caught.value.peer == "127.255.255.255:9"
        with pytest.raises(asyncnet.ConnectError):
            await server.send_many([b"x"] * 3, ("127.255.255.255", 9))
    async with udp.Server(host="0.0.0.0", broadcast=True) as server:
        await server.send(b"all", ("127.255.255.255", server.port))
        assert (await server.receive()).data == b"all"


async def test_a_zone_that_does_not_exist():
    async with udp.Server(host="::1") as server:
        with pytest.raises(asyncnet.ConnectError, match="fe80::1%nowhere"):
            await server.send(b"x", ("fe80::1%nowhere", 9))


async def test_unreachable_peers_are_no_business_of_the_server():
    async def echo(datagram: udp.Datagram) -> bytes:
        return datagram.data

    async with udp.Server(echo) as server:
        for _ in range(20):
            with plain_socket() as gone:
                gone.sendto(b"x", ("127.0.0.1", server.port))
        await turns_until(lambda: server.stats.sent == 20)  # to closed ports: ICMP comes back for each
        assert await udp.exchange("127.0.0.1", server.port, b"still there") == b"still there"


async def test_the_same_peer_is_one_object():
    async with udp.Server() as server:
        with plain_socket() as peer:
            for _ in range(2):
                peer.sendto(b"x", ("127.0.0.1", server.port))
            first, second = await server.receive(), await server.receive()
            assert first.peer is second.peer


async def test_a_flood_of_peers_does_not_stay_in_memory():
    async with udp.Server(queue=20_000) as server:
        with plain_socket() as peer:
            for number in range(5_000):
                address = (f"127.0.{number // 250}.{number % 250 + 1}", 9)
                await server.send(b"", address)
                server._inbox._remember(address)
            assert len(server._routes) <= 4_096
            assert len(server._inbox._endpoints) <= 4_096
            peer.sendto(b"x", ("127.0.0.1", server.port))
            assert (await server.receive()).data == b"x"


async def test_the_port_is_taken():
    with plain_socket() as other:
        with pytest.raises(asyncnet.ConnectError, match=r"cannot bind 127\.0\.0\.1:[0-9]+: ") as caught:
            await udp.Server(port=port_of(other)).open()
    assert (caught.value.errno, caught.value.phase) == (errno.EADDRINUSE, "bind")


async def test_several_processes_on_one_port():
    async with udp.Server(reuse_port=True) as one, udp.Server(port=one.port, reuse_port=True) as other:
        assert one.addresses == other.addresses
        for _ in range(64):
            with plain_socket() as peer:
                peer.sendto(b"x", ("127.0.0.1", one.port))
        await turns_until(lambda: one.stats.received + other.stats.received == 64)
        assert one.stats.received
        assert other.stats.received


# ---- handlers


async def test_a_handler_answers():
    async def shout(datagram: udp.Datagram) -> bytes:
        return datagram.data.upper()

    async with udp.Server(shout) as server:
        answers = await asyncio.gather(*(udp.exchange("127.0.0.1", server.port, b"x%d" % n) for n in range(40)))
        assert answers == [b"X%d" % n for n in range(40)]
        assert (server.stats.received, server.stats.sent, server.stats.active) == (40, 40, 0)


async def test_a_handler_that_says_nothing():
    seen: list[bytes] = []

    async def listen(datagram: udp.Datagram) -> None:
        seen.append(datagram.data)

    async with udp.Server(listen) as server:
        with plain_socket() as peer:
            for data in (b"a", b"", b"b"):
                peer.sendto(data, ("127.0.0.1", server.port))
            await turns_until(lambda: len(seen) == 3)
    assert seen == [b"a", b"", b"b"]
    assert server.stats.sent == 0


async def test_an_empty_answer_is_one():
    async def empty(datagram: udp.Datagram) -> bytes:
        return b""

    async with udp.Server(empty) as server:
        assert await udp.exchange("127.0.0.1", server.port, b"x") == b""


async def test_a_failing_handler_is_logged_with_its_peer_and_stops_nothing(caplog):
    async def divide(datagram: udp.Datagram) -> bytes:
        return b"%d" % (10 // int(datagram.data))

    async with udp.Server(divide) as server:
        with plain_socket() as peer:
            for data in (b"0", b"2", b"many"):
                peer.sendto(data, ("127.0.0.1", server.port))
            await turns_until(lambda: server.stats.failed_handlers == 2 and server.stats.sent)
            assert peer.recv(10) == b"5"
        records = [record for record in caplog.records if record.name == "asyncnet.udp"]
        assert [record.levelno for record in records] == [logging.ERROR] * 2
        assert all(f"127.0.0.1:{port_of_record(server, record)}" in record.getMessage() for record in records)
        assert isinstance(records[0].exc_info[1], ZeroDivisionError)


def port_of_record(server: udp.Server, record: logging.LogRecord) -> int:
    return record.args[0].port


@pytest.mark.parametrize("returned", ["text", 5, bytes(65_508)])
async def test_a_handler_that_returns_what_cannot_be_sent(returned, caplog):
    async def wrong(datagram: udp.Datagram) -> object:
        return returned

    async with udp.Server(wrong) as server:
        with plain_socket() as peer:
            peer.sendto(b"x", ("127.0.0.1", server.port))
            await turns_until(lambda: server.stats.failed_handlers)
        assert "what the handler returned must" in caplog.text


async def test_an_answer_that_cannot_be_sent_is_counted():
    closed = asyncio.Event()

    async def answer_late(datagram: udp.Datagram) -> bytes:
        await closed.wait()
        return b"late"

    server = await udp.Server(answer_late).open()
    with plain_socket() as peer:
        peer.sendto(b"x", ("127.0.0.1", server.port))
        await turns_until(lambda: server.stats.active)
        server._outboxes.clear()
        server._routes.clear()
        closed.set()
        await turns_until(lambda: server.stats.failed_replies)
    await server.close()


async def test_handlers_at_once_are_bounded():
    gate = asyncio.Event()
    most = 0

    async def wait(datagram: udp.Datagram) -> bytes:
        nonlocal most
        most = max(most, server.stats.active)
        await gate.wait()
        return datagram.data

    async with udp.Server(wait, concurrency=3) as server:
        with plain_socket() as peer:
            for number in range(10):
                peer.sendto(b"%d" % number, ("127.0.0.1", server.port))
            await turns_until(lambda: server.stats.waiting == 7)
            assert server.stats.active == 3
            gate.set()
            await turns_until(lambda: server.stats.sent == 10)
            assert sorted(peer.recv(10) for _ in range(10)) == [b"%d" % number for number in range(10)]
    assert most == 3


async def test_a_slow_handler_does_not_hold_up_others():
    gate = asyncio.Event()

    async def wait_for_slow(datagram: udp.Datagram) -> bytes:
        if datagram.data == b"slow":
            await gate.wait()
        return datagram.data

    async with udp.Server(wait_for_slow) as server:
        slow = asyncio.ensure_future(udp.exchange("127.0.0.1", server.port, b"slow", timeout=30))
        assert await udp.exchange("127.0.0.1", server.port, b"quick") == b"quick"
        gate.set()
        assert await slow == b"slow"


async def test_a_handler_has_a_context_of_its_own():
    word = contextvars.ContextVar("word", default="nobody's")

    async def tell(datagram: udp.Datagram) -> bytes:
        before = word.get()
        word.set(datagram.data.decode())
        return before.encode()

    word.set("the opener's")
    async with udp.Server(tell) as server:
        for data in (b"one", b"two"):
            assert await udp.exchange("127.0.0.1", server.port, data) == b"nobody's"


async def test_a_server_with_a_handler_is_not_received_from():
    async def nothing(datagram: udp.Datagram) -> None:
        """Say nothing."""

    async with udp.Server(nothing) as server:
        for call in (server.receive(), server.receive_many(), anext(server)):
            with pytest.raises(asyncnet.StateError, match="the handler receives"):
                await call


# ---- the end


async def test_close_lets_handlers_finish_what_came():
    gate = asyncio.Event()

    async def wait(datagram: udp.Datagram) -> bytes:
        await gate.wait()
        return datagram.data

    server = await udp.Server(wait, concurrency=2).open()
    with plain_socket() as peer:
        for number in range(5):
            peer.sendto(b"%d" % number, ("127.0.0.1", server.port))
        await turns_until(lambda: server.stats.received == 5)
        closing = asyncio.ensure_future(server.close())
        await asyncio.sleep(0)
        again = asyncio.ensure_future(server.close())
        peer.sendto(b"too late", ("127.0.0.1", server.port))
        gate.set()
        await asyncio.gather(closing, again)
        assert sorted(peer.recv(10) for _ in range(5)) == [b"0", b"1", b"2", b"3", b"4"]
    assert server.closed
    assert (server.stats.received, server.stats.dropped, server.stats.sent) == (5, 0, 5)


async def test_close_cancels_handlers_after_the_grace():
    began, cancelled = asyncio.Event(), []

    async def for_ever(datagram: udp.Datagram) -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.append(datagram.data)

    server = await udp.Server(for_ever, concurrency=1).open()
    with plain_socket() as peer:
        peer.sendto(b"one", ("127.0.0.1", server.port))
        peer.sendto(b"two", ("127.0.0.1", server.port))
        await began.wait()
        await turns_until(lambda: server.stats.received == 2)
        await server.close(grace=0.01)
    assert cancelled == [b"one"]
    assert (server.stats.active, server.stats.dropped) == (0, 1)


async def test_a_handler_may_close_its_server():
    async def close(datagram: udp.Datagram) -> None:
        await server.close()

    server = await udp.Server(close).open()
    with plain_socket() as peer:
        peer.sendto(b"x", ("127.0.0.1", server.port))
        await server.serve_forever()
    assert server.closed


async def test_abort_and_its_handlers():
    began, ended = asyncio.Event(), asyncio.Event()

    async def for_ever(datagram: udp.Datagram) -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    server = await udp.Server(for_ever).open()
    with plain_socket() as peer:
        peer.sendto(b"x", ("127.0.0.1", server.port))
        await began.wait()
        server.abort()
        server.abort()
        await ended.wait()
    assert server.addresses == ()
    with pytest.raises(asyncnet.StateError, match="closed"):
        _ = server.port
    with pytest.raises(asyncnet.StateError, match="closed"):
        await server.send(b"x", ("127.0.0.1", 9))
    async with asyncio.timeout(5):
        await server.serve_forever()


async def test_closing_while_somebody_iterates():
    server = await udp.Server().open()

    async def iterate() -> int:
        return len([datagram async for datagram in server])

    iterating = asyncio.ensure_future(iterate())
    await asyncio.sleep(0)
    await server.close()
    assert await iterating == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_signals_drain_it(number):
    async with udp.Server() as server:
        serving = asyncio.ensure_future(server.serve_forever(signals=True))
        await asyncio.sleep(0)
        os.kill(os.getpid(), number)
        await serving
        assert server.closed
    async with asyncio.timeout(5):
        await server.serve_forever()  # there is nothing more to wait for


async def test_before_it_is_open():
    server = udp.Server(host=None, port=5300)
    assert repr(server) == "<Server *:5300 new, 0 received, 0 sent, 0 dropped>"
    for call in (server.receive(), server.send(b"", ("127.0.0.1", 9)), server.serve_forever()):
        with pytest.raises(asyncnet.StateError, match="not open"):
            await call
    with pytest.raises(asyncnet.StateError, match="not open"):
        server.join("239.1.1.1")
    await server.close()
    assert server.closed


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"handler": "echo"}, TypeError),
        ({"host": "a b"}, ValueError),
        ({"host": ""}, ValueError),
        ({"port": 65536}, ValueError),
        ({"port": None}, TypeError),
        ({"concurrency": 0}, ValueError),
        ({"queue": 0}, ValueError),
        ({"on_overflow": "block"}, ValueError),
        ({"family": socket.AF_UNIX}, ValueError),
        ({"multicast": "127.0.0.1"}, ValueError),
        ({"multicast": "all-hosts.example"}, ValueError),
        ({"multicast": 5}, TypeError),
        ({"ttl": -1}, ValueError),
    ],
)
async def test_bad_arguments(arguments, error):
    with pytest.raises(error):
        udp.Server(**arguments)


async def test_a_bad_grace():
    async with udp.Server() as server:
        with pytest.raises(ValueError, match="grace"):
            await server.close(grace=-1)
        assert not server.closed
        assert server.port != unused_port()


async def test_serving_for_ever_belongs_to_the_loop_of_the_server():
    async with udp.Server() as server:
        with pytest.raises(asyncnet.StateError, match="loop"):
            await run_in_file_thread(lambda: asyncio.run(server.serve_forever()))
    # There is nothing more to wait for, wherever that is asked.
    await run_in_file_thread(lambda: asyncio.run(server.serve_forever()))

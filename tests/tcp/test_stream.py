"""Receiving and sending: exact, until, lines, frames; limits, ends, cancellation, backpressure."""

from __future__ import annotations

import asyncio
import hashlib
import pathlib
import random
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

import asyncnet
from asyncnet import testing
from tests.contract.case import silent_peer

pytestmark = pytest.mark.asyncio

Send, Close, Reset, Stall, Cut = testing.Send, testing.Close, testing.Reset, testing.Stall, testing.Cut


@asynccontextmanager
async def scripted(*steps: testing.Step | object) -> AsyncIterator[asyncnet.tcp.Client]:
    """A client of a server that follows these steps."""
    with testing.TCPServer(list(steps)) as server:
        async with asyncnet.tcp.Client(server.host, server.port) as stream:
            yield stream


@asynccontextmanager
async def echoing() -> AsyncIterator[asyncnet.tcp.Client]:
    with testing.TCPServer() as server:
        async with asyncnet.tcp.Client(server.host, server.port) as stream:
            yield stream


# ---- receiving


async def test_receive_returns_what_is_there_and_empty_at_the_end() -> None:
    async with scripted(Send(b"hello"), Close()) as stream:
        assert await stream.receive_exactly(5) == b"hello"
        assert await stream.receive() == b""
        assert await stream.receive() == b""
        assert stream.bytes_received == 5


async def test_receive_gives_no_more_than_max_bytes() -> None:
    async with scripted(Send(b"hello"), Close()) as stream:
        assert await stream.receive(max_bytes=2) == b"he"
        assert await stream.receive(max_bytes=2) == b"ll"
        with pytest.raises(ValueError, match="max_bytes"):
            await stream.receive(max_bytes=0)
        assert await stream.receive() == b"o"


async def test_iterating_gives_all_bytes() -> None:
    async with scripted(Send(b"hello world", fragment=1), Close()) as stream:
        assert b"".join([chunk async for chunk in stream]) == b"hello world"


@pytest.mark.parametrize("fragment", [None, 1, 3])
async def test_lines_come_without_their_endings(fragment: int | None) -> None:
    async with scripted(Send(b"one\r\ntwo\n\nfour\r\r\n", fragment), Close()) as stream:
        assert [line async for line in stream.lines()] == [b"one", b"two", b"", b"four\r"]


async def test_cut_last_line_is_connection_lost_and_its_bytes_remain() -> None:
    async with scripted(Send(b"one\ntw"), Close()) as stream:
        lines = []
        with pytest.raises(asyncnet.ConnectionLost, match="2 bytes without"):
            async for line in stream.lines():
                lines.append(line)  # what came before the error counts
        assert lines == [b"one"]
        assert await stream.receive() == b"tw"


@pytest.mark.parametrize("fragment", [None, 1, 3])
async def test_until_includes_the_separator(fragment: int | None) -> None:
    async with scripted(Send(b"head\r\n\r\nbody", fragment), Close()) as stream:
        assert await stream.receive_until(b"\r\n\r\n") == b"head\r\n\r\n"
        assert await stream.receive_exactly(4) == b"body"


async def test_limit_consumes_nothing() -> None:
    async with scripted(Send(b"x" * 100 + b"\nrest"), Close()) as stream:
        with pytest.raises(asyncnet.LimitExceeded, match="max_bytes=50"):
            await stream.receive_line(50)
        assert await stream.receive_line(101) == b"x" * 100
        with pytest.raises(asyncnet.ConnectionLost):
            await stream.receive_until(b"!", 1000)
        assert await stream.receive() == b"rest"


async def test_separator_ending_at_the_limit_is_found_and_one_behind_it_is_not() -> None:
    async with scripted(Send(b"abc\nabcd\n"), Close()) as stream:
        assert await stream.receive_line(4) == b"abc"
        with pytest.raises(asyncnet.LimitExceeded):
            await stream.receive_line(4)
        assert await stream.receive_line(5) == b"abcd"


async def test_empty_separator_and_bad_sizes_are_misuse() -> None:
    async with echoing() as stream:
        with pytest.raises(ValueError, match="separator"):
            await stream.receive_until(b"")
        with pytest.raises(ValueError, match="max_bytes"):
            await stream.receive_line(0)
        with pytest.raises(ValueError, match="count"):
            await stream.receive_exactly(-1)
        with pytest.raises(ValueError, match="buffer"):
            await stream.receive_into(bytearray())
        with pytest.raises(ValueError, match="buffer"):
            await stream.receive_into(memoryview(b"read only"))
        assert await stream.receive_exactly(0) == b""


async def test_exactly_more_than_is_read_ahead() -> None:
    size = 3_000_000
    async with scripted(Send(b"a" * size), Close()) as stream:
        assert len(await stream.receive_exactly(size)) == size


async def test_exactly_cut_short_says_how_much_came() -> None:
    async with scripted(Send(b"abc"), Close()) as stream:
        with pytest.raises(asyncnet.ConnectionLost, match="3 of 10 bytes"):
            await stream.receive_exactly(10)


async def test_receive_into_the_callers_memory() -> None:
    async with scripted(Send(b"hello"), Close()) as stream:
        buffer = bytearray(10)
        view = memoryview(buffer)
        count = 0
        while got := await stream.receive_into(view[count:]):
            count += got
        assert bytes(buffer[:count]) == b"hello"
        assert stream.bytes_received == 5


async def test_receive_into_takes_what_was_received_ahead_first() -> None:
    async with scripted(Send(b"hello\nworld"), Close()) as stream:
        assert await stream.receive_line() == b"hello"
        buffer = bytearray(3)
        assert await stream.receive_into(buffer) == 3
        assert bytes(buffer) == b"wor"


async def test_frames_round_trip() -> None:
    sent = [b"", b"a", bytes(100_000), b"last"]
    async with echoing() as stream:
        for frame in sent:
            await stream.send_frame(frame)
        await stream.send_eof()
        assert [frame async for frame in stream.frames()] == sent


async def test_two_gibibyte_frame_is_refused_before_any_memory_is_used() -> None:
    async with scripted(Send(b"\x80\x00\x00\x00" + b"x" * 1000), Stall()) as stream:
        with pytest.raises(asyncnet.LimitExceeded, match="2147483648 bytes"):
            await stream.receive_frame()


async def test_cut_frame_is_connection_lost() -> None:
    async with scripted(Send(b"\x00\x00\x00\x05abc"), Close()) as stream:
        with pytest.raises(asyncnet.ConnectionLost, match="7 of 9 bytes"):
            [frame async for frame in stream.frames()]


# ---- ends


async def test_reset_is_connection_lost_with_its_number() -> None:
    gate = testing.Gate()
    async with scripted(testing.Wait(gate), Reset()) as stream:
        gate.set()
        with pytest.raises(asyncnet.ConnectionLost) as caught:
            await stream.receive()
        assert caught.value.errno == 104
        assert caught.value.phase == "transfer"
        with pytest.raises(asyncnet.ConnectionLost):
            await stream.send(b"x")


async def test_sending_to_a_peer_that_has_gone_is_told_by_the_very_send() -> None:
    """Nothing waits here, so that no turn of the loop could bring the news."""
    gate = testing.Gate()
    with testing.TCPServer([testing.Wait(gate), Reset()]) as server:
        async with asyncnet.tcp.Client(server.host, server.port) as stream:
            server.block_until(lambda: server.connections.total == 1)
            gate.set()
            server.block_until(lambda: server.connections.open == 0)
            with pytest.raises(asyncnet.ConnectionLost):
                for _ in range(10):
                    await stream.send(b"x")


async def test_half_close_leaves_receiving_open() -> None:
    async with echoing() as stream:
        await stream.send(b"all there is")
        await stream.send_eof()
        await stream.send_eof()
        assert await stream.receive_exactly(12) == b"all there is"
        assert await stream.receive() == b""
        with pytest.raises(asyncnet.StateError, match="send_eof"):
            await stream.send(b"more")


async def test_close_sends_all_that_was_queued() -> None:
    data = random.Random(1).randbytes(2_000_000)
    with testing.TCPServer([testing.Expect(data)]) as server:
        stream = await asyncnet.tcp.Client(server.host, server.port).open()
        sending = asyncio.create_task(stream.send(data))
        await sending
        await stream.close()
        assert stream.closed
    assert not server.errors


async def test_receiver_is_told_when_the_stream_is_aborted_meanwhile() -> None:
    async with scripted(Stall()) as stream:
        receiving = asyncio.create_task(stream.receive())
        await asyncio.sleep(0)
        stream.abort()
        with pytest.raises(asyncnet.StateError, match="closed"):
            await receiving


async def test_receiver_is_told_when_the_stream_is_closed_meanwhile() -> None:
    async with scripted(Stall()) as stream:
        receiving = asyncio.create_task(stream.receive())
        await asyncio.sleep(0)
        await stream.close()
        with pytest.raises(asyncnet.StateError, match="closed"):
            await receiving


# ---- cancellation and time


async def test_cancelled_receive_loses_no_byte() -> None:
    gate = testing.Gate()
    async with scripted(testing.Wait(gate), Send(b"hello"), Close()) as stream:
        for method in (stream.receive(), stream.receive_line(), stream.receive_into(bytearray(5))):
            task = asyncio.create_task(method)
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()
        gate.set()
        assert await stream.receive_exactly(5) == b"hello"


@pytest.mark.parametrize("method", ["receive", "receive_into"])
async def test_receive_cancelled_after_the_bytes_came_loses_none(method: str) -> None:
    """Cancelled in the very turn in which the data woke it."""
    gate = testing.Gate()
    async with scripted(testing.Wait(gate), Send(b"hello"), Stall()) as stream:
        arguments = [bytearray(5)] if method == "receive_into" else []
        task = asyncio.create_task(getattr(stream, method)(*arguments))
        await asyncio.sleep(0)
        gate.set()
        while stream.bytes_received < 5:
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        if task.cancelled():
            assert await stream.receive_exactly(5, timeout=5) == b"hello"
        else:
            assert task.result() in (b"hello", 5)


async def test_timeout_leaves_the_stream_usable() -> None:
    gate = testing.Gate()
    async with scripted(testing.Wait(gate), Send(b"late"), Close()) as stream:
        with pytest.raises(asyncnet.OperationTimeout) as caught:
            await stream.receive(timeout=0.02)
        assert caught.value.operation == "receive"
        with pytest.raises(asyncnet.OperationTimeout):
            await stream.receive_exactly(4, timeout=0.02)
        gate.set()
        assert await stream.receive_exactly(4, timeout=10) == b"late"


async def test_a_short_wait_after_a_long_one_ends_in_time() -> None:
    """One timer serves both: armed for the long wait, it must not make the short one late."""
    async with scripted(Send(b"x"), Stall()) as stream:
        assert await stream.receive(timeout=3600) == b"x"
        with pytest.raises(asyncnet.OperationTimeout):
            await stream.receive(timeout=0.02)
        with pytest.raises(asyncnet.OperationTimeout):
            await stream.receive(timeout=0.02)


async def test_clients_own_timeout_is_the_default_of_every_method() -> None:
    with testing.TCPServer([Stall()]) as server:
        async with asyncnet.tcp.Client(server.host, server.port, timeout=0.02) as stream:
            with pytest.raises(asyncnet.OperationTimeout):
                await stream.receive()
            with pytest.raises(asyncnet.OperationTimeout):
                async for _ in stream:
                    raise AssertionError("nothing was sent")


async def test_two_readers_are_refused() -> None:
    async with scripted(Stall()) as stream:
        first = asyncio.create_task(stream.receive())
        await asyncio.sleep(0)
        with pytest.raises(asyncnet.StateError, match="another task is receiving"):
            await stream.receive_line()
        first.cancel()
        await asyncio.wait([first])


# ---- sending


async def test_send_waits_for_a_peer_that_does_not_read() -> None:
    with silent_peer("tcp") as (host, port):
        async with asyncnet.tcp.Client(host, port) as stream:
            sent = 0
            with pytest.raises(asyncnet.OperationTimeout) as caught:
                while sent < 1 << 30:
                    await stream.send(bytes(1 << 20), timeout=0.1)
                    sent += 1 << 20
            assert sent < 64 << 20
            assert "does not take" in str(caught.value)
            stream.abort()


async def test_close_does_not_wait_for_a_peer_that_does_not_read() -> None:
    """The goodbye is bounded: what the peer has not taken by then is dropped."""
    with silent_peer("tcp") as (host, port):
        stream = await asyncnet.tcp.Client(host, port).open()
        sending = asyncio.create_task(stream.send(bytes(64 << 20)))
        await asyncio.sleep(0)
        started = time.monotonic()
        await stream.close()
        assert 4.5 < time.monotonic() - started < 7
        with pytest.raises(asyncnet.StateError, match="closed"):
            await sending


async def test_pieces_and_all_kinds_of_buffers() -> None:
    async with echoing() as stream:
        await stream.send([b"a", bytearray(b"b"), memoryview(b"c")])
        await stream.send(bytearray(b"d"))
        await stream.send(memoryview(b"e"))
        await stream.send(b"")
        assert await stream.receive_exactly(5) == b"abcde"
        assert stream.bytes_sent == 5


async def test_senders_memory_may_change_after_send() -> None:
    async with echoing() as stream:
        data = bytearray(b"x" * 300_000)
        receiving = asyncio.create_task(stream.receive_exactly(300_000))
        await stream.send(data)
        data[:] = b"y" * 300_000
        assert await receiving == b"x" * 300_000


async def test_send_file(tmp_path: pathlib.Path) -> None:
    data = random.Random(2).randbytes(1_000_000)
    (tmp_path / "file").write_bytes(data)
    with testing.TCPServer() as server:
        async with asyncnet.tcp.Client(server.host, server.port) as stream:
            receiving = asyncio.create_task(stream.receive_exactly(999_990))
            assert await stream.send_file(str(tmp_path / "file"), 10) == 999_990
            assert await receiving == data[10:]
            assert await stream.send_file(str(tmp_path / "file"), 5, 3) == 3
            assert await stream.receive_exactly(3) == data[5:8]
            with pytest.raises(FileNotFoundError):
                await stream.send_file(str(tmp_path / "none"))


# ---- accounting


@pytest.mark.parametrize("seed", [1, 2])
async def test_every_byte_sent_is_a_byte_received_over_a_faulty_link(seed: int) -> None:
    data = random.Random(seed).randbytes(400_000)
    with (
        testing.TCPServer() as server,
        testing.FaultyLink(server.host, server.port, fragment=700, latency=0.001, seed=seed) as link,
    ):
        async with asyncnet.tcp.Client(link.host, link.port) as stream:

            async def send() -> None:
                for start in range(0, len(data), 50_000):
                    await stream.send(data[start : start + 50_000])
                await stream.send_eof()

            sending = asyncio.create_task(send())
            digest = hashlib.sha256()
            async for chunk in stream:
                digest.update(chunk)
            await sending
            assert digest.digest() == hashlib.sha256(data).digest()
            assert stream.bytes_sent == stream.bytes_received == len(data)


async def test_reset_in_the_middle_of_a_faulty_link_is_a_typed_error() -> None:
    with (
        testing.TCPServer([Send(bytes(200_000)), Stall()]) as server,
        testing.FaultyLink(server.host, server.port, reset_at=100_000) as link,
    ):
        async with asyncnet.tcp.Client(link.host, link.port) as stream:
            with pytest.raises(asyncnet.ConnectionLost):
                await stream.receive_exactly(200_000, timeout=10)


async def test_info_and_names() -> None:
    async with echoing() as stream:
        assert stream.info is not None
        assert stream.info.state == "established"
        assert stream.info.rtt < 1
        assert stream.peer is not None
        assert stream.peer[0] == "127.0.0.1"
        assert stream.local is not None
        assert str(stream.peer[1]) in repr(stream)
        assert "open" in repr(stream)
    assert stream.info is None
    assert stream.peer[0] == stream.local[0] == "127.0.0.1"


async def test_a_dialled_stream_is_open_and_closes_with_its_block() -> None:
    with testing.TCPServer() as server:
        async with await asyncnet.Dialer().connect(server.host, server.port) as stream:
            await stream.send(b"hello")
            assert await stream.receive_exactly(5) == b"hello"
        assert stream.closed
        with pytest.raises(asyncnet.StateError):
            async with stream:
                raise AssertionError("it is closed")


async def test_exchange_over_both_directions_at_once() -> None:
    data = random.Random(3).randbytes(5_000_000)
    with testing.TCPServer() as server:
        assert await asyncnet.tcp.exchange(server.host, server.port, data) == data


async def test_exchange_past_max_bytes() -> None:
    with testing.TCPServer() as server:
        with pytest.raises(asyncnet.LimitExceeded, match="max_bytes=10"):
            await asyncnet.tcp.exchange(server.host, server.port, bytes(100_000), max_bytes=10)


async def test_exchange_with_a_peer_that_answers_in_the_middle() -> None:
    with testing.TCPServer([testing.Expect(b"he"), Send(b"busy"), testing.Expect(b"llo"), Close()]) as server:
        assert await asyncnet.tcp.exchange(server.host, server.port, b"hello") == b"busy"


async def test_unix_socket(tmp_path: pathlib.Path) -> None:
    async def echo(stream: asyncnet.tcp.Stream) -> None:
        async for chunk in stream:
            await stream.send(chunk)

    path = tmp_path / "socket"
    async with asyncnet.tcp.Server(echo, path=path) as server:
        assert server.addresses == (str(path),)
        async with asyncnet.tcp.Client(path=path) as stream:
            await stream.send(b"hello")
            assert await stream.receive() == b"hello"
            assert stream.peer == str(path)
            assert stream.info is None
    assert not path.exists()
    with pytest.raises(asyncnet.ConnectError, match="No such file"):
        await asyncnet.tcp.Client(path=path).open()


async def test_host_and_path_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="either"):
        asyncnet.tcp.Client("127.0.0.1", 1, path="x")
    with pytest.raises(TypeError, match="host"):
        asyncnet.tcp.Client()


def probes(stream: asyncnet.tcp.Stream) -> tuple[bool, int]:
    assert stream._wire is not None
    sock = stream._wire.transport.socket
    on = bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))
    return on, sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)


@pytest.mark.parametrize("keepalive", [None, 45.0])
async def test_a_server_probes_its_peers_when_told_to(keepalive: float | None) -> None:
    seen: list[tuple[bool, int]] = []

    async def look(stream: asyncnet.tcp.Stream) -> None:
        seen.append(probes(stream))

    async with asyncnet.tcp.Server(look, keepalive=keepalive) as server:
        assert await asyncnet.tcp.exchange("127.0.0.1", server.port, b"") == b""
    assert seen[0][0] is (keepalive is not None)
    assert keepalive is None or seen[0][1] == 45


async def test_keepalive_and_local_address() -> None:
    with testing.TCPServer() as server:
        client = asyncnet.tcp.Client(server.host, server.port, keepalive=60, local_address=("127.0.0.2", 0))
        async with client as stream:
            assert stream.local is not None
            assert stream.local[0] == "127.0.0.2"
            await stream.send(b"x")
            assert await stream.receive() == b"x"
            assert probes(stream) == (True, 60)
    with pytest.raises(ValueError, match="local_address"):
        asyncnet.tcp.Client("127.0.0.1", 1, local_address=("example.org", 0))
    with pytest.raises(TypeError, match="local_address"):
        asyncnet.tcp.Client("127.0.0.1", 1, local_address="127.0.0.1")  # type: ignore[arg-type]  # what is tested

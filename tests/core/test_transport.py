"""Events that come late, together, or to nobody: resets behind ends, hang-ups, numbers used again, loops that end."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import socket
import struct
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

import asyncnet
from asyncnet import testing
from asyncnet.core.files import run_in_file_thread
from asyncnet.core.loop_scope import current_scope
from asyncnet.core.poller import LoopPoller, Poller

pytestmark = pytest.mark.asyncio

AnyPoller = type[Poller] | type[LoopPoller]
WATCHED = 0.1  # seconds in which a loop that spins would be busy all the time
RESET = struct.pack("ii", 1, 0)


@pytest.fixture(params=[Poller, LoopPoller], ids=["epoll", "loop"])
def poller(request: pytest.FixtureRequest) -> AnyPoller:
    return request.param  # type: ignore[no-any-return]  # pytest does not know its type


@asynccontextmanager
async def connected(
    poller: AnyPoller,
) -> AsyncIterator[tuple[asyncnet.tcp.Client, socket.socket]]:
    current_scope().get("poller", poller)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        async with asyncnet.tcp.Client("127.0.0.1", listener.getsockname()[1]) as stream:
            peer, _ = listener.accept()
            with peer:
                yield stream, peer


def reset(peer: socket.socket) -> None:
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    peer.close()


async def fill(stream: asyncnet.tcp.Client, peer: socket.socket) -> int:
    """Send more than is read ahead, so that reading pauses; how much that was."""
    sent = 0
    peer.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while sent < 500_000:
            sent += peer.send(bytes(100_000))
            await asyncio.sleep(0)
    for _ in range(20):
        await asyncio.sleep(0)
    assert stream.bytes_received < sent
    return sent


async def quiet() -> bool:
    """Whether the loop sleeps while there is nothing to do."""
    busy = time.process_time()
    await asyncio.sleep(WATCHED)
    return time.process_time() - busy < 0.7 * WATCHED


async def test_reading_goes_on_after_what_the_loop_shares_was_closed(poller: AnyPoller) -> None:
    async with testing.no_leaks(), connected(poller) as (stream, peer):
        sent = await fill(stream, peer)
        await asyncnet.close()  # just now this stream watches nothing
        assert len(await stream.receive_exactly(sent)) == sent
        await stream.send(b"still here")
        assert peer.recv(100) == b"still here"


async def test_sending_waits_after_what_the_loop_shares_was_closed(poller: AnyPoller) -> None:
    async with testing.no_leaks(), connected(poller) as (stream, peer):
        peer.shutdown(socket.SHUT_WR)
        assert await stream.receive() == b""
        await asyncnet.close()
        sending = asyncio.create_task(stream.send(bytes(10_000_000)))
        peer.setblocking(False)
        received, loop = 0, asyncio.get_running_loop()
        while received < 10_000_000:
            received += len(await loop.sock_recv(peer, 1_000_000))
        await sending


async def test_a_reset_behind_the_end_is_told_to_the_sender_and_does_not_keep_the_loop_busy(
    poller: AnyPoller,
) -> None:
    async with connected(poller) as (stream, peer):
        peer.send(b"last words")
        peer.shutdown(socket.SHUT_WR)
        assert await stream.receive() == b"last words"
        assert await stream.receive() == b""
        reset(peer)
        assert await quiet()
        with pytest.raises(asyncnet.ConnectionLost):
            async with asyncio.timeout(5):
                while True:
                    await stream.send(b"x")


async def test_a_reset_while_reading_is_paused_ends_a_sender_that_waits(poller: AnyPoller) -> None:
    async with connected(poller) as (stream, peer):
        await fill(stream, peer)
        sending = asyncio.create_task(stream.send(bytes(20_000_000), timeout=None))
        for _ in range(20):
            await asyncio.sleep(0)
        assert not sending.done()
        reset(peer)
        with pytest.raises(asyncnet.ConnectionLost):
            async with asyncio.timeout(5):
                await sending
        assert await quiet()
        assert await stream.receive()  # what was read ahead is still there, and then the error
        with pytest.raises(asyncnet.ConnectionLost):
            while await stream.receive():
                pass


async def test_a_reset_while_reading_is_paused_is_no_event_until_reading_goes_on(poller: AnyPoller) -> None:
    if poller is LoopPoller and "uvloop" in str(type(asyncio.get_running_loop())):
        pytest.skip(
            "libuv stops polling a socket with an error where it stands on epoll: the reason for the own poller"
        )
    async with connected(poller) as (stream, peer):
        await fill(stream, peer)
        reset(peer)
        assert await quiet()
        with pytest.raises(asyncnet.ConnectionLost):
            async with asyncio.timeout(5):
                while await stream.receive():
                    pass


async def test_a_hang_up_of_a_unix_socket_does_not_keep_the_loop_busy(poller: AnyPoller) -> None:
    """It is reported whatever is asked for, as long as the socket is watched at all."""
    current_scope().get("poller", poller)
    ends: list[bytes] = []
    done = asyncio.Event()

    async def wait(stream: asyncnet.tcp.Stream) -> None:
        ends.append(await stream.receive())
        ends.append(await stream.receive())
        await done.wait()

    path = f"/tmp/asyncnet-{os.getpid()}-{time.monotonic_ns()}"
    async with asyncnet.tcp.Server(wait, path=path):
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect(path)
            peer.send(b"x")
        async with asyncio.timeout(5):
            while len(ends) < 2:
                await asyncio.sleep(0)
        assert ends == [b"x", b""]
        assert await quiet()
        done.set()


async def test_numbers_are_used_again_while_events_are_on_their_way(poller: AnyPoller) -> None:
    """Sockets close and open in the turn in which events of many came: nobody gets what is another's."""
    current_scope().get("poller", poller)
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listener:
        port = listener.getsockname()[1]

        async def opened(number: int) -> tuple[asyncnet.tcp.Client, socket.socket]:
            stream = await asyncnet.tcp.Client("127.0.0.1", port).open()
            peer, _ = listener.accept()
            peer.send(b"%d" % number)
            assert await stream.receive() == b"%d" % number
            return stream, peer

        pairs = [await opened(number) for number in range(20)]
        for generation in range(5):
            numbers = {stream._wire.transport.socket.fileno() for stream, _ in pairs if stream._wire is not None}
            for position, (_, peer) in enumerate(pairs):
                # All of it stands in one answer of the poller.
                if position % 3 == 0:
                    reset(peer)
                else:
                    peer.send(b"late %d" % generation)
            for stream, _ in pairs[::2]:
                stream.abort()
            await asyncio.sleep(0)
            fresh = [await opened(100 * generation + position) for position in range(20)]
            again = {stream._wire.transport.socket.fileno() for stream, _ in fresh if stream._wire is not None}
            assert numbers & again
            for position, (stream, peer) in enumerate(fresh):
                peer.send(b"new %d" % position)
                assert await stream.receive(timeout=5) == b"new %d" % position
            for stream, peer in pairs:
                stream.abort()
                peer.close()
            pairs = fresh
        for stream, peer in pairs:
            stream.abort()
            peer.close()


async def test_a_stream_aborted_in_the_turn_of_its_event(poller: AnyPoller) -> None:
    async with connected(poller) as (first, first_peer), connected(poller) as (second, second_peer):
        woken = asyncio.create_task(first.receive())
        other = asyncio.create_task(second.receive())
        await asyncio.sleep(0)

        async def end() -> None:
            await woken
            second.abort()  # its bytes came in the same turn

        ending = asyncio.create_task(end())
        await asyncio.sleep(0)
        first_peer.send(b"x")
        second_peer.send(b"y")
        await ending
        outcome = (await asyncio.gather(other, return_exceptions=True))[0]
        assert outcome == b"y" or isinstance(outcome, asyncnet.StateError)


# ---- several loops, and loops that end


def on_new_loop(work: object, factory: type[asyncio.AbstractEventLoop]) -> object:
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(work())  # type: ignore[operator]  # a coroutine function


async def _many_exchanges() -> int:
    async def echo(stream: asyncnet.tcp.Stream) -> None:
        async for chunk in stream:
            await stream.send(chunk)

    async with asyncnet.tcp.Server(echo) as server:
        answers = await asyncio.gather(
            *(asyncnet.tcp.exchange("127.0.0.1", server.port, b"%d" % number * 50_000) for number in range(20))
        )
    assert answers == [b"%d" % number * 50_000 for number in range(20)]
    return len(answers)


async def test_loops_in_several_threads_do_not_meet() -> None:
    factory = type(asyncio.get_running_loop())
    done: list[object] = []
    threads = [threading.Thread(target=lambda: done.append(on_new_loop(_many_exchanges, factory))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        await run_in_file_thread(thread.join, 30)
    assert done == [20] * 4


async def test_a_stream_outlives_its_loop_and_can_still_be_aborted() -> None:
    factory = type(asyncio.get_running_loop())
    with socket.create_server(("127.0.0.1", 0)) as listener:
        stream = asyncnet.tcp.Client("127.0.0.1", listener.getsockname()[1])

        def work() -> None:
            loop = factory()
            loop.run_until_complete(stream.open())
            loop.close()

        await run_in_file_thread(work)
        peer, _ = listener.accept()
        with peer:
            assert stream._wire is not None
            stream.abort()
            assert stream.closed
            assert stream._wire.transport.socket.fileno() == -1
            peer.settimeout(5)
            assert peer.recv(1) == b""
        with pytest.raises(asyncnet.StateError):
            await stream.send(b"x")
    gc.collect()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # a task that never ends
async def test_a_server_outlives_its_loop_and_can_still_be_aborted() -> None:
    factory = type(asyncio.get_running_loop())
    begun = threading.Event()

    async def wait(stream: asyncnet.tcp.Stream) -> None:
        begun.set()
        await stream.receive()

    server = asyncnet.tcp.Server(wait)

    async def serve(peer: socket.socket) -> None:
        await server.open()
        peer.connect(("127.0.0.1", server.port))
        while not begun.is_set():
            await asyncio.sleep(0)

    with socket.socket() as peer:

        def work() -> None:
            loop = factory()
            loop.set_exception_handler(lambda loop, context: None)  # that task again
            loop.run_until_complete(serve(peer))
            loop.close()

        await run_in_file_thread(work)
        server.abort()
        assert server.closed
        peer.settimeout(5)
        with contextlib.suppress(ConnectionResetError):
            assert peer.recv(1) == b""
        with socket.socket() as late, pytest.raises(ConnectionRefusedError):
            late.connect(("127.0.0.1", server.port))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
async def test_a_forked_child_has_a_life_of_its_own() -> None:
    """What it does on its own loop, and that it ends, is nothing to the streams of its parent."""
    factory = type(asyncio.get_running_loop())
    async with connected(Poller) as (stream, peer):
        waiting = asyncio.create_task(stream.receive())
        await asyncio.sleep(0)
        child = os.fork()
        if not child:
            code = 1
            with contextlib.suppress(BaseException):
                asyncio._set_running_loop(None)
                code = 0 if on_new_loop(_many_exchanges, factory) == 20 else 2
            os._exit(code)
        _, status = await run_in_file_thread(os.waitpid, child, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        peer.send(b"still here")
        assert await waiting == b"still here"

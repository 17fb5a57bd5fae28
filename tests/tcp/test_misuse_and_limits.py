"""What misuse, a passed limit and a wait that is over leave behind: an error in words, and a stream as it was."""

from __future__ import annotations

import array
import asyncio
import contextlib
import os
import pathlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

import asyncnet
from asyncnet import testing
from asyncnet.core.files import run_in_file_thread

pytestmark = pytest.mark.asyncio

Stream = asyncnet.tcp.Stream
DRIP = 0.01  # seconds from one piece to the next, of a peer that sends or reads slowly


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[asyncnet.tcp.Client, socket.socket]]:
    """A client and the plain socket at its other end: what that one sends is here when its ``send`` returns."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        async with asyncnet.tcp.Client("127.0.0.1", listener.getsockname()[1]) as stream:
            peer, _ = listener.accept()
            with peer:
                yield stream, peer


# ---- one reader


@pytest.mark.parametrize("how", ["receive", "receive_into", "receive_exactly"])
async def test_a_second_reader_who_comes_in_between_is_refused_and_nobody_waits_for_ever(how: str) -> None:
    """The bytes are there, the first reader is not yet awake, and another one takes them and waits for more."""
    outcomes: list[object] = []
    memory = {"first": bytearray(10), "second": bytearray(10)}

    async def read(stream: Stream, name: str) -> None:
        try:
            if how == "receive_into":
                count = await stream.receive_into(memory[name])
                outcomes.append(bytes(memory[name][:count]))
            elif how == "receive_exactly":
                outcomes.append(await stream.receive_exactly(1))
            else:
                outcomes.append(await stream.receive())
        except asyncnet.StateError as error:
            outcomes.append(error)

    async def second(waker: Stream, stream: Stream) -> None:
        await waker.receive()
        await read(stream, "second")
        await read(stream, "second")

    async with connected() as (waker, waking), connected() as (stream, peer):
        readers = [asyncio.create_task(second(waker, stream)), asyncio.create_task(read(stream, "first"))]
        await asyncio.sleep(0)
        waking.send(b"!")  # both in one turn of the loop, and the second reader is the first to be woken
        peer.send(b"x")
        for _ in range(20):
            await asyncio.sleep(0)
        peer.send(b"y")
        async with asyncio.timeout(5):
            await asyncio.gather(*readers)
        taken = [outcome for outcome in outcomes if isinstance(outcome, bytes)]
        assert len(taken) < len(outcomes) == 3  # at least one was refused
        if len(taken) < 2:
            taken.append(await stream.receive())
        assert taken == [b"x", b"y"]


async def test_another_loop_is_refused_whatever_is_done() -> None:
    async with connected() as (stream, peer):

        async def attempt() -> list[str]:
            refused = []
            calls: dict[str, Callable[[], Awaitable[object]]] = {
                "send": lambda: stream.send(b"x"),
                "send_eof": stream.send_eof,
                "receive": stream.receive,
                "receive_exactly": lambda: stream.receive_exactly(1),
                "receive_line": stream.receive_line,
                "receive_frame": stream.receive_frame,
            }
            for name, call in calls.items():
                with contextlib.suppress(asyncnet.StateError):
                    await call()
                    continue
                refused.append(name)
            return refused

        refused = await run_in_file_thread(lambda: asyncio.run(attempt()))
        assert refused == ["send", "send_eof", "receive", "receive_exactly", "receive_line", "receive_frame"]
        await stream.send(b"fine")
        assert peer.recv(10) == b"fine"


# ---- limits of time


async def test_a_long_separator_does_not_prolong_the_wait_for_it() -> None:
    loop = asyncio.get_running_loop()
    with (
        testing.TCPServer([testing.Send(b"-" * 300), testing.Stall()]) as server,
        testing.FaultyLink(server.host, server.port, fragment=1, gap=DRIP) as link,
    ):
        async with asyncnet.tcp.Client(link.host, link.port) as stream:
            began = loop.time()
            with pytest.raises(asyncnet.OperationTimeout):
                await stream.receive_until(b"-" * 200 + b"\n", timeout=0.2)
            assert loop.time() - began < 1.5  # and not the two seconds that the separator takes
            assert set(await stream.receive()) == set(b"-")


@pytest.mark.parametrize(
    "wait",
    [
        lambda stream: stream.receive_exactly(50_000_000, timeout=0.05),
        lambda stream: stream.receive_until(b"\n", 50_000_000, timeout=0.05),
        lambda stream: stream.receive_frame(50_000_000, timeout=0.05),
    ],
    ids=["exactly", "until", "frame"],
)
async def test_room_made_for_a_long_read_is_taken_back_when_it_ends(wait: Callable[[Stream], object]) -> None:
    async with connected() as (stream, peer):
        peer.send((40_000_000).to_bytes(4, "big"))
        with pytest.raises(asyncnet.OperationTimeout):
            await wait(stream)  # type: ignore[misc]  # each is a coroutine
        peer.setblocking(False)
        for _ in range(300):
            with contextlib.suppress(BlockingIOError):
                peer.send(bytes(100_000))
            await asyncio.sleep(0)
        assert stream.bytes_received <= 2 * 262_144  # read ahead, and what one receive brings beyond it


async def test_a_peer_that_reads_slowly_is_not_idle() -> None:
    """One long send: the sender's count stands still, and bytes move all the time."""
    whole = 3_000_000
    given = asyncio.Event()

    async def give(stream: Stream) -> None:
        await stream.send(bytes(whole), timeout=None)
        given.set()

    async with asyncnet.tcp.Server(give, idle_timeout=0.5) as server:
        with socket.socket() as peer:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)  # what is on the way is little
            peer.connect(("127.0.0.1", server.port))
            peer.setblocking(False)
            loop = asyncio.get_running_loop()
            received = 0
            while chunk := await loop.sock_recv(peer, 32_768):
                received += len(chunk)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(DRIP):
                        await given.wait()
        assert received == whole
        assert given.is_set()


async def test_a_peer_that_reads_nothing_is_idle() -> None:
    failed: list[BaseException] = []

    async def give(stream: Stream) -> None:
        try:
            await stream.send(bytes(20_000_000), timeout=None)
        except asyncnet.AsyncNetError as error:
            failed.append(error)

    async with testing.no_leaks(), asyncnet.tcp.Server(give, idle_timeout=0.1) as server:
        with socket.create_connection(("127.0.0.1", server.port)):
            async with asyncio.timeout(10):
                while not failed:
                    await asyncio.sleep(0)
        assert isinstance(failed[0], asyncnet.OperationTimeout)


async def _send_to_slow_reader(folder: pathlib.Path, **limits: float) -> tuple[int, int]:
    """Send a file of 1 MB to a peer that takes 8 KiB now and then; what was sent, and what the peer has."""
    (folder / "file").write_bytes(bytes(1_000_000))
    received = 0
    with socket.socket(socket.AF_UNIX) as listener:  # the kernel keeps little for it
        listener.bind(str(folder / "socket"))
        listener.listen()
        async with testing.no_leaks(), asyncnet.tcp.Client(path=str(folder / "socket")) as stream:
            peer, _ = listener.accept()
            with peer:
                peer.setblocking(False)
                sending = asyncio.create_task(stream.send_file(folder / "file", **limits))
                while received < 1_000_000 and not (sending.done() and sending.exception()):
                    received += len(await asyncio.get_running_loop().sock_recv(peer, 8_192))
                    await asyncio.wait([sending], timeout=DRIP)
                return await sending, received


async def test_a_file_for_a_peer_that_reads_slowly(tmp_path: pathlib.Path) -> None:
    """A piece of it takes longer than the time in which a byte has to move."""
    assert await _send_to_slow_reader(tmp_path, idle_timeout=0.15) == (1_000_000, 1_000_000)


async def test_a_file_for_a_peer_that_reads_too_slowly(tmp_path: pathlib.Path) -> None:
    with pytest.raises(asyncnet.OperationTimeout, match=r"fewer than 5e\+07 per second"):
        await _send_to_slow_reader(tmp_path, idle_timeout=0.15, min_rate=50_000_000)


async def test_a_file_for_a_peer_that_reads_nothing(tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").write_bytes(bytes(20_000_000))
    async with testing.no_leaks(), connected() as (stream, _):
        with pytest.raises(asyncnet.OperationTimeout, match=r"does not take what was sent within 0\.1 s") as caught:
            await stream.send_file(tmp_path / "file", idle_timeout=0.1)
        assert caught.value.operation == "send_file"
        for name in ("idle_timeout", "min_rate"):
            with pytest.raises(ValueError, match=name):
                await stream.send_file(tmp_path / "file", **{name: -1})


# ---- what is sent


async def test_a_frame_of_numbers_is_measured_in_bytes() -> None:
    numbers = array.array("I", [1, 2, 3])
    async with testing.no_leaks(), connected() as (stream, peer):
        await stream.send_frame(memoryview(numbers))
        await stream.send((b"<", memoryview(numbers), bytearray(b">")))
        data = peer.recv(100)
        assert data == b"\0\0\0\x0c" + numbers.tobytes() + b"<" + numbers.tobytes() + b">"
        assert stream.bytes_sent == len(data)


@pytest.mark.parametrize("arguments", [{"offset": -1}, {"count": -1}])
async def test_a_part_of_a_file_that_cannot_be(tmp_path: pathlib.Path, arguments: dict[str, int]) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    async with connected() as (stream, _):
        with pytest.raises(ValueError, match=next(iter(arguments))):
            await stream.send_file(str(path), **arguments)
        assert await stream.send_file(str(path), 20) == 0
        assert await stream.send_file(str(path), 8, 100) == 2


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("change", ["grows", "shrinks"])
async def test_a_file_that_changes_while_it_is_sent(tmp_path: pathlib.Path, tls: bool, change: str) -> None:
    """What is there when it is read goes out, the count says how much, and the stream stays usable."""
    path = tmp_path / "file"
    path.write_bytes(b"a" * 3_000_000)
    authority = testing.CertificateAuthority()
    changed = asyncio.Event()
    counts: list[int] = []

    async def give(stream: Stream) -> None:
        sending = asyncio.create_task(stream.send_file(str(path)))
        while not stream.bytes_sent:
            await asyncio.sleep(0)
        if change == "grows":
            with path.open("ab") as file:
                file.write(b"b" * 500_000)
        else:
            os.truncate(path, 1_000_000)
        changed.set()
        counts.append(await sending)
        await stream.send(b"|end")

    async with asyncnet.tcp.Server(give, ssl=authority.server_context() if tls else None) as server:
        client = asyncnet.tcp.Client("127.0.0.1", server.port, ssl=authority.client_context() if tls else None)
        async with client as stream:
            await changed.wait()
            data = b"".join([chunk async for chunk in stream])
    assert data.endswith(b"|end")
    assert len(data) - 4 == counts[0]
    if change == "grows":
        assert counts[0] == 3_500_000
    else:
        assert 1_000_000 <= counts[0] < 3_000_000


async def test_an_error_in_the_middle_of_a_file_is_one_of_sending_a_file(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(10_000_000))
    async with connected() as (stream, peer):
        sending = asyncio.create_task(stream.send_file(str(path)))
        while not stream.bytes_sent:
            await asyncio.sleep(0)
        peer.close()  # with bytes unread: a reset
        with pytest.raises(asyncnet.ConnectionLost) as caught:
            await sending
        assert caught.value.operation == "send_file"


# ---- backpressure


async def test_a_cancelled_sender_has_queued_all_or_none_and_the_others_go_on() -> None:
    """Ten senders wait for a peer that does not read; every other one is cancelled."""
    async with connected() as (stream, peer):
        peer.setblocking(False)
        first = asyncio.create_task(stream.send(b"." * 8_000_000, timeout=None))
        for _ in range(20):
            await asyncio.sleep(0)
        assert not first.done()
        senders = [asyncio.create_task(stream.send(b"%d" % number * 1_000, timeout=None)) for number in range(10)]
        for _ in range(5):
            await asyncio.sleep(0)
        for number in range(0, 10, 2):
            senders[number].cancel()
        results = asyncio.gather(*senders, return_exceptions=True)
        data = bytearray()
        loop = asyncio.get_running_loop()
        while len(data) < 8_005_000:
            data += await loop.sock_recv(peer, 1_000_000)
        await first
        assert [isinstance(result, asyncio.CancelledError) for result in await results] == [True, False] * 5
        assert data[8_000_000:] == b"".join(b"%d" % number * 1_000 for number in range(1, 10, 2))
        assert stream.bytes_sent == len(data)
        # The one who is cancelled in the middle of a wait for what was queued has sent all of it.
        # More than any kernel holds: its buffers have grown with what was received so far.
        last = asyncio.create_task(stream.send(b"!" * 40_000_000, timeout=None))
        for _ in range(20):
            await asyncio.sleep(0)
        last.cancel()
        with pytest.raises(asyncio.CancelledError):
            await last
        while len(data) < 48_005_000:
            data += await loop.sock_recv(peer, 1_000_000)
        assert data[8_005_000:] == b"!" * 40_000_000


# ---- arguments


@pytest.mark.parametrize("timeout", [-1, "1", float("nan"), True])
@pytest.mark.parametrize("how", ["receive", "receive_into", "receive_exactly", "receive_line", "receive_frame"])
async def test_a_wrong_timeout_does_not_leave_the_stream_with_a_reader_for_ever(how: str, timeout: float) -> None:
    async with connected() as (stream, peer):
        calls: dict[str, Callable[[], Awaitable[object]]] = {
            "receive": lambda: stream.receive(timeout=timeout),
            "receive_into": lambda: stream.receive_into(bytearray(4), timeout=timeout),
            "receive_exactly": lambda: stream.receive_exactly(4, timeout=timeout),
            "receive_line": lambda: stream.receive_line(timeout=timeout),
            "receive_frame": lambda: stream.receive_frame(timeout=timeout),
        }
        with pytest.raises((ValueError, TypeError), match="timeout"):
            await calls[how]()
        peer.sendall(b"fine\n")
        assert await stream.receive_line() == b"fine"


@pytest.mark.parametrize(
    ("data", "wire"), [(array.array("H", [0x6161, 0x6262]), b"aabb"), ([b"a", bytearray(b"b")], b"ab")]
)
async def test_whatever_holds_bytes_can_be_sent(data: list[bytes], wire: bytes) -> None:
    async with connected() as (stream, peer):
        await stream.send(data)
        assert peer.recv(10) == wire
        assert stream.bytes_sent == len(wire)


@pytest.mark.parametrize("data", ["", "text", 5, None, [1, 2], ["text"]])
async def test_text_and_numbers_are_not_sent(data: bytes) -> None:
    async with connected() as (stream, _):
        with pytest.raises(TypeError, match="must be bytes"):
            await stream.send(data)
        with pytest.raises(TypeError, match="must be bytes"):
            await asyncnet.tcp.exchange("127.0.0.1", 1, data)
        assert stream.bytes_sent == 0


@pytest.mark.parametrize("limit", [0, -1])
async def test_a_frame_limit_below_one_is_refused(limit: int) -> None:
    async with connected() as (stream, peer):
        peer.sendall(b"\0\0\0\x01x")
        with pytest.raises(ValueError, match="max_bytes"):
            await stream.receive_frame(limit)
        assert await stream.receive_frame() == b"x"


async def test_a_number_is_no_path_of_a_file(tmp_path: pathlib.Path) -> None:
    # open() would take the descriptor of that number, and close it.
    with (tmp_path / "mine").open("wb+") as file:
        async with connected() as (stream, _):
            with pytest.raises(TypeError, match="PathLike"):
                await stream.send_file(file.fileno())  # type: ignore[arg-type]  # the mistake that is tried
        os.fstat(file.fileno())


async def test_another_loop_and_the_own_are_told_apart() -> None:
    async with connected() as (stream, _):

        async def use_it() -> tuple[str, str]:
            with pytest.raises(asyncnet.StateError) as caught:
                await stream.send(b"x")
            return str(caught.value), f"0x{id(asyncio.get_running_loop()):x}"

        words, other = await run_in_file_thread(lambda: asyncio.run(use_it()))
        own = f"0x{id(asyncio.get_running_loop()):x}"
        assert own in words.partition("used from")[0]
        assert other in words.partition("used from")[2]

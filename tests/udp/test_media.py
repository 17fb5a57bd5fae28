"""Media over a lossy link: whole, or with its gaps marked, in bounded time and memory."""

from __future__ import annotations

import asyncio
import contextlib
import random
import struct
from collections.abc import AsyncIterator

import pytest

import asyncnet
from asyncnet import testing, udp
from asyncnet.udp.pieces import PIECE
from asyncnet.udp.rtp import Packet, build_packet, parse_packet
from tests.udp.peers import plain_socket, port_of, unused_port

pytestmark = pytest.mark.asyncio

PHOTO = random.Random(8).randbytes(150_000)


class Link:
    """A relay that loses datagrams by chance from a seed, and keeps a record of what it lost and passed on."""

    def __init__(self, loss: float, seed: int) -> None:
        self.loss = loss
        self.chance = random.Random(seed)
        self.lost: list[Packet] = []
        self.passed: list[Packet] = []
        self.port = 0

    @contextlib.asynccontextmanager
    async def to(self, port: int) -> AsyncIterator[Link]:
        async with udp.Client("127.0.0.1", port) as onward:

            async def relay(datagram: udp.Datagram) -> None:
                if self.chance.random() < self.loss:
                    self.lost.append(parse_packet(datagram.data))
                else:
                    self.passed.append(parse_packet(datagram.data))
                    await onward.send(datagram.data)

            async with udp.Server(relay, queue=100_000) as server:
                self.port = server.port
                yield self


def pieces(packets: list[Packet]) -> list[range]:
    """The bytes that packets carry themselves, by their headers."""
    found = []
    for packet in packets:
        if packet.payload_type == PIECE:
            total, offset, step, _, _ = struct.unpack_from("!IIHBB", packet.payload)
            found.append(range(offset, min(total, offset + step)))
    return found


@pytest.mark.parametrize("data", [b"", b"x", PHOTO], ids=["empty", "one byte", "photo"])
@pytest.mark.parametrize("parity", [8, (4, 4), None], ids=str)
async def test_there_and_whole(data, parity):
    port = unused_port()
    media, sent = await asyncio.gather(
        udp.receive_media("127.0.0.1", port, timeout=20),
        udp.send_media(data, "127.0.0.1", port, parity=parity),
    )
    assert (media.data, media.missing, media.lost_fraction, media.complete) == (data, (), 0.0, True)
    assert (media.pieces, media.received, media.recovered) == (sent.pieces, sent.pieces, 0)
    assert (media.source, media.timestamp, sent.size) == (sent.source, sent.timestamp, len(data))
    assert sent.pieces == max(1, -(-len(data) // 1_200))
    assert (sent.parity_packets > 0) is (parity is not None)
    assert media.peer.host == "127.0.0.1"


async def test_a_receiver_made_a_task_just_before():
    port = unused_port()
    receiving = asyncio.create_task(udp.receive_media("127.0.0.1", port))
    await udp.send_media(b"hello", "127.0.0.1", port)
    assert (await receiving).data == b"hello"


@pytest.mark.parametrize("parity", [None, 4, (6, 6)], ids=str)
@pytest.mark.parametrize("loss", [0.0, 0.05, 0.1, 0.3])
async def test_gaps_are_what_the_link_lost_and_parity_did_not_give_back(loss, parity):
    port = unused_port()
    async with Link(loss, seed=round(loss * 100)).to(port) as link:
        media, sent = await asyncio.gather(
            udp.receive_media("127.0.0.1", port, idle_timeout=0.3, timeout=30),
            udp.send_media(PHOTO, "127.0.0.1", link.port, parity=parity),
        )
    assert len(link.lost) + len(link.passed) == sent.pieces + sent.parity_packets, "every packet is accounted for"
    lost = {number for piece in pieces(link.lost) for number in piece}
    missing = {number for gap in media.missing for number in gap}
    if parity is None:
        assert missing == lost
    else:
        assert missing <= lost
        assert bool(media.recovered) is bool(lost)
        assert len(missing) < len(lost) or not lost
    assert len(media.data) == len(PHOTO)
    expected = bytes(0 if n in missing else byte for n, byte in enumerate(PHOTO))
    assert media.data == expected, "recovered bytes are the sent ones"
    assert media.lost_fraction == len(missing) / len(PHOTO)
    assert media.complete is (not missing)
    assert media.received == len(pieces(link.passed))
    assert media.pieces == media.received + media.recovered + len({n // 1_200 for n in missing})


async def test_over_a_faulty_link():
    port = unused_port()
    with testing.FaultyLink("127.0.0.1", port, loss=0.2, jitter=0.01, seed=5) as link:
        media, _ = await asyncio.gather(
            udp.receive_media("127.0.0.1", port, idle_timeout=0.3, timeout=30),
            udp.send_media(PHOTO, "127.0.0.1", link.port, parity=(5, 5)),
        )
        assert link.datagrams_lost > 0
    assert media.recovered > 0
    assert len(media.data) == len(PHOTO)
    kept = [n for n in range(0, len(PHOTO), 1_200) if not any(n in gap for gap in media.missing)]
    assert all(media.data[n : n + 1_200] == PHOTO[n : n + 1_200] for n in kept)


async def test_in_any_order_and_twice():
    async with Receiving() as receiver:
        packets = receiver.packets(b"abc" * 1_000, piece_size=64)
        random.Random(1).shuffle(packets)
        for packet in packets:
            receiver.send(packet)
            receiver.send(packet)
        media = await receiver.media
    assert media.data == b"abc" * 1_000
    assert media.duplicates > 0


class Receiving:
    """A receiver that is there, and a socket to send it packets made by hand."""

    def __init__(self, **options) -> None:
        self.options = {"idle_timeout": 0.1, "timeout": 20, **options}

    async def __aenter__(self) -> Receiving:
        self.port = unused_port()
        self.stack = contextlib.ExitStack()
        self.socket = self.stack.enter_context(plain_socket())
        self.media = asyncio.ensure_future(udp.receive_media("127.0.0.1", self.port, **self.options))
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *exc_info) -> None:
        self.media.cancel()
        await asyncio.wait([self.media])
        self.stack.close()

    def send(self, data: bytes) -> None:
        self.socket.sendto(data, ("127.0.0.1", self.port))

    @staticmethod
    def packets(data: bytes, *, piece_size: int = 100, source: int = 1) -> list[bytes]:
        return list(
            asyncnet.udp.pieces.packets(data, piece_size, 4, source=source, sequence=0, timestamp=source)
        )


async def test_the_first_one_decides_whose_medium_it_is():
    async with Receiving() as receiver:
        ours, other = receiver.packets(b"ours" * 100), receiver.packets(b"else" * 100, source=2)
        with plain_socket() as stranger:
            receiver.send(ours[0])
            for packet in other:
                receiver.send(packet)  # another medium of the same sender
                stranger.sendto(packet, ("127.0.0.1", receiver.port))
            stranger.sendto(ours[2], ("127.0.0.1", receiver.port))  # a part of it, from a stranger
            for packet in ours[1:2]:
                receiver.send(packet)
            media = await receiver.media
        assert media.data.startswith(b"ours" * 50)
        assert (media.received, media.peer.port) == (2, port_of(receiver.socket))
        assert media.missing == (range(200, 400),)


@pytest.mark.parametrize(
    "noise",
    [
        b"",
        b"not RTP",
        build_packet(Packet(0, 0, 0, 0, b"a telephone call")),
        build_packet(Packet(96, 0, 0, 0, b"short")),
        build_packet(Packet(96, 0, 0, 0, struct.pack("!IIHBB", 100, 0, 1, 1, 0) + b"x")),
    ],
)
async def test_noise_before_and_between(noise):
    async with Receiving() as receiver:
        receiver.send(noise)
        for packet in receiver.packets(b"signal" * 50):
            receiver.send(packet)
            receiver.send(noise)
        assert (await receiver.media).data == b"signal" * 50


async def test_a_medium_larger_than_allowed():
    async with Receiving(max_bytes=1_000) as receiver:
        receiver.send(receiver.packets(b"x" * 1_001)[0])
        with pytest.raises(asyncnet.LimitExceeded, match="1001 bytes, more than max_bytes=1000") as caught:
            await receiver.media
        assert caught.value.operation == "receive_media"
        assert caught.value.peer == f"127.0.0.1:{port_of(receiver.socket)}"


async def test_a_sender_that_says_the_same_for_ever_is_given_up():
    async with Receiving(idle_timeout=0.05) as receiver:
        first, *_ = receiver.packets(b"x" * 1_000)
        began = asyncio.get_running_loop().time()
        while not receiver.media.done():
            receiver.send(first)
            await asyncio.sleep(0)
            assert asyncio.get_running_loop().time() - began < 5
        assert (await receiver.media).lost_fraction == 0.9


async def test_nobody_sends():
    port = unused_port()
    with pytest.raises(asyncnet.OperationTimeout, match=r"within 0\.05 s") as caught:
        await udp.receive_media("127.0.0.1", port, timeout=0.05)
    assert (caught.value.operation, caught.value.phase) == ("receive_media", "transfer")


async def test_nobody_receives():
    port = unused_port()
    with pytest.raises(asyncnet.ConnectError, match="refused") as caught:
        await udp.send_media(PHOTO, "127.0.0.1", port)
    assert (caught.value.operation, caught.value.peer) == ("send_media", f"127.0.0.1:{port}")


async def test_the_port_is_taken():
    with plain_socket() as other, pytest.raises(asyncnet.ConnectError, match="in use") as caught:
        await udp.receive_media("127.0.0.1", port_of(other))
    assert caught.value.operation == "receive_media"


async def test_the_rate_is_kept():
    port = unused_port()
    loop = asyncio.get_running_loop()
    began = loop.time()
    media, sent = await asyncio.gather(
        udp.receive_media("127.0.0.1", port, timeout=20),
        udp.send_media(PHOTO, "127.0.0.1", port, rate=1_000_000),
    )
    assert media.complete
    assert loop.time() - began >= 0.9 * sent.bytes_sent / 1_000_000


async def test_a_rate_that_takes_too_long():
    with plain_socket() as receiver:
        with pytest.raises(asyncnet.OperationTimeout, match=r"within 0\.1 s"):
            await udp.send_media(PHOTO, "127.0.0.1", port_of(receiver), rate=10_000, timeout=0.1)


async def test_to_a_group():
    port = unused_port()
    media, _ = await asyncio.gather(
        udp.receive_media("127.0.0.1", port, multicast="239.77.2.1", timeout=20),
        udp.send_media(b"to all", "239.77.2.1", port, local_address=("127.0.0.1", 0)),
    )
    assert media.data == b"to all"


async def test_the_policy_judges_the_address():
    with pytest.raises(asyncnet.ForbiddenAddress):
        await udp.send_media(b"", "127.0.0.1", 9, dialer=asyncnet.Dialer(allow=asyncnet.public_only))


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"data": "text"}, TypeError),
        ({"port": 0}, ValueError),
        ({"host": "a b"}, ValueError),
        ({"parity": 0}, ValueError),
        ({"parity": "8"}, TypeError),
        ({"piece_size": 63}, ValueError),
        ({"piece_size": 65_484}, ValueError),
        ({"rate": 0}, ValueError),
        ({"rate": "fast"}, ValueError),
        ({"timeout": -1}, ValueError),
        ({"local_address": "127.0.0.1"}, TypeError),
    ],
)
async def test_what_cannot_be_sent(changes, error):
    arguments = {"data": b"", "host": "127.0.0.1", "port": 9, **changes}
    with pytest.raises(error):
        await udp.send_media(arguments.pop("data"), arguments.pop("host"), arguments.pop("port"), **arguments)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"port": 0}, ValueError),
        ({"port": "5004"}, ValueError),
        ({"host": "a b"}, ValueError),
        ({"max_bytes": 0}, ValueError),
        ({"idle_timeout": 0}, ValueError),
        ({"idle_timeout": None}, ValueError),
        ({"multicast": "127.0.0.1"}, ValueError),
        ({"timeout": -1}, ValueError),
    ],
)
async def test_what_cannot_be_received(changes, error):
    arguments = {"host": "127.0.0.1", "port": 9, **changes}
    with pytest.raises(error):
        await udp.receive_media(arguments.pop("host"), arguments.pop("port"), **arguments)


async def test_repr():
    async with Receiving() as receiver:
        receiver.send(receiver.packets(b"x" * 400)[0])
        media = await receiver.media
        port = port_of(receiver.socket)
        assert repr(media) == (
            f"<Media of 400 bytes from 127.0.0.1:{port}: 75.0% missing in 1 gaps, "
            "1 of 4 pieces received, 0 recovered>"
        )

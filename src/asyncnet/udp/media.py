"""Images, audio, video over a lossy link: RTP packets, parity, and a map of what is missing."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from ..core.address import Endpoint
from ..core.dialer import Dialer, current_dialer
from ..core.operation import DEFAULT_TIMEOUT, Operation
from ..core.target import LocalAddress, check_local_address
from ..errors import AsyncNetError, LimitExceeded, OperationTimeout
from .channel import check_count
from .client import Client, check_peer
from .datagram import MAX_DATAGRAM, Buffer, Datagram
from .parity import Parity, check_parity
from .pieces import MAX_MEDIA, MIN_STEP, OVERHEAD, Assembly, packets
from .rtp import Packet, parse_packet
from .server import Server

__all__ = ["Media", "SentMedia", "receive_media", "send_media"]

_MAX_BYTES = 67_108_864  # of a medium, unless the caller says otherwise
_PIECE_SIZE = 1_200  # bytes; with all headers it fits into every packet of IPv6 (RFC 8200 section 5)
_RATE = 12_500_000.0  # bytes a second: 100 Mbit/s
_BURST = 16  # packets sent in one go
_IDLE_TIMEOUT = 1.0  # seconds without anything new, after which what is missing is lost
_LINGER = 0.2  # seconds for packets that are late, once everything is there or the last one came
_CLOCK = 90_000  # Hz: the clock of RTP's timestamps for images and video (RFC 3551 section 5)


@dataclass(frozen=True, slots=True)
class SentMedia:
    """What was sent.

    Attributes:
        size: bytes of the medium.
        pieces: packets that it was cut into.
        parity_packets: packets of parity.
        bytes_sent: bytes of all packets, their RTP headers included.
        source: the random number (SSRC) of this medium.
        timestamp: RTP's timestamp of it.
        elapsed: seconds from the first packet to the last.
    """

    size: int
    pieces: int
    parity_packets: int
    bytes_sent: int
    source: int
    timestamp: int
    elapsed: float


@dataclass(frozen=True, slots=True, repr=False)
class Media:
    """What was received of a medium.

    Attributes:
        data: its bytes, in its full length; zeros where something is missing.
        missing: the bytes that are missing, as ranges in their order; empty if it is complete.
        peer: who sent it.
        pieces: packets that the sender cut it into.
        received: how many of these came.
        recovered: how many were had from parity.
        duplicates: how many came once more, or too late.
        source: the sender's random number (SSRC) for it.
        timestamp: RTP's timestamp of it.
        elapsed: seconds from the first packet to the last.
    """

    data: bytes
    missing: tuple[range, ...]
    peer: Endpoint
    pieces: int
    received: int
    recovered: int
    duplicates: int
    source: int
    timestamp: int
    elapsed: float

    @property
    def lost_fraction(self) -> float:
        """The share of its bytes that is missing: 0.0 if it is complete."""
        return sum(map(len, self.missing)) / len(self.data) if self.data else 0.0

    @property
    def complete(self) -> bool:
        """Whether nothing is missing."""
        return not self.missing

    def __repr__(self) -> str:
        lost = f"{self.lost_fraction:.1%} missing in {len(self.missing)} gaps" if self.missing else "complete"
        return (
            f"<Media of {len(self.data)} bytes from {self.peer}: {lost}, "
            f"{self.received} of {self.pieces} pieces received, {self.recovered} recovered>"
        )


async def send_media(
    data: Buffer,
    host: str,
    port: int,
    *,
    parity: Parity = 8,
    piece_size: int = _PIECE_SIZE,
    rate: float | None = _RATE,
    timeout: float | None = DEFAULT_TIMEOUT,
    local_address: LocalAddress | None = None,
    dialer: Dialer | None = None,
) -> SentMedia:
    """Send an image, a sound or a video as RTP packets with parity (RFC 3550).

    Nothing comes back and nothing is sent again: what gets lost, `receive_media`
    recovers from parity or marks as missing. Each packet says where it belongs.

    Args:
        data: the medium, up to 4 GiB.
        host: a name or an address.
        port: 1 to 65535; RTP's own is 5004.
        parity: how many packets share a packet of parity, which gives back one
            of them: ``8`` costs an eighth more. ``(rows, columns)`` protects
            each packet twice and gives back much more; ``None`` for none.
        piece_size: bytes of the medium in each packet, 64 to 65,483.
        rate: bytes a second on the link; ``None`` for as fast as it goes, which receivers seldom keep up with.
        timeout: seconds for all of it; ``None`` for no limit.
        local_address: ``(host, port)`` to bind.
        dialer: who resolves and judges the address; ``None`` for the current one.

    Raises:
        ConnectError, ConnectionLost: the network says that nobody receives there.
        ResolveError, ForbiddenAddress, OperationTimeout: as for `Client`.

    Example:
        ```python
        media, sent = await asyncio.gather(
            asyncnet.udp.receive_media("127.0.0.1", 5004),
            asyncnet.udp.send_media(b"picture" * 1000, "127.0.0.1", 5004, parity=8),
        )
        ```
    """
    peer = check_peer(host, port)
    if not isinstance(data, bytes | bytearray | memoryview):
        raise TypeError(f"data must be bytes, not {type(data).__name__}")
    view = memoryview(bytes(data))
    if len(view) > MAX_MEDIA:
        raise ValueError(f"data must not have more than {MAX_MEDIA} bytes, not {len(view)}")
    parity = check_parity(parity)
    largest = MAX_DATAGRAM - OVERHEAD
    if not MIN_STEP <= check_count(piece_size, "piece_size") <= largest:
        raise ValueError(f"piece_size must be between {MIN_STEP} and {largest} bytes, not {piece_size}")
    if rate is not None and not (isinstance(rate, int | float) and rate > 0):
        raise ValueError(f"rate must be more than 0 bytes a second or None, not {rate!r}")
    local_address = check_local_address(local_address)
    dialer = dialer or current_dialer()
    async with Operation("udp", "send_media", peer=peer, timeout=timeout) as operation:
        client = Client(host, port, timeout=None, local_address=local_address, dialer=dialer)
        with _as_one(operation):
            await asyncio.sleep(0)  # a receiver that was made a task just before gets its turn, and its socket
            async with client:
                return await _send(operation, client, view, parity, piece_size, rate)


@contextlib.contextmanager
def _as_one(operation: Operation) -> Iterator[None]:
    """Errors of the parts are errors of the whole."""
    try:
        yield
    except AsyncNetError as error:
        error.operation = operation.name
        raise


async def _send(
    operation: Operation, client: Client, view: memoryview, parity: Parity, piece_size: int, rate: float | None
) -> SentMedia:
    source, sequence, timestamp = (random.getrandbits(bits) for bits in (32, 16, 32))
    source_of_packets = packets(
        view, piece_size, parity, source=source, sequence=sequence, timestamp=timestamp
    )
    loop = operation.loop
    began = loop.time()
    with operation.span("transfer") as span:
        while burst := list(islice(source_of_packets, _BURST)):
            await client.send_many(burst, timeout=None)
            ahead = 0.0 if rate is None else began + client.stats.sent_bytes / rate - loop.time()
            if ahead > 0.001:  # the loop's clock is no finer
                await asyncio.sleep(ahead)
        stats = client.stats
        span.attributes.update(packets=stats.sent, bytes=stats.sent_bytes)
    pieces = max(1, -(-len(view) // piece_size))
    return SentMedia(
        len(view), pieces, stats.sent - pieces, stats.sent_bytes, source, timestamp, loop.time() - began
    )


async def receive_media(
    host: str | None,
    port: int,
    *,
    max_bytes: int = _MAX_BYTES,
    idle_timeout: float = _IDLE_TIMEOUT,
    timeout: float | None = None,
    multicast: str | None = None,
    interface: str | None = None,
) -> Media:
    """Receive what `send_media` sends to this address: one medium, whole or with its gaps marked.

    The first packet of a medium decides whose is received; what others send
    meanwhile is left out. It ends when everything is there, or when nothing new
    came for ``idle_timeout``.

    Args:
        host: the own address to receive on; ``None`` for every interface.
        port: 1 to 65535; RTP's own is 5004.
        max_bytes: the largest medium that is taken (64 MiB).
        idle_timeout: seconds without anything new, after which what is missing is given up.
        timeout: seconds for all of it, the waiting for the first packet included; ``None`` for no limit.
        multicast: the group to receive, see `Server`.
        interface: the interface for it.

    Raises:
        LimitExceeded: somebody sent a medium of more than ``max_bytes``.
        OperationTimeout: no end within ``timeout``.
        ConnectError: the address cannot be bound.

    Example:
        ```python
        media, _ = await asyncio.gather(
            asyncnet.udp.receive_media("127.0.0.1", 5004, timeout=60),
            asyncnet.udp.send_media(b"picture" * 1000, "127.0.0.1", 5004),
        )
        print(media.lost_fraction, media.missing)
        ```
    """
    check_count(max_bytes, "max_bytes")
    server = Server(
        host=host, port=port, timeout=None, queue=4_096, on_overflow="pause", multicast=multicast, interface=interface
    )
    if port == 0:
        raise ValueError("port 0 would let the system choose, and nobody would know what it chose")
    if not (isinstance(idle_timeout, int | float) and 0 < idle_timeout < float("inf")):
        raise ValueError(f"idle_timeout must be a number of seconds above 0, not {idle_timeout!r}")
    async with Operation("udp", "receive_media", peer=server._peer, timeout=timeout) as operation:
        with _as_one(operation):
            async with server:
                with operation.span("transfer") as span:
                    media = await _Receiver(operation, server, max_bytes, idle_timeout).run()
                    span.attributes.update(pieces=media.pieces, received=media.received, recovered=media.recovered)
                return media


class _Receiver:
    """One medium being received."""

    def __init__(self, operation: Operation, server: Server, max_bytes: int, idle_timeout: float) -> None:
        self._loop = operation.loop
        self._server = server
        self._max_bytes = max_bytes
        self._idle_timeout = idle_timeout
        self._assembly: Assembly | None = None
        self._key: tuple[Endpoint, int, int] | None = None  # peer, source, timestamp
        self._began = self._last_new = 0.0
        self._ended = False

    async def run(self) -> Media:
        """Receive until it is complete, or idle."""
        while True:
            for datagram in await self._server.receive_many(timeout=None):
                self._take(datagram)
            if self._assembly is not None:
                break
        # Who leaves while packets still come would have the sender told that nobody is there.
        while (left := self._time_left(self._assembly)) is not None:
            try:
                datagrams = await self._server.receive_many(timeout=max(0.0, left))
            except OperationTimeout:
                break
            before = self._last_new
            for datagram in datagrams:
                self._take(datagram)
            if left <= 0 and self._last_new == before:
                break  # packets still come, and bring nothing new
        return self._media(self._assembly)

    def _time_left(self, assembly: Assembly) -> float | None:
        """Seconds to wait for something new; ``None`` when all is done."""
        if self._ended and not assembly.missing:
            return None
        limit = self._idle_timeout
        if self._ended or not assembly.missing:
            limit = min(limit, _LINGER)
        return self._last_new + limit - self._loop.time()

    def _take(self, datagram: Datagram) -> None:
        try:
            packet = parse_packet(datagram.data)
        except ValueError:
            return
        key = (datagram.peer, packet.source, packet.timestamp)
        if self._assembly is None:
            self._begin(packet, key)
        if self._assembly is None or key != self._key:
            return
        if self._assembly.add(packet):
            self._last_new = self._loop.time()
        self._ended = self._ended or packet.marker

    def _begin(self, packet: Packet, key: tuple[Endpoint, int, int]) -> None:
        try:
            self._assembly = Assembly.of(packet, self._max_bytes)
        except OverflowError as error:
            raise LimitExceeded(str(error), peer=str(key[0])) from None
        self._key = key
        self._began = self._last_new = self._loop.time()

    def _media(self, assembly: Assembly) -> Media:
        assert self._key is not None
        peer, source, timestamp = self._key
        return Media(
            assembly.data,
            assembly.gaps(),
            peer,
            assembly.count,
            assembly.received,
            assembly.recovered,
            assembly.duplicates,
            source,
            timestamp,
            self._last_new - self._began,
        )

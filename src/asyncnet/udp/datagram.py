"""The nouns: one datagram, what a socket has done, and what may be sent.

Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from ..core.address import Endpoint

__all__ = ["MAX_DATAGRAM", "Buffer", "Datagram", "Stats", "check_data"]

Buffer: TypeAlias = bytes | bytearray | memoryview

# RFC 768 counts eight bytes of its own in the 16 bits of its length, and the IPv4
# packet around it twenty more in its own (RFC 791 section 3.1). IPv6 would take 20 bytes more.
MAX_DATAGRAM = 65_507

_SHOWN = 32  # bytes of the data in a repr


class Datagram(NamedTuple):
    """One datagram that came; also a plain ``(data, peer)``.

    Attributes:
        data: its bytes; may be empty.
        peer: who sent it, by the packet's own word: a sender can write any address there.

    Example:
        >>> Datagram(b"ping", Endpoint("127.0.0.1", 5353))
        <Datagram of 4 bytes from 127.0.0.1:5353: b'ping'>
    """

    data: bytes
    peer: Endpoint

    def __repr__(self) -> str:
        more = "..." if len(self.data) > _SHOWN else ""
        return f"<Datagram of {len(self.data)} bytes from {self.peer}: {self.data[:_SHOWN]!r}{more}>"


@dataclass(frozen=True, slots=True)
class Stats:
    """What a socket has done so far; each datagram that reached it is in one of the first three.

    Attributes:
        received: datagrams taken from the kernel, those that were dropped later included.
        dropped: of these, how many were dropped because the queue was full, or left over at the end.
        dropped_by_kernel: datagrams that the kernel dropped because its buffer
            was full; ``None`` where it does not say (it does on Linux).
        sent: datagrams given to the kernel.
        received_bytes: bytes of the datagrams received.
        sent_bytes: bytes of the datagrams sent.
        waiting: datagrams in the queue now.
        errors: times that the network reported an error, such as ICMP "port unreachable".
        active: handlers running now.
        failed_handlers: handlers that raised.
        failed_replies: handlers' replies that could not be sent.
    """

    received: int = 0
    dropped: int = 0
    dropped_by_kernel: int | None = None
    sent: int = 0
    received_bytes: int = 0
    sent_bytes: int = 0
    waiting: int = 0
    errors: int = 0
    active: int = 0
    failed_handlers: int = 0
    failed_replies: int = 0


def check_data(data: object, name: str = "data") -> Buffer:
    """Return what one datagram can carry, or raise before any I/O."""
    if type(data) is not bytes:
        if not isinstance(data, bytes | bytearray | memoryview):
            raise TypeError(f"{name} must be bytes, not {type(data).__name__}")
        if isinstance(data, memoryview):
            data = data.cast("B") if data.contiguous else data.tobytes()
    if len(data) > MAX_DATAGRAM:
        raise ValueError(f"{name} must fit into one datagram of {MAX_DATAGRAM} bytes, not {len(data)}")
    return data

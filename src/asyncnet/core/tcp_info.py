"""TCP_INFO: what the kernel knows of a connection (tcp(7), linux/tcp.h)."""

from __future__ import annotations

import contextlib
import socket
import struct
import sys
from dataclasses import dataclass

__all__ = ["TCPInfo", "decode_tcp_info", "read_tcp_info", "tcp_info", "unacknowledged"]

# struct tcp_info of Linux: 8 bytes of small fields, then 24 words of 32 bits; what
# newer kernels append behind them is not read.
_LAYOUT = struct.Struct("=8B24I")
_SIOCOUTQ = 0x5411  # linux/sockios.h
_STATES = (
    "", "established", "syn-sent", "syn-received", "fin-wait-1", "fin-wait-2", "time-wait",
    "closed", "close-wait", "last-ack", "listen", "closing",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class TCPInfo:
    """The kernel's view of a TCP connection.

    Attributes:
        state: such as ``"established"`` (RFC 9293 section 3.3.2).
        rtt: smoothed round-trip time in seconds.
        rtt_variance: its mean deviation in seconds.
        retransmits: segments sent again since the connection began.
        lost: segments now held to be lost.
        unacked: segments sent and not yet acknowledged.
        cwnd: the congestion window in segments.
        mss: the largest segment sent, in bytes.
        path_mtu: in bytes.
    """

    state: str
    rtt: float
    rtt_variance: float
    retransmits: int
    lost: int
    unacked: int
    cwnd: int
    mss: int
    path_mtu: int


def tcp_info(sock: socket.socket) -> TCPInfo | None:
    """Read TCP_INFO; ``None`` where there is none (Unix sockets, other systems)."""
    raw = read_tcp_info(sock)
    return None if raw is None else decode_tcp_info(raw)


def read_tcp_info(sock: socket.socket) -> bytes | None:
    """TCP_INFO as the kernel gives it, to be decoded when somebody wants to see it."""
    option = getattr(socket, "TCP_INFO", None)
    if option is not None:
        with contextlib.suppress(OSError):
            raw = sock.getsockopt(socket.IPPROTO_TCP, option, _LAYOUT.size)
            return raw if len(raw) == _LAYOUT.size else None
    return None


def unacknowledged(sock: socket.socket) -> int:
    """Bytes that the kernel has taken and the peer not yet (tcp(7), SIOCOUTQ); 0 where it does not say."""
    if sys.platform == "linux":
        import fcntl

        with contextlib.suppress(OSError):
            return int.from_bytes(fcntl.ioctl(sock, _SIOCOUTQ, bytes(4)), sys.byteorder)
    return 0


def decode_tcp_info(raw: bytes) -> TCPInfo:
    """Take apart what `read_tcp_info` gave."""
    fields = _LAYOUT.unpack(raw)
    words = fields[8:]
    return TCPInfo(
        state=_STATES[fields[0]] if fields[0] < len(_STATES) else str(fields[0]),
        rtt=words[15] / 1e6,
        rtt_variance=words[16] / 1e6,
        retransmits=words[23],
        lost=words[6],
        unacked=words[4],
        cwnd=words[18],
        mss=words[2],
        path_mtu=words[13],
    )

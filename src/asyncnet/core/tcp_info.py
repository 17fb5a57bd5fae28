"""TCP_INFO: what the kernel knows of a connection (tcp(7), linux/tcp.h)."""

from __future__ import annotations

import contextlib
import socket
import struct
from dataclasses import dataclass

__all__ = ["TCPInfo", "tcp_info"]

# struct tcp_info of Linux: 8 bytes of small fields, then 24 words of 32 bits; what
# newer kernels append behind them is not read.
_LAYOUT = struct.Struct("=8B24I")
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
    option = getattr(socket, "TCP_INFO", None)
    if option is None:
        return None
    with contextlib.suppress(OSError, struct.error):
        fields = _LAYOUT.unpack_from(sock.getsockopt(socket.IPPROTO_TCP, option, _LAYOUT.size))
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
    return None

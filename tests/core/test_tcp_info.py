"""What the kernel knows of a connection."""

from __future__ import annotations

import socket
import struct

import pytest

from asyncnet.core.tcp_info import decode_tcp_info, read_tcp_info, tcp_info, unacknowledged
from tests.core.network import listening

linux = pytest.mark.skipif(not hasattr(socket, "TCP_INFO"), reason="only Linux has TCP_INFO")


def raw(state: int = 1, **words: int) -> bytes:
    """struct tcp_info of linux/tcp.h, its words by name."""
    names = [
        "rto", "ato", "snd_mss", "rcv_mss", "unacked", "sacked", "lost", "retrans", "fackets",
        "last_data_sent", "last_ack_sent", "last_data_recv", "last_ack_recv", "pmtu", "rcv_ssthresh", "rtt", "rttvar",
        "snd_ssthresh", "snd_cwnd", "advmss", "reordering", "rcv_rtt", "rcv_space", "total_retrans",
    ]  # fmt: skip
    assert len(names) == 24
    return struct.pack("=8B24I", state, *[0] * 7, *[words.pop(name, 0) for name in names])


def test_each_number_is_found_in_its_place():
    info = decode_tcp_info(
        raw(rtt=1_500, rttvar=250, total_retrans=3, lost=2, unacked=7, snd_cwnd=10, snd_mss=1_448, pmtu=1_500)
    )
    assert (info.state, info.rtt, info.rtt_variance) == ("established", 0.0015, 0.00025)
    assert (info.retransmits, info.lost, info.unacked, info.cwnd, info.mss, info.path_mtu) == (3, 2, 7, 10, 1448, 1500)


@pytest.mark.parametrize(("number", "name"), [(1, "established"), (8, "close-wait"), (11, "closing"), (99, "99")])
def test_states_have_the_names_of_the_rfc(number, name):
    assert decode_tcp_info(raw(number)).state == name


@linux
def test_a_connection_has_them():
    with listening("127.0.0.1") as listener, socket.create_connection(listener.getsockname(), 5) as sock:
        info = tcp_info(sock)
        assert info is not None
        assert info.state == "established"
        assert 0 < info.rtt < 5
        assert info.mss > 0
        assert info.cwnd > 0
        assert tcp_info(listener).state == "listen"
    assert tcp_info(sock) is None  # it is closed


def test_a_unix_socket_has_none():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert read_tcp_info(ours) is None


@linux
def test_what_the_peer_did_not_take_yet_is_counted():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert unacknowledged(ours) == 0
        ours.send(b"x" * 1_000)
        assert unacknowledged(ours) >= 1_000
        theirs.recv(2_000)
        assert unacknowledged(ours) == 0

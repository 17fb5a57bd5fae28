"""The stand-in for datagrams.c: `python -m benchmarks.peers.datagrams flood|answer|sink ...`."""

from __future__ import annotations

import select
import socket
import sys

from .sides import end_with_runner, say, stopped

MEMORY_INFORMATION, DROPS = 55, 8  # SO_MEMINFO and its ninth number
SEGMENT, MERGE = 103, 104  # UDP_SEGMENT, UDP_GRO


def bound() -> socket.socket:
    """A socket on a port of loopback."""
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", 0))
    return udp


def flood(udp: socket.socket, target: tuple[str, int], size: int, merge: int) -> None:
    """Send as fast as it goes until standard input ends."""
    udp.connect(target)
    rest = b"x" * (size - 8)
    together = min(64, 65507 // size) if merge else 1
    if merge:
        udp.setsockopt(socket.IPPROTO_UDP, SEGMENT, size)
    number = 0
    while not stopped():
        for _ in range(1000):
            try:
                udp.send(b"".join((number + k).to_bytes(8, "little") + rest for k in range(together)))
            except OSError:
                continue  # nobody listens any more, or no room
            number += together
    say("result", datagrams=number)


def answer(size: int, merge: int) -> None:
    """Wait for one datagram, flood its sender."""
    udp = bound()
    say("ready", port=udp.getsockname()[1])
    if udp in select.select([udp, sys.stdin], [], [])[0]:
        flood(udp, udp.recvfrom(65536)[1], size, merge)


def sink(merge: int) -> None:
    """Count what comes until standard input ends."""
    udp = bound()
    udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    if merge:
        udp.setsockopt(socket.IPPROTO_UDP, MERGE, 1)
    udp.setblocking(False)
    say("ready", port=udp.getsockname()[1])
    datagrams = size = 0
    while True:
        ready = select.select([udp, sys.stdin], [], [])[0]
        try:
            while True:
                data, control, _, _ = udp.recvmsg(65536, 64)
                segment = int.from_bytes(control[0][2], sys.byteorder) if control else len(data) or 1
                datagrams += max(1, -(-len(data) // segment))
                size += len(data)
        except BlockingIOError:
            if sys.stdin in ready:
                break
    numbers = memoryview(udp.getsockopt(socket.SOL_SOCKET, MEMORY_INFORMATION, 36)).cast("I")
    say("result", datagrams=datagrams, bytes=size, dropped=numbers[DROPS])


if __name__ == "__main__":
    end_with_runner()
    mode, *words = sys.argv[1:]
    numbers = [int(word) for word in words]
    if mode == "flood":
        flood(bound(), ("127.0.0.1", numbers[0]), *numbers[1:])
    elif mode == "answer":
        answer(*numbers)
    else:
        sink(*numbers)

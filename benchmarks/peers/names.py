"""The stand-in for names.c: `python -m benchmarks.peers.names TTL`."""

from __future__ import annotations

import re
import select
import socket
import struct
import sys

from .sides import end_with_runner, say


def answer(question: bytes, ttl: int) -> bytes:
    """The answer to one question for an address; see names.c."""
    end = 12
    while question[end]:
        end += question[end] + 1
    name, (kind,) = question[12:end], struct.unpack("!H", question[end + 1 : end + 3])
    found = re.search(rb"\d+", name)
    low = int(found[0]) & 0xFFFF if found else 0
    data = {1: bytes([198, 18]) + low.to_bytes(2), 28: b"\x20\x01\x0d\xb8" + low.to_bytes(12)}.get(kind, b"")
    head = question[:2] + bytes([0x84 | question[2] & 1, 0x80]) + struct.pack("!HHHH", 1, int(bool(data)), 0, 0)
    record = struct.pack("!HHHIH", 0xC00C, kind, 1, ttl, len(data)) + data if data else b""
    return head + question[12 : end + 5] + record


def main(ttl: int) -> None:
    """Answer until standard input ends."""
    asked = silent = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        udp.bind(("127.0.0.1", 0))
        udp.setblocking(False)
        say("ready", port=udp.getsockname()[1])
        while True:
            ready = select.select([udp, sys.stdin], [], [])[0]
            try:
                while True:
                    question, peer = udp.recvfrom(1500)
                    asked += 1
                    if question[13:17] == b"hang":
                        silent += 1
                    else:
                        udp.sendto(answer(question, ttl), peer)
            except BlockingIOError:
                if sys.stdin in ready:
                    break
    say("result", questions=asked, silent=silent)


if __name__ == "__main__":
    end_with_runner()
    main(int(sys.argv[1]))

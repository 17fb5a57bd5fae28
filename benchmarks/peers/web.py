"""The stand-in for web.c: `python -m benchmarks.peers.web HOSTS DEAD`."""

from __future__ import annotations

import contextlib
import selectors
import socket
import sys
import zlib
from dataclasses import dataclass

from .sides import BLOCK, PATTERN_PERIOD, end_with_runner, pattern_block, say


def _chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)


PNG = (
    b"\x89PNG\r\n\x1a\n"
    + _chunk(b"IHDR", bytes([0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0]))
    + _chunk(b"IDAT", zlib.compress(b"\0\0"))
    + _chunk(b"IEND", b"")
)


@dataclass(slots=True)
class Answer:
    """What is still to be sent to a peer."""

    head: bytes
    big: int = 0
    sent: int = 0
    closing: bool = False


class Web:
    """One selector loop; see web.c."""

    def __init__(self, hosts: int, dead: int) -> None:
        self.hosts = hosts
        self.dead = dead
        self.connections = self.requests = self.bytes = 0
        self.heads: dict[socket.socket, bytes] = {}
        self.answers: dict[socket.socket, Answer] = {}
        self.selector = selectors.DefaultSelector()
        self.pattern = pattern_block()

    def run(self) -> None:
        """Serve until standard input ends."""
        port = 0
        with contextlib.ExitStack() as stack:
            for number in range(self.hosts):
                host = f"127.0.1.{number + 1}" if self.hosts > 1 else "127.0.0.1"
                dead = number >= self.hosts - self.dead
                listener = stack.enter_context(socket.create_server((host, port), backlog=0 if dead else 4096))
                listener.setblocking(False)
                port = listener.getsockname()[1]
                for _ in range(2 if dead else 0):  # fills the queue
                    filler = stack.enter_context(socket.socket())
                    filler.setblocking(False)
                    filler.connect_ex((host, port))
                if not dead:
                    self.selector.register(listener, selectors.EVENT_READ, self._accept)
            self.selector.register(sys.stdin, selectors.EVENT_READ)
            say("ready", port=port)
            while True:
                for key, events in self.selector.select():
                    if key.data is None:
                        say("result", connections=self.connections, requests=self.requests, bytes=self.bytes)
                        return
                    assert isinstance(key.fileobj, socket.socket)
                    try:
                        (self._send if events & selectors.EVENT_WRITE else key.data)(key.fileobj)
                    except ConnectionError:
                        self._drop(key.fileobj)

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                peer, _ = listener.accept()
                peer.setblocking(False)
                peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.connections += 1
                self.heads[peer] = b""
                self.selector.register(peer, selectors.EVENT_READ, self._read)

    def _drop(self, peer: socket.socket) -> None:
        self.heads.pop(peer, None)
        self.answers.pop(peer, None)
        self.selector.unregister(peer)
        peer.close()

    def _read(self, peer: socket.socket) -> None:
        data = peer.recv(4096)
        if not data:
            return self._drop(peer)
        head = self.heads[peer] + data
        self.heads[peer] = b"" if b"\r\n\r\n" in head else head
        if not self.heads[peer]:
            self.requests += 1
            answer = self._answer(head.split()[1].decode(), b"\r\nconnection: close" in head.lower())
            if answer:
                self.answers[peer] = answer
                self._send(peer)
        return None

    def _answer(self, path: str, closing: bool) -> Answer | None:
        kind, _, number = path.strip("/").partition("/")
        body, big, content = b"", 0, "text/html; charset=utf-8"
        if kind == "stall":
            return None
        if kind == "image":
            body, content = (PNG + number.encode()).ljust(4096, b"x"), "image/png"
        elif kind == "page":
            body = f"<!doctype html><html><head><title>{number}</title></head><body>".encode().ljust(1024, b"x")
        elif kind == "big":
            big, content = int(number), "application/octet-stream"
        size = len(body) + big
        self.bytes += size
        lines = [f"HTTP/1.1 {'200 OK' if size else '404 Not Found'}", "Server: benchmarks", f"Content-Type: {content}",
                 f"Content-Length: {size}", *(["Connection: close"] if closing else []), "", ""]  # fmt: skip
        return Answer("\r\n".join(lines).encode() + body, big, closing=closing)

    def _send(self, peer: socket.socket) -> None:
        answer = self.answers[peer]
        try:
            while answer.head:
                answer.head = answer.head[peer.send(answer.head) :]
            while answer.sent < answer.big:
                start = answer.sent % PATTERN_PERIOD
                answer.sent += peer.send(self.pattern[start : start + min(BLOCK, answer.big - answer.sent)])
        except BlockingIOError:
            self.selector.modify(peer, selectors.EVENT_WRITE, self._read)
            return
        if answer.closing:
            return self._drop(peer)
        del self.answers[peer]
        self.selector.modify(peer, selectors.EVENT_READ, self._read)


if __name__ == "__main__":
    end_with_runner()
    Web(int(sys.argv[1]), int(sys.argv[2])).run()

"""The stand-in for serve.c: `python -m benchmarks.peers.serve MODE BYTES`."""

from __future__ import annotations

import selectors
import socket
import sys

from .sides import BLOCK, PATTERN_PERIOD, end_with_runner, pattern_block, say


class Server:
    """One selector loop; echoes, sends the pattern, or counts."""

    def __init__(self, mode: str, size: int) -> None:
        self.mode = mode
        self.size = size
        self.connections = self.bytes = 0
        self.counts: dict[socket.socket, int] = {}
        self.selector = selectors.DefaultSelector()
        self.pattern = pattern_block() if mode != "echo" else memoryview(b"")

    def run(self) -> None:
        """Serve until standard input ends."""
        with socket.create_server(("127.0.0.1", 0), backlog=4096) as listener:
            listener.setblocking(False)
            self.selector.register(listener, selectors.EVENT_READ)
            self.selector.register(sys.stdin, selectors.EVENT_READ)
            say("ready", port=listener.getsockname()[1])
            while True:
                for key, _ in self.selector.select():
                    if key.fileobj is listener:
                        self._accept(listener)
                    elif key.fileobj is sys.stdin:
                        say("result", connections=self.connections, bytes=self.bytes)
                        return
                    else:
                        assert isinstance(key.fileobj, socket.socket)
                        self._serve(key.fileobj)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                peer, _ = listener.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections += 1
            self._take(peer)

    def _take(self, peer: socket.socket) -> None:
        if self.mode == "source":
            self._send_pattern(peer)
            return
        self.counts[peer] = 0
        self.selector.register(peer, selectors.EVENT_READ)

    def _serve(self, peer: socket.socket) -> None:
        data = peer.recv(BLOCK)
        self.bytes += len(data)
        if not data:
            self._drop(peer)
        elif self.mode == "echo":
            peer.sendall(data)
        else:
            self._count(peer, data)

    def _drop(self, peer: socket.socket) -> None:
        del self.counts[peer]
        self.selector.unregister(peer)
        peer.close()

    def _count(self, peer: socket.socket, data: bytes) -> None:
        start = self.counts[peer] % PATTERN_PERIOD
        self.counts[peer] += len(data)
        if self.counts[peer] >= self.size:
            if data != self.pattern[start : start + len(data)]:
                raise SystemExit(f"the last {len(data)} bytes are not those of the pattern")
            peer.sendall(self.counts[peer].to_bytes(8, "little"))

    def _send_pattern(self, peer: socket.socket) -> None:
        sent = 0
        with peer:
            while sent < self.size:
                start = sent % PATTERN_PERIOD
                sent += peer.send(self.pattern[start : start + min(BLOCK, self.size - sent)])
            self.bytes += sent
            self._end(peer)

    def _end(self, peer: socket.socket) -> None:
        peer.shutdown(socket.SHUT_WR)
        while peer.recv(BLOCK):
            pass


if __name__ == "__main__":
    end_with_runner()
    Server(sys.argv[1], int(sys.argv[2])).run()

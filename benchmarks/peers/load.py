"""The stand-in for load.c: `python -m benchmarks.peers.load echo|push ...`, the same words, the same report."""

from __future__ import annotations

import selectors
import socket
import sys
import time
from collections.abc import Iterator

from ..ratios import percentile
from .sides import BLOCK, PATTERN_PERIOD, cpu_of, end_with_runner, pattern_block, say, wait_until_quiet


class Load:
    """Opens, echoes, closes; see load.c."""

    def __init__(self, numbers: list[int]) -> None:
        (self.port, self.pid, self.connections, self.messages, self.warm, self.size, self.cycles, self.batch,
         self.hold) = numbers  # fmt: skip
        self.selector = selectors.DefaultSelector()
        self.phases = {name: {"wall": 0.0, "cpu": 0.0} for name in ("open", "warm", "echo", "close")}
        self.phase = ""
        self.began = [0.0, 0.0]
        self.seconds: list[float] = []

    def enter(self, name: str) -> None:
        """End a phase, begin another."""
        wall, cpu = time.perf_counter(), cpu_of(self.pid)
        if self.phase:
            self.phases[self.phase]["wall"] += wall - self.began[0]
            self.phases[self.phase]["cpu"] += cpu - self.began[1]
        self.phase = name
        self.began = [time.perf_counter(), cpu]

    def settle(self) -> None:
        """Count what the server still has to do as CPU of this phase, and the waiting for it not at all."""
        wall = time.perf_counter()
        wait_until_quiet(self.pid)
        self.began[0] += time.perf_counter() - wall

    def run(self) -> None:
        """All cycles, then the report."""
        for _ in range(self.cycles):
            self.enter("open")
            self.links = self.open_all()
            for number, name in enumerate(("warm", "echo")):
                self.enter(name)
                self.echo_all(self.messages if number else self.warm, number * self.warm, keep=name == "echo")
            if self.batch:
                self.settle()
            if self.hold:
                self.enter("")
                say("held")
                sys.stdin.buffer.read(1)
            self.enter("close")
            self.close_all()
            self.settle()
            self.enter("")
        ordered = sorted(self.seconds)
        opened = self.connections * self.cycles
        say("result", connections=opened, bytes=opened * (self.messages + self.warm) * self.size,
            phases=self.phases, peak_kib=0, p50=percentile(ordered, 0.5), p99=percentile(ordered, 0.99))  # fmt: skip

    def open_all(self) -> list[socket.socket]:
        """Blocking connects return at once on loopback."""
        links = []
        for number in range(self.connections):
            link = socket.create_connection(("127.0.0.1", self.port))
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.selector.register(link, selectors.EVENT_READ, number)
            links.append(link)
            if self.batch and number % self.batch == self.batch - 1:
                self.settle()
        return links

    def message(self, link: int, number: int) -> bytes:
        """Different for each connection and turn."""
        head = link.to_bytes(4, "little") + number.to_bytes(4, "little")
        return (head + b"x" * self.size)[: self.size]

    def echo_all(self, count: int, first: int, *, keep: bool) -> None:
        """So many messages one after the other, on all connections at once."""
        if not count:
            return
        turns = [first] * self.connections
        starts = [time.perf_counter()] * self.connections
        replies = [b""] * self.connections
        for number, link in enumerate(self.links):
            link.sendall(self.message(number, first))
        waiting = self.connections
        while waiting:
            for number, link in self.readable():
                replies[number] += link.recv(self.size - len(replies[number]))
                if len(replies[number]) < self.size:
                    continue
                if keep:
                    self.seconds.append(time.perf_counter() - starts[number])
                if replies[number] != self.message(number, turns[number]):
                    raise SystemExit(f"connection {number}: {replies[number]!r} is not what was sent")
                turns[number] += 1
                replies[number] = b""
                if turns[number] == first + count:
                    waiting -= 1
                else:
                    starts[number] = time.perf_counter()
                    link.sendall(self.message(number, turns[number]))

    def readable(self) -> Iterator[tuple[int, socket.socket]]:
        """Those with something to read, and their numbers."""
        for key, _ in self.selector.select():
            assert isinstance(key.fileobj, socket.socket)
            yield key.data, key.fileobj

    def close_all(self) -> None:
        """Half-close each and wait for the server's end."""
        for link in self.links:
            link.shutdown(socket.SHUT_WR)
        waiting = len(self.links)
        while waiting:
            for number, link in self.readable():
                if link.recv(1):
                    raise SystemExit(f"connection {number}: bytes after the end")
                self.selector.unregister(link)
                link.close()
                waiting -= 1


def push(port: int, pid: int, size: int) -> None:
    """Send the pattern on one connection, wait for the receiver's count."""
    block = pattern_block()
    with socket.create_connection(("127.0.0.1", port)) as link:
        wait_until_quiet(pid)
        wall, cpu = time.perf_counter(), cpu_of(pid)
        sent = 0
        while sent < size:
            start = sent % PATTERN_PERIOD
            sent += link.send(block[start : start + min(BLOCK, size - sent)])
        link.shutdown(socket.SHUT_WR)
        count = int.from_bytes(link.recv(8, socket.MSG_WAITALL), "little")
        wall = time.perf_counter() - wall
        wait_until_quiet(pid)
        cpu = cpu_of(pid) - cpu
    if count != size:
        raise SystemExit(f"the receiver counted {count} of {size} bytes")
    say("result", connections=1, bytes=size, peak_kib=0, phases={"bulk": {"wall": wall, "cpu": cpu}})


if __name__ == "__main__":
    end_with_runner()
    numbers = [int(word) for word in sys.argv[2:]]
    if sys.argv[1] == "push":
        push(*numbers)
    else:
        Load(numbers).run()

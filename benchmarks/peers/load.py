"""The stand-in for load.c: `python -m benchmarks.peers.load echo|push|pull ...`, the same words, the same report."""

from __future__ import annotations

import selectors
import socket
import sys
import time
from collections.abc import Iterator

from ..memory import peak_bytes
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
        peak = (peak_bytes() or 0) // 1024
        say("result", connections=opened, bytes=opened * (self.messages + self.warm) * self.size,
            phases=self.phases, peak_kib=peak, p50=percentile(ordered, 0.5), p99=percentile(ordered, 0.99))  # fmt: skip

    def open_all(self) -> list[socket.socket]:
        """Blocking connects return at once on loopback."""
        links = []
        for number in range(self.connections):
            link = connected(self.port)
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
                replies[number] += self.receive(link, self.size - len(replies[number]))
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

    def receive(self, link: socket.socket, size: int) -> bytes:
        """What is there, up to so many bytes."""
        return link.recv(size)

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


def connected(port: int) -> socket.socket:
    """A connection."""
    link = socket.create_connection(("127.0.0.1", port))
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return link


def push(link: socket.socket, pid: int, size: int) -> None:
    """Send the pattern, wait for the receiver's count."""
    block = pattern_block()
    wait_until_quiet(pid)
    wall, cpu = time.perf_counter(), cpu_of(pid)
    sent = 0
    while sent < size:
        start = sent % PATTERN_PERIOD
        sent += link.send(block[start : start + min(BLOCK, size - sent)])
    if type(link) is socket.socket:  # TLS has no half-close that everybody would survive
        link.shutdown(socket.SHUT_WR)
    said = b""
    while len(said) < 8 and (more := link.recv(8 - len(said))):
        said += more
    wall = time.perf_counter() - wall
    wait_until_quiet(pid)
    cpu = cpu_of(pid) - cpu
    if (count := int.from_bytes(said, "little")) != size:
        raise SystemExit(f"the receiver counted {count} of {size} bytes")
    _report(size, wall, cpu)


def pull(link: socket.socket, pid: int, size: int) -> None:
    """Receive the pattern."""
    period = pattern_block()
    buffer = memoryview(bytearray(BLOCK))
    wall, cpu = time.perf_counter(), cpu_of(pid)
    total = last = 0
    while total < size and (last := link.recv_into(buffer)):
        total += last
    wall = time.perf_counter() - wall
    wait_until_quiet(pid)
    cpu = cpu_of(pid) - cpu
    start = (total - last) % PATTERN_PERIOD
    if total != size or buffer[:last] != period[start : start + last]:
        raise SystemExit(f"pattern: {total} of {size} bytes came, or others")
    _report(size, wall, cpu)


def _report(size: int, wall: float, cpu: float) -> None:
    peak = (peak_bytes() or 0) // 1024
    say("result", connections=1, bytes=size, peak_kib=peak, phases={"bulk": {"wall": wall, "cpu": cpu}})


if __name__ == "__main__":
    end_with_runner()
    numbers = [int(word) for word in sys.argv[2:]]
    if sys.argv[1] == "echo":
        Load(numbers).run()
    else:
        with connected(numbers[0]) as link:
            (push if sys.argv[1] == "push" else pull)(link, *numbers[1:])

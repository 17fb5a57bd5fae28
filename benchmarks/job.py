"""What a contender is given: where to go, what to do, a clock to start; and what it brings back is checked here.

Imports little: what this process imports is part of what is measured.
"""

from __future__ import annotations

import gc
import json
import resource
import sys
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from .memory import peak_bytes, user_bytes

if TYPE_CHECKING:
    import ssl

__all__ = ["BulkJob", "DatagramJob", "EchoJob", "Job", "SendJob", "Talk", "pattern"]

PATTERN_PERIOD = 1048573  # as in peers/common.h


def _cpu() -> float:
    """CPU seconds of this process and of the children that it has waited for."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


class Job:
    """One contender's task.

    Attributes:
        host, port: the other side, when the contender is the client.
        loop: "asyncio" or "uvloop".
        settings: the settings of the case.
    """

    host = "127.0.0.1"

    def __init__(self, settings: Mapping[str, int | str], loop: str, port: int) -> None:
        self.settings = settings
        self.loop = loop
        self.port = port
        self._begun = False
        self._phase = ""
        self._start = (0.0, 0.0)
        self._walls: dict[str, float] = {}
        self._cpus: dict[str, float] = {}
        self._held: dict[str, int] = {}
        self._memory = bool(settings.get("memory", 0))

    def number(self, name: str) -> int:
        """A setting that is a number; 0 when it is absent."""
        return int(self.settings.get(name, 0))

    @cached_property
    def client_tls(self) -> ssl.SSLContext | None:
        """How to trust the other side, where the case says TLS; read it before the clock runs."""
        if not self.settings.get("tls"):
            return None
        import ssl

        from .certificates import AUTHORITY

        return ssl.create_default_context(cafile=str(AUTHORITY))

    @cached_property
    def server_tls(self) -> ssl.SSLContext | None:
        """The certificate to serve with, where the case says TLS."""
        if not self.settings.get("tls"):
            return None
        import ssl

        from .certificates import SERVER

        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(str(SERVER))
        return context

    def run(self, main: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine on the asyncio event loop of the case."""
        import asyncio

        factory: Callable[[], asyncio.AbstractEventLoop] | None = None
        if self.loop == "uvloop":
            import uvloop

            factory = uvloop.new_event_loop
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(main)

    def ready(self, port: int) -> None:
        """Say that the server listens."""
        print(json.dumps({"event": "ready", "port": port}), flush=True)

    def phase(self, name: str) -> None:
        """End the running phase and begin this one; `""` begins none.  Phases of the same name add up.

        What the imports have left to the garbage collector is collected before the first one: it would else
        fall into this contender's time or that one's by chance.
        """
        wall, cpu = time.perf_counter(), _cpu()
        if not self._begun:
            self._begun = True
            gc.collect()
        if self._phase:
            self._walls[self._phase] = self._walls.get(self._phase, 0.0) + wall - self._start[0]
            self._cpus[self._phase] = self._cpus.get(self._phase, 0.0) + cpu - self._start[1]
        if self._memory and name:
            self._held[name] = (user_bytes() or 0) - self.evidence()
        self._phase = name
        self._start = (time.perf_counter(), _cpu())

    def evidence(self) -> int:
        """Bytes of memory that only what is kept for the check takes."""
        return 0

    def check(self) -> None:
        """Raise `ValueError` when what the contender brought back is not what the work gives."""

    def latencies(self) -> Sequence[float]:
        """Seconds of each operation that was timed by itself."""
        return ()

    def report(self) -> None:
        """Check the result and print what was measured."""
        message: dict[str, Any] = {"event": "result", "peak_kib": (peak_bytes() or 0) // 1024, "held": self._held}
        self.check()
        message["phases"] = {name: {"wall": wall, "cpu": self._cpus[name]} for name, wall in self._walls.items()}
        if ordered := sorted(self.latencies()):
            message["p50"] = ordered[len(ordered) // 2]
            message["p99"] = ordered[len(ordered) * 99 // 100]
            message["worst"] = ordered[-1]
        print(json.dumps(message | self.counted()), flush=True)

    def counted(self) -> dict[str, int]:
        """What else the report says: how much was done, where the contender decides it."""
        return {}


Talk = tuple[list[bytes], list[bytes], list[float]]  # messages to send, replies and seconds to append to


class EchoJob(Job):
    """Open connections, send messages one after the other on each, wait for each echo, close.

    Phases: open, warm (echoes that do not count), echo, close.
    """

    def __init__(self, settings: Mapping[str, int | str], loop: str, port: int) -> None:
        super().__init__(settings, loop, port)
        self.connections = self.number("connections")
        self.size = self.number("size")
        counts = {"warm": self.number("warm"), "echo": self.number("messages")}
        self._talks: dict[str, list[Talk]] = {
            phase: [([self._message(link, number) for number in range(count)], [], [])
                    for link in range(self.connections)]
            for phase, count in counts.items()
        }  # fmt: skip
        gc.collect()

    @property
    def cycles(self) -> range:
        """One turn for each time that everything is to be done."""
        return range(self.number("cycles"))

    def talks(self, phase: str) -> list[Talk]:
        """For each connection what to say in the phase "warm" or "echo", and where to put what comes back."""
        return self._talks[phase]

    def evidence(self) -> int:
        # An allocation is a multiple of 16 bytes.
        return sum(
            -(-sys.getsizeof(thing) // 16) * 16
            for talks in self._talks.values()
            for _, replies, seconds in talks
            for thing in (replies, seconds, *replies, *seconds)
        )

    def _message(self, link: int, number: int) -> bytes:
        head = link.to_bytes(4, "little") + number.to_bytes(4, "little")
        return (head + b"x" * self.size)[: self.size]

    def check(self) -> None:
        for phase, talks in self._talks.items():
            for link, (messages, replies, _) in enumerate(talks):
                if b"".join(replies) != b"".join(messages) * len(self.cycles):
                    raise ValueError(f"{phase}: connection {link} got {len(replies)} replies that are not its messages")

    def latencies(self) -> Sequence[float]:
        return [seconds for _, _, all_seconds in self._talks["echo"] for seconds in all_seconds]


class BulkJob(Job):
    """Receive `total` bytes of the pattern on one connection; phase: bulk."""

    received = 0
    last = b""

    def check(self) -> None:
        total = self.number("total")
        if self.received != total:
            raise ValueError(f"received {self.received} of {total} bytes")
        if bytes(self.last) != pattern(total - len(self.last), len(self.last)):
            raise ValueError("the last bytes received are not the last bytes sent")


BLOCK = 65536


class SendJob(Job):
    """Send `total` bytes of the pattern on one connection; a client then gets their count, 8 bytes.  Phase: bulk."""

    count = b""  # what the receiver said

    def __init__(self, settings: Mapping[str, int | str], loop: str, port: int) -> None:
        super().__init__(settings, loop, port)
        period = pattern(0, PATTERN_PERIOD)
        self._blocks = [period[start : start + BLOCK] for start in range(0, PATTERN_PERIOD, BLOCK)]

    def blocks(self) -> Iterator[bytes]:
        """What to send, one call for each: 64 KiB, now and then a little less."""
        left = self.number("total")
        while left:
            for block in self._blocks:
                if len(block) >= left:
                    yield block[:left]
                    return
                yield block
                left -= len(block)

    def check(self) -> None:
        if (count := int.from_bytes(self.count, "little")) != self.number("total"):
            raise ValueError(f"the other side received {count} bytes")


class DatagramJob(Job):
    """Receive at least `count` datagrams of `size` bytes out of a flood, or send exactly that many.

    Phases: receive, begun when the first datagrams have come and not counting those; send.
    """

    datagrams = 0  # how many were received after the phase began
    received = 0  # their bytes
    last = b""

    def __init__(self, settings: Mapping[str, int | str], loop: str, port: int) -> None:
        super().__init__(settings, loop, port)
        self.count = self.number("count")
        self.size = self.number("size")

    def payloads(self) -> list[bytes]:
        """A thousand datagrams to send, again and again; `count` is a multiple of their number."""
        return [number.to_bytes(8, "little") + b"x" * (self.size - 8) for number in range(min(1000, self.count))]

    def check(self) -> None:
        if "receive" not in self._walls:
            return  # what was sent the other side has counted
        if self.datagrams < self.count or self.received != self.datagrams * self.size:
            raise ValueError(f"received {self.datagrams} datagrams with {self.received} bytes")
        number = int.from_bytes(self.last[:8], "little")
        if self.last[8:] != b"x" * (self.size - 8) or number < self.datagrams - 1:
            raise ValueError(f"the last datagram is not one that was sent, or came too early: number {number}")

    def counted(self) -> dict[str, int]:
        return {"datagrams": self.datagrams, "bytes": self.received}


def pattern(start: int, size: int) -> bytes:
    """`size` bytes of the pattern of bulk transfers from the offset `start`."""
    return bytes(k % PATTERN_PERIOD * 31 % 251 for k in range(start, start + size))

"""The tasks of the DNS scenarios."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .job import Job

__all__ = ["NamesJob", "address_of"]


def address_of(number: int) -> str:
    """The IPv4 address that the responder gives the name with this number."""
    return f"198.18.{number >> 8 & 255}.{number & 255}"


class NamesJob(Job):
    """Resolve names; `answers` are the addresses of each, as text, in any order.

    Phases: warm (each name once, where the scenario wants it cached), resolve.
    Latencies: seconds of each operation in the phase "resolve", where it takes them one by one.
    """

    def __init__(self, settings: Mapping[str, int | str], loop: str, port: int) -> None:
        super().__init__(settings, loop, port)
        self.names = [f"n{number}.example.org" for number in range(self.number("names"))]
        self.hanging = [f"hang{number}.example.org" for number in range(self.number("hanging"))]
        self.turns = self.number("turns")
        self.answers: dict[str, Sequence[str]] = {}
        self.seconds: list[float] = []

    @property
    def server(self) -> str:
        """The nameserver to ask, as `host:port`."""
        return f"{self.host}:{self.port}"

    def check(self) -> None:
        for number, name in enumerate(self.names):
            if address_of(number) not in self.answers.get(name, ()):
                raise ValueError(f"{name} is {self.answers.get(name)}, not {address_of(number)}")
        if self.hanging and not set(self.answers["localhost"]) & {"127.0.0.1", "::1"}:
            raise ValueError(f"localhost is {self.answers['localhost']}")

    def latencies(self) -> Sequence[float]:
        return self.seconds

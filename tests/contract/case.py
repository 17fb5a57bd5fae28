"""What the contract suite knows of a public coroutine: how to call it, and against whom.

One `Case` for each public coroutine, one `Life` for each client and server.
The cases of a protocol stand in ``cases/<protocol>.py``; the suite runs the same
checks over all of them.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import asyncnet

PROTOCOLS = tuple(
    name
    for name in ("dns", "http", "tcp", "udp", "smtp", "ftp", "pop3", "nntp")
    if importlib.util.find_spec(f"asyncnet.{name}")
)


@dataclass(frozen=True)
class Target:
    """Where to call, and with what."""

    host: str
    port: int
    timeout: float | None = 10.0
    dialer: asyncnet.Dialer | None = None


Arguments = Callable[[Target], tuple[tuple[Any, ...], dict[str, Any]]]


@dataclass(frozen=True)
class Case:
    """One public coroutine or async generator.

    Attributes:
        name: as users write it, ``"tcp.exchange"`` or ``"tcp.Client.send"``.
        server: makes the healthy peer, a context manager with ``.host``, ``.port`` and ``.connections``.
        arguments: its positional and keyword arguments; ``timeout`` and ``dialer`` are added.
        client: for a method: makes the client that it is called on; opened and closed around the call.
        prepare: for a method: awaited with the open client before the call.
        silent: what makes it wait for a peer that says nothing: ``"tcp"`` or ``"udp"``;
            otherwise the reason why it waits for nobody.
        refused: the error that a closed port gives, or the reason why there is none.
        free_text: parameters that may hold any text, such as a message's body.
        pooled: whether connections outlive a call, so that another dialer must not get them.
    """

    name: str
    server: Callable[[], contextlib.AbstractContextManager[Any]]
    arguments: Arguments
    client: Callable[[Target], Any] | None = None
    prepare: Callable[[Any], Awaitable[Any]] | None = None
    silent: str = "tcp"
    refused: type[Exception] | str = asyncnet.ConnectError
    free_text: frozenset[str] = frozenset()
    pooled: bool = False
    takes_timeout: bool = True

    @property
    def function(self) -> Callable[..., Any]:
        """The function object that the name stands for."""
        return named(self.name)

    async def call(self, target: Target, **changes: Any) -> Any:
        """Do the whole of it: open, call, close. ``changes`` replace keyword arguments by name."""
        positional, keywords = self.arguments(target)
        keywords = {**keywords}
        if self.takes_timeout:
            keywords["timeout"] = target.timeout
        if self.client is None:
            if target.dialer is not None:
                keywords["dialer"] = target.dialer
            return await _run(self._bind(self.function, positional, keywords, changes))
        async with self.client(target) as client:
            if self.prepare is not None:
                await self.prepare(client)
            method = getattr(client, self.name.rsplit(".", 1)[1])
            return await _run(self._bind(method, positional, keywords, changes))

    @staticmethod
    def _bind(
        function: Callable[..., Any], positional: tuple[Any, ...], keywords: dict[str, Any], changes: dict[str, Any]
    ) -> Any:
        bound = inspect.signature(function).bind_partial(*positional, **keywords)
        bound.arguments.update(changes)
        return function(*bound.args, **bound.kwargs)

    def text_parameters(self) -> list[str]:
        """The parameters of the function that take text a peer could get to see."""
        return [
            name
            for name, parameter in inspect.signature(self.function).parameters.items()
            if "str" in str(parameter.annotation).replace("Stream", "")
            and name not in {"self", "path", *self.free_text}
        ]


@dataclass(frozen=True)
class Life:
    """One class that is opened and closed.

    Attributes:
        name: as users write it, ``"tcp.Client"``.
        make: makes one, not opened.
        server: makes the healthy peer; ``None`` for what is a server itself.
        refused: whether opening connects, so that a closed port is an error there.
        text: keyword parameters of the constructor that may hold any text.
    """

    name: str
    make: Callable[..., Any]
    server: Callable[[], contextlib.AbstractContextManager[Any]] | None
    opening_connects: bool = True
    silent: str = "opening waits for the kernel only"
    free_text: frozenset[str] = field(default_factory=frozenset)
    own_text: frozenset[str] = field(default_factory=frozenset)


async def _run(result: Any) -> Any:
    if inspect.isasyncgen(result):
        found = []
        try:
            async for item in result:
                found.append(item)
                if len(found) == 3:
                    break
        finally:
            await result.aclose()
        return found
    return await result


def named(name: str) -> Any:
    """The object that a dotted name below `asyncnet` stands for."""
    found: Any = asyncnet
    for part in name.split("."):
        found = getattr(found, part)
    return found


def public_coroutines(protocol: str) -> dict[str, Any]:
    """Every public coroutine and async generator of a namespace, by its dotted name."""
    namespace = getattr(asyncnet, protocol)
    found: dict[str, Any] = {}
    for name in namespace.__all__:
        thing = getattr(namespace, name)
        if _is_async(thing):
            found[f"{protocol}.{name}"] = thing
        elif inspect.isclass(thing):
            for attribute in dir(thing):
                if not attribute.startswith("_") and _is_async(inspect.getattr_static(thing, attribute)):
                    found[f"{protocol}.{name}.{attribute}"] = getattr(thing, attribute)
    return found


def _is_async(thing: Any) -> bool:
    return inspect.iscoroutinefunction(thing) or inspect.isasyncgenfunction(thing)


@contextlib.contextmanager
def silent_peer(kind: str) -> Iterator[tuple[str, int]]:
    """A peer that can be reached and never says a word."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        if kind == "tcp":
            sock.listen(64)  # the kernel connects, nobody accepts
        yield sock.getsockname()


@contextlib.contextmanager
def closed_port(kind: str = "tcp") -> Iterator[tuple[str, int]]:
    """A port that refuses: bound, so that nobody else gets it, and not listening."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()


@contextlib.asynccontextmanager
async def own_dialer(target: Target) -> AsyncIterator[asyncnet.Dialer]:
    """A dialer that dials as the default does, and is another."""
    yield asyncnet.Dialer(hosts={"elsewhere.example": target.host})

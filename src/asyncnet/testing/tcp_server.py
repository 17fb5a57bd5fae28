"""A TCP server that follows a script."""

from __future__ import annotations

import asyncio
import contextlib
import ssl as _ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

from .gate import Gate
from .server import StreamServer
from .sockets import cut, flush, reset, until_gone

__all__ = ["Close", "Cut", "Expect", "Reset", "Send", "Stall", "Step", "TCPServer", "Wait"]

_RECORDED = 1 << 20  # bytes of each connection that are kept for `received`


class Step:
    """What a script is made of: `Expect`, `Send`, `Wait`, `Stall`, `Close`, `Cut` or `Reset`."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Expect(Step):
    """Read exactly these bytes; anything else fails the test when the server's block ends."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Send(Step):
    """Send these bytes, in pieces of ``fragment`` bytes each if that is given."""

    data: bytes
    fragment: int | None = None


@dataclass(frozen=True, slots=True)
class Wait(Step):
    """Go on when the gate is open."""

    gate: Gate


@dataclass(frozen=True, slots=True)
class Stall(Step):
    """Say nothing more, until the client goes away."""


@dataclass(frozen=True, slots=True)
class Close(Step):
    """Close in good order, over TLS with a close_notify; what the end of a script does anyway."""


@dataclass(frozen=True, slots=True)
class Cut(Step):
    """End the stream after everything sent has gone out, over TLS without a close_notify."""


@dataclass(frozen=True, slots=True)
class Reset(Step):
    """Drop the connection with a TCP reset, after everything sent has gone out."""


Script: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class TCPServer(StreamServer):
    r"""A TCP server whose script is a list of steps, or an async function of reader and writer.

    Without a script it sends back what it gets.  Several scripts are for one
    connection each, in turn, the last one from then on: a list of lists.

    Attributes:
        received: the first MiB of what each connection sent, in the order of the connections.

    Example:
        ```python
        steps = [testing.Send(b"220 hello\r\n"), testing.Expect(b"QUIT\r\n"), testing.Reset()]
        with testing.TCPServer(steps) as server:
            ...
        ```
    """

    _name: ClassVar[str] = "tcp"

    def __init__(
        self,
        script: Script | Sequence[Step] | Sequence[Sequence[Step]] | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        ssl: _ssl.SSLContext | None = None,
        path: str | None = None,
    ) -> None:
        """Store the script.

        Args:
            script: steps, a function, or ``None`` for an echo.
            host: the address to bind.
            port: the port to bind, 0 for a free one.
            ssl: a server's context, for TLS from the first byte; ``None`` is none.
            path: a Unix socket to listen on in place of host and port.
        """
        super().__init__(host=host, port=port, ssl=ssl, path=path)
        self.script = script
        self._received: list[bytearray] = []
        self._runs = 0

    @property
    def received(self) -> list[bytes]:
        """What each connection sent so far."""
        with self._signal.lock:
            return [bytes(data) for data in self._received]

    def _reader(self, loop: asyncio.AbstractEventLoop) -> asyncio.StreamReader:
        reader = _RecordingReader(self, loop)
        with self._signal.lock:
            self._received.append(reader.record)
        return reader

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        script = self.script
        if script is None:
            script = _echo
        if callable(script):
            await script(reader, writer)
            return
        steps: Sequence[object] = script
        if script and not isinstance(script[0], Step):
            turn, self._runs = self._runs, self._runs + 1
            steps = script[min(turn, len(script) - 1)]  # type: ignore[assignment]  # its first member is no step
        with contextlib.suppress(EOFError):  # the script is over; what was written still goes out
            for step in steps:
                await _take(step, reader, writer)


class _RecordingReader(asyncio.StreamReader):
    def __init__(self, server: TCPServer, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(limit=1 << 16, loop=loop)
        self.record = bytearray()
        self._server = server

    def feed_data(self, data: Any) -> None:
        if len(self.record) < _RECORDED:
            with self._server._signal.lock:
                self.record += data[: _RECORDED - len(self.record)]
            self._server._signal.notify()
        super().feed_data(data)


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()


async def _take(step: object, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    match step:
        case Expect(data):
            await _expect(data, reader)
        case Send(data, fragment):
            for piece in _fragments(data, fragment):
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
        case Wait(gate):
            await gate.wait()
        case Stall():
            await until_gone(reader)
            raise EOFError
        case Close():
            writer.close()
            raise EOFError
        case Cut():
            await cut(writer)
            raise EOFError
        case Reset():
            await flush(writer)
            reset(writer)
            raise EOFError
        case _:
            raise TypeError(f"no step: {step!r}")


async def _expect(data: bytes, reader: asyncio.StreamReader) -> None:
    try:
        got = await reader.readexactly(len(data))
    except asyncio.IncompleteReadError as error:
        got = error.partial
    if got != data:
        raise AssertionError(f"expected {data!r}, the client sent {got!r}")


def _fragments(data: bytes, size: int | None) -> list[bytes]:
    if size is None:
        return [data]
    return [data[at : at + size] for at in range(0, len(data), size)]

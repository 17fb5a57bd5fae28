"""A UDP server that answers by a function."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, ClassVar, NamedTuple, TypeAlias

from .server import Server
from .sockets import listen

__all__ = ["ReceivedDatagram", "UDPServer"]

#: What a reply function gives: nothing, one datagram or several.
Replies: TypeAlias = "bytes | Sequence[bytes] | None"


class ReceivedDatagram(NamedTuple):
    """What came, and from which host and port."""

    data: bytes
    peer: tuple[str, int]


class UDPServer(Server):
    """A UDP server; without a reply function it sends back what it gets.

    It stands on a raw socket: asyncio's transports drop empty datagrams.

    Attributes:
        datagrams: everything received, in order.

    Example:
        ```python
        with testing.UDPServer(lambda data, peer: data.upper()) as server:
            assert await asyncnet.udp.exchange(*server.address, b"hello") == b"HELLO"
        ```
    """

    _name: ClassVar[str] = "udp"

    def __init__(
        self,
        reply: Callable[[bytes, tuple[str, int]], Replies | Awaitable[Replies]] | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        """Store the script.

        Args:
            reply: a function of the data and the peer, plain or async, that
                gives one datagram, several, or ``None`` for silence.
            host: the address to bind.
            port: the port to bind, 0 for a free one.
        """
        super().__init__(host=host, port=port)
        self._reply = reply or (lambda data, peer: data)
        self._datagrams: list[ReceivedDatagram] = []
        self._socket: socket.socket | None = None

    @property
    def datagrams(self) -> list[ReceivedDatagram]:
        """The datagrams received so far."""
        with self._signal.lock:
            return list(self._datagrams)

    async def _start(self) -> None:
        sock = self._socket = listen(self.host, self.port, socket.SOCK_DGRAM)
        self._sockets.add(sock)
        self.port = sock.getsockname()[1]
        asyncio.get_running_loop().add_reader(sock, self._readable, sock)

    async def _shut(self) -> None:
        sock, self._socket = self._socket, None
        if sock is not None:
            asyncio.get_running_loop().remove_reader(sock)
        await super()._shut()

    def _readable(self, sock: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionError):
            while True:
                data, peer = sock.recvfrom(65535)
                with self._signal.lock:
                    self._datagrams.append(ReceivedDatagram(data, (peer[0], peer[1])))
                self._signal.notify()
                self._answer(sock, data, peer)

    def _answer(self, sock: socket.socket, data: bytes, peer: Any) -> None:
        try:
            replies = self._reply(data, (peer[0], peer[1]))
        except Exception as error:
            self._record_error(error)
            return
        if inspect.isawaitable(replies):
            self._spawn(self._answer_later(sock, replies, peer))
        else:
            _send(sock, replies, peer)

    async def _answer_later(self, sock: socket.socket, replies: Awaitable[Replies], peer: Any) -> None:
        _send(sock, await replies, peer)

    def send(self, data: bytes, peer: tuple[str, int]) -> None:
        """Send a datagram to anybody, from any thread."""
        assert self._socket is not None, "not started"
        self._socket.sendto(data, peer)


def _send(sock: socket.socket, replies: Replies, peer: Any) -> None:
    if replies is None:
        return
    for reply in [replies] if isinstance(replies, bytes) else replies:
        with contextlib.suppress(OSError):  # the peer has gone, or the buffer is full: datagrams get lost
            sock.sendto(reply, peer)

"""The data connections of the FTP server."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl as _ssl
from dataclasses import dataclass

from .server import StreamServer
from .sockets import cut, drop, family_of, listen

__all__ = ["DataChannel", "DataFaults"]

_PATIENCE = 10.0  # seconds for a client to open its data connection


@dataclass(slots=True)
class DataFaults:
    """What goes wrong on data connections; see `FTPServer`."""

    cut_at: int | None = None
    stall_at: int | None = None
    require_session_reuse: bool = False


class DataChannel:
    """How the next data connection of one control connection comes about.

    Attributes:
        ssl: the context for protected data; ``None`` for clear.
        target: where the client waits, after PORT or EPRT.
        opened: whether the last transfer got its connection.
    """

    def __init__(self, server: StreamServer, faults: DataFaults) -> None:
        self._server = server
        self._faults = faults
        self._listener: socket.socket | None = None
        self._socket: socket.socket | None = None
        self.ssl: _ssl.SSLContext | None = None
        self.target: tuple[str, int] | None = None
        self.opened = False

    def listen(self) -> int:
        """Wait for the client on a new port; returns it."""
        self.close()
        listener = self._listener = listen(self._server.host, 0)
        self._server._sockets.add(listener)
        port: int = listener.getsockname()[1]
        return port

    def close(self) -> None:
        """Forget the connection that was to come, and end the one that came."""
        for sock in (self._listener, self._socket):
            if sock is not None:
                self._server._sockets.discard(sock)
                sock.close()
        self._listener = self._socket = self.target = None

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        self.opened = False
        async with asyncio.timeout(_PATIENCE):
            sock = self._socket = await self._connected()
            self._server._sockets.add(sock)
            sock.setblocking(False)
            streams = await self._server._streams(sock, self.ssl)
        self.opened = True
        return streams

    async def _connected(self) -> socket.socket:
        loop = asyncio.get_running_loop()
        if self._listener is None:
            if self.target is None:
                raise ConnectionError("no data connection was arranged")
            sock = self._socket = socket.socket(family_of(self.target[0]), socket.SOCK_STREAM)
            sock.setblocking(False)
            await loop.sock_connect(sock, self.target)
            return sock
        listener, ready = self._listener, loop.create_future()
        # Not loop.sock_accept(): cancelled in the turn in which somebody connects, it drops that socket unclosed.
        loop.add_reader(listener, _set, ready)
        try:
            await ready
        finally:
            loop.remove_reader(listener)
        return listener.accept()[0]

    async def send(self, content: bytes) -> bytes:
        """Send it all, with the faults that the server is told to have."""
        _, writer = await self._ready()
        faults = self._faults
        end = min((at for at in (faults.cut_at, faults.stall_at) if at is not None), default=None)
        try:
            writer.write(content if end is None else content[:end])
            await writer.drain()
            if end is None or len(content) < end:
                writer.close()
                await writer.wait_closed()
            elif end == faults.stall_at:
                await asyncio.get_running_loop().create_future()  # until the server or the session ends
            else:
                await cut(writer)
                raise ConnectionResetError("cut")
        finally:
            drop(writer)
        return content

    async def receive(self) -> bytes:
        """Everything that the client sends."""
        reader, writer = await self._ready()
        try:
            content = await reader.read()
        finally:
            drop(writer)
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        return content

    async def _ready(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await self._open()
        session = writer.get_extra_info("ssl_object")
        if self._faults.require_session_reuse and session is not None and not session.session_reused:
            drop(writer)
            raise ConnectionError("the TLS session of the control connection has to be taken up")
        return reader, writer


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)

"""An address that lets nobody in."""

from __future__ import annotations

import asyncio
import socket
from typing import ClassVar

from .server import Server
from .sockets import family_of, listen

__all__ = ["BlackHole"]

_TRIES = 16  # connections that may be needed to fill the queue of the kernel
_PATIENCE = 0.05  # seconds in which loopback answers, if it does


class BlackHole(Server):
    """An address whose connections are neither accepted nor refused: a connect waits until it gives up.

    A listener with a full queue, in front of which the kernel drops what
    comes; it works so on Linux.

    Example:
        ```python
        with testing.BlackHole() as hole:
            try:
                await asyncnet.tcp.exchange(*hole.address, b"", timeout=0.1)
            except asyncnet.OperationTimeout as error:
                print(error.phase)
        ```
    """

    _name: ClassVar[str] = "black-hole"

    async def _start(self) -> None:
        listener = listen(self.host, self.port, backlog=0)
        self._sockets.add(listener)
        self.port = listener.getsockname()[1]
        for _ in range(_TRIES):
            sock = socket.socket(family_of(self.host), socket.SOCK_STREAM)
            self._sockets.add(sock)
            sock.setblocking(False)
            try:
                async with asyncio.timeout(_PATIENCE):
                    await asyncio.get_running_loop().sock_connect(sock, self.address)
            except TimeoutError:
                return
        await self._shut()
        raise OSError("this system goes on accepting: no black hole here")

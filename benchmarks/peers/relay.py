"""The stand-in for relay.c: `python -m benchmarks.peers.relay PORT MICROSECONDS`."""

from __future__ import annotations

import asyncio
import sys
from typing import cast

from .sides import end_with_runner, serve


class Side(asyncio.Protocol):
    """One end of a link; what comes here goes to the other end after the delay."""

    relayed = 0
    delay = 0.0

    def __init__(self, port: int | None = None) -> None:
        self.port = port  # of the server, on the side that connects to it
        self.other: Side | None = None
        self.transport: asyncio.Transport | None = None
        self.early: list[bytes] = []
        if port is None:
            return
        self.connecting = asyncio.ensure_future(self._connect(port))

    async def _connect(self, port: int) -> None:
        far = Side()
        far.other, self.other = self, far
        await asyncio.get_running_loop().create_connection(lambda: far, "127.0.0.1", port)
        for data in self.early:
            self._pass_on(data)
        self.early.clear()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self.other is None:
            self.early.append(data)
        else:
            self._pass_on(data)

    def _pass_on(self, data: bytes) -> None:
        Side.relayed += len(data)
        asyncio.get_running_loop().call_later(self.delay, self._give, data)

    def _give(self, data: bytes) -> None:
        if self.other and self.other.transport and not self.other.transport.is_closing():
            self.other.transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        asyncio.get_running_loop().call_later(self.delay, self._end)

    def _end(self) -> None:
        if self.other and self.other.transport:
            self.other.transport.close()


if __name__ == "__main__":
    end_with_runner()
    Side.delay = float(sys.argv[2]) / 1e6
    serve(lambda: Side(int(sys.argv[1])), lambda: {"bytes": Side.relayed})

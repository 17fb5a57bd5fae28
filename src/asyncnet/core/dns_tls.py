"""DNS over TLS (RFC 7858): questions of one name server share a connection.

Opened through a dialer that is handed in - the dialer stands on the resolver, so
the resolver cannot reach for one.  The name server is given by its address, so
that no name has to be resolved for it.
"""

from __future__ import annotations

import asyncio
import contextvars
import secrets
from typing import Protocol

from ..errors import AsyncNetError
from .dns_message import Response, encode_query, read_response
from .nameserver import Nameserver
from .operation import Operation, TracePlace
from .stream import Stream

__all__ = ["StreamDialer", "TLSExchange", "TLSLinks"]

_ALPN = ("dot",)  # what DNS over TLS is called in the handshake (RFC 7301 section 6, IANA's registry)
_BLOCK = 128  # bytes: questions are padded to a multiple of it, that their length tells little (RFC 8467 section 4.1)


class StreamDialer(Protocol):
    """What is needed of a dialer."""

    async def dial_stream(
        self,
        operation: Operation,
        stream: Stream,
        host: str,
        port: int,
        *,
        ssl: bool,
        server_hostname: str | None,
        alpn: tuple[str, ...],
    ) -> None:
        """Connect the stream, TLS included; abort it if that fails."""


class _Link:
    """One connection and the questions that wait for their answers on it."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.lost = False
        self._waiting: dict[int, asyncio.Future[bytes | None]] = {}  # None: the connection has ended
        self._heard = 0  # messages
        self._end = ""
        self.reader = asyncio.get_running_loop().create_task(self._read(), context=contextvars.Context())

    async def ask(self, name: str, type: str, edns: bool) -> tuple[bytes, Response]:
        number = secrets.randbits(16)
        while number in self._waiting:
            number = secrets.randbits(16)
        query = encode_query(number, name, type, edns=edns, block=_BLOCK)
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        heard = self._heard
        try:
            await self.stream.send(len(query).to_bytes(2) + query, timeout=None)
            message = await answer
        except asyncio.CancelledError:
            if self._heard == heard:
                # Not slow with this one question: it has gone without a word, and the kernel would go on sending
                # for a quarter of an hour before it told us.
                self._end_with("the server has gone silent")
            raise
        finally:
            del self._waiting[number]
        if message is None:
            raise EOFError(f"closed without an answer: {self._end}")
        response = read_response(message, number, name, type)
        if response is None or response.truncated:
            raise ValueError("it does not belong to the question")
        return message, response

    async def _read(self) -> None:
        try:
            while True:
                length = int.from_bytes(await self.stream.receive_exactly(2, timeout=None))
                message = await self.stream.receive_exactly(length, timeout=None)
                self._heard += 1
                answer = self._waiting.get(int.from_bytes(message[:2]))
                if answer is not None and not answer.done():
                    answer.set_result(message)
        except AsyncNetError as error:
            self._end_with(error.args[0])
        finally:
            self.drop()

    def _end_with(self, why: str) -> None:
        self._end = why
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_result(None)
        self.drop()

    def drop(self) -> None:
        self.lost = True
        self.stream.abort()
        if not self.reader.get_loop().is_closed():
            self.reader.cancel()


class TLSLinks:
    """The connections of one resolver.

    Args:
        dialer: opens them.
    """

    def __init__(self, dialer: StreamDialer) -> None:
        self._dialer = dialer
        self._links: dict[Nameserver, _Link] = {}
        self._connecting: dict[Nameserver, asyncio.Lock] = {}

    async def ask(
        self, server: Nameserver, name: str, type: str, edns: bool, place: TracePlace | None
    ) -> tuple[bytes, Response]:
        """Ask once; again on a new connection if the server had closed the old one meanwhile."""
        kept = self._links.get(server)
        if kept is not None and not kept.lost:
            try:
                return await kept.ask(name, type, edns)
            except (EOFError, AsyncNetError):
                kept.drop()
        async with self._connecting.setdefault(server, asyncio.Lock()):
            link = self._links.get(server)
            if link is None or link.lost:
                link = self._links[server] = await self._connect(server, place)
        return await link.ask(name, type, edns)

    async def _connect(self, server: Nameserver, place: TracePlace | None) -> _Link:
        stream = Stream(protocol="dns", peer=str(server.endpoint))
        # Who asks has set a time limit around this.
        async with Operation("dns", "connect", peer=str(server), timeout=None) as operation:
            if place is not None:
                operation.trace_at(place)
            await self._dialer.dial_stream(
                operation, stream, *server.endpoint, ssl=True, server_hostname=server.hostname, alpn=_ALPN
            )
        return _Link(stream)

    def drop(self) -> None:
        """Release everything now."""
        for link in self._links.values():
            link.drop()

    async def wait_dropped(self) -> None:
        """Wait until what was dropped has ended."""
        readers = [link.reader for link in self._links.values()]
        self._links.clear()
        if readers:
            await asyncio.wait(readers)


class TLSExchange:
    """How the messages of one question are exchanged.

    Args:
        links: the connections.
        place: where in a trace a connection belongs that the question has to open.
    """

    def __init__(self, links: TLSLinks, place: TracePlace | None) -> None:
        self._links = links
        self._place = place

    async def exchange(self, server: Nameserver, name: str, type: str, *, edns: bool) -> tuple[bytes, Response]:
        """Ask once."""
        return await self._links.ask(server, name, type, edns, self._place)

    def close(self) -> None:
        """A question has been answered: the connection stays for the next."""

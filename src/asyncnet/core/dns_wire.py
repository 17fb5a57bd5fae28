"""Questions over our own sockets: for what the engine cannot decode, and for name servers behind TLS.

A datagram socket is new for each question, so that its port is as random as
the id (RFC 5452 section 9.2), and connected, so that the kernel drops what
comes from anybody else.  What else comes is looked at one datagram a turn of
the loop: a flood costs time, of which there is a limit, but starves nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import secrets
import socket
from collections.abc import Callable, Sequence
from typing import Protocol

from ..errors import AsyncNetError, NameNotFound, OperationTimeout, ResolveError
from .dns_decode import decode_rows
from .dns_message import Response, encode_query, read_response
from .dns_result import Failure, Row
from .nameserver import Nameserver
from .operation import TracePlace
from .sockets import connect_socket, receive_exactly, send_all, sockaddr, wait_readable

__all__ = ["Exchange", "PlainExchange", "WireEngine"]

_TRIES = 3
_MAX_DATAGRAM = 65_535
_RETRIED = ("FORMERR", "NOTIMP")  # what a server says that does not know EDNS (RFC 6891 section 7)


class Exchange(Protocol):
    """How the messages of one question are exchanged with name servers."""

    async def exchange(self, server: Nameserver, name: str, type: str, *, edns: bool) -> tuple[bytes, Response]:
        """Ask once; raises `OSError`, `EOFError` or `ValueError`."""

    def close(self) -> None:
        """The question has been answered, or given up."""


class PlainExchange:
    """Over UDP, and over TCP if the answer does not fit; a trace has nothing to tell of that."""

    def __init__(self, place: TracePlace | None = None) -> None:
        # A repeated question has the socket and id of the first, so that a late answer still counts.
        self._asked: dict[Nameserver, tuple[socket.socket, int]] = {}

    async def exchange(self, server: Nameserver, name: str, type: str, *, edns: bool) -> tuple[bytes, Response]:
        """Ask once."""
        message, response = await self._over_udp(server, name, type, edns)
        if response.truncated:
            message, response = await self._over_tcp(server, name, type, edns)
        return message, response

    def close(self) -> None:
        """Close the sockets."""
        for sock, _ in self._asked.values():
            sock.close()

    async def _over_udp(self, server: Nameserver, name: str, type: str, edns: bool) -> tuple[bytes, Response]:
        if server not in self._asked:
            sock = _socket(server, socket.SOCK_DGRAM)
            try:
                sock.connect(sockaddr(server.endpoint))
            except BaseException:
                sock.close()
                raise
            self._asked[server] = (sock, secrets.randbits(16))
        sock, number = self._asked[server]
        sock.send(encode_query(number, name, type, edns=edns))
        while True:
            await wait_readable(sock)
            with contextlib.suppress(BlockingIOError):
                message = sock.recv(_MAX_DATAGRAM)
                response = read_response(message, number, name, type)
                if response is not None:
                    return message, response

    async def _over_tcp(self, server: Nameserver, name: str, type: str, edns: bool) -> tuple[bytes, Response]:
        number = secrets.randbits(16)
        query = encode_query(number, name, type, edns=edns)
        with _socket(server, socket.SOCK_STREAM) as sock:
            await connect_socket(sock, sockaddr(server.endpoint))
            await send_all(sock, len(query).to_bytes(2) + query)
            length = int.from_bytes(await receive_exactly(sock, 2))
            message = await receive_exactly(sock, length)
        response = read_response(message, number, name, type)
        if response is None or response.truncated:
            raise ValueError("the answer over TCP does not belong to the question")
        return message, response


class WireEngine:
    """Asks name servers, one after the other, as the engine does.

    Args:
        loop: the running loop.
        servers: gives those to ask, in this order.
        exchange: makes what messages are exchanged through, for each question anew; is told where in a
            trace the question stands.
        patience: seconds before a question is repeated or another server asked.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        servers: Callable[[], Sequence[Nameserver]],
        exchange: Callable[[TracePlace | None], Exchange],
        *,
        patience: float,
    ) -> None:
        self._loop = loop
        self._servers = servers
        self._exchange = exchange
        self._patience = patience
        self._tasks: set[asyncio.Task[None]] = set()

    def ask(
        self, name: str, type: str, done: Callable[[list[Row] | Failure], None], place: TracePlace | None = None
    ) -> None:
        """Ask for the records of a name without its final dot; ``done`` is called later, unless this is dropped."""
        asking = self._run(name, type, done, self._exchange(place))
        task = self._loop.create_task(asking, context=contextvars.Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard, context=contextvars.Context())

    async def close(self) -> None:
        """Cancel what is under way and wait until it has ended."""
        tasks = list(self._tasks)
        self.drop()
        if tasks:
            await asyncio.wait(tasks)

    def drop(self) -> None:
        """Cancel everything; sockets close in the next turn of the loop."""
        for task in self._tasks:
            if not self._loop.is_closed():
                task.cancel()

    async def _run(self, name: str, type: str, done: Callable[[list[Row] | Failure], None], exchange: Exchange) -> None:
        try:
            outcome = await self._ask_all(exchange, name, type)
        except Exception as error:  # an error of ours must not leave a thousand askers without an answer
            outcome = Failure(ResolveError, f"{name} {type} could not be looked up: {error}", error)
        done(outcome)

    async def _ask_all(self, exchange: Exchange, name: str, type: str) -> list[Row] | Failure:
        failure = Failure(OperationTimeout, f"no answer for {name} {type}")
        try:
            for patience in (self._patience * 2**i for i in range(_TRIES)):
                for server in self._servers():
                    outcome = await self._ask_one(exchange, patience, server, name, type)
                    if not isinstance(outcome, Failure) or outcome.negative:
                        return outcome
                    failure = outcome
            return failure
        finally:
            exchange.close()

    async def _ask_one(
        self, exchange: Exchange, patience: float, server: Nameserver, name: str, type: str
    ) -> list[Row] | Failure:
        try:
            async with asyncio.timeout(patience):
                message, response = await exchange.exchange(server, name, type, edns=True)
                if response.rcode in _RETRIED:
                    message, response = await exchange.exchange(server, name, type, edns=False)
            if response.rcode == "NXDOMAIN":
                return Failure(NameNotFound, f"{name} does not exist")
            if response.rcode != "NOERROR":
                return Failure(ResolveError, f"the name server gave no answer for {name} {type} ({response.rcode})")
            return decode_rows(message, response, type)
        except TimeoutError as error:
            return Failure(OperationTimeout, f"no answer for {name} {type}", error)
        except ConnectionRefusedError as error:
            return Failure(ResolveError, f"no name server is listening for {name} {type}", error)
        except EOFError as error:
            return Failure(ResolveError, f"the name server cut its answer for {name} {type} short", error)
        except ValueError as error:
            return Failure(ResolveError, f"the name server's answer for {name} {type} makes no sense: {error}", error)
        except OSError as error:
            reason = error.args[0] if isinstance(error, AsyncNetError) else error
            return Failure(ResolveError, f"the name server cannot be reached for {name} {type}: {reason}", error)


def _socket(server: Nameserver, kind: socket.SocketKind) -> socket.socket:
    family = socket.AF_INET if server.endpoint.address.version == 4 else socket.AF_INET6
    sock = socket.socket(family, kind)
    sock.setblocking(False)
    return sock

"""One question, one answer; asked again when nothing comes."""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Sequence

from ..core.address import Endpoint
from ..core.dialer import Dialer, current_dialer
from ..core.operation import Operation
from ..core.target import LocalAddress, check_local_address
from ..errors import Attempt
from .client import check_peer
from .datagram import Buffer, check_data
from .sockets import connect_socket, none_reached

__all__ = ["exchange"]

_UNLIMITED_WAIT = 2.0  # seconds until the question is repeated when there is no time limit


async def exchange(
    host: str,
    port: int,
    data: Buffer,
    *,
    timeout: float | None = 5.0,
    retries: int = 2,
    local_address: LocalAddress | None = None,
    dialer: Dialer | None = None,
) -> bytes:
    """Send one datagram and return the first that comes back from that peer.

    When nothing comes, the same datagram is sent again, so it should be one that
    may arrive twice; a name's other addresses are tried in turn. An answer to an
    earlier try counts too.

    Args:
        host: a name or an address.
        port: 1 to 65535.
        data: what to send: 0 to 65,507 bytes.
        timeout: seconds for all of it, shared evenly by the tries; ``None``
            for no limit, repeating every 2 s and then waiting for ever.
        retries: how often to send again.
        local_address: ``(host, port)`` to bind.
        dialer: who resolves and judges the address; ``None`` for the current one.

    Raises:
        OperationTimeout: nothing came; ``attempts`` has each try.
        ConnectError: every address answered that nobody is there.
        ResolveError, ForbiddenAddress: the host cannot or must not be used.

    Example:
        ```python
        answer = await asyncnet.udp.exchange("127.0.0.1", server.port, b"ping")
        ```
    """
    peer = check_peer(host, port)
    data = bytes(check_data(data))
    if type(retries) is not int:
        raise TypeError(f"retries must be an int, not {type(retries).__name__}")
    if retries < 0:
        raise ValueError(f"retries must not be negative, not {retries}")
    local_address = check_local_address(local_address)
    dialer = dialer or current_dialer()
    async with Operation("udp", "exchange", peer=peer, timeout=timeout) as operation:
        endpoints = await dialer.targets(operation, host, port)
        exchanging = _Exchange(operation, endpoints, data, local_address or dialer.local_address)
        with operation.span("transfer", bytes=len(data)) as span:
            try:
                answer = await exchanging.run(retries + 1)
            finally:
                exchanging.close()
            span.attributes.update(address=operation.attempts[-1].target, received=len(answer))
        return answer


class _Exchange:
    """The sockets of one exchange: one for each address asked, each listening until the end."""

    def __init__(
        self, operation: Operation, endpoints: Sequence[Endpoint], data: bytes, local_address: LocalAddress | None
    ) -> None:
        self._operation = operation
        self._waiting = deque(endpoints)  # in the order to ask them
        self._data = data
        self._local_address = local_address
        self._sockets: dict[Endpoint, socket.socket] = {}
        self._asked: Endpoint | None = None
        self._asked_at = 0.0
        self._answer: bytes | None = None
        self._waiter: asyncio.Future[None] | None = None

    async def run(self, tries: int) -> bytes:
        """Ask so many times, the addresses in turn; being refused costs no try."""
        remaining = self._operation.remaining
        pause = _UNLIMITED_WAIT if remaining is None else remaining / tries
        while True:
            self._ask_next()
            tries -= 1
            await self._wait(pause if tries else None)
            if self._answer is not None:
                return self._answer
            if self._asked is None:
                tries += 1  # refused
            else:
                self._record("no answer")

    def close(self) -> None:
        """Close the sockets."""
        if self._asked is not None and self._answer is None:
            self._record("no answer")
        for endpoint in list(self._sockets):
            self._release(endpoint)

    def _ask_next(self) -> None:
        while self._waiting:
            endpoint = self._asked = self._waiting[0]
            self._waiting.rotate(-1)
            self._asked_at = self._operation.loop.time()
            try:
                self._socket(endpoint).send(self._data)
            except BlockingIOError:
                pass  # no room: the same as lost on the way, the next try repeats it
            except OSError as error:
                self._refused(endpoint, error)
                continue
            self._operation.maybe_done = True
            return
        raise none_reached(self._operation, "transfer")

    def _socket(self, endpoint: Endpoint) -> socket.socket:
        if endpoint not in self._sockets:
            if self._local_address is not None:
                for other in list(self._sockets):
                    self._release(other)  # two sockets cannot have the same port
            sock, _ = connect_socket(endpoint, self._local_address)
            self._sockets[endpoint] = sock
            self._watch(endpoint, sock)
        return self._sockets[endpoint]

    def _watch(self, endpoint: Endpoint, sock: socket.socket) -> None:
        # Anew after each false alarm: behind an error uvloop calls once and never again.
        self._operation.loop.remove_reader(sock.fileno())
        self._operation.loop.add_reader(sock.fileno(), self._on_readable, endpoint, sock)

    def _on_readable(self, endpoint: Endpoint, sock: socket.socket) -> None:
        try:
            answer = sock.recv(65_535)
        except (BlockingIOError, InterruptedError):
            self._watch(endpoint, sock)
            return
        except OSError as error:
            self._refused(endpoint, error)
        else:
            if self._answer is None:
                self._answer, self._asked = answer, endpoint
                self._record("")
        if (self._answer is not None or self._asked is None) and self._waiter and not self._waiter.done():
            self._waiter.set_result(None)

    async def _wait(self, pause: float | None) -> None:
        """Wait for an answer, or for a refusal of who was asked last, but not longer than that."""
        waiter = self._waiter = self._operation.loop.create_future()
        await asyncio.wait([waiter], timeout=pause)

    def _refused(self, endpoint: Endpoint, error: OSError) -> None:
        self._waiting.remove(endpoint)
        self._release(endpoint)
        asked, self._asked = self._asked, endpoint
        self._record(error.strerror or str(error), error.errno)
        if asked != endpoint:
            self._asked = asked

    def _record(self, error: str, number: int | None = None) -> None:
        elapsed = self._operation.loop.time() - self._asked_at
        self._operation.attempts.append(Attempt(str(self._asked), error, number, elapsed))
        if error:
            self._asked = None

    def _release(self, endpoint: Endpoint) -> None:
        sock = self._sockets.pop(endpoint, None)
        if sock is not None:
            self._operation.loop.remove_reader(sock.fileno())
            sock.close()

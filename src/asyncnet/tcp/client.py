"""The TCP client: a stream that you open; and one exchange in one call."""

from __future__ import annotations

import asyncio
import contextvars
import os
import ssl as _ssl

from ..core.dialer import Dialer, current_dialer
from ..core.operation import DEFAULT_TIMEOUT, Operation, Timeout, check_timeout
from ..core.payload import as_bytes
from ..core.sockets import keep_alive
from ..core.stream import Buffer, Stream
from ..core.target import check_local_address, check_target
from ..core.tls import check_tls
from ..errors import AsyncNetError, LimitExceeded

__all__ = ["Client", "exchange"]

_EXCHANGE_LIMIT = 67_108_864  # bytes: the answer of an exchange, unless the caller says otherwise


class Client(Stream):
    """A `Stream` that you open.

    Args:
        host: a name or an address.
        port: 0 to 65535.
        path: a Unix socket instead of host and port.
        ssl: TLS from the first byte: ``True``, or an `ssl.SSLContext`.
        server_hostname: the name to verify when it differs from ``host``.
        local_address: ``(host, port)`` to bind before connecting.
        keepalive: seconds of silence after which the kernel probes the peer; ``None`` for never.
        timeout: seconds for opening and for each send and receive, ``None`` for no
            limit; not given: 30 for opening and sending, no limit for receiving.
        dialer: who opens the connection; ``None`` for the current one.

    Raises on opening:
        ResolveError, ConnectError, ForbiddenAddress, TLSError, OperationTimeout.

    Example:
        ```python
        async with asyncnet.tcp.Client("127.0.0.1", server.port) as stream:
            await stream.send(b"hello")
            print(await stream.receive())
        ```
    """

    __slots__ = ("_dialer", "_keepalive", "_local_address", "_path", "_ssl", "_target", "_verify_name")

    def __init__(
        self,
        host: str | None = None,
        port: int | None = None,
        *,
        path: str | os.PathLike[str] | None = None,
        ssl: bool | _ssl.SSLContext | None = None,
        server_hostname: str | None = None,
        local_address: tuple[str, int] | None = None,
        keepalive: float | None = None,
        timeout: Timeout = ...,
        dialer: Dialer | None = None,
    ) -> None:
        super().__init__(peer=check_target(host, port, path), timeout=timeout)
        check_tls(ssl, server_hostname)
        self._target = (host, port)
        self._path = path
        self._ssl = ssl
        self._verify_name = server_hostname
        self._local_address = check_local_address(local_address)
        self._keepalive = check_timeout(keepalive, "keepalive")
        self._dialer = dialer

    async def _open(self, operation: Operation) -> None:
        dialer = self._dialer or current_dialer()
        host, port = self._target
        await dialer.dial_stream(
            operation, self, host, port,
            path=self._path, ssl=self._ssl, server_hostname=self._verify_name, local_address=self._local_address,
        )  # fmt: skip
        if self._keepalive is not None:
            assert self._wire is not None
            keep_alive(self._wire.transport.socket, self._keepalive)
        self._trace_life(operation.trace)


async def exchange(
    host: str,
    port: int,
    data: Buffer,
    *,
    max_bytes: int = _EXCHANGE_LIMIT,
    timeout: float | None = DEFAULT_TIMEOUT,
    ssl: bool | _ssl.SSLContext | None = None,
    server_hostname: str | None = None,
    local_address: tuple[str, int] | None = None,
    dialer: Dialer | None = None,
) -> bytes:
    """Send ``data``, half-close, and return all that comes back until the peer closes.

    Args:
        host: a name or an address.
        port: 0 to 65535.
        data: what to send; may be empty.
        max_bytes: the most to receive (64 MiB).
        timeout: seconds for all of it; ``None`` for no limit.
        ssl: TLS from the first byte.
        server_hostname: the name to verify when it differs from ``host``.
        local_address: ``(host, port)`` to bind before connecting.
        dialer: who opens the connection; ``None`` for the current one.

    Raises:
        LimitExceeded: the peer sent more than ``max_bytes``.
        ConnectionLost: it vanished, or TLS was cut without close_notify.
        ResolveError, ConnectError, TLSError, OperationTimeout: as for `Client`.

    Example:
        ```python
        answer = await asyncnet.tcp.exchange("127.0.0.1", server.port, b"ping")
        ```
    """
    if max_bytes < 1:
        raise ValueError(f"max_bytes must be at least 1, not {max_bytes}")
    peer = check_target(host, port)
    check_tls(ssl, server_hostname)
    local_address = check_local_address(local_address)
    data = as_bytes(data)
    dialer = dialer or current_dialer()
    stream = Stream(peer=peer, timeout=None)
    async with Operation("tcp", "exchange", peer=peer, timeout=timeout) as operation:
        await dialer.dial_stream(
            operation, stream, host, port, ssl=ssl, server_hostname=server_hostname, local_address=local_address
        )
        try:
            with operation.span("transfer") as span:
                answer = await _exchange(stream, data, max_bytes)
                span.attributes.update(sent=stream.bytes_sent, received=stream.bytes_received)
            await stream.close()
        except AsyncNetError as error:
            error.operation = None  # the exchange's own, not the stream's
            raise
        finally:
            stream.abort()
        return answer


async def _exchange(stream: Stream, data: bytes, max_bytes: int) -> bytes:
    # A peer that answers while we send must be read meanwhile, or both would wait for each other.
    sending = asyncio.get_running_loop().create_task(_send_all(stream, data), context=contextvars.Context())
    sending.add_done_callback(_seen)
    answer = bytearray()
    try:
        while chunk := await stream.receive():
            answer += chunk
            if len(answer) > max_bytes:
                raise LimitExceeded(f"the peer sent more than max_bytes={max_bytes}")
        return bytes(answer)
    finally:
        # A peer that has said all and closed need not have read all.
        sending.cancel()
        await asyncio.wait([sending])


def _seen(task: asyncio.Task[None]) -> None:
    if not task.cancelled():
        task.exception()


async def _send_all(stream: Stream, data: bytes) -> None:
    await stream.send(data)
    await stream.send_eof()

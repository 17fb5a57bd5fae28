"""One attempt at one address, never longer than its share of the time."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Coroutine
from typing import Any

from ..errors import ConnectError
from .address import Endpoint
from .operation import ATTEMPT_TIMEOUT, Operation
from .sockets import connect_socket

__all__ = ["connect_address", "connect_path", "within_attempt"]

_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}


async def connect_address(
    operation: Operation, endpoint: Endpoint, local_address: tuple[str, int] | None = None
) -> socket.socket:
    sock = socket.socket(_FAMILIES[endpoint.address.version], socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if local_address is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(local_address)
        await within_attempt(operation, connect_socket(sock, endpoint))
    except BaseException:
        sock.close()
        raise
    return sock


async def connect_path(operation: Operation, path: str) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with operation.span("connect", path=path):
        try:
            sock.setblocking(False)
            await within_attempt(operation, connect_socket(sock, path))
        except OSError as error:
            sock.close()
            raise ConnectError(f"could not connect: {error.strerror or error}", phase="connect") from error
        except BaseException:
            sock.close()
            raise
    return sock


async def within_attempt(operation: Operation, attempt: Coroutine[Any, Any, None]) -> None:
    """Let one attempt take 10 s at most, so that the operation can go on to the next one."""
    if operation.remaining is not None and operation.remaining <= ATTEMPT_TIMEOUT:
        await attempt  # the operation's own deadline comes first
        return
    try:
        async with asyncio.timeout(ATTEMPT_TIMEOUT) as scope:
            await attempt
    except TimeoutError:
        if scope.expired():
            raise TimeoutError(errno.ETIMEDOUT, f"no answer within {ATTEMPT_TIMEOUT:g} s") from None
        raise

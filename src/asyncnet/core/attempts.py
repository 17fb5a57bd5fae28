"""One attempt at one address, never longer than its share of the time; and what is said of those that failed."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Awaitable, Sequence
from typing import TypeVar

from ..errors import AsyncNetError, Attempt, ConnectError, ForbiddenAddress, OperationTimeout
from .address import Endpoint
from .operation import ATTEMPT_TIMEOUT, Operation
from .sockets import connect_socket, sockaddr

__all__ = ["Hopeless", "attempt_failed", "connect_address", "connect_path", "connection_failure", "within_attempt"]

T = TypeVar("T")

_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
_TOLD = 4  # attempts whose words go into an error's message; its .attempts has all of them


class Hopeless(Exception):
    """Carries the error of an attempt that no other address would mend."""

    def __init__(self, error: AsyncNetError) -> None:
        super().__init__(str(error))
        self.error = error


async def connect_address(
    operation: Operation, endpoint: Endpoint, local_address: tuple[str, int] | None = None
) -> socket.socket:
    """Connect a socket to one address.

    Raises:
        OSError: as the kernel says, or `TimeoutError` after 10 s.
    """
    with operation.part("attempt", address=str(endpoint)):
        sock = socket.socket(_FAMILIES[endpoint.address.version], socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if local_address is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                sock.bind(sockaddr(Endpoint(*local_address)))
            await within_attempt(operation, connect_socket(sock, sockaddr(endpoint)))
        except BaseException:
            sock.close()
            raise
        return sock


async def connect_path(operation: Operation, path: str) -> socket.socket:
    """Connect a Unix socket.

    Raises:
        ConnectError: nobody listens there.
        OperationTimeout: its queue was full for 10 s.
    """
    with operation.span("connect", path=path):
        started = operation.loop.time()
        sock: socket.socket | None = None
        try:
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            sock.setblocking(False)
            await within_attempt(operation, connect_socket(sock, path))
        except OSError as error:
            if sock is not None:
                sock.close()
            operation.attempts.append(attempt_failed(path, error, operation.loop.time() - started))
            raise connection_failure([(path, error)], operation) from error
        except BaseException:
            if sock is not None:
                sock.close()
            raise
        operation.attempts.append(Attempt(path, elapsed=operation.loop.time() - started))
        return sock


async def within_attempt(operation: Operation, attempt: Awaitable[T]) -> T:
    """Let one attempt take 10 s at most, so that the operation can go on to the next one."""
    if operation.remaining is not None and operation.remaining <= ATTEMPT_TIMEOUT:
        return await attempt  # the operation's own deadline comes first
    try:
        async with asyncio.timeout(ATTEMPT_TIMEOUT) as scope:
            return await attempt
    except TimeoutError:
        if scope.expired():
            raise TimeoutError(errno.ETIMEDOUT, f"no answer within {ATTEMPT_TIMEOUT:g} s") from None
        raise


def attempt_failed(target: str, error: BaseException, elapsed: float) -> Attempt:
    """The plain record of an attempt that failed."""
    number = error.errno if isinstance(error, OSError) else None
    return Attempt(target, _words(error), number, elapsed)


def _words(error: BaseException) -> str:
    if isinstance(error, AsyncNetError):
        words = str(error.args[0]) if error.args else ""
    else:
        words = getattr(error, "strerror", None) or str(error)
    return words or type(error).__name__


def connection_failure(failures: Sequence[tuple[str, BaseException]], operation: Operation) -> AsyncNetError:
    """One error for all that was tried, of the class that the failures agree on.

    Args:
        failures: targets and what went wrong there; at least one.
        operation: whose attempts the error carries.
    """
    errors = [error for _, error in failures]
    last = errors[-1]
    if len(errors) == 1 and isinstance(last, AsyncNetError):
        last.attempts = last.attempts or tuple(operation.attempts)
        return last
    words = "; ".join(dict.fromkeys(f"{target}: {_words(error)}" for target, error in failures[:_TOLD]))
    if len(failures) > _TOLD:
        words += f"; and {len(failures) - _TOLD} more"
    result: AsyncNetError
    if all(isinstance(error, ForbiddenAddress) for error in errors):
        result = ForbiddenAddress(f"no permitted address: {words}", phase="connect")
    elif all(isinstance(error, TimeoutError) for error in errors):
        result = OperationTimeout(f"no address answered: {words}", phase="connect")
    else:
        result = ConnectError(f"could not connect: {words}", phase="connect")
    numbers = {error.errno if isinstance(error, OSError) else None for error in errors}
    if isinstance(result, OSError) and len(numbers) == 1:
        result.errno = numbers.pop()
    result.attempts = tuple(operation.attempts)
    result.__cause__ = last
    return result

"""Datagram sockets: made, bound, connected, with their options."""

from __future__ import annotations

import contextlib
import errno
import socket
import sys
from collections.abc import Callable, Sequence

from ..core.address import Endpoint, parse_literal
from ..core.operation import Operation
from ..core.resolver import default_resolver
from ..core.target import LocalAddress
from ..errors import Attempt, ConnectError

__all__ = [
    "bind_sockets",
    "connect_any",
    "connect_socket",
    "dropped_by_kernel",
    "family_of",
    "none_reached",
    "set_options",
    "socket_address",
]

_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
_ANYWHERE = {socket.AF_INET: "0.0.0.0", socket.AF_INET6: "::"}
_SO_MEMINFO = 55  # linux/socket.h: nine counters of the socket, the last says what was dropped
_MEMINFO_DROPS = slice(32, 36)
_BEFORE_CONNECT = 1_024  # datagrams looked at that came between bind and connect


def family_of(host: str) -> socket.AddressFamily:
    """The family of an address written as text."""
    literal = parse_literal(host)
    assert literal is not None
    return _FAMILIES[literal.version]


def socket_address(host: str, port: int) -> tuple[str, int] | tuple[str, int, int, int]:
    """An endpoint in the socket module's notation, which keeps the zone of a link-local address apart."""
    host, percent, zone = host.partition("%")
    if not percent:
        return (host, port)
    return (host, port, 0, int(zone) if zone.isdecimal() else socket.if_nametoindex(zone))


def connect_any(
    operation: Operation,
    endpoints: Sequence[Endpoint],
    *,
    local_address: LocalAddress | None,
    prepare: Callable[[socket.socket], None],
) -> tuple[socket.socket, Endpoint, list[bytes]]:
    """Connect to the first of the addresses that there is a route to.

    Args:
        operation: whose attempts these are.
        endpoints: the addresses in the order to try them.
        local_address: what to bind before connecting.
        prepare: sets the options of the socket; they come first, because connecting chooses the own address.

    Returns:
        The socket, the address, and what came from it before it was connected.
    """
    for endpoint in endpoints:
        started = operation.loop.time()
        try:
            sock, early = connect_socket(endpoint, local_address, prepare)
        except OSError as error:
            message = error.strerror or str(error)
            if error.errno == errno.EACCES:
                message += " (a broadcast address needs broadcast=True)"
            operation.attempts.append(
                Attempt(str(endpoint), message, error.errno, operation.loop.time() - started)
            )
        else:
            operation.attempts.append(Attempt(str(endpoint), elapsed=operation.loop.time() - started))
            return sock, endpoint, early
    raise none_reached(operation, "connect")


def none_reached(operation: Operation, phase: str) -> ConnectError:
    """The error for a host none of whose addresses can be reached."""
    attempts = tuple(operation.attempts)
    reasons = [f"{attempt.target} cannot be reached: {attempt.error}" for attempt in attempts]
    # What was tried several times is told once.
    return ConnectError("; ".join(dict.fromkeys(reasons)), phase=phase, attempts=attempts)


def connect_socket(
    endpoint: Endpoint,
    local_address: LocalAddress | None,
    prepare: Callable[[socket.socket], None] = lambda sock: None,
) -> tuple[socket.socket, list[bytes]]:
    """Make a non-blocking socket that sends to, and receives from, that endpoint only."""
    family = family_of(endpoint.host)
    if local_address is not None and family_of(local_address[0]) != family:
        raise OSError(errno.EAFNOSUPPORT, f"local_address {local_address[0]} is of the other family")
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        prepare(sock)
        if local_address is None:
            # The port is chosen while connecting: nobody else can ever have sent to it.
            sock.connect(socket_address(*endpoint))
            return sock, []
        sock.bind(socket_address(*local_address))
        sock.connect(socket_address(*endpoint))
        return sock, _from_before(sock, endpoint)
    except BaseException:
        sock.close()
        raise


def _from_before(sock: socket.socket, endpoint: Endpoint) -> list[bytes]:
    """What came between bind and connect, when anybody could still send: keep what the peer sent."""
    kept = []
    with contextlib.suppress(OSError):
        for _ in range(_BEFORE_CONNECT):
            data, address = sock.recvfrom(65_535)
            if address[:2] == (endpoint.host.partition("%")[0], endpoint.port):
                kept.append(data)
    return kept


async def bind_sockets(
    operation: Operation,
    host: str | None,
    port: int,
    *,
    family: int | None,
    reuse_port: bool,
    reuse_address: bool,
    receive_buffer: int | None,
    broadcast: bool,
) -> list[socket.socket]:
    """Bind a socket for each address of a host, all to the same port.

    Args:
        operation: whose time this is.
        host: an address or a name; ``None`` for every interface, both families.
        port: 0 lets the system choose.
        family: ``socket.AF_INET`` or ``AF_INET6`` only; ``None`` for both.
        reuse_port: let several processes receive on the same port, the kernel spreading the peers over them.
        reuse_address: let several sockets receive the same multicast datagrams.
        receive_buffer: bytes that the kernel holds; ``None`` for the system's default.
        broadcast: allow sending to broadcast addresses.
    """
    sockets: list[socket.socket] = []
    try:
        for kind, address in await _own_addresses(operation, host, family):
            optional = host is None and family is None and bool(sockets)
            try:
                sock = socket.socket(kind, socket.SOCK_DGRAM)
                sockets.append(sock)
                sock.setblocking(False)
                set_options(sock, receive_buffer, broadcast)
                if reuse_address:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if reuse_port:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                if kind == socket.AF_INET6:
                    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                sock.bind(socket_address(address, port))
            except OSError as error:
                if optional:
                    sockets.pop().close()  # this machine has no IPv6
                    continue
                raise _cannot_bind(Endpoint(address, port), error) from error
            port = sock.getsockname()[1]
    except BaseException:
        for sock in sockets:
            sock.close()
        raise
    return sockets


async def _own_addresses(
    operation: Operation, host: str | None, family: int | None
) -> list[tuple[socket.AddressFamily, str]]:
    families = [kind for kind in (socket.AF_INET, socket.AF_INET6) if family in (None, kind)]
    if host is None:
        return [(kind, _ANYWHERE[kind]) for kind in families]
    if parse_literal(host) is not None:
        return [(family_of(host), host)]
    # A name of our own machine; its first family that has an address will do.
    found = await default_resolver().addresses(operation, host, families[0])
    return [(families[0], str(address)) for address in found]


def _cannot_bind(where: Endpoint, error: OSError) -> ConnectError:
    failure = ConnectError(f"cannot bind {where}: {error.strerror or error}", phase="bind")
    failure.errno = error.errno
    return failure


def set_options(sock: socket.socket, receive_buffer: int | None, broadcast: bool) -> None:
    """What every datagram socket may have set."""
    if receive_buffer is not None:
        with contextlib.suppress(OSError):  # some systems refuse where Linux quietly gives its maximum
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    if broadcast:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)


def dropped_by_kernel(sock: socket.socket) -> int | None:
    """Datagrams that found the kernel's buffer full; ``None`` where it does not say."""
    if sys.platform != "linux":
        return None
    try:
        return int.from_bytes(sock.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, 36)[_MEMINFO_DROPS], sys.byteorder)
    except OSError:
        return None

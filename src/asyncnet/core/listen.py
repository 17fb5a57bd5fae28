"""Listening sockets: where a server can be reached."""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address

from ..errors import ConnectError
from .address import Address, Endpoint, address_text, check_host, check_port, parse_literal
from .happy_eyeballs import resolve_all
from .operation import Operation
from .resolver import default_resolver
from .sockets import sockaddr
from .target import check_path

__all__ = ["cannot_listen", "check_listen", "listening_sockets"]

_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
_PORT_TRIES = 20  # ports of the system's choice that are tried for several addresses at once


def check_listen(host: object, port: object, path: object) -> str:
    """Check where to listen before any I/O; return it as errors name it."""
    if path is not None:
        return check_path(path)
    port = check_port(port)
    return f"*:{port}" if host is None else str(Endpoint(check_host(host), port))


async def listening_sockets(
    operation: Operation,
    host: str | None,
    port: int | None,
    path: str | None,
    *,
    backlog: int,
    reuse_port: bool,
) -> list[socket.socket]:
    """Bind and listen.

    Args:
        operation: whose time this is.
        host: an address or a name; ``None`` for every interface, both families. An
            address that this machine does not have is left out if there is another.
        port: 0 lets the system choose; all addresses get the same one.
        path: a Unix socket instead; a dead one that lies there is replaced.
        backlog: connections the kernel holds before they are accepted.
        reuse_port: let several processes listen on the same port.
    """
    if path is not None:
        return [_listen_path(path, backlog)]
    assert port is not None
    addresses = await _addresses(operation, host)
    for tries_left in reversed(range(_PORT_TRIES)):
        try:
            return _listen_on_all(addresses, port, backlog, reuse_port)
        except ConnectError as error:
            # The port that the system chose for one address may be somebody's at the next.
            if port != 0 or error.errno != errno.EADDRINUSE or not tries_left:
                raise
    raise AssertionError("unreachable")


async def _addresses(operation: Operation, host: str | None) -> list[Address]:
    if host is None:
        return [IPv4Address("0.0.0.0"), IPv6Address("::")]
    literal = parse_literal(host)
    if literal is not None:
        return [literal]
    resolver = default_resolver()
    return await resolve_all(
        operation, {version: resolver.addresses(operation, host, family) for version, family in _FAMILIES.items()}
    )


def _listen_on_all(addresses: Sequence[Address], port: int, backlog: int, reuse_port: bool) -> list[socket.socket]:
    """Listen on each address that this machine has; on one at least."""
    sockets: list[socket.socket] = []
    absent: ConnectError | None = None
    try:
        for address in addresses:
            try:
                sock = _listen(address, port, backlog, reuse_port)
            except ConnectError as error:
                if error.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
                    raise
                absent = error  # a machine without IPv6, mostly
            else:
                sockets.append(sock)
                port = sock.getsockname()[1]
        if not sockets and absent is not None:
            raise absent
    except BaseException:
        for sock in sockets:
            sock.close()
        raise
    return sockets


def _listen(address: Address, port: int, backlog: int, reuse_port: bool) -> socket.socket:
    endpoint = Endpoint(address_text(address), port)
    sock: socket.socket | None = None
    try:
        sock = socket.socket(_FAMILIES[address.version], socket.SOCK_STREAM)
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if address.version == 6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(sockaddr(endpoint))
        sock.listen(backlog)
    except OSError as error:
        if sock is not None:
            sock.close()
        raise cannot_listen(str(endpoint), error) from error
    return sock


def _listen_path(path: str, backlog: int) -> socket.socket:
    sock: socket.socket | None = None
    try:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.setblocking(False)
        _remove_dead(path)
        sock.bind(path)
        sock.listen(backlog)
    except OSError as error:
        if sock is not None:
            sock.close()
        raise cannot_listen(path, error) from error
    return sock


def _remove_dead(path: str) -> None:
    """A socket file that nobody listens on any more would make bind fail."""
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            return
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
        except OSError:
            return


def cannot_listen(where: str, error: OSError) -> ConnectError:
    """The error for a place that the system does not let us listen on."""
    failure = ConnectError(f"cannot listen on {where}: {error.strerror or error}", phase="listen")
    failure.errno = error.errno
    return failure

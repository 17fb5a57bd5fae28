"""Listening sockets: where a server can be reached."""

from __future__ import annotations

import os
import socket
import stat

from ..errors import ConnectError
from .address import Endpoint, check_host, check_port, parse_literal
from .operation import Operation
from .resolver import default_resolver
from .target import check_path

__all__ = ["check_listen", "listening_sockets"]


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
        host: an address or a name; ``None`` for every interface, both families.
        port: 0 lets the system choose; all addresses of a name get the same one.
        path: a Unix socket instead; a dead one that lies there is replaced.
        backlog: connections the kernel holds before they are accepted.
        reuse_port: let several processes listen on the same port.
    """
    if path is not None:
        return [_listen_path(path, backlog)]
    assert port is not None
    sockets: list[socket.socket] = []
    try:
        for family, address in await _addresses(operation, host):
            sock = _listen(family, address, port, backlog, reuse_port, optional=host is None and bool(sockets))
            if sock is not None:
                sockets.append(sock)
                port = sock.getsockname()[1]
    except BaseException:
        for sock in sockets:
            sock.close()
        raise
    return sockets


async def _addresses(operation: Operation, host: str | None) -> list[tuple[socket.AddressFamily, str]]:
    if host is None:
        return [(socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")]
    literal = parse_literal(host)
    if literal is not None:
        return [(socket.AF_INET if literal.version == 4 else socket.AF_INET6, str(literal))]
    found = await default_resolver().addresses(operation, host, socket.AF_INET)
    return [(socket.AF_INET, str(address)) for address in found]


def _listen(
    family: socket.AddressFamily, address: str, port: int, backlog: int, reuse_port: bool, *, optional: bool
) -> socket.socket | None:
    try:
        sock = socket.socket(family, socket.SOCK_STREAM)
    except OSError:
        if optional:
            return None  # this machine has no IPv6
        raise
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((address, port))
        sock.listen(backlog)
    except OSError as error:
        sock.close()
        if optional:
            return None
        raise _failed(str(Endpoint(address, port)), error) from error
    return sock


def _listen_path(path: str, backlog: int) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        _remove_dead(path)
        sock.bind(path)
        sock.listen(backlog)
    except OSError as error:
        sock.close()
        raise _failed(path, error) from error
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


def _failed(where: str, error: OSError) -> ConnectError:
    failure = ConnectError(f"cannot listen on {where}: {error.strerror or error}", phase="listen")
    failure.errno = error.errno
    return failure

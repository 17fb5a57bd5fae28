"""The one place where connections are opened, for every protocol.

Names, overrides, Happy Eyeballs, the address policy, proxies and TLS exist
once, here.  What may be dialled is decided on the address that is about to be
dialled: not on the name, and not before the name is resolved.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import ipaddress
import os
import socket
import ssl as _ssl
from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

from ..errors import Attempt, ConnectError, ForbiddenAddress
from .address import Endpoint, check_host, check_port, parse_literal
from .attempts import connect_address, connect_path, within_attempt
from .happy_eyeballs import (
    ATTEMPT_DELAY,
    Connect,
    IPAddress,
    connect_any,
    connection_failure,
    in_order,
    record_failure,
    resolution_failure,
)
from .loop_scope import current_scope
from .operation import ATTEMPT_TIMEOUT, DEFAULT_TIMEOUT, Operation
from .policy import permits
from .proxy import Proxy, parse_proxy
from .resolver import Resolver, default_resolver
from .stream import Stream
from .target import LocalAddress, check_local_address, check_target
from .tls import check_tls, choose_context

__all__ = ["Allow", "Dialer", "current_dialer", "use"]

Allow: TypeAlias = "Callable[[ipaddress.IPv4Address | ipaddress.IPv6Address, int], bool]"

_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
_WINNERS = 1_000  # names whose last winning address is remembered


class Dialer:
    """Opens connections.  Holds no sockets and needs no closing.

    Args:
        resolver: turns names into addresses; stays the giver's. ``None``: the loop's shared one.
        allow: ``allow(address, port) -> bool`` is asked for each address about
            to be dialled, and for the IPv4 address embedded in it if there is
            one; ``False`` raises `ForbiddenAddress`. ``None`` allows all.
            The proxy's own address is exempt.
        hosts: names that stand for another host or address, such as
            ``{"example.org": "127.0.0.1"}``; certificates are still verified by the name asked for.
        proxy: ``http://``, ``socks5://`` or ``socks5h://`` URL through which everything goes.
        family: ``socket.AF_INET`` or ``AF_INET6`` only; ``None`` for both.
        local_address: ``(host, port)`` to bind before connecting.
        ssl_context: for every TLS of this dialer, STARTTLS included, unless a call gives its own.
        happy_eyeballs_delay: seconds between the starts of two attempts.

    Example:
        ```python
        inside = asyncnet.Dialer(hosts={"api.example.org": "127.0.0.1"})
        with asyncnet.use(inside):
            answer = await asyncnet.tcp.exchange("api.example.org", server.port, b"ping")
        ```
    """

    def __init__(
        self,
        *,
        resolver: Resolver | None = None,
        allow: Allow | None = None,
        hosts: Mapping[str, str] | None = None,
        proxy: str | None = None,
        family: socket.AddressFamily | int | None = None,
        local_address: LocalAddress | None = None,
        ssl_context: _ssl.SSLContext | None = None,
        happy_eyeballs_delay: float = ATTEMPT_DELAY,
    ) -> None:
        if allow is not None and not callable(allow):
            raise TypeError("allow must be callable as allow(address, port) or None")
        if family is not None and family not in _FAMILIES.values():
            raise ValueError("family must be socket.AF_INET, socket.AF_INET6 or None")
        if ssl_context is not None and not isinstance(ssl_context, _ssl.SSLContext):
            raise TypeError("ssl_context must be an ssl.SSLContext or None")
        if not 0 <= happy_eyeballs_delay <= ATTEMPT_TIMEOUT:
            raise ValueError(f"happy_eyeballs_delay must be between 0 and {ATTEMPT_TIMEOUT:g} seconds")
        self.resolver = resolver
        self.allow = allow
        self.hosts = {check_host(name).rstrip("."): check_host(to) for name, to in (hosts or {}).items()}
        self.proxy: Proxy | None = None if proxy is None else parse_proxy(proxy)
        if self.proxy is not None and self.proxy.scheme == "socks5h" and allow is not None:
            raise ValueError("socks5h leaves names to the proxy, so allow= could not judge them: use socks5")
        self.family = family
        self.local_address = check_local_address(local_address)
        self.ssl_context = ssl_context
        self.happy_eyeballs_delay = happy_eyeballs_delay
        self._winners: dict[tuple[str, int], IPAddress] = {}

    # ---- for users

    async def connect(
        self,
        host: str | None = None,
        port: int | None = None,
        *,
        path: str | os.PathLike[str] | None = None,
        timeout: float | None = DEFAULT_TIMEOUT,
        ssl: bool | _ssl.SSLContext | None = None,
        server_hostname: str | None = None,
        local_address: LocalAddress | None = None,
    ) -> Stream:
        """Open a connection and return its `Stream`.

        Args:
            host: a name or an address.
            port: 0 to 65535.
            path: a Unix socket instead of host and port.
            timeout: seconds for names, connecting and TLS together; ``None`` for no limit.
            ssl: TLS from the first byte.
            server_hostname: the name to verify when it differs from ``host``.
            local_address: ``(host, port)`` to bind before connecting.

        Raises:
            ResolveError, ConnectError, ForbiddenAddress, TLSError, OperationTimeout.
        """
        peer = check_target(host, port, path)
        check_tls(ssl, server_hostname)
        local_address = check_local_address(local_address)
        stream = Stream(peer=peer)
        async with Operation("tcp", "connect", peer=peer, timeout=timeout) as operation:
            await self.dial_stream(
                operation, stream, host, port,
                path=path, ssl=ssl, server_hostname=server_hostname, local_address=local_address,
            )  # fmt: skip
        return stream

    async def connect_socket(
        self,
        host: str,
        port: int,
        *,
        timeout: float | None = DEFAULT_TIMEOUT,
        local_address: LocalAddress | None = None,
    ) -> socket.socket:
        """Open a connection and return its non-blocking socket: past the proxy, no TLS.

        The socket is the caller's to close.
        """
        peer = check_target(host, port, None)
        local_address = check_local_address(local_address)
        async with Operation("tcp", "connect_socket", peer=peer, timeout=timeout) as operation:
            return await self.dial(operation, host, port, local_address=local_address)

    async def endpoints(self, host: str, port: int, *, timeout: float | None = DEFAULT_TIMEOUT) -> tuple[Endpoint, ...]:
        """The permitted addresses of a host in the order to try them, for datagrams.

        Raises:
            ForbiddenAddress: none of them is permitted. ValueError: datagrams cannot go through the proxy.
        """
        peer = check_target(host, port, None)
        async with Operation("udp", "endpoints", peer=peer, timeout=timeout) as operation:
            return await self.targets(operation, host, port)

    # ---- for protocols, inside their operation

    async def dial_stream(
        self,
        operation: Operation,
        stream: Stream,
        host: str | None,
        port: int | None,
        *,
        path: str | os.PathLike[str] | None = None,
        ssl: bool | _ssl.SSLContext | None = None,
        server_hostname: str | None = None,
        local_address: LocalAddress | None = None,
    ) -> None:
        """Connect a new stream, TLS included; it is aborted if that fails."""
        context = choose_context(ssl, self.ssl_context)
        try:
            if path is not None:
                stream._attach(await connect_path(operation, os.fspath(path)))
            else:
                assert host is not None
                assert port is not None
                stream._dialled = host
                stream._attach(await self.dial(operation, host, port, local_address=local_address))
            if context is not None:
                name = server_hostname or host
                with operation.span("tls", server_hostname=name) as span:
                    await stream._secure(context, server_side=False, server_hostname=name)
                    if stream.ssl_object is not None:
                        span.attributes["version"] = stream.ssl_object.version()
        except BaseException:
            stream.abort()
            raise
        if stream._state == "new":  # else its own open() has the last word
            stream._state = "open"

    async def dial(
        self, operation: Operation, host: str, port: int, *, local_address: LocalAddress | None = None
    ) -> socket.socket:
        """Connect a socket; the caller owns it from then on."""
        host, port = check_host(host), check_port(port)
        target = self.hosts.get(host.rstrip("."), host)
        local = local_address or self.local_address
        proxy = self.proxy
        literal = parse_literal(target)
        if proxy is not None and literal is None and proxy.resolves and self.allow is None:
            with operation.span("connect", proxy=str(proxy)):
                return await self._through_proxy(operation, proxy, target, port, local)

        async def connect(endpoint: Endpoint) -> socket.socket:
            self._check_allowed(endpoint)
            if proxy is not None:
                return await self._through_proxy(operation, proxy, endpoint.host, endpoint.port, local)
            return await connect_address(operation, endpoint, local)

        with operation.span("connect", host=target, port=port) as span:
            if literal is not None:
                sock = await self._connect_only(operation, Endpoint(str(literal), port), connect)
            else:
                resolver = self.resolver or default_resolver()
                sock = await connect_any(
                    operation, port, connect,
                    resolve={n: resolver.addresses(operation, target, family) for n, family in self._families()},
                    favourite=self._winners.get((target, port)), delay=self.happy_eyeballs_delay,
                )  # fmt: skip
                self._remember(target, port, sock)
            if operation.attempts:
                span.attributes["address"] = operation.attempts[-1].target
            return sock

    async def targets(self, operation: Operation, host: str, port: int) -> tuple[Endpoint, ...]:
        """The permitted addresses of a host, in the order to try them."""
        host, port = check_host(host), check_port(port)
        if self.proxy is not None:
            raise ValueError("datagrams cannot go through a proxy, and this dialer has one")
        target = self.hosts.get(host.rstrip("."), host)
        literal = parse_literal(target)
        if literal is not None:
            endpoint = Endpoint(str(literal), port)
            self._check_allowed(endpoint)
            return (endpoint,)
        with operation.span("resolve", host=target):
            resolver = self.resolver or default_resolver()
            results = await asyncio.gather(
                *(resolver.addresses(operation, target, family) for _, family in self._families()),
                return_exceptions=True,
            )
        found: list[IPAddress] = []
        errors = []
        for result in results:
            if isinstance(result, BaseException):
                if not isinstance(result, OSError):
                    raise result
                errors.append(result)
            else:
                found += result
        if not found:
            raise resolution_failure(errors)  # type: ignore[arg-type]  # a resolver's OSErrors are ours
        endpoints = [Endpoint(str(address), port) for address in in_order(found)]
        allowed = []
        for endpoint in endpoints:
            try:
                self._check_allowed(endpoint)
                allowed.append(endpoint)
            except ForbiddenAddress as error:
                refusal = error
        if not allowed:
            raise refusal
        return tuple(allowed)

    # ---- inside

    def _families(self) -> list[tuple[int, socket.AddressFamily]]:
        both = ((6, socket.AF_INET6), (4, socket.AF_INET))
        return [(number, family) for number, family in both if self.family in (None, family)]

    def _check_allowed(self, endpoint: Endpoint) -> None:
        if self.allow is not None and not permits(self.allow, endpoint.address, endpoint.port):
            raise ForbiddenAddress(
                f"{endpoint} is not permitted by the dialer's allow policy", peer=str(endpoint), phase="connect"
            )
        wanted = None if self.family is None else 4 if self.family == socket.AF_INET else 6
        if wanted is not None and endpoint.address.version != wanted:
            raise ConnectError(f"{endpoint} is not of the dialer's family IPv{wanted}", phase="connect")

    async def _connect_only(self, operation: Operation, endpoint: Endpoint, connect: Connect) -> socket.socket:
        """The race with one runner: a literal needs no tasks."""
        started = operation.loop.time()
        try:
            sock = await connect(endpoint)
        except OSError as error:
            operation.attempts.append(record_failure(endpoint, error, operation.loop.time() - started))
            raise connection_failure([error], operation) from error
        operation.attempts.append(Attempt(str(endpoint), elapsed=operation.loop.time() - started))
        return sock

    async def _through_proxy(
        self, operation: Operation, proxy: Proxy, host: str, port: int, local_address: LocalAddress | None
    ) -> socket.socket:
        # The proxy's own address was written by the caller, so `allow` does not judge it.
        direct = Dialer(resolver=self.resolver, family=self.family)
        sock = await direct.dial(operation, proxy.host, proxy.port, local_address=local_address)
        try:
            await within_attempt(operation, proxy.tunnel(sock, host, port))
        except BaseException:
            sock.close()
            raise
        return sock

    def _remember(self, host: str, port: int, sock: socket.socket) -> None:
        if self.proxy is not None:
            return
        with contextlib.suppress(OSError, ValueError):
            self._winners.pop((host, port), None)
            self._winners[host, port] = ipaddress.ip_address(sock.getpeername()[0])
            if len(self._winners) > _WINNERS:
                del self._winners[next(iter(self._winners))]

    def __repr__(self) -> str:
        parts = [
            f"{name}={value!r}"
            for name, value in (("hosts", self.hosts), ("allow", self.allow), ("proxy", self.proxy and str(self.proxy)))
            if value
        ]
        return f"<Dialer {' '.join(parts)}>" if parts else "<Dialer>"


_current: contextvars.ContextVar[Dialer | None] = contextvars.ContextVar("asyncnet_dialer", default=None)


@contextlib.contextmanager
def use(dialer: Dialer) -> Iterator[Dialer]:
    """Dial through ``dialer`` inside the ``with`` block, wherever no other is given."""
    if not isinstance(dialer, Dialer):
        raise TypeError(f"use() takes a Dialer, not {type(dialer).__name__}")
    token = _current.set(dialer)
    try:
        yield dialer
    finally:
        _current.reset(token)


class _Default:
    """The loop's own dialer, held by its scope; there is nothing to close."""

    def __init__(self) -> None:
        self.dialer = Dialer()

    async def close(self) -> None:
        """Nothing is open."""

    def abort(self) -> None:
        """Nothing is open."""


def current_dialer() -> Dialer:
    """The dialer of `use`, else the running loop's default."""
    return _current.get() or current_scope().get("dialer", _Default).dialer

"""The one place where connections are opened, for every protocol.

Names, overrides, Happy Eyeballs, the address policy, proxies and TLS exist
once, here.  What may be dialled is decided on the address that is about to be
dialled: not on the name, and not before the name is resolved.
"""

from __future__ import annotations

import contextlib
import contextvars
import ipaddress
import os
import socket
import ssl as _ssl
from collections.abc import Callable, Coroutine, Iterator, Mapping
from functools import partial
from typing import Any, TypeAlias

from ..errors import ConnectError, ForbiddenAddress
from .address import Endpoint, address_text, check_host, check_port, parse_literal
from .attempts import attempt_failed, connect_address, connect_path, connection_failure
from .favourites import Favourites
from .handshake import secure
from .happy_eyeballs import ATTEMPT_DELAY, IPAddress, connect_any, connect_one, resolve_all
from .loop_scope import current_scope
from .operation import ATTEMPT_TIMEOUT, DEFAULT_TIMEOUT, Operation, check_timeout
from .policy import permits
from .proxy import Proxy, open_tunnel, parse_proxy
from .resolver import Resolver, default_resolver
from .stream import Stream
from .target import LocalAddress, check_local_address, check_target
from .tls import check_side, check_tls, choose_context

__all__ = ["Allow", "Dialer", "current_dialer", "use"]

Allow: TypeAlias = "Callable[[ipaddress.IPv4Address | ipaddress.IPv6Address, int], bool]"

_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}


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
        happy_eyeballs_delay: seconds between the starts of two attempts, 0.01 to 10.

    Raises:
        ValueError: something that cannot be dialled by, such as ``socks5h`` together with ``allow``.

    Source: RFC 8305 (Happy Eyeballs), RFC 6724 (order of addresses).

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
        if resolver is not None and not isinstance(resolver, Resolver):
            raise TypeError(f"resolver must be an asyncnet.dns.Resolver or None, not {type(resolver).__name__}")
        if allow is not None and not callable(allow):
            raise TypeError("allow must be callable as allow(address, port) or None")
        if hosts is not None and not isinstance(hosts, Mapping):
            raise TypeError(f"hosts must be a mapping of names or None, not {type(hosts).__name__}")
        if family is not None and family not in _FAMILIES.values():
            raise ValueError("family must be socket.AF_INET, socket.AF_INET6 or None")
        if ssl_context is not None and not isinstance(ssl_context, _ssl.SSLContext):
            raise TypeError("ssl_context must be an ssl.SSLContext or None")
        if ssl_context is not None:
            check_side(ssl_context, "ssl_context", server_side=False)
        self.resolver = resolver
        self.allow = allow
        self.hosts = {
            _key(check_host(name, "a name in hosts")): check_host(to, "the host that a name in hosts stands for")
            for name, to in (hosts or {}).items()
        }
        self.proxy: Proxy | None = None if proxy is None else parse_proxy(proxy)
        if self.proxy is not None and self.proxy.scheme == "socks5h" and allow is not None:
            raise ValueError("socks5h leaves names to the proxy, so allow= could not judge them: use socks5")
        self.family = family
        self.local_address = check_local_address(local_address)
        self.ssl_context = ssl_context
        self.happy_eyeballs_delay = _check_delay(happy_eyeballs_delay)
        self._favourites = Favourites()

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
            path: a Unix socket instead of host and port; no policy and no proxy concern it.
            timeout: seconds for names, connecting and TLS together; ``None`` for no limit.
            ssl: TLS from the first byte.
            server_hostname: the name to verify when it differs from ``host``.
            local_address: ``(host, port)`` to bind before connecting.

        Raises:
            ResolveError: the name has no address.
            ConnectError: no address answered; ``attempts`` names each of them.
            ForbiddenAddress: the policy permits none.
            TLSError: handshake or certificate failed.
            OperationTimeout: not in time; ``phase`` says where it was.
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
        stream._trace_life(operation.trace)
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

        For engines that bring their own protocol. The socket is the caller's to close.

        Args:
            host: a name or an address.
            port: 0 to 65535.
            timeout: seconds for names and connecting together; ``None`` for no limit.
            local_address: ``(host, port)`` to bind before connecting.

        Raises:
            ResolveError, ConnectError, ForbiddenAddress, OperationTimeout: as for `connect`.
        """
        peer = check_target(host, port, None)
        local_address = check_local_address(local_address)
        async with Operation("tcp", "connect_socket", peer=peer, timeout=timeout) as operation:
            return await self.dial(operation, host, port, local_address=local_address)

    async def endpoints(self, host: str, port: int, *, timeout: float | None = DEFAULT_TIMEOUT) -> tuple[Endpoint, ...]:
        """The permitted addresses of a host in the order to try them, for datagrams.

        Args:
            host: a name or an address.
            port: 0 to 65535.
            timeout: seconds; ``None`` for no limit.

        Returns:
            At least one ``(host, port)``, the host an address.

        Raises:
            ResolveError: the name has no address.
            ForbiddenAddress: none of them is permitted.
            OperationTimeout: no answer in time.
            ValueError: this dialer has a proxy, and datagrams cannot go through one.
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
        alpn: tuple[str, ...] = (),
    ) -> None:
        """Connect a new stream, TLS included, offering ``alpn`` there; it is aborted if that fails."""
        context = choose_context(ssl, self.ssl_context, alpn=alpn)
        name = server_hostname or host
        if context is not None and context.check_hostname and name is None:
            raise ValueError("TLS over a Unix socket needs server_hostname: the name to verify")
        stream._context = self.ssl_context
        try:
            if path is not None:
                stream._attach(await connect_path(operation, os.fspath(path)))
            else:
                assert host is not None
                assert port is not None
                stream._dialled = host, port
                stream._attach(await self.dial(operation, host, port, local_address=local_address))
            if context is not None:
                await secure(operation, stream, context, name)
        except BaseException:
            stream.abort()
            raise
        stream._attempts, stream._timings = tuple(operation.attempts), operation.timings.copy()
        if stream._state == "new":  # else its own open() has the last word
            stream._state = "open"

    async def dial(
        self, operation: Operation, host: str, port: int, *, local_address: LocalAddress | None = None
    ) -> socket.socket:
        """Connect a socket, past the proxy; the caller owns it from then on."""
        host, port = check_host(host), check_port(port)
        target = self.hosts.get(_key(host), host)
        local = local_address or self.local_address
        if self.proxy is None:
            with operation.span("connect", host=target, port=port) as span:
                sock = await self._reach(operation, target, port, local)
                span.attributes["address"] = operation.attempts[-1].target
        else:
            with operation.span("connect", host=target, port=port, proxy=str(self.proxy)):
                sock = await self._reach_through(operation, self.proxy, target, port, local)
        operation.watch(sock)
        return sock

    async def targets(self, operation: Operation, host: str, port: int) -> tuple[Endpoint, ...]:
        """The permitted addresses of a host, in the order to try them."""
        host, port = check_host(host), check_port(port)
        if self.proxy is not None:
            raise ValueError("datagrams cannot go through a proxy, and this dialer has one")
        target = self.hosts.get(_key(host), host)
        literal = parse_literal(target)
        if literal is not None:
            addresses = [literal]
        else:
            with operation.span("resolve", host=target):
                addresses = await resolve_all(operation, self._queries(operation, target, None))
        endpoints = [Endpoint(address_text(address), port) for address in addresses]
        judged = [(endpoint, self._refusal(endpoint)) for endpoint in endpoints]
        permitted = tuple(endpoint for endpoint, refusal in judged if refusal is None)
        if not permitted:
            refused = [(str(endpoint), refusal) for endpoint, refusal in judged if refusal is not None]
            operation.attempts += [attempt_failed(target, refusal, 0.0) for target, refusal in refused]
            raise connection_failure(refused, operation)
        return permitted

    # ---- inside

    async def _reach(self, operation: Operation, host: str, port: int, local: LocalAddress | None) -> socket.socket:
        """Connect to a host without a proxy."""
        direct = partial(connect_address, operation, local_address=local)
        return await self._try_each(operation, host, port, direct, self._refusal, local)

    async def _reach_through(
        self, operation: Operation, proxy: Proxy, host: str, port: int, local: LocalAddress | None
    ) -> socket.socket:
        """Connect to a host through the proxy: by name if it takes names and nobody has to judge the address."""
        place = self.hosts.get(_key(proxy.host), proxy.host)

        def reach() -> Coroutine[Any, Any, socket.socket]:
            # The proxy's own address was written by the caller, so `allow` does not judge it.
            direct = partial(connect_address, operation, local_address=local)
            return self._try_each(operation, place, proxy.port, direct, _permit, local)

        connect = partial(open_tunnel, operation, proxy, reach)
        if proxy.takes_names and self.allow is None and parse_literal(host) is None:
            return await connect_one(operation, Endpoint(_key(host), port), connect, refuse=_permit)
        return await self._try_each(operation, host, port, connect, self._refusal, None)

    async def _try_each(
        self,
        operation: Operation,
        host: str,
        port: int,
        connect: Callable[[Endpoint], Coroutine[Any, Any, socket.socket]],
        refuse: Callable[[Endpoint], ConnectError | None],
        local: LocalAddress | None,
    ) -> socket.socket:
        literal = parse_literal(host)
        if literal is not None:
            return await connect_one(operation, Endpoint(address_text(literal), port), connect, refuse=refuse)
        return await connect_any(
            operation, (host, port), connect, resolve=self._queries(operation, host, local), refuse=refuse,
            favourites=self._favourites, delay=self.happy_eyeballs_delay,
        )  # fmt: skip

    def _queries(
        self, operation: Operation, host: str, local: LocalAddress | None
    ) -> dict[int, Coroutine[Any, Any, tuple[IPAddress, ...]]]:
        """One question for each family that can be dialled, IPv6 first."""
        resolver = self.resolver or default_resolver()
        bound = parse_literal(local[0]) if local is not None else None
        return {
            version: resolver.addresses(operation, host, _FAMILIES[version])
            for version in (6, 4)
            if self.family in (None, _FAMILIES[version]) and (bound is None or bound.version == version)
        }

    def _refusal(self, endpoint: Endpoint) -> ConnectError | None:
        """Why an address must not be dialled, asked just before it would be."""
        address = endpoint.address
        if self.allow is not None and not permits(self.allow, address, endpoint.port):
            return ForbiddenAddress(f"{endpoint} is not permitted by the dialer's allow policy", phase="connect")
        if self.family not in (None, _FAMILIES[address.version]):
            return ConnectError(f"{endpoint} is not of the dialer's address family", phase="connect")
        return None

    def __repr__(self) -> str:
        shown = {"hosts": self.hosts, "allow": self.allow, "proxy": self.proxy and str(self.proxy)}
        return f"<Dialer{''.join(f' {name}={value!r}' for name, value in shown.items() if value)}>"


def _permit(endpoint: Endpoint) -> None:
    """Nothing speaks against it."""


def _key(host: str) -> str:
    """A checked host without its trailing dot: the same name."""
    return host.rstrip(".")


def _check_delay(delay: object) -> float:
    seconds = check_timeout(delay, "happy_eyeballs_delay")
    # RFC 8305 section 5: never below 10 ms, or every dial would hit all addresses at once.
    if seconds is None or not 0.01 <= seconds <= ATTEMPT_TIMEOUT:
        raise ValueError(f"happy_eyeballs_delay must be from 0.01 to {ATTEMPT_TIMEOUT:g} seconds, not {delay!r}")
    return seconds


_current: contextvars.ContextVar[Dialer | None] = contextvars.ContextVar("asyncnet_dialer", default=None)


@contextlib.contextmanager
def use(dialer: Dialer) -> Iterator[Dialer]:
    """Dial through ``dialer`` inside the ``with`` block, wherever no other is given.

    It holds for what is called inside, and for tasks that are started there.

    Example:
        ```python
        with asyncnet.use(asyncnet.Dialer(hosts={"api.example.org": "127.0.0.1"})):
            answer = await asyncnet.tcp.exchange("api.example.org", server.port, b"ping")
        ```
    """
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

"""Users' own aiohttp sessions through our Dialer.

The class overrides ``_create_connection``, the hook that aiohttp's own Unix
connector uses; `aiohttp.TCPConnector` is its base for what sessions expect of
a connector.  Imported when `connector` is first called.
"""

from __future__ import annotations

import asyncio
import socket
import ssl as _ssl
from typing import TYPE_CHECKING

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler

from ..core.address import Endpoint
from ..core.dialer import Dialer
from ..core.operation import DEFAULT_TIMEOUT, Operation
from ..core.policy import permits
from ..core.tls import choose_context
from ..errors import AsyncNetError
from .handshake import ALPN, open_transport

if TYPE_CHECKING:
    from aiohttp.client_reqrep import ClientRequest, ConnectionKey
    from aiohttp.tracing import Trace

__all__ = ["DialerConnector", "PublicConnector", "make_connector"]


class _NoResolver(AbstractResolver):
    """Names are the dialer's business."""

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        raise OSError(f"{host} must be resolved by the dialer")

    async def close(self) -> None:
        """Nothing is open."""


class DialerConnector(aiohttp.TCPConnector):
    """A connector whose connections are all opened by a dialer."""

    def __init__(self, dialer: Dialer) -> None:
        super().__init__(resolver=_NoResolver(), use_dns_cache=False)
        self._dialer = dialer

    async def _create_connection(
        self, req: ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout
    ) -> ResponseHandler:
        if req.proxy is not None:
            raise ValueError("give the proxy to the Dialer, not to the session: it would dial past it")
        host, port = req.url.raw_host or "", req.port or 0
        limits = [limit for limit in (timeout.connect, timeout.sock_connect, timeout.total) if limit]
        operation = Operation("http", "connect", peer=f"{host}:{port}", timeout=min(limits, default=DEFAULT_TIMEOUT))
        try:
            async with operation:
                return await self._dial(req, operation, host, port)
        except AsyncNetError as error:
            # What callers of aiohttp expect, with our reason inside.
            raise _Refused(req.connection_key, error) from error

    async def _dial(self, req: ClientRequest, operation: Operation, host: str, port: int) -> ResponseHandler:
        context = None
        if req.is_ssl():
            chosen = req.ssl
            if isinstance(chosen, aiohttp.Fingerprint):
                raise ValueError("fingerprints are not checked here; use an ssl.SSLContext")
            if chosen is False:
                context = _ssl.SSLContext(_ssl.PROTOCOL_TLS_CLIENT)  # the caller asked not to verify
                context.check_hostname = False
                context.verify_mode = _ssl.CERT_NONE
            else:
                context = choose_context(chosen, self._dialer.ssl_context, default=True, alpn=ALPN)
        sock = await self._dialer.dial(operation, host, port)
        protocol = ResponseHandler(loop=operation.loop)
        name = req.server_hostname or host
        await open_transport(operation, sock, protocol, context=context, name=name, port=port)
        return protocol


class PublicConnector(aiohttp.TCPConnector):
    """The same by aiohttp's public interface alone, for releases without the hook; it knows no proxies.

    Names are resolved and judged by the dialer; literals, which aiohttp does
    not ask a resolver for, are judged when their socket is made.
    """

    def __init__(self, dialer: Dialer) -> None:
        if dialer.proxy is not None:
            raise ValueError("this release of aiohttp cannot be led through a dialer's proxy")
        super().__init__(
            resolver=_Judged(dialer),
            use_dns_cache=False,
            ssl=choose_context(None, dialer.ssl_context, default=True, alpn=ALPN) or True,
            local_addr=dialer.local_address,
            socket_factory=lambda info: _judged_socket(dialer, info),
        )


class _Judged(AbstractResolver):
    """Names by way of the dialer."""

    def __init__(self, dialer: Dialer) -> None:
        self._dialer = dialer

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        try:
            async with Operation("http", "resolve", peer=host, timeout=DEFAULT_TIMEOUT) as operation:
                targets = await self._dialer.targets(operation, host, port)
        except AsyncNetError as error:
            # aiohttp shows of a resolver's error what the system would have said.
            raise OSError(getattr(error, "errno", None) or 0, str(error)) from error
        return [
            ResolveResult(
                hostname=host,
                host=target.host,
                port=target.port,
                family=socket.AF_INET6 if target.address.version == 6 else socket.AF_INET,
                proto=0,
                flags=0,
            )
            for target in targets
        ]

    async def close(self) -> None:
        """Nothing is open."""


def _judged_socket(dialer: Dialer, info: aiohttp.AddrInfoType) -> socket.socket:
    family, kind, protocol, _, address = info
    host, port = str(address[0]), int(address[1])
    if dialer.allow is not None and not permits(dialer.allow, Endpoint(host, port).address, port):
        raise OSError(0, f"{Endpoint(host, port)} is not permitted by the dialer's allow policy")
    return socket.socket(family, kind, protocol)


class _Refused(aiohttp.ClientConnectorError):
    """aiohttp's error for a connection that did not come about, with the dialer's words."""

    def __init__(self, key: ConnectionKey, error: AsyncNetError) -> None:
        number = error.errno if isinstance(error, OSError) else None
        super().__init__(key, OSError(number, str(error)))


def make_connector(dialer: Dialer) -> aiohttp.TCPConnector:
    """A connector on the running loop."""
    asyncio.get_running_loop()
    if hasattr(aiohttp.TCPConnector, "_create_connection"):
        return DialerConnector(dialer)
    return PublicConnector(dialer)

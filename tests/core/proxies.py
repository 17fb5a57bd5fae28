"""Scripted proxies on loopback that relay, and remember what they were asked for."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ipaddress
from collections.abc import Mapping

from asyncnet import testing
from asyncnet.testing.sockets import drop


class Proxy(testing.TCPServer):
    """Speaks ``http`` (CONNECT) or ``socks5``.

    Args:
        scheme: ``"http"``, ``"socks5"`` or ``"socks5h"``, which is the same to it.
        login: user name and password that it wants.
        places: hosts that it knows by other addresses.
        refused: hosts that it gives no connection to.

    Attributes:
        asked: host and port of each request, as it was written.
        logins: what the clients said of themselves.
    """

    def __init__(
        self,
        scheme: str = "http",
        *,
        host: str = "127.0.0.1",
        login: tuple[str, str] | None = None,
        places: Mapping[str, str] | None = None,
        refused: frozenset[str] = frozenset(),
    ) -> None:
        super().__init__(self._http if scheme == "http" else self._socks, host=host)
        self.scheme = scheme
        self.login = login
        self.places = places or {}
        self.refused = refused
        self.asked: list[tuple[str, int]] = []
        self.logins: list[tuple[str, str]] = []

    def url(self, userinfo: str = "") -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{userinfo}{host}:{self.port}"

    async def _http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii").split("\r\n")
        method, target, version = head[0].split(" ")
        assert (method, version) == ("CONNECT", "HTTP/1.1")
        assert head[1] == f"Host: {target}"
        for line in head[2:]:
            if line.startswith("Proxy-Authorization: Basic "):
                name, _, password = base64.b64decode(line.split(" ")[2]).decode().partition(":")
                self.logins.append((name, password))
        if self.login is not None and self.login not in self.logins:
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n")
            return
        host, _, port = target.rpartition(":")
        if await self._dial(host.strip("[]"), int(port)) is None:
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
            return
        writer.write(b"HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n")
        await self._relay(reader, writer)

    async def _socks(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        version, count = await reader.readexactly(2)
        methods = await reader.readexactly(count)
        assert version == 5
        if self.login is not None:
            if 2 not in methods:
                writer.write(b"\x05\xff")
                return
            writer.write(b"\x05\x02")
            assert await reader.readexactly(1) == b"\x01"
            name, password = [(await reader.readexactly((await reader.readexactly(1))[0])).decode() for _ in range(2)]
            self.logins.append((name, password))
            writer.write(b"\x01\x00" if (name, password) == self.login else b"\x01\x01")
            if (name, password) != self.login:
                return
        else:
            writer.write(b"\x05\x00")
        _, command, _, kind = await reader.readexactly(4)
        assert command == 1
        if kind == 3:
            host = (await reader.readexactly((await reader.readexactly(1))[0])).decode("ascii")
        else:
            host = str(ipaddress.ip_address(await reader.readexactly(4 if kind == 1 else 16)))
        port = int.from_bytes(await reader.readexactly(2), "big")
        if await self._dial(host, port) is None:
            writer.write(b"\x05\x05\x00\x01" + bytes(6))
            return
        writer.write(b"\x05\x00\x00\x03\x04test\x00\x00")
        await self._relay(reader, writer)

    async def _dial(self, host: str, port: int) -> asyncio.StreamWriter | None:
        with self._signal.lock:
            self.asked.append((host, port))
        self._signal.notify()
        if host in self.refused:
            return None
        try:
            self._target = await asyncio.open_connection(self.places.get(host, host), port)
        except OSError:
            return None
        return self._target[1]

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        target_reader, target_writer = self._target
        try:
            pumps = [asyncio.ensure_future(_pump(*pair)) for pair in ((reader, target_writer), (target_reader, writer))]
            try:
                await asyncio.gather(*pumps)
            finally:
                for pump in pumps:
                    pump.cancel()
        finally:
            drop(target_writer)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    with contextlib.suppress(OSError):
        writer.write_eof()

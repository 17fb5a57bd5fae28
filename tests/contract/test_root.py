"""The five promises for the coroutines of the root: the dialer's methods, and ``asyncnet.close``."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

import asyncnet
from asyncnet import testing
from tests.contract import sweep
from tests.contract.case import closed_port
from tests.core.network import blackhole
from tests.core.proxies import Proxy

pytestmark = pytest.mark.asyncio

SHORT = 0.3  # seconds given to a peer that never answers
BAD_TEXTS = ["a\nb", "a\rb", "a\0b", "", "a b", "user@host", "x" * 64 + ".example"]


@dataclass(frozen=True)
class Method:
    """A method of the dialer, and how to release what it gives."""

    name: str
    release: Callable[[Any], Awaitable[None] | None]

    async def call(self, host: str, port: int, dialer: asyncnet.Dialer | None = None, **options: Any) -> None:
        method = getattr(dialer or asyncnet.Dialer(), self.name)
        released = self.release(await method(host, port, **{"timeout": 10.0, **options}))
        if released is not None:
            await released


METHODS = [
    Method("connect", lambda stream: stream.close()),
    Method("connect_socket", lambda sock: sock.close()),
    Method("endpoints", lambda endpoints: None),
]
CONNECTING = [method for method in METHODS if method.name != "endpoints"]
each_method = pytest.mark.parametrize("method", METHODS, ids=[method.name for method in METHODS])
each_connecting = pytest.mark.parametrize("method", CONNECTING, ids=[method.name for method in CONNECTING])


async def test_table_is_complete() -> None:
    found = set()
    for name in asyncnet.__all__:
        thing = getattr(asyncnet, name)
        if inspect.iscoroutinefunction(thing):
            found.add(name)
        elif inspect.isclass(thing):
            members = inspect.getmembers(thing, inspect.iscoroutinefunction)
            # What takes an operation is for the protocols.
            found |= {
                f"{name}.{word}"
                for word, member in members
                if not word.startswith("_") and "operation" not in inspect.signature(member).parameters
            }
    assert found == {"close", *(f"Dialer.{method.name}" for method in METHODS)}


@each_method
async def test_works(method: Method) -> None:
    with testing.TCPServer() as server:
        for host in ("127.0.0.1", "localhost"):
            async with testing.no_leaks():
                await method.call(host, server.port)


@each_connecting
async def test_silence_is_a_timeout(method: Method) -> None:
    with blackhole("127.0.0.1") as port:
        for host in ("127.0.0.1", "name.example"):
            started = time.monotonic()
            async with testing.no_leaks():
                with pytest.raises(asyncnet.OperationTimeout) as caught:
                    dialer = asyncnet.Dialer(hosts={"name.example": "127.0.0.1"})
                    await method.call(host, port, dialer, timeout=SHORT)
            assert time.monotonic() - started < SHORT + 0.5
            error = caught.value
            assert (error.protocol, error.operation, error.phase) == ("tcp", method.name, "connect")
            assert [attempt.target for attempt in error.attempts] == [f"127.0.0.1:{port}"]


@each_method
async def test_a_silent_name_server_is_a_timeout(method: Method) -> None:
    with testing.DNSServer({("name.example", "*"): testing.SILENCE}) as names:
        async with testing.no_leaks():
            async with asyncnet.dns.Resolver(nameservers=[names.nameserver]) as resolver:
                with pytest.raises(asyncnet.OperationTimeout) as caught:
                    await method.call("name.example", 80, asyncnet.Dialer(resolver=resolver), timeout=SHORT)
    assert caught.value.phase == "resolve"


@each_connecting
async def test_refused_names_every_attempt(method: Method) -> None:
    with closed_port() as (host, port):
        async with testing.no_leaks():
            with pytest.raises(asyncnet.ConnectError) as caught:
                await method.call(host, port)
    assert [attempt.target for attempt in caught.value.attempts] == [f"{host}:{port}"]
    assert f"{host}:{port}" in str(caught.value)


@each_method
async def test_bad_input_is_refused_before_any_io(method: Method) -> None:
    for host in BAD_TEXTS:
        with pytest.raises(ValueError, match="host"):
            await method.call(host, 80)
    for port in (65536, -1, "80x"):
        with pytest.raises(ValueError, match="port"):
            await method.call("127.0.0.1", port)  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(ValueError, match="timeout"):
        await method.call("127.0.0.1", 80, timeout=-1)


@each_method
@pytest.mark.parametrize("way", ["address", "name", "tls", "http", "socks5"])
async def test_cancellation_sweep(method: Method, way: str) -> None:
    if way in ("tls", "http", "socks5") and method.name != "connect":
        return  # no more suspension points than those of connect
    ca = testing.CertificateAuthority()
    with (
        testing.TCPServer(ssl=ca.server_context("localhost") if way == "tls" else None) as server,
        Proxy(way if way in ("http", "socks5") else "http", places={"localhost": "127.0.0.1"}) as proxy,
    ):
        dialer = asyncnet.Dialer(
            ssl_context=ca.client_context(), proxy=proxy.url() if way in ("http", "socks5") else None
        )
        host = "127.0.0.1" if way == "address" else "localhost"
        options = {"ssl": True} if way == "tls" else {}
        number, completed = 0, False
        while not completed:
            number += 1
            assert number < sweep.MOST_POINTS
            async with testing.no_leaks():
                completed, _ = await sweep.cancel_at(method.call(host, server.port, dialer, **options), number)
    loop = type(asyncio.get_running_loop()).__module__.partition(".")[0]
    sweep.points[f"Dialer.{method.name}, {way} ({loop})"] = number - 1


async def test_close_can_be_done_again_and_in_the_middle() -> None:
    async with testing.no_leaks():
        await asyncnet.close()
        with testing.HTTPServer({"/": "hello"}) as server:
            page = await asyncnet.http.fetch(server.url("/"))
            await asyncnet.close()
            await asyncnet.close()
            assert (await asyncnet.http.fetch(server.url("/"))).text == page.text == "hello"
        number, completed = 0, False
        while not completed:
            await asyncnet.dns.resolve("localhost")
            number += 1
            completed, _ = await sweep.cancel_at(asyncnet.close(), number)

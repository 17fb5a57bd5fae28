"""The one-shots: through the current dialer's resolver, or the loop's."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
from collections.abc import AsyncIterator, Iterator
from ipaddress import ip_address

import pytest

import asyncnet
from asyncnet.core.dialer import current_dialer
from asyncnet.core.files import run_in_file_thread
from asyncnet.core.operation import Operation
from asyncnet.core.resolver import default_resolver
from asyncnet.dns import Resolver
from asyncnet.testing import SILENCE, DNSServer

pytestmark = pytest.mark.asyncio

V4 = "192.0.2.1"


@pytest.fixture
def server() -> Iterator[DNSServer]:
    records = {
        ("x.example", "A"): V4,
        ("x.example", "MX"): (10, "mx.example"),
        ("1.2.0.192.in-addr.arpa", "PTR"): "x.example",
        ("*.many.example", "A"): V4,
        ("silent.example", "*"): SILENCE,
        ("*.silent.example", "*"): SILENCE,
    }
    with DNSServer(records) as server:
        yield server


@contextlib.asynccontextmanager
async def using(server: DNSServer, **options: float) -> AsyncIterator[Resolver]:
    """A dialer whose resolver asks the server is the current one."""
    resolver = Resolver(nameservers=[server.nameserver], hosts_file=False, **options)
    try:
        with asyncnet.use(asyncnet.Dialer(resolver=resolver)):
            yield resolver
    finally:
        await resolver.close()


async def test_the_current_dialers_resolver_is_asked(server: DNSServer) -> None:
    async with using(server) as resolver:
        assert await asyncnet.dns.resolve("x.example") == (ip_address(V4),)
        assert await asyncnet.dns.resolve("x.example", socket.AF_INET) == (ip_address(V4),)
        assert (await asyncnet.dns.lookup("x.example", "MX"))[0].exchange == "mx.example"
        assert await asyncnet.dns.reverse(V4) == ("x.example",)
        outcomes = [outcome async for outcome in asyncnet.dns.lookup_many(["x.example"], "MX")]
        assert [outcome.ok for outcome in outcomes] == [True]
        assert not resolver.closed


async def test_it_is_opened_on_first_use_and_not_closed(server: DNSServer) -> None:
    async with using(server) as resolver:
        await asyncio.gather(*(asyncnet.dns.resolve("x.example") for _ in range(10)))
        await asyncnet.close()
        assert not resolver.closed
        await asyncnet.dns.resolve("x.example")
    assert resolver.closed


async def test_a_cancelled_first_use_leaves_it_usable(server: DNSServer) -> None:
    async with using(server) as resolver:
        for turns in range(12):
            task = asyncio.ensure_future(asyncnet.dns.resolve("silent.example"))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert not resolver.closed
        assert await asyncnet.dns.resolve("x.example") == (ip_address(V4),)


async def test_a_closed_resolver_says_so(server: DNSServer) -> None:
    async with using(server) as resolver:
        await resolver.open()
        await resolver.close()
        for call in (asyncnet.dns.resolve("x.example"), asyncnet.dns.lookup("x.example"), asyncnet.dns.reverse(V4)):
            with pytest.raises(asyncnet.StateError, match="closed"):
                await call


async def test_the_loop_shares_one_resolver() -> None:
    first = default_resolver()
    assert default_resolver() is first
    assert set(await asyncnet.dns.resolve("localhost")) == {ip_address("127.0.0.1"), ip_address("::1")}
    assert not first.closed
    await asyncnet.close()
    assert first.closed
    assert default_resolver() is not first
    assert len(await asyncnet.dns.resolve("localhost")) == 2


async def test_another_loop_is_refused(server: DNSServer) -> None:
    async with using(server) as resolver:
        await asyncnet.dns.resolve("x.example")

        def elsewhere() -> BaseException | None:
            async def ask() -> None:
                await resolver.resolve("x.example")

            return asyncio.run(_caught(ask()))

        error = await run_in_file_thread(elsewhere)
        assert isinstance(error, asyncnet.StateError)
        assert "loop" in str(error)


async def _caught(work: object) -> BaseException | None:
    try:
        await work
    except Exception as error:
        return error
    return None


# ---- many


async def test_many(server: DNSServer) -> None:
    async with using(server):
        names = [f"{i}.many.example" for i in range(500)]
        outcomes = [outcome async for outcome in asyncnet.dns.lookup_many(names, concurrency=100)]
        assert sorted(outcome.item for outcome in outcomes) == sorted(names)
        assert all(outcome.value is not None and len(outcome.value) == 1 for outcome in outcomes)


async def test_many_with_errors(server: DNSServer) -> None:
    async with using(server):
        names = ["x.example", "nowhere.example", "a b", "silent.example"]
        found = {o.item: o async for o in asyncnet.dns.lookup_many(names, "A", timeout=0.2)}
        assert found["x.example"].ok
        assert isinstance(found["nowhere.example"].error, asyncnet.NameNotFound)
        assert isinstance(found["a b"].error, ValueError)
        assert isinstance(found["silent.example"].error, asyncnet.OperationTimeout)


async def test_many_of_an_endless_iterable(server: DNSServer) -> None:
    taken = []

    def endless() -> Iterator[str]:
        for i in itertools.count():
            taken.append(i)
            yield f"{i}.many.example"

    async with using(server) as resolver:
        seen = 0
        many = asyncnet.dns.lookup_many(endless(), concurrency=10)
        async with contextlib.aclosing(many):
            async for outcome in many:
                assert outcome.ok
                seen += 1
                if seen == 50:
                    break
        assert len(taken) < 80
        assert resolver.stats.pending <= 10


async def test_many_of_an_async_iterable(server: DNSServer) -> None:
    async def names() -> AsyncIterator[str]:
        for i in range(5):
            await asyncio.sleep(0)
            yield f"{i}.many.example"

    async with using(server):
        assert len([o async for o in asyncnet.dns.lookup_many(names()) if o.ok]) == 5


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"names": "x.example"}, TypeError),
        ({"type": "ANY"}, ValueError),
        ({"concurrency": 0}, ValueError),
        ({"timeout": -1}, ValueError),
    ],
)
async def test_many_checks_its_arguments(
    server: DNSServer, arguments: dict[str, object], error: type[Exception]
) -> None:
    async with using(server):
        with pytest.raises(error):
            async for _ in asyncnet.dns.lookup_many(**{"names": ["x.example"], **arguments}):
                pass
        assert server.queries == []


async def test_a_break_leaves_nothing(server: DNSServer) -> None:
    async with using(server):
        before = asyncio.all_tasks()
        async with contextlib.aclosing(
            asyncnet.dns.lookup_many(itertools.chain(["x.example"], (f"{i}.silent.example" for i in itertools.count())))
        ) as outcomes:
            async for outcome in outcomes:
                assert outcome.item == "x.example"
                break
        assert asyncio.all_tasks() == before


# ---- what the dialer asks


async def test_addresses_of_one_family(server: DNSServer) -> None:
    resolver = Resolver(nameservers=[server.nameserver], hosts_file=False)
    try:
        async with Operation("tcp", "connect", peer="x.example:80", timeout=5.0) as operation:
            assert await resolver.addresses(operation, "x.example", socket.AF_INET) == (ip_address(V4),)
            with pytest.raises(asyncnet.NoData):
                await resolver.addresses(operation, "x.example", socket.AF_INET6)
        await resolver.close()
        async with Operation("tcp", "connect", peer="x.example:80", timeout=5.0) as operation:
            with pytest.raises(asyncnet.StateError):
                await resolver.addresses(operation, "x.example", socket.AF_INET)
    finally:
        await resolver.close()


async def test_addresses_keep_the_operations_deadline(server: DNSServer) -> None:
    resolver = Resolver(nameservers=[server.nameserver], hosts_file=False)
    try:
        with pytest.raises(asyncnet.OperationTimeout) as caught:
            async with Operation("tcp", "connect", peer="silent.example:80", timeout=0.1) as operation:
                await resolver.addresses(operation, "silent.example", socket.AF_INET)
        assert (caught.value.protocol, caught.value.operation, caught.value.peer) == (
            "tcp",
            "connect",
            "silent.example:80",
        )
    finally:
        await resolver.close()


async def test_dialling_by_name(server: DNSServer) -> None:
    server.records["local.example", "A"] = "127.0.0.1"
    listener = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    async with using(server):
        with asyncnet.trace() as trace:
            sock = await current_dialer().connect_socket("local.example", listener.sockets[0].getsockname()[1])
            sock.close()
        resolved = [span.attributes for span in trace.spans if span.name == "resolve"]
        assert {attributes["host"] for attributes in resolved} == {"local.example"}
    listener.close()
    await listener.wait_closed()

"""The engine: what aiodns and c-ares do for us, and what they must not do."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Iterator
from typing import Any

import aiodns
import pytest

from asyncnet.core.dns_engine import Engine, _Channel
from asyncnet.core.dns_result import Failure, Row
from asyncnet.core.files import run_in_file_thread
from asyncnet.core.nameserver import Nameserver, check_nameservers
from asyncnet.errors import NameNotFound, ResolveError
from asyncnet.testing import NXDOMAIN, SILENCE, DNSServer

pytestmark = pytest.mark.asyncio


@pytest.fixture
def server() -> Iterator[DNSServer]:
    records = {("x.example", "A"): "192.0.2.1", ("no.example", "*"): NXDOMAIN, ("silent.example", "*"): SILENCE}
    with DNSServer(records) as server:
        yield server


def make(*nameservers: str, keeps: bool = True, patience: float = 1.0, tries: int = 2) -> Engine:
    servers = check_nameservers(nameservers)
    return Engine(asyncio.get_running_loop(), lambda: servers, patience=patience, tries=tries, keeps=keeps)


async def ask(engine: Engine, name: str, type: str = "A") -> list[Row] | Failure:
    future: asyncio.Future[list[Row] | Failure] = asyncio.get_running_loop().create_future()
    engine.ask(name, type, future.set_result)
    return await future


def descriptors() -> set[str]:
    """All that the process has open."""
    found = set()
    for number in os.listdir("/proc/self/fd"):
        try:
            found.add(f"{number} {os.readlink(f'/proc/self/fd/{number}')}")
        except OSError:
            continue
    return found


async def test_the_hooks_into_aiodns_are_there() -> None:
    # c-ares in the event loop instead of in a thread: without these, nobody could wait for its end.
    for hook in ("_make_channel", "_sock_state_cb", "_start_timer", "_timer_cb", "_cleanup"):
        assert hasattr(aiodns.DNSResolver, hook)


async def test_without_the_hook_answers_still_come_in_the_loop(server: DNSServer) -> None:
    class Channel(_Channel):
        _make_channel = aiodns.DNSResolver._make_channel

    channel = Channel(asyncio.get_running_loop(), [server.nameserver])
    answered: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    channel.ask("x.example", 1, lambda result, status: answered.set_result((result, status, threading.get_ident())))
    result, status, thread = await answered
    assert (result.answer[0].data.addr, status, thread) == ("192.0.2.1", None, threading.get_ident())
    await channel.close()


async def test_no_thread_and_no_descriptor(server: DNSServer) -> None:
    make(server.nameserver).drop()  # pycares keeps one thread for the whole process
    threads, before = set(threading.enumerate()), descriptors()
    engine = make(server.nameserver)
    assert descriptors() <= before  # pycares' thread may still be closing those of earlier tests
    assert isinstance(await ask(engine, "x.example"), list)
    assert set(threading.enumerate()) == threads
    waiting = asyncio.ensure_future(ask(engine, "silent.example"))
    await server.wait_until(lambda: server.count("silent.example") == 1)
    assert len(descriptors() - before) == 1
    engine.drop()
    assert descriptors() <= before
    waiting.cancel()


async def test_dropping_tells_nobody_and_twice_is_once(server: DNSServer) -> None:
    told: list[Any] = []
    engine = make(server.nameserver)
    engine.ask("silent.example", "A", told.append)
    engine.drop()
    engine.drop()
    assert told == []


async def test_forgetting_leaves_queries_under_way_alone(server: DNSServer) -> None:
    before = descriptors()
    engine = make(server.nameserver)
    first = asyncio.ensure_future(ask(engine, "x.example"))
    await asyncio.sleep(0)
    engine.forget()
    assert isinstance(await first, list)
    await asyncio.sleep(0)
    assert descriptors() <= before
    engine.drop()


async def test_forgetting_again_and_again_is_bounded(server: DNSServer) -> None:
    before = descriptors()
    engine = make(server.nameserver)
    for i in range(100):
        engine.ask(f"{i}.silent.example" if i % 2 else "silent.example", "A", lambda outcome: None)
        engine.forget()
    assert len(descriptors() - before) < 30
    engine.drop()
    assert descriptors() <= before


async def test_negative_answers_are_always_asked_for(server: DNSServer) -> None:
    engine = make(server.nameserver)
    for count in (1, 2, 3):
        outcome = await ask(engine, "no.example")
        assert isinstance(outcome, Failure)
        assert outcome.kind is NameNotFound
        assert server.count("no.example") == count
    engine.drop()


async def test_what_cares_keeps(server: DNSServer) -> None:
    engine = make(server.nameserver)
    await ask(engine, "x.example")
    await ask(engine, "x.example")
    assert server.count("x.example") == 1
    engine.forget()
    await ask(engine, "x.example")
    assert server.count("x.example") == 2
    engine.drop()


async def test_and_what_it_may_not_keep(server: DNSServer) -> None:
    engine = make(server.nameserver, keeps=False)
    for count in (1, 2):
        await ask(engine, "x.example")
        assert server.count("x.example") == count
    engine.drop()


@pytest.mark.parametrize("name", ["a..example", "." * 3, "x" * 64 + ".example"])
async def test_a_name_that_cares_refuses(server: DNSServer, name: str) -> None:
    engine = make(server.nameserver)
    outcome = await ask(engine, name)
    assert isinstance(outcome, Failure)
    assert issubclass(outcome.kind, ResolveError)
    assert isinstance(outcome.cause, aiodns.error.DNSError)
    engine.drop()


async def test_servers_that_cares_refuses() -> None:
    class Odd(Nameserver):
        @property
        def for_engine(self) -> str:
            return "no address"

    checked = check_nameservers(["127.0.0.1"])
    assert checked is not None
    with pytest.raises(ResolveError, match="cannot be used"):
        Engine(
            asyncio.get_running_loop(), lambda: (Odd(checked[0].endpoint),), patience=1.0, tries=1, keeps=True
        )  # fmt: skip


async def test_servers_are_told(server: DNSServer) -> None:
    engine = make("127.0.0.1:5353", "[::1]:53")
    assert engine.servers == ("127.0.0.1:5353", "[::1]:53")
    engine.drop()


async def test_a_thousand_at_once_are_not_lost_in_the_buffer(server: DNSServer) -> None:
    server.records["*.many.example", "A"] = "192.0.2.1"
    engine = make(server.nameserver, patience=5, tries=4)
    outcomes = await asyncio.gather(*(ask(engine, f"{i}.many.example") for i in range(1_000)))
    assert [outcome for outcome in outcomes if not isinstance(outcome, list)] == []
    # A question that the busy server lost comes again after 5 s; an answer that we lost would be asked for twice.
    assert {server.count(f"{i}.many.example") for i in range(1_000)} == {1}
    engine.drop()


async def test_dropping_after_the_loop_was_closed() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        told: list[Any] = []

        async def begin() -> Engine:
            engine = make(f"127.0.0.1:{silent.getsockname()[1]}")
            engine.ask("x.example", "A", told.append)
            return engine

        def other_loop() -> Engine:
            loop = asyncio.new_event_loop()
            engine = loop.run_until_complete(begin())
            loop.close()
            return engine

        before = descriptors()
        engine = await run_in_file_thread(other_loop)
        engine.drop()
        assert told == []
        assert descriptors() <= before

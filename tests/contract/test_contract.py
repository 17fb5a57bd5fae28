"""The five promises, for every public coroutine of every protocol."""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from typing import Any

import pytest

import asyncnet
from asyncnet import testing
from tests.contract import sweep
from tests.contract.case import PROTOCOLS, Case, Life, Target, closed_port, named, public_coroutines, silent_peer
from tests.contract.table import CASES, LIVES

pytestmark = pytest.mark.asyncio

SHORT = 0.3  # seconds given to a peer that never answers
SLACK = 0.5  # seconds by which the error may come later

BAD_TEXTS = ["a\nb", "a\rb", "a\0b"]
BAD_PORTS = [65536, -1, "80x"]
# What every class that is opened and closed inherits, and `test_life` goes through.
LIFE = {"open", "close", "serve_forever", "start_tls"}


def ids(entries: list[Any]) -> list[str]:
    return [entry.name for entry in entries]


def loop_name() -> str:
    return type(asyncio.get_running_loop()).__module__.partition(".")[0]


each_case = pytest.mark.parametrize("case", CASES, ids=ids(CASES))
each_life = pytest.mark.parametrize("life", LIVES, ids=ids(LIVES))


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_table_is_complete(protocol: str) -> None:
    functions = {inspect.unwrap(case.function) for case in CASES}
    classes = [named(life.name) for life in LIVES]
    missing = []
    found = public_coroutines(protocol)
    for name, function in found.items():
        owner, _, method = name.rpartition(".")
        in_life = method in LIFE and any(issubclass(kind, named(owner)) for kind in classes if owner.count("."))
        if inspect.unwrap(function) not in functions and not in_life:
            missing.append(name)
    assert found, f"{protocol} has no coroutines?"
    assert not missing, f"not in the table of the contract suite: {missing}"


@each_case
async def test_works(case: Case) -> None:
    with case.server() as server:
        async with testing.no_leaks():
            await case.call(Target(server.host, server.port))


@each_case
async def test_silent_peer_is_a_timeout(case: Case) -> None:
    if case.silent not in ("tcp", "udp"):
        assert len(case.silent) > 10, "a case that waits for nobody says why"
        return
    with silent_peer(case.silent) as (host, port):
        started = time.monotonic()
        async with testing.no_leaks():
            with pytest.raises(asyncnet.OperationTimeout) as caught:
                outcome = await case.call(Target(host, port, timeout=SHORT))
                raise outcome[0].error  # a `*_many` gives it as an outcome
        assert time.monotonic() - started < SHORT + SLACK + 0.5  # the last half is the client's goodbye and our check
        error = caught.value
        assert error.protocol == case.name.partition(".")[0]
        assert error.phase
        assert error.elapsed is not None
        assert SHORT - 0.05 <= error.elapsed <= SHORT + SLACK
        assert "\n" not in str(error)


@each_case
async def test_refused_names_every_attempt(case: Case) -> None:
    if isinstance(case.refused, str):
        assert len(case.refused) > 10, "a case that nobody can refuse says why"
        return
    with closed_port() as (host, port):
        async with testing.no_leaks():
            with pytest.raises(case.refused) as caught:
                outcome = await case.call(Target(host, port, timeout=5.0))
                raise outcome[0].error
    error = caught.value
    assert isinstance(error, asyncnet.AsyncNetError)
    assert error.protocol == case.name.partition(".")[0]
    assert f"{host}:{port}" in str(error)
    if isinstance(error, asyncnet.ConnectError):
        assert [attempt.target for attempt in error.attempts] == [f"{host}:{port}"] * len(error.attempts)
        assert error.attempts
        assert all(attempt.error for attempt in error.attempts)


@each_case
async def test_bad_text_is_refused_before_any_io(case: Case) -> None:
    with case.server() as server:
        target = Target(server.host, server.port)
        tried = 0
        for name in case.text_parameters():
            for bad in BAD_TEXTS:
                tried += 1
                before = _connections(server)
                with pytest.raises((ValueError, TypeError)):
                    await case.call(target, **{name: bad})
                if case.client is None:
                    assert _connections(server) == before, f"{name}={bad!r} was sent"
        names = inspect.signature(case.function).parameters
        if "port" in names:
            for bad_port in BAD_PORTS:
                with pytest.raises((ValueError, TypeError)):
                    await case.call(target, port=bad_port)
        if "host" in names:
            for bad_host in ("", "a b", "user@host", "x" * 64 + ".example"):
                with pytest.raises(ValueError, match="host"):
                    await case.call(target, host=bad_host)
        with pytest.raises((ValueError, TypeError)):
            await case.call(Target(server.host, server.port, timeout=-1.0))
        assert tried == 3 * len(case.text_parameters())


@each_case
async def test_cancellation_sweep(case: Case) -> None:
    with case.server() as server:
        target = Target(server.host, server.port)
        number, completed = 0, False
        while not completed:
            number += 1
            assert number < sweep.MOST_POINTS
            async with testing.no_leaks():
                completed, _ = await sweep.cancel_at(case.call(target), number)
    assert number > 1, "the call never suspends: it talks to nobody"
    sweep.points[f"{case.name} ({loop_name()})"] = number - 1


@each_case
async def test_another_dialer_never_gets_a_pooled_connection(case: Case) -> None:
    if not case.pooled:
        # Then nothing may stay open: each call has connections of its own.
        with case.server() as server:
            async with testing.no_leaks():
                await case.call(Target(server.host, server.port))
        return
    with case.server() as server:
        target = Target(server.host, server.port)
        await case.call(target)
        once = _connections(server)
        await case.call(target)
        assert _connections(server) == once, "the case says that it is pooled, and is not"
        await case.call(Target(server.host, server.port, dialer=asyncnet.Dialer()))
        assert _connections(server) > once


def _connections(server: Any) -> int:
    return int(server.connections.total)


# ---- life


def _methods(life: Life) -> list[Case]:
    return [case for case in CASES if case.name.startswith(f"{life.name}.")]


@each_life
async def test_life(life: Life) -> None:
    with _peer(life) as server:
        target = Target(server.host, server.port)
        async with testing.no_leaks():
            client = life.make(target)
            assert not client.closed
            opened = await client.open()
            assert opened is client
            with pytest.raises(asyncnet.StateError):
                await client.open()
            await client.close()
            assert client.closed
            await client.close()
            client.abort()
            client.abort()
            await client.close()
            with pytest.raises(asyncnet.StateError):
                await client.open()
            for case in _methods(life):
                with pytest.raises(asyncnet.StateError):
                    await _call(case, client, target)


@each_life
async def test_never_opened(life: Life) -> None:
    with _peer(life) as server:
        target = Target(server.host, server.port)
        client = life.make(target)
        for case in _methods(life):
            with pytest.raises(asyncnet.StateError):
                await _call(case, client, target)
        client.abort()
        await client.close()
        assert client.closed


@each_life
async def test_abort_drops_at_once(life: Life) -> None:
    with _peer(life) as server:
        async with testing.no_leaks():
            client = await life.make(Target(server.host, server.port)).open()
            client.abort()
            assert client.closed
            await client.close()


@each_life
async def test_exception_in_the_block_aborts(life: Life) -> None:
    with _peer(life) as server:
        async with testing.no_leaks():
            client = life.make(Target(server.host, server.port))
            with pytest.raises(ZeroDivisionError):
                async with client:
                    raise ZeroDivisionError
            assert client.closed


@each_life
async def test_another_loop_is_refused(life: Life) -> None:
    with _peer(life) as server:
        target = Target(server.host, server.port)
        async with life.make(target) as client:
            found: list[BaseException | None] = []

            def elsewhere() -> None:
                async def use() -> None:
                    await client.close()

                try:
                    asyncio.run(use())
                    found.append(None)
                except BaseException as error:
                    found.append(error)

            thread = threading.Thread(target=elsewhere)
            thread.start()
            thread.join(5)
            assert isinstance(found[0], asyncnet.StateError)
            assert "loop" in str(found[0])
            assert not client.closed


@each_life
async def test_bad_constructor_arguments(life: Life) -> None:
    target = Target("127.0.0.1", 1)
    parameters = inspect.signature(named(life.name).__init__).parameters
    tried = 0
    for name, parameter in parameters.items():
        if name in {"self", *life.free_text} or "str" not in str(parameter.annotation):
            continue
        for bad in BAD_TEXTS if name != "path" else ["a\0b"]:
            tried += 1
            with pytest.raises((ValueError, TypeError)):
                life.make(target, **{name: bad})
    for name, bads in (("port", BAD_PORTS), ("host", ["", "a b", "user@host", "x" * 64]), ("timeout", [-1, "1"])):
        if name in parameters:
            for bad in bads:
                tried += 1
                with pytest.raises((ValueError, TypeError)):
                    life.make(target, **{name: bad})
    assert tried


@each_life
async def test_opening_a_refused_port(life: Life) -> None:
    if not life.opening_connects:
        return
    with closed_port() as (host, port):
        async with testing.no_leaks():
            client = life.make(Target(host, port))
            with pytest.raises(asyncnet.ConnectError) as caught:
                await client.open()
            assert client.closed
            assert [attempt.target for attempt in caught.value.attempts] == [f"{host}:{port}"]


def _peer(life: Life) -> Any:
    return life.server() if life.server is not None else testing.TCPServer()


async def _call(case: Case, client: Any, target: Target) -> None:
    positional, keywords = case.arguments(target)
    result = getattr(client, case.name.rsplit(".", 1)[1])(*positional, **keywords)
    if inspect.isasyncgen(result):
        await anext(result)
    else:
        await result

"""The server: limits, drain, failures of handlers, running out of descriptors, signals."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import resource
import signal
import socket

import pytest

import asyncnet
from asyncnet import testing
from asyncnet.core.files import run_in_file_thread

pytestmark = pytest.mark.asyncio


async def echo(stream: asyncnet.tcp.Stream) -> None:
    async for chunk in stream:
        await stream.send(chunk)


async def ask(port: int, data: bytes = b"hello") -> bytes:
    return await asyncnet.tcp.exchange("127.0.0.1", port, data, timeout=10)


async def test_serves_many_at_once_and_counts_them() -> None:
    async with asyncnet.tcp.Server(echo) as server:
        answers = await asyncio.gather(*(ask(server.port, b"%d" % number) for number in range(100)))
        assert answers == [b"%d" % number for number in range(100)]
        assert server.stats.accepted == 100
        assert server.addresses == (("127.0.0.1", server.port),)
        assert str(server.port) in repr(server)


async def test_ipv6_and_every_interface() -> None:
    async with asyncnet.tcp.Server(echo, "::1") as server:
        assert await asyncnet.tcp.exchange("::1", server.port, b"six") == b"six"
    async with asyncnet.tcp.Server(echo, None) as server:
        assert await asyncnet.tcp.exchange("::1", server.port, b"six") == b"six"
        assert await asyncnet.tcp.exchange("127.0.0.1", server.port, b"four") == b"four"
    async with asyncnet.tcp.Server(echo, "localhost") as server:
        assert await asyncnet.tcp.exchange("localhost", server.port, b"name") == b"name"


async def test_handlers_failure_is_logged_once_with_its_peer_and_ends_nothing_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail(stream: asyncnet.tcp.Stream) -> None:
        if await stream.receive() == b"bad":
            raise ZeroDivisionError("handler's own")
        await stream.send(b"good")

    async with asyncnet.tcp.Server(fail) as server:
        with caplog.at_level(logging.ERROR), pytest.raises(asyncnet.ConnectionLost):
            await ask(server.port, b"bad")
        assert await ask(server.port, b"fine") == b"good"
        assert server.stats.failed_handlers == 1
    records = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(records) == 1
    assert "127.0.0.1:" in records[0].getMessage()
    assert "handler's own" in records[0].getMessage()


async def test_accepting_pauses_at_the_limit_and_goes_on() -> None:
    busy = asyncio.Event()

    async def hold(stream: asyncnet.tcp.Stream) -> None:
        await busy.wait()
        await stream.send(b"served")

    async with asyncnet.tcp.Server(hold, max_connections=2) as server:
        asking = [asyncio.create_task(ask(server.port)) for _ in range(6)]
        while server.stats.active < 2:
            await asyncio.sleep(0)
        for _ in range(50):
            await asyncio.sleep(0)
        assert server.stats.accepted == 2
        assert len(server.connections) == 2
        busy.set()
        assert await asyncio.gather(*asking) == [b"served"] * 6


async def test_more_connections_of_one_peer_than_allowed_are_closed() -> None:
    async with asyncnet.tcp.Server(echo, max_per_peer=1) as server:
        async with asyncnet.tcp.Client("127.0.0.1", server.port) as first:
            await first.send(b"x")
            assert await first.receive() == b"x"
            async with asyncnet.tcp.Client("127.0.0.1", server.port) as second:
                with pytest.raises((asyncnet.ConnectionLost, EOFError)):
                    if await second.receive() == b"":
                        raise EOFError
        while server.stats.active:
            await asyncio.sleep(0)
        assert await ask(server.port) == b"hello"
        assert server.stats.refused == 1


async def test_idle_connections_are_dropped() -> None:
    async with asyncnet.tcp.Server(echo, idle_timeout=0.1) as server:
        async with asyncnet.tcp.Client("127.0.0.1", server.port) as stream:
            with pytest.raises((asyncnet.ConnectionLost, EOFError)):
                if await stream.receive(timeout=10) == b"":
                    raise EOFError


async def test_slow_handshake_is_dropped() -> None:
    context = testing.CertificateAuthority().server_context()
    async with asyncnet.tcp.Server(echo, ssl=context, handshake_timeout=0.1) as server:
        async with asyncnet.tcp.Client("127.0.0.1", server.port) as stream:
            await stream.send(b"\x16\x03")  # the beginning of a handshake, then nothing
            with pytest.raises((asyncnet.ConnectionLost, EOFError)):
                if await stream.receive(timeout=10) == b"":
                    raise EOFError
        assert server.stats.failed_handshakes == 1


async def test_garbage_instead_of_tls_does_not_disturb_others() -> None:
    authority = testing.CertificateAuthority()
    async with asyncnet.tcp.Server(echo, ssl=authority.server_context()) as server:
        async with asyncnet.tcp.Client("127.0.0.1", server.port) as stream:
            await stream.send(b"GET / HTTP/1.1\r\n\r\n")
            with pytest.raises((asyncnet.ConnectionLost, EOFError)):
                while True:
                    if await stream.receive(timeout=10) == b"":
                        raise EOFError
        trust = authority.client_context()
        assert await asyncnet.tcp.exchange("127.0.0.1", server.port, b"x", ssl=trust) == b"x"


async def test_reload_tls_keeps_open_connections() -> None:
    first, second = testing.CertificateAuthority(), testing.CertificateAuthority()
    async with asyncnet.tcp.Server(echo, ssl=first.server_context()) as server:
        async with asyncnet.tcp.Client("127.0.0.1", server.port, ssl=first.client_context()) as stream:
            server.reload_tls(second.server_context())
            assert await asyncnet.tcp.exchange("127.0.0.1", server.port, b"x", ssl=second.client_context()) == b"x"
            await stream.send(b"still here")
            assert await stream.receive() == b"still here"
        with pytest.raises(asyncnet.TLSError):
            await asyncnet.tcp.exchange("127.0.0.1", server.port, b"x", ssl=first.client_context())
        with pytest.raises(TypeError, match="context"):
            server.reload_tls(None)  # type: ignore[arg-type]  # what is tested
    async with asyncnet.tcp.Server(echo) as server:
        with pytest.raises(asyncnet.StateError, match="ssl="):
            server.reload_tls(second.server_context())


# ---- behind a load balancer


async def tell(stream: asyncnet.tcp.Stream) -> None:
    await stream.send(f"{stream.peer}: ".encode() + await stream.receive())


@pytest.mark.parametrize("tls", [False, True])
async def test_proxy_header_names_the_peer(tls: bool) -> None:
    authority = testing.CertificateAuthority()
    context = authority.server_context() if tls else None
    async with asyncnet.tcp.Server(tell, proxy_protocol=True, ssl=context) as server:
        async with asyncnet.tcp.Client("127.0.0.1", server.port) as stream:
            await stream.send(b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n")
            if tls:
                await stream.start_tls(authority.client_context())
            await stream.send(b"hello")
            assert await stream.receive_until(b"hello") == b"192.0.2.7:56324: hello"


async def test_wrong_missing_or_slow_proxy_header_is_dropped() -> None:
    async with asyncnet.tcp.Server(tell, proxy_protocol=True, handshake_timeout=0.1) as server:
        for start in (b"GET / HTTP/1.1\r\n", b"PROXY TCP4", b""):
            async with asyncnet.tcp.Client("127.0.0.1", server.port) as stream:
                await stream.send(start)
                with pytest.raises((asyncnet.ConnectionLost, EOFError)):
                    if await stream.receive(timeout=10) == b"":
                        raise EOFError
        assert server.stats.failed_handshakes == 3


# ---- the end


async def test_close_lets_handlers_finish() -> None:
    go_on = asyncio.Event()

    async def slow(stream: asyncnet.tcp.Stream) -> None:
        await go_on.wait()
        await stream.send(b"finished")

    async with asyncnet.tcp.Server(slow) as server:
        asking = asyncio.create_task(ask(server.port))
        while not server.connections:
            await asyncio.sleep(0)
        closing = asyncio.create_task(server.close(grace=10))
        await asyncio.sleep(0)
        with pytest.raises(asyncnet.ConnectError):
            await ask(server.port)
        assert not closing.done()
        go_on.set()
        assert await asking == b"finished"
        await closing
        assert server.closed


async def test_close_cancels_after_the_grace_and_aborts_what_resists() -> None:
    cancelled = asyncio.Event()

    async def stubborn(stream: asyncnet.tcp.Stream) -> None:
        try:
            await stream.receive()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async with asyncnet.tcp.Server(stubborn) as server:
        async with asyncnet.tcp.Client("127.0.0.1", server.port) as stream:
            while not server.connections:
                await asyncio.sleep(0)
            await server.close(grace=0.05)
            assert cancelled.is_set()
            with pytest.raises((asyncnet.ConnectionLost, EOFError)):
                if await stream.receive(timeout=10) == b"":
                    raise EOFError


async def test_handler_may_close_its_own_server() -> None:
    async def closer(stream: asyncnet.tcp.Stream) -> None:
        await stream.send(b"bye")
        await server.close(grace=0)

    async with asyncnet.tcp.Server(closer) as server:
        async with asyncnet.tcp.Client("127.0.0.1", server.port) as stream:
            assert await stream.receive_exactly(3) == b"bye"
            await server.serve_forever()
        assert server.closed


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_signals_drain(number: signal.Signals) -> None:
    async with asyncnet.tcp.Server(echo) as server:
        serving = asyncio.create_task(server.serve_forever(signals=True))
        assert await ask(server.port) == b"hello"
        os.kill(os.getpid(), number)
        await serving
        assert server.closed
    await server.serve_forever()
    with pytest.raises(asyncnet.StateError, match="never opened"):
        await asyncnet.tcp.Server(echo).serve_forever()


async def test_address_in_use_is_one_clear_line() -> None:
    async with asyncnet.tcp.Server(echo) as server:
        with pytest.raises(asyncnet.ConnectError, match="Address already in use") as caught:
            await asyncnet.tcp.Server(echo, port=server.port).open()
        assert caught.value.errno == 98
        assert caught.value.phase == "listen"


async def test_reuse_port_shares_it() -> None:
    async with (
        asyncnet.tcp.Server(echo, reuse_port=True) as first,
        asyncnet.tcp.Server(echo, port=first.port, reuse_port=True) as second,
    ):
        assert first.port == second.port
        assert await ask(first.port) == b"hello"


async def test_dead_unix_socket_is_replaced_and_a_live_one_is_not(tmp_path: os.PathLike[str]) -> None:
    path = os.path.join(tmp_path, "socket")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)
    async with asyncnet.tcp.Server(echo, path=path):
        with pytest.raises(asyncnet.ConnectError, match="in use"):
            await asyncnet.tcp.Server(echo, path=path).open()
    with pytest.raises(asyncnet.ConnectError):
        await asyncnet.tcp.Server(echo, path=os.path.join(tmp_path, "none", "socket")).open()


async def test_running_out_of_descriptors_pauses_and_recovers() -> None:
    fillers: list[int] = []
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    async with asyncnet.tcp.Server(echo) as server:
        assert await ask(server.port) == b"hello"
        waiting = socket.create_connection(("127.0.0.1", server.port))
        try:
            waiting.setblocking(False)
            # The connection waits in the backlog; from here on nobody gets a descriptor.
            in_use = max(int(name) for name in os.listdir("/proc/self/fd"))
            resource.setrlimit(resource.RLIMIT_NOFILE, (in_use + 1, hard))
            with contextlib.suppress(OSError):
                while True:
                    fillers.append(os.open("/dev/null", os.O_RDONLY))
            while not server.stats.exhausted:
                await asyncio.sleep(0)
            exhausted = server.stats.exhausted
            for _ in range(1000):
                await asyncio.sleep(0)
            assert server.stats.exhausted <= exhausted + 1  # it does not spin
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            assert await ask(server.port) == b"hello"
        finally:
            for filler in fillers:
                os.close(filler)
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            waiting.close()


async def test_opening_without_descriptors_is_one_clear_line(tmp_path: os.PathLike[str]) -> None:
    places = [{"port": 0}, {"path": os.path.join(tmp_path, "socket")}]
    fillers: list[int] = []
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        in_use = max(int(name) for name in os.listdir("/proc/self/fd"))
        resource.setrlimit(resource.RLIMIT_NOFILE, (in_use + 3, hard))
        with contextlib.suppress(OSError):
            while True:
                fillers.append(os.open("/dev/null", os.O_RDONLY))
        for spare in range(2):  # without any; with one that is not enough for all it takes
            for place in places:
                with pytest.raises(asyncnet.ConnectError, match="Too many open files") as caught:
                    await asyncnet.tcp.Server(echo, **place).open()  # type: ignore[arg-type]  # keywords
                assert (caught.value.errno, caught.value.phase) == (errno.EMFILE, "listen")
            if not spare:
                os.close(fillers.pop())
    finally:
        for filler in fillers:
            os.close(filler)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_bad_arguments() -> None:
    with pytest.raises(TypeError, match="handler"):
        asyncnet.tcp.Server(None)  # type: ignore[arg-type]  # what is tested
    with pytest.raises(TypeError, match="ssl"):
        asyncnet.tcp.Server(echo, ssl=True)  # type: ignore[arg-type]  # what is tested
    with pytest.raises(ValueError, match="max_connections"):
        asyncnet.tcp.Server(echo, max_connections=0)
    with pytest.raises(asyncnet.StateError, match="not open"):
        _ = asyncnet.tcp.Server(echo).port


async def test_context_of_the_opener_is_not_the_handlers() -> None:
    """Background tasks start in an empty context: a dialer in use where the server was opened is not used by it."""
    seen: list[object] = []

    async def look(stream: asyncnet.tcp.Stream) -> None:
        from asyncnet.core.dialer import current_dialer

        seen.append(current_dialer())

    mine = asyncnet.Dialer()
    with asyncnet.use(mine):
        async with asyncnet.tcp.Server(look) as server:
            await ask(server.port, b"")
    assert seen
    assert seen[0] is not mine


@pytest.mark.skipif(not hasattr(asyncio, "eager_task_factory"), reason="eager tasks are of Python 3.12")
async def test_tasks_that_begin_at_once_are_served_like_others() -> None:
    """An application may have set ``asyncio.eager_task_factory``: a handler can then be done before it is a task."""
    gone = asyncio.Event()

    async def at_once(stream: asyncnet.tcp.Stream) -> None:
        stream.abort()
        gone.set()

    loop = asyncio.get_running_loop()
    if "uvloop" in str(type(loop)):
        pytest.skip("uvloop hands the factory an argument that that of Python 3.12 and 3.13 does not take")
    before = loop.get_task_factory()
    loop.set_task_factory(asyncio.eager_task_factory)  # type: ignore[attr-defined]  # of Python 3.12
    try:
        async with asyncnet.tcp.Server(at_once, max_connections=1) as server:
            for _ in range(3):  # a place that is not given back would be the last one
                gone.clear()
                with socket.create_connection(("127.0.0.1", server.port)):
                    async with asyncio.timeout(5):
                        await gone.wait()
            assert server.stats.active == 0
        async with asyncnet.tcp.Server(echo) as server:
            async with asyncnet.tcp.Client("127.0.0.1", server.port) as stream:
                await stream.send(b"x")
                assert await stream.receive() == b"x"
                assert len(server.connections) == 1
    finally:
        loop.set_task_factory(before)


async def test_a_socket_that_took_the_path_over_is_left_alone(tmp_path: os.PathLike[str]) -> None:
    """A new server may be put in the place of an old one by a rename, before the old one is closed."""
    path, new = os.path.join(tmp_path, "socket"), os.path.join(tmp_path, "new")

    async def first(stream: asyncnet.tcp.Stream) -> None:
        await stream.send(b"first")

    async with asyncnet.tcp.Server(echo, path=new) as server:
        async with asyncnet.tcp.Server(first, path=path):
            os.rename(new, path)
        async with asyncnet.tcp.Client(path=path) as stream:
            await stream.send(b"second")
            assert await stream.receive() == b"second"
        assert server.stats.accepted == 1
    async with asyncnet.tcp.Server(echo, path=path):
        pass
    assert not os.path.exists(path)


@pytest.mark.parametrize("where", ["unix", "ipv6"])
async def test_tls_wherever_tcp_is(where: str, tmp_path: os.PathLike[str]) -> None:
    authority = testing.CertificateAuthority()
    context, trust = authority.server_context(), authority.client_context()
    path = os.path.join(tmp_path, "socket")
    server = (
        asyncnet.tcp.Server(echo, path=path, ssl=context)
        if where == "unix"
        else asyncnet.tcp.Server(echo, "::1", ssl=context)
    )
    async with server:
        client = (
            asyncnet.tcp.Client(path=path, ssl=trust, server_hostname="localhost")
            if where == "unix"
            else (asyncnet.tcp.Client("::1", server.port, ssl=trust))
        )
        async with client as stream:
            await stream.send(b"hello")
            await stream.send_eof()
            assert await stream.receive() == b"hello"
            assert await stream.receive() == b""


async def test_a_failing_handler_on_a_path_is_logged_with_the_path(
    tmp_path: os.PathLike[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Peers of Unix sockets have no name."""
    path = os.path.join(tmp_path, "socket")

    async def fail(stream: asyncnet.tcp.Stream) -> None:
        raise ZeroDivisionError("mine")

    async with asyncnet.tcp.Server(fail, path=path) as server:
        async with asyncnet.tcp.Client(path=path) as stream:
            with pytest.raises((asyncnet.ConnectionLost, EOFError)):
                if not await stream.receive():
                    raise EOFError
        assert server.stats.failed_handlers == 1
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert path in record.getMessage()


async def test_serving_for_ever_belongs_to_the_loop_of_the_server() -> None:
    async with asyncnet.tcp.Server(echo) as server:
        with pytest.raises(asyncnet.StateError, match="loop"):
            await run_in_file_thread(lambda: asyncio.run(server.serve_forever()))
        assert await ask(server.port) == b"hello"
    # There is nothing more to wait for, wherever that is asked.
    await run_in_file_thread(lambda: asyncio.run(server.serve_forever()))

"""What all servers share: both forms, bounded ends, errors of scripts."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from typing import Any

import pytest

from asyncnet import testing
from asyncnet.testing.server import owned_descriptors
from asyncnet.testing.thread import LoopThread


def connect(server: testing.Server, timeout: float = 5.0) -> socket.socket:
    return socket.create_connection(server.address, timeout=timeout)


@pytest.mark.asyncio
async def test_async_with_runs_on_the_loop_of_the_test() -> None:
    ran_on: list[object] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ran_on.append(asyncio.get_running_loop())
        writer.write(await reader.readline())

    async with testing.TCPServer(script) as server:
        reader, writer = await asyncio.open_connection(*server.address)
        writer.write(b"hello\n")
        assert await reader.read() == b"hello\n"
        writer.close()
        await writer.wait_closed()
        await server.wait_until(lambda: server.connections == (0, 1))
    assert ran_on == [asyncio.get_running_loop()]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "make", [testing.TCPServer, testing.UDPServer, testing.DNSServer, testing.HTTPServer, testing.SMTPServer]
)
async def test_every_server_runs_in_both_forms(make: Any) -> None:
    async with make() as server:
        assert server.port > 0
        assert server.address == ("127.0.0.1", server.port)
        assert str(server.port) in repr(server)
    with make() as server:
        assert server.port > 0
    with make(port=server.port) as again:
        assert again.port == server.port


@pytest.mark.asyncio
async def test_async_with_starttls() -> None:
    ca = testing.CertificateAuthority()
    async with testing.SMTPServer(starttls=ca.server_context()) as server:
        reader, writer = await asyncio.open_connection(*server.address)
        for command in (b"", b"EHLO x\r\n", b"STARTTLS\r\n"):
            writer.write(command)
            while (await reader.readline())[3:4] == b"-":
                pass
        await writer.start_tls(ca.client_context(), server_hostname="localhost")
        writer.write(b"QUIT\r\n")
        assert await reader.readline() == b"221 2.0.0 bye\r\n"
        writer.close()
        # OpenSSL may find the connection gone before it has said goodbye.
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()


def test_a_client_that_hangs_does_not_hold_the_end_up() -> None:
    async def stubborn(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(bytes(1 << 24))  # nobody reads it
        await writer.drain()

    before = threading.active_count()
    with testing.TCPServer(stubborn) as server:
        client = connect(server)
        server.block_until(lambda: server.connections.open == 1)
    assert threading.active_count() == before
    with client:
        while client.recv(1 << 20):
            pass  # it ends


def test_a_script_that_blocks_its_thread_is_named() -> None:
    gate = threading.Event()
    errors: list[BaseException] = []
    thread = LoopThread("blocked", errors.append)
    thread.start()
    thread.call_soon(gate.wait)
    with pytest.raises(RuntimeError, match=r"'blocked' still runs after 0\.01 s"):
        thread.stop(timeout=0.01)
    gate.set()
    thread.stop()  # once more is no harm
    assert errors == []


def test_what_a_callback_raises_is_an_error_of_the_server() -> None:
    errors: list[BaseException] = []
    thread = LoopThread("raising", errors.append)
    thread.start()
    thread.call_soon(int, "x")
    thread.run(asyncio.sleep(0))
    thread.stop()
    assert [type(error) for error in errors] == [ValueError]


def test_a_call_that_takes_too_long_is_cancelled() -> None:
    thread = LoopThread("slow", lambda error: None)
    thread.start()
    with pytest.raises(TimeoutError):
        thread.run(asyncio.sleep(3600), timeout=0.01)
    thread.stop()


def test_a_failing_script_fails_the_block_unless_something_else_did() -> None:
    async def fail(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise LookupError("no such thing")

    with pytest.raises(AssertionError, match=r"TCPServer 127\.0\.0\.1:\d+.*LookupError: no such thing"):
        with testing.TCPServer(fail) as server, connect(server) as client:
            assert client.recv(1) == b""
    with pytest.raises(ValueError, match="first"):
        with testing.TCPServer(fail) as server, connect(server) as client:
            assert client.recv(1) == b""
            server.block_until(lambda: bool(server.errors))
            raise ValueError("first")


def test_a_taken_port_is_an_error_and_leaves_no_thread() -> None:
    with testing.TCPServer() as taken:
        before = threading.active_count()
        with pytest.raises(OSError, match="in use"):
            testing.TCPServer(port=taken.port).start()
        assert threading.active_count() == before
    taken.stop()  # idempotent


def test_waiting_ends_in_an_assertion() -> None:
    with testing.TCPServer() as server:
        with pytest.raises(AssertionError, match=r"did not see it within 0.01 s"):
            server.block_until(lambda: server.connections.total == 1, timeout=0.01)


def test_owned_descriptors_are_known() -> None:
    with testing.TCPServer() as server, connect(server) as client:
        server.block_until(lambda: server.connections.open == 1)
        owned = owned_descriptors()
        assert len(owned) >= 2
        assert client.fileno() not in owned
    assert not owned_descriptors() & owned


def test_an_address_can_be_taken_from_ipv6() -> None:
    with testing.TCPServer(host="::1") as server, connect(server) as client:
        client.sendall(b"x")
        assert client.recv(1) == b"x"

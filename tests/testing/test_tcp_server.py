"""Scripts of the TCP server."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from asyncnet import testing


def connect(server: testing.Server) -> socket.socket:
    return socket.create_connection(server.address, timeout=5.0)


def read_all(client: socket.socket) -> bytes:
    return b"".join(iter(lambda: client.recv(65536), b""))


def test_it_echoes_and_records() -> None:
    with testing.TCPServer() as server:
        with connect(server) as one, connect(server) as two:
            one.sendall(b"one")
            assert one.recv(10) == b"one"
            two.sendall(b"two")
            two.shutdown(socket.SHUT_WR)
            assert read_all(two) == b"two"
        assert sorted(server.received) == [b"one", b"two"]


def test_a_record_ends_somewhere() -> None:
    async def swallow(reader: Any, writer: Any) -> None:
        while await reader.read(1 << 20):
            pass

    with testing.TCPServer(swallow) as server, connect(server) as client:
        client.sendall(bytes((1 << 20) + 1000))
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""
        assert len(server.received[0]) == 1 << 20


def test_what_the_kernel_did_not_take_yet_still_arrives() -> None:
    data = bytes(range(256)) * 2000

    async def tell(reader: Any, writer: Any) -> None:
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        writer.write(data)
        told.set()

    told = testing.Gate()
    with testing.TCPServer(tell) as server, socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(5.0)
        client.connect(server.address)
        told.block(5.0)
        assert read_all(client) == data


@pytest.mark.parametrize("size", [225_000, 230_000, 3_000_000])
def test_a_close_step_loses_nothing(size: int, tmp_path: Path) -> None:
    """Of the smaller ones Linux takes all but a little, which drain() does not wait for."""
    path = str(tmp_path / "socket")
    with (
        testing.TCPServer([testing.Send(bytes(size)), testing.Close()], path=path) as server,
        socket.socket(socket.AF_UNIX) as client,
    ):
        client.connect(path)
        assert client.recv(1)
        with pytest.raises(AssertionError):  # the script is over, the connection is not
            server.block_until(lambda: server.connections.open == 0, timeout=0.1)
        assert len(read_all(client)) == size - 1


def test_steps() -> None:
    gate = testing.Gate()
    steps = [
        testing.Send(b"hello"),
        testing.Expect(b"ping"),
        testing.Wait(gate),
        testing.Send(b"abcde", fragment=2),
        testing.Close(),
    ]
    with testing.TCPServer(steps) as server, connect(server) as client:
        assert client.recv(5) == b"hello"
        client.sendall(b"ping")
        gate.set()
        assert read_all(client) == b"abcde"


def test_one_script_for_each_connection() -> None:
    with testing.TCPServer([[testing.Send(b"1")], [testing.Send(b"2")]]) as server:
        for expected in (b"1", b"2", b"2"):
            with connect(server) as client:
                assert read_all(client) == expected


def test_no_steps_close_at_once() -> None:
    with testing.TCPServer([]) as server, connect(server) as client:
        assert read_all(client) == b""


def test_stall_until_the_client_goes() -> None:
    with testing.TCPServer([testing.Stall(), testing.Send(b"never")]) as server:
        with connect(server) as client:
            client.settimeout(0.02)
            with pytest.raises(TimeoutError):
                client.recv(1)
        server.block_until(lambda: server.connections.open == 0)


def test_reset_after_everything_sent() -> None:
    data = bytes(1 << 18)
    with testing.TCPServer([testing.Send(data), testing.Reset()]) as server, connect(server) as client:
        received = bytearray()
        with pytest.raises(ConnectionResetError):
            while chunk := client.recv(65536):
                received += chunk
        assert bytes(received) == data


@pytest.mark.parametrize(("end", "ragged"), [(testing.Cut(), True), (testing.Close(), False)])
def test_cut_over_tls_is_ragged(end: testing.Cut | testing.Close, ragged: bool) -> None:
    ca = testing.CertificateAuthority()
    with testing.TCPServer([testing.Send(b"data"), end], ssl=ca.server_context()) as server:
        with connect(server) as plain:
            context = ca.client_context()
            with context.wrap_socket(plain, server_hostname="localhost", suppress_ragged_eofs=False) as client:
                assert client.recv(10) == b"data"
                if ragged:
                    with pytest.raises(ssl.SSLEOFError):
                        client.recv(10)
                else:
                    assert client.recv(10) == b""


@pytest.mark.parametrize("sent", [b"pong", b"pi"])
def test_what_was_not_expected_fails_the_test(sent: bytes) -> None:
    with pytest.raises(AssertionError, match=f"expected b'ping', the client sent {sent!r}"):
        with testing.TCPServer([testing.Expect(b"ping")]) as server, connect(server) as client:
            client.sendall(sent)
            client.shutdown(socket.SHUT_WR)
            assert read_all(client) == b""


def test_a_wrong_step_fails_the_test() -> None:
    steps: Sequence[Any] = [testing.Send(b"x"), "y"]
    with pytest.raises(AssertionError, match="no step: 'y'"):
        with testing.TCPServer(steps) as server, connect(server) as client:
            assert read_all(client) == b"x"

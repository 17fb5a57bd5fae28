"""The other side of the TLS scenarios: server and load against each other, and against plain ssl sockets."""

from __future__ import annotations

import socket
import ssl

import pytest

from benchmarks import certificates, peers
from benchmarks.job import pattern
from benchmarks.process import Child

BULK = 3_000_000  # almost three periods of the pattern

pytestmark = pytest.mark.usefixtures("certificate")


@pytest.fixture(scope="module")
def certificate() -> None:
    """The files that both sides read."""
    pytest.importorskip("trustme")
    certificates.make()


def side(*arguments: object) -> Child:
    return Child(peers.program("tls", *arguments, compiled=False), name="the side", deadline=30)


def test_echoes_over_tls_are_served_and_counted() -> None:
    connections, messages, cycles = 5, 3, 2
    with side("serve", "echo", 0) as server:
        port = server.message("ready")["port"]
        with side("echo", port, server.pid, connections, messages, 0, 64, cycles, 5, 0) as load:
            report = load.message("result")
        server.finish()
        counted = server.message("result")
    assert (report["connections"], report["bytes"]) == (10, 10 * messages * 64)
    assert (counted["connections"], counted["bytes"]) == (report["connections"], report["bytes"])
    assert report["phases"]["open"]["cpu"] > 0


def test_clients_that_verify_are_content_with_the_certificate() -> None:
    context = ssl.create_default_context(cafile=str(certificates.AUTHORITY))
    with side("serve", "source", BULK) as server:
        address = ("127.0.0.1", server.message("ready")["port"])
        with (
            socket.create_connection(address, timeout=10) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as link,
        ):
            received = bytearray()
            while data := link.recv(1 << 20):
                received += data
            link.unwrap()
    assert received == pattern(0, BULK)


@pytest.mark.parametrize(("serving", "loading"), [("sink", "push"), ("source", "pull")])
def test_bulk_over_tls_goes_both_ways(serving: str, loading: str) -> None:
    with side("serve", serving, BULK) as server:
        port = server.message("ready")["port"]
        with side(loading, port, server.pid, BULK) as load:
            assert load.message("result")["bytes"] == BULK
        server.finish()
        assert server.message("result")["bytes"] == BULK

"""Servers in processes of their own: signals, a limit of descriptors, one process a core."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOOPS = ["asyncio", *(["uvloop"] if importlib.util.find_spec("uvloop") else [])]

SERVER = """
import asyncio, resource, sys, time
import asyncnet

async def echo(stream):
    async for chunk in stream:
        await stream.send(chunk)

async def main(limit):
    async with asyncnet.tcp.Server(echo) as server:
        if limit:
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
        print(server.port, flush=True)
        serving = asyncio.ensure_future(server.serve_forever(signals=True))
        if limit:
            while not server.stats.exhausted:
                await asyncio.sleep(0)
            used, pauses = time.process_time(), server.stats.exhausted
            await asyncio.wait([serving], timeout=0.6)
            print(time.process_time() - used, server.stats.exhausted - pauses, server.stats.active, flush=True)
        await serving
        print("drained", server.stats.active, server.stats.accepted, flush=True)

loop, limit = sys.argv[1], int(sys.argv[2])
if loop == "uvloop":
    import uvloop
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(limit))
else:
    asyncio.run(main(limit))
"""


@contextlib.contextmanager
def running(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def said(process: subprocess.Popen[str]) -> list[str]:
    assert process.stdout is not None
    return process.stdout.readline().split()


def asked(sock: socket.socket, data: bytes) -> bytes:
    sock.sendall(data)
    return sock.recv(100)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_drains_a_server(loop: str, number: signal.Signals) -> None:
    """Who is connected is served to the end, nobody else is, and the process ends by itself and well."""
    with running("-c", SERVER, loop, "0") as process:
        address = ("127.0.0.1", int(said(process)[0]))
        with socket.create_connection(address, timeout=10) as sock:
            assert asked(sock, b"before") == b"before"
            process.send_signal(number)
            with pytest.raises(ConnectionRefusedError):
                while True:  # until it has heard; who is in the queue just then is reset
                    with contextlib.suppress(ConnectionResetError):
                        socket.create_connection(address, timeout=10).close()
            assert asked(sock, b"after") == b"after"
            assert process.poll() is None
        line = said(process)
        assert line[:2] == ["drained", "0"]
        _, errors = process.communicate(timeout=10)
        assert (process.returncode, errors) == (0, "")


@pytest.mark.parametrize("loop", LOOPS)
def test_without_descriptors_a_server_sleeps_serves_who_is_there_and_recovers(loop: str) -> None:
    with running("-c", SERVER, loop, "32") as process:
        address = ("127.0.0.1", int(said(process)[0]))
        with contextlib.ExitStack() as stack:
            socks = [stack.enter_context(socket.create_connection(address, timeout=10)) for _ in range(50)]
            busy, pauses, active = map(float, said(process))
            assert busy < 0.2  # of 0.6 seconds: spinning would take all of them
            assert pauses <= 4
            assert active < 32
            assert asked(socks[0], b"still served") == b"still served"
        with socket.create_connection(address, timeout=10) as sock:
            assert asked(sock, b"again") == b"again"
        process.send_signal(signal.SIGTERM)
        assert said(process)[:2] == ["drained", "0"]
        _, errors = process.communicate(timeout=10)
        assert process.returncode == 0
        assert "accepting paused: Too many open files" in errors
        assert "Traceback" not in errors


@pytest.mark.skipif(not hasattr(socket, "SO_REUSEPORT"), reason="ports cannot be shared here")
def test_one_process_a_core() -> None:
    """The example of the page on servers: two processes serve on one port, and drain."""
    with running(str(ROOT / "examples" / "server_per_core.py"), "--workers", "2") as process:
        host, port = said(process)[-1].rsplit(":", 1)
        address = (host, int(port))
        served: set[bytes] = set()
        until = time.monotonic() + 20
        while len(served) < 2 and time.monotonic() < until:
            with contextlib.suppress(ConnectionError), socket.create_connection(address, timeout=10) as sock:
                served.add(asked(sock, b"who\n").partition(b":")[0])
        assert len(served) == 2
        assert os.fsencode(str(process.pid)) not in served
        with socket.create_connection(address, timeout=10) as sock:
            assert asked(sock, b"before\n").endswith(b": before\n")
            process.send_signal(signal.SIGTERM)
            with pytest.raises(ConnectionRefusedError):
                while True:
                    with contextlib.suppress(ConnectionResetError):
                        socket.create_connection(address, timeout=10).close()
            assert asked(sock, b"after\n").endswith(b": after\n")
        assert said(process) == ["ended", "with", "[0,", "0]"]
        _, errors = process.communicate(timeout=10)
        assert (process.returncode, errors) == (0, "")

"""Connections held, echoed on, left idle and drained: 500 of them, or as many as ASYNCNET_CONNECTIONS says.

The full size, where a process may have as many descriptors:

    ASYNCNET_CONNECTIONS=10000 make test PYTEST_ARGS=tests/tcp/test_many_connections.py
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

import asyncnet

COUNT = int(os.environ.get("ASYNCNET_CONNECTIONS", "500"))
AT_ONCE = 250  # being opened: a queue of connections is no longer than its backlog

pytestmark = [pytest.mark.asyncio, pytest.mark.time_limit(300.0)]

SERVER = """
import asyncio, dataclasses, json, sys
import asyncnet

async def echo(stream):
    async for chunk in stream:
        await stream.send(chunk)

async def main(count):
    async with asyncnet.tcp.Server(echo, max_connections=count + 1, backlog=count) as server:
        print(server.port, flush=True)
        await server.serve_forever(signals=True)
    print(json.dumps(dataclasses.asdict(server.stats)), flush=True)

if sys.argv[1] == "uvloop":
    import uvloop as loops
else:
    import asyncio as loops
with asyncio.Runner(loop_factory=loops.new_event_loop) as runner:
    runner.run(main(int(sys.argv[2])))
"""


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[str]]:
    loop = "uvloop" if "uvloop" in request.node.name else "asyncio"
    process = subprocess.Popen([sys.executable, "-c", SERVER, loop, str(COUNT)], stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


async def test_held_echoed_on_and_drained(server: subprocess.Popen[str]) -> None:
    assert server.stdout is not None
    port = int(server.stdout.readline())
    gate = asyncio.Semaphore(AT_ONCE)

    async def opened() -> asyncnet.tcp.Client:
        async with gate:
            return await asyncnet.tcp.Client("127.0.0.1", port, timeout=120).open()

    clients = await asyncio.gather(*(opened() for _ in range(COUNT)))

    async def echoed(rounds: int) -> None:
        for turn in range(rounds):
            messages = [b"%d:%d" % (turn, number) for number in range(COUNT)]
            for client, data in zip(clients, messages, strict=True):
                await client.send(data)
            for client, data in zip(clients, messages, strict=True):
                assert await client.receive_exactly(len(data)) == data

    await echoed(3)
    # All of them are idle now, and somebody new is served at once.
    assert await asyncnet.tcp.exchange("127.0.0.1", port, b"one more", timeout=10) == b"one more"
    server.send_signal(signal.SIGTERM)
    while True:  # until it has heard
        try:
            await asyncnet.tcp.exchange("127.0.0.1", port, b"too late?")
        except asyncnet.ConnectionLost:
            continue  # it was in the queue when that was closed
        except asyncnet.ConnectError:
            break
    await echoed(1)  # who is connected is served to the end
    await asyncio.gather(*(client.close() for client in clients))
    assert server.wait(60) == 0
    stats = json.loads(server.stdout.read())
    assert stats["active"] == stats["failed_handlers"] == stats["exhausted"] == 0
    assert stats["accepted"] > COUNT
    assert sum(client.bytes_sent for client in clients) == sum(client.bytes_received for client in clients)

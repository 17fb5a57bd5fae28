"""One server process a core, all on one port: the kernel spreads the connections over them.

Run it, and connect as often as you like: each answer names the process that served it.

    python examples/server_per_core.py --port 8000
    python -m asyncnet connect 127.0.0.1 8000

SIGINT (Ctrl-C) and SIGTERM end it gently: each process stops accepting and lets its handlers finish.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import signal
import socket

import asyncnet


async def handler(stream: asyncnet.tcp.Stream) -> None:
    """What you serve."""
    async for line in stream.lines():
        await stream.send(b"%d: %b\n" % (os.getpid(), line))


async def serve(host: str, port: int) -> None:
    async with asyncnet.tcp.Server(handler, host, port, reuse_port=True) as server:
        await server.serve_forever(signals=True)


def worker(host: str, port: int) -> None:
    """All of a process: a loop and a server of its own, nothing shared but the port."""
    asyncio.run(serve(host, port))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--host", default="127.0.0.1", help="an IPv4 address")
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    options = parser.parse_args()
    with socket.socket() as place:
        # Bound, not listening: it gets no connection, and holds the port for those who will listen.
        place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        place.bind((options.host, options.port))
        host, port = place.getsockname()
        context = multiprocessing.get_context("spawn")  # a fresh interpreter: a fork would copy this one's state
        workers = [context.Process(target=worker, args=(host, port)) for _ in range(options.workers)]

        def end(number: int, _: object) -> None:
            for process in workers:
                if process.pid is not None and process.is_alive():
                    os.kill(process.pid, signal.SIGTERM)

        for process in workers:
            process.start()
        signal.signal(signal.SIGINT, end)
        signal.signal(signal.SIGTERM, end)
        print(f"{len(workers)} processes on {host}:{port}", flush=True)
        for process in workers:
            process.join()
    print("ended with", [process.exitcode for process in workers], flush=True)


if __name__ == "__main__":
    main()

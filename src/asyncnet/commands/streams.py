"""``connect`` and ``serve``: standard input and output over a connection, and a server to try it with."""

from __future__ import annotations

import argparse
import asyncio
import os
import ssl
import sys
import threading
from typing import Any

import asyncnet

from .network import common_options, connection_options, execute, network
from .output import Output

__all__ = ["add_commands"]


def add_commands(commands: Any) -> None:
    """Add ``connect`` and ``serve``."""
    connect: argparse.ArgumentParser = commands.add_parser(
        "connect",
        parents=[common_options(), connection_options()],
        help="send standard input over a connection and print what comes back",
    )
    connect.add_argument("host")
    connect.add_argument("port", type=int)
    connect.add_argument("--tls", action="store_true", help="speak TLS from the first byte")
    connect.set_defaults(run=_run_connect)
    serve: argparse.ArgumentParser = commands.add_parser(
        "serve", parents=[common_options()], help="a server that sends back what it gets, until Ctrl-C"
    )
    serve.add_argument("--host", default="127.0.0.1", help="the address to listen on (127.0.0.1)")
    serve.add_argument("--port", type=int, default=0, help="the port to listen on; 0 is a free one (0)")
    serve.add_argument("--text", help="send this line to everybody and close, in place of an echo")
    serve.add_argument("--certificate", metavar="FILE", help="a PEM file with certificate and key, for TLS")
    serve.add_argument("--count", type=int, metavar="N", help="end after N connections")
    serve.set_defaults(run=_run_serve)


# -- connect --------------------------------------------------------------------


def _run_connect(options: argparse.Namespace, output: Output) -> int:
    return execute(lambda: _connect(options, output), options.loop)


async def _connect(options: argparse.Namespace, output: Output) -> int:
    async with network(options):
        tls = True if options.tls else None
        async with asyncnet.tcp.Client(options.host, options.port, ssl=tls, timeout=options.timeout) as stream:
            sending = asyncio.create_task(_send_input(stream))
            try:
                while chunk := await stream.receive(timeout=None):
                    if not output.json:
                        output.data(chunk)
            finally:
                sending.cancel()
                await asyncio.wait({sending})
            peer, sent, received = str(stream.peer), stream.bytes_sent, stream.bytes_received
    output.document({"peer": peer, "sent": sent, "received": received})
    return 0


async def _send_input(stream: asyncnet.tcp.Stream) -> None:
    loop = asyncio.get_running_loop()
    chunks: asyncio.Queue[bytes] = asyncio.Queue()
    room = threading.Semaphore(16)  # chunks read ahead of the connection
    # A thread: files and terminals cannot be waited for on every loop.  A daemon: it may sit in
    # a read for ever.  os.read(): it holds none of the locks that the interpreter needs at its end.
    reader = threading.Thread(target=_read_input, args=(loop, chunks, room), name="asyncnet-stdin", daemon=True)
    reader.start()
    while chunk := await chunks.get():
        room.release()
        await stream.send(chunk, timeout=None)
    await stream.send_eof()


def _read_input(loop: asyncio.AbstractEventLoop, chunks: asyncio.Queue[bytes], room: threading.Semaphore) -> None:
    try:
        while True:
            room.acquire()
            chunk = os.read(0, 65536)
            loop.call_soon_threadsafe(chunks.put_nowait, chunk)
            if not chunk:
                return
    except (OSError, RuntimeError):  # no standard input, or the loop has closed
        return


# -- serve ----------------------------------------------------------------------


def _run_serve(options: argparse.Namespace, output: Output) -> int:
    context = None
    if options.certificate:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(options.certificate)
    return execute(lambda: _serve(options, context, output), options.loop)


async def _serve(options: argparse.Namespace, context: ssl.SSLContext | None, output: Output) -> int:
    enough = asyncio.Event()
    served = 0

    async def handle(stream: asyncnet.tcp.Stream) -> None:
        nonlocal served
        try:
            if options.text is not None:
                await stream.send(options.text.encode() + b"\n")
            else:
                async for chunk in stream:
                    await stream.send(chunk)
        finally:
            served += 1
            output.line(f"{stream.peer}: {stream.bytes_received:,} bytes in, {stream.bytes_sent:,} out")
            if served == options.count:
                enough.set()

    async with asyncnet.tcp.Server(handle, options.host, options.port, ssl=context) as server:
        address = str(server.addresses[0])
        # To standard error: with --json standard output is one document.
        sys.stderr.write(f"listening on {address}\n")
        sys.stderr.flush()
        serving = asyncio.create_task(server.serve_forever(signals=True))
        counting = asyncio.create_task(enough.wait())
        await asyncio.wait({serving, counting}, return_when=asyncio.FIRST_COMPLETED)
        counting.cancel()
        await server.close(grace=5.0)
        await serving
    output.document({"address": address, "connections": served})
    return 0

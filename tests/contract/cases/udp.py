"""udp: client and server, the exchange, media."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import asyncnet
from asyncnet import testing
from asyncnet.udp import pieces
from tests.contract.case import Arguments, Case, Life, Target

PING = b"hello"
PHOTO = bytes(range(256)) * 200
NO_WAIT = "what is sent waits for nobody"
NOBODY = "it is the server: nobody can refuse that"
ONE_WAY = "a datagram goes out whether or not anybody is there"
UNASKED = "it waits for whoever writes to it: tests/udp has its timeouts"


class Slow(asyncnet.Dialer):
    """Takes a turn of the loop, as a name does: a literal is dialled without a step in between."""

    async def targets(self, operation: Any, host: str, port: int) -> Any:
        await asyncio.sleep(0)
        return await super().targets(operation, host, port)


def client(target: Target, **changes: Any) -> asyncnet.udp.Client:
    keywords = {"host": target.host, "port": target.port, "timeout": target.timeout, "dialer": target.dialer or Slow()}
    return asyncnet.udp.Client(**{**keywords, **changes})


async def ask(udp: asyncnet.udp.Client) -> None:
    await udp.send(PING)


def method(name: str, *arguments: Any, **more: Any) -> Case:
    return Case(f"udp.Client.{name}", testing.UDPServer, lambda _: (arguments, {}), client, **more)


def server(target: Target, **changes: Any) -> asyncnet.udp.Server:
    return asyncnet.udp.Server(**{"host": "localhost", "port": 0, "timeout": target.timeout, **changes})


async def write_to(udp: asyncnet.udp.Server) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(PING, ("127.0.0.1", udp.port))


async def one_turn(udp: asyncnet.udp.Server) -> None:
    """A point to be cancelled at: neither opening nor a small send has one of its own."""
    await asyncio.sleep(0)


def served(name: str, arguments: Arguments, **more: Any) -> Case:
    more = {"refused": NOBODY, "silent": NO_WAIT, "prepare": one_turn, **more}
    return Case(f"udp.Server.{name}", testing.UDPServer, arguments, server, **more)


@contextlib.contextmanager
def sender_of_media() -> Iterator[SimpleNamespace]:
    """A port that is free to receive on, and a thread that sends the same small medium to it over and over."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    packets = list(pieces.packets(PING, 1_000, 1, source=1, sequence=1, timestamp=1))
    done = threading.Event()

    def run() -> None:
        while not done.wait(0.002):
            for packet in packets:
                sock.sendto(packet, ("127.0.0.1", port))

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield SimpleNamespace(host="127.0.0.1", port=port, connections=SimpleNamespace(total=0))
        finally:
            done.set()
            thread.join()


CASES = [
    Case("udp.exchange", testing.UDPServer, lambda t: ((t.host, t.port, PING), {}), silent="udp"),
    Case("udp.send_media", testing.UDPServer, lambda t: ((PHOTO, t.host, t.port), {}), silent=NO_WAIT),
    Case("udp.receive_media", sender_of_media, lambda t: ((t.host, t.port), {}), silent=UNASKED, refused=NOBODY),
    method("receive", prepare=ask, silent="udp"),
    method("receive_many", prepare=ask, silent="udp"),
    method("send", PING, silent=NO_WAIT, refused=ONE_WAY),
    method("send_many", [PING] * 3, silent=NO_WAIT, refused=ONE_WAY),
    served("receive", lambda _: ((), {}), prepare=write_to, silent=UNASKED),
    served("receive_many", lambda _: ((), {}), prepare=write_to, silent=UNASKED),
    served("send", lambda t: ((PING, (t.host, t.port)), {})),
    served("send_many", lambda t: (([PING], (t.host, t.port)), {})),
]

LIVES = [
    Life("udp.Client", client, testing.UDPServer, opening_connects=False),
    Life("udp.Server", server, None, opening_connects=False),
]

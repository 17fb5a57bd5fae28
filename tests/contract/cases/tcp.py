"""tcp: the whole of `Stream` by way of its client, the server, the exchange."""

from __future__ import annotations

import pathlib
from typing import Any

import asyncnet
from asyncnet import testing
from tests.contract.case import Case, Life, Target

NO_WAIT = "a small send waits for nobody"
PING = b"hello\n"


def client(target: Target) -> asyncnet.tcp.Client:
    return asyncnet.tcp.Client(target.host, target.port, timeout=target.timeout, dialer=target.dialer)


async def say(stream: asyncnet.tcp.Client) -> None:
    await stream.send(PING)


async def say_and_end(stream: asyncnet.tcp.Client) -> None:
    await stream.send(PING)
    await stream.send_eof()


async def say_frame(stream: asyncnet.tcp.Client) -> None:
    await stream.send_frame(PING)


async def say_frame_and_end(stream: asyncnet.tcp.Client) -> None:
    await stream.send_frame(PING)
    await stream.send_eof()


def method(name: str, *arguments: Any, **more: Any) -> Case:
    keywords = more.pop("keywords", {})
    return Case(f"tcp.Client.{name}", testing.TCPServer, lambda _: (arguments, keywords), client, **more)


CASES = [
    Case("tcp.exchange", testing.TCPServer, lambda t: ((t.host, t.port, PING), {})),
    method("receive", prepare=say),
    method("receive_into", bytearray(10), prepare=say),
    method("receive_exactly", 3, prepare=say),
    method("receive_until", b"\n", prepare=say),
    method("receive_line", prepare=say),
    method("lines", prepare=say_and_end),
    method("receive_frame", prepare=say_frame),
    method("frames", prepare=say_frame_and_end),
    method("send", PING, silent=NO_WAIT),
    method("send_frame", PING, silent=NO_WAIT),
    method("send_eof", silent=NO_WAIT, takes_timeout=False),
    method("send_file", str(pathlib.Path(__file__)), keywords={"count": 100}, silent=NO_WAIT),
]


async def nothing(stream: asyncnet.tcp.Stream) -> None:
    """Handle nothing."""


def server(target: Target, **changes: Any) -> asyncnet.tcp.Server:
    return asyncnet.tcp.Server(nothing, **{"host": "127.0.0.1", "port": 0, **changes})


def made_client(target: Target, **changes: Any) -> asyncnet.tcp.Client:
    keywords = {"host": target.host, "port": target.port, "timeout": target.timeout, "dialer": target.dialer, **changes}
    return asyncnet.tcp.Client(**keywords)


LIVES = [
    Life("tcp.Client", made_client, testing.TCPServer),
    Life("tcp.Server", server, None, opening_connects=False),
]

"""Commands one behind the other, and their answers in the same order, beside scripted servers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import ClassVar

import pytest

import asyncnet
from asyncnet.core import pipeline as module
from asyncnet.core.access import Access
from asyncnet.core.line_connection import LineConnection
from asyncnet.core.lines import LineBuffer
from asyncnet.core.operation import Operation
from asyncnet.core.pipeline import Exchange, Pipeline
from asyncnet.testing import Close, Expect, Gate, POP3Server, Send, Stall, TCPServer, Wait

pytestmark = pytest.mark.asyncio


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail(Access):
    tls_port: ClassVar[int] = 995


def parse(line: bytes) -> bytes:
    if not line.startswith((b"+", b"-")):
        raise asyncnet.ProtocolError("no status")
    return line


def line(word: str) -> Exchange[bytes]:
    return Exchange(f"{word}\r\n".encode(), parse)


def block(word: str, max_block: int = 1 << 20) -> Exchange[bytes]:
    return Exchange(f"{word}\r\n".encode(), parse, lambda status: status.startswith(b"+"), max_block=max_block)


class Opened:
    """A pipeline, its connection, and how often it was said to be lost."""

    def __init__(self, connection: LineConnection) -> None:
        self.connection = connection
        self.lost = 0
        self.pipeline: Pipeline[bytes] = Pipeline(connection, self._lose)

    def _lose(self) -> None:
        self.lost += 1


@asynccontextmanager
async def opened(server: TCPServer) -> AsyncIterator[Opened]:
    access = Mail(host=server.host, port=server.port)
    connection = LineConnection("pop3", access)
    async with Operation("pop3", "test", peer=access.peer, timeout=20) as operation:
        try:
            await connection.dial(operation, access.choose_dialer())
            yield Opened(connection)
        finally:
            connection.abort()


# ---- one exchange


def fed(*pieces: bytes) -> tuple[LineBuffer, Callable[[Exchange[bytes]], list[bool]]]:
    buffer = LineBuffer()

    def take(exchange: Exchange[bytes]) -> list[bool]:
        taken = []
        for piece in pieces:
            buffer.feed(piece)
            taken.append(exchange.take(buffer))
        return taken

    return buffer, take


async def test_an_answer_of_one_line():
    _, take = fed(b"+O", b"K\r\n")
    exchange = line("NOOP")
    assert take(exchange) == [False, True]
    assert (exchange.status, exchange.block, exchange.done) == (b"+OK", None, True)


async def test_an_answer_with_a_block_byte_by_byte():
    data = b"+OK\r\n..one\r\ntwo\r\n.\r\n"
    _, take = fed(*(data[at : at + 1] for at in range(len(data))))
    exchange = block("RETR 1")
    assert take(exchange) == [False] * (len(data) - 1) + [True]
    assert exchange.block == b".one\r\ntwo\r\n"


async def test_a_refusal_has_no_block():
    _, take = fed(b"-ERR\r\n+OK next\r\n")
    exchange = block("RETR 1")
    assert take(exchange) == [True]
    assert (exchange.status, exchange.block) == (b"-ERR", None)


# ---- over a connection


async def test_one_after_the_other():
    script = [Expect(b"A\r\n"), Send(b"+a\r\n"), Expect(b"B\r\n"), Send(b"+b\r\nblock\r\n.\r\n"), Stall()]
    with TCPServer(script) as server:
        async with opened(server) as it:
            assert await it.pipeline.ask(line("A")) == b"+a"
            second = block("B")
            assert await it.pipeline.ask(second) == b"+b"
            assert second.block == b"block\r\n"
            assert it.lost == 0


async def test_nothing_to_send():
    with TCPServer([Stall()]) as server:
        async with opened(server) as it:
            await it.pipeline.send([])
            assert it.connection.stream.bytes_sent == 0


@pytest.mark.parametrize("fragment", [None, 1, 7])
async def test_many_in_one_piece_and_their_answers_in_any_order_of_waiting(fragment):
    sent = b"".join(b"C%d\r\n" % number for number in range(20))
    said = b"".join(b"+%d\r\n.%b\r\n.\r\n" % (number, b"." * (number + 1)) for number in range(20))
    with TCPServer([Expect(sent), Send(said, fragment), Stall()]) as server:
        async with opened(server) as it:
            exchanges = [block(f"C{number}") for number in range(20)]
            await it.pipeline.send(exchanges)
            waiting = [it.pipeline.wait(exchange) for exchange in reversed(exchanges)]
            statuses = await asyncio.gather(*waiting)
    assert statuses == [b"+%d" % number for number in reversed(range(20))]
    assert [exchange.block for exchange in exchanges] == [b"." * (number + 1) + b"\r\n" for number in range(20)]


async def test_what_nobody_wants_is_thrown_away():
    gate = Gate()
    first_answer, others = Send(b"+a\r\nlong\r\n.\r\n"), Send(b"+b\r\nlong\r\n.\r\n+c\r\n")
    script = [Expect(b"A\r\nB\r\nC\r\n"), first_answer, Wait(gate), others, Stall()]
    with TCPServer(script) as server:
        async with opened(server) as it:
            first, second, third = block("A"), block("B"), line("C")
            await it.pipeline.send([first, second, third])
            other = asyncio.create_task(it.pipeline.wait(third))
            async with asyncio.timeout(10):
                while not first.done:
                    await asyncio.sleep(0)
            it.pipeline.discard([first, second])  # one that is there, and one that is to come
            gate.set()
            assert await other == b"+c"
            assert (first.block, second.block) == (None, None)
            assert it.pipeline._held == 0


async def test_words_that_belong_to_no_command():
    with TCPServer([Send(b"+surprise\r\n"), Stall()]) as server:
        async with opened(server) as it:
            while not len(it.connection.buffer):
                await it.connection.receive()
            with pytest.raises(asyncnet.ProtocolError, match="surprise"):
                await it.pipeline.ask(line("A"))
            assert it.connection.stream.bytes_sent == 0
            assert it.lost == 1
            with pytest.raises(asyncnet.ConnectionLost, match="was dropped"):
                await it.pipeline.ask(line("B"))


async def test_nonsense_ends_it_for_all():
    with TCPServer([Expect(b"A\r\nB\r\n"), Send(b"nonsense\r\n"), Stall()]) as server:
        async with opened(server) as it:
            first, second = line("A"), line("B")
            await it.pipeline.send([first, second])
            outcomes = await asyncio.gather(*map(it.pipeline.wait, [first, second]), return_exceptions=True)
            assert isinstance(outcomes[0], asyncnet.ProtocolError)
            assert isinstance(outcomes[1], asyncnet.ConnectionLost)
            assert it.lost == 1
            it.pipeline.abort()  # once more says nothing
            assert it.lost == 1


@pytest.mark.parametrize("who", ["the one that receives", "one that waits for it"])
async def test_one_that_is_cancelled_ends_it_for_all(who):
    with TCPServer([Expect(b"A\r\nB\r\n"), Stall()]) as server:
        async with opened(server) as it:
            exchanges = [line("A"), line("B")]
            await it.pipeline.send(exchanges)
            tasks = [asyncio.create_task(it.pipeline.wait(exchange)) for exchange in exchanges]
            for _ in range(3):
                await asyncio.sleep(0)
            gone, left = tasks if who == "the one that receives" else reversed(tasks)
            gone.cancel()
            with pytest.raises(asyncnet.ConnectionLost):
                await left
            with pytest.raises(asyncio.CancelledError):
                await gone
            assert it.lost == 1


async def test_a_server_that_goes_away():
    with TCPServer([Expect(b"A\r\nB\r\n"), Send(b"+a\r\n"), Close()]) as server:
        async with opened(server) as it:
            first, second = line("A"), line("B")
            await it.pipeline.send([first, second])
            assert await it.pipeline.wait(first) == b"+a"
            with pytest.raises(asyncnet.ConnectionLost):
                await it.pipeline.wait(second)
            assert it.lost == 1


async def test_a_block_over_its_limit():
    with TCPServer(
        [Expect(b"A\r\n"), Send(b"+a\r\n" + b"x" * 900 + b"\r\n" + b"y" * 900 + b"\r\n.\r\n"), Stall()]
    ) as server:
        async with opened(server) as it:
            with pytest.raises(asyncnet.LimitExceeded):
                await it.pipeline.ask(block("A", max_block=1000))
            assert it.lost == 1


async def test_answers_that_nobody_takes_have_a_limit():
    """Each is within its own, all of them together are not."""
    half = module.MAX_HELD // 2 + 1
    content = b"x" * (half - 2) + b"\r\n.\r\n"
    with TCPServer(
        [Expect(b"A\r\nB\r\nC\r\n"), Send(b"+a\r\n" + content), Send(b"+b\r\n" + content), Stall()]
    ) as server:
        async with opened(server) as it:
            exchanges = [block("A", half + 10), block("B", half + 10), line("C")]
            await it.pipeline.send(exchanges)
            with pytest.raises(asyncnet.LimitExceeded, match="wait to be taken"):
                await it.pipeline.wait(exchanges[-1])
            assert it.lost == 1


async def test_nobody_comes_in_between_while_the_turn_is_held():
    with TCPServer([Expect(b"A\r\nB\r\nC\r\n"), Send(b"+a\r\n+b\r\n+c\r\n"), Stall()]) as server:
        async with opened(server) as it:
            async with it.pipeline.turn:
                other = asyncio.create_task(it.pipeline.ask(line("C")))
                for word in "AB":
                    await it.pipeline.send_in_turn([line(word)])
                    await asyncio.sleep(0)
                assert not other.done()
            assert await other == b"+c"


async def test_who_waits_when_the_client_is_closed_is_told_that():
    with TCPServer([Expect(b"A\r\nB\r\n"), Stall()]) as server:
        async with opened(server) as it:
            first, second = line("A"), line("B")
            await it.pipeline.send([first, second])
            waiting = [asyncio.create_task(it.pipeline.wait(each)) for each in (first, second)]
            await asyncio.sleep(0)
            it.pipeline.end()
            it.pipeline.abort()
            for outcome in await asyncio.gather(*waiting, return_exceptions=True):
                assert isinstance(outcome, asyncnet.StateError)
                assert "closed" in str(outcome)


async def test_what_was_lost_before_it_was_closed_was_lost():
    with TCPServer([Stall()]) as server:
        async with opened(server) as it:
            it.pipeline.abort()
            it.pipeline.end()
            with pytest.raises(asyncnet.ConnectionLost, match="was dropped"):
                await it.pipeline.ask(line("A"))


async def test_a_client_that_is_aborted_while_it_opens_leaves_no_connection():
    """Whenever that is: before the connection stands, when it does, and while the server greets."""
    with POP3Server() as server:
        for turns in range(1, 12):
            client = asyncnet.pop3.Client(*server.address, username="me", password="x", starttls=False)
            opening = asyncio.create_task(client.open())
            for _ in range(turns):
                await asyncio.sleep(0)
            client.abort()
            (outcome,) = await asyncio.gather(opening, return_exceptions=True)
            assert outcome is client or isinstance(outcome, asyncnet.AsyncNetError)
            assert client.closed
        await server.wait_until(lambda: not server.connections.open)

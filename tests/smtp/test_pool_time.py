"""The pool and the clock: what happens after seconds and minutes, on a loop whose time can be moved."""

from __future__ import annotations

import asyncio

import pytest

import asyncnet
from asyncnet import smtp
from asyncnet.testing import Expect, Gate, Reset, Send, SMTPServer, TCPServer, Wait


class Loop(asyncio.SelectorEventLoop):
    """Time is what we say."""

    ahead = 0.0

    def time(self):
        return super().time() + self.ahead


def run(main):
    with asyncio.Runner(loop_factory=Loop) as runner:
        return runner.run(main())


def later(seconds):
    asyncio.get_running_loop().ahead += seconds


async def post(pool):
    return await pool.send(b"x", sender="a@example.org", recipients="b@example.org")


def steps(*last):
    return [
        Send(b"220 t\r\n"), Expect(b"EHLO c\r\n"), Send(b"250-t\r\n250 PIPELINING\r\n"),
        Expect(b"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n"),
        Send(b"250 ok\r\n250 ok\r\n354 go\r\n"), Expect(b"x\r\n.\r\n"), Send(b"250 ok\r\n"), *last,
    ]  # fmt: skip


def test_a_connection_that_was_unused_for_a_while_is_looked_at_and_used():
    async def main():
        with SMTPServer() as server:
            async with smtp.Pool("127.0.0.1", server.port) as pool:
                await post(pool)
                later(10)
                await post(pool)
            assert server.connections.total == 1

    run(main)


@pytest.mark.parametrize("last", [(), (Send(b"421 4.4.2 idle for too long\r\n"),), (Send(b"421"),), (Reset(),)])
def test_a_connection_that_the_server_has_closed_is_seen_before_it_is_used(last):
    async def main():
        gate = Gate()
        goodbye = (Expect(b"QUIT\r\n"), Send(b"221 bye\r\n"))
        with TCPServer([steps(Wait(gate), *last), steps(*goodbye)]) as server:
            async with smtp.Pool("127.0.0.1", server.port, size=1, retries=0, local_hostname="c") as pool:
                await post(pool)
                gate.set()
                await server.wait_until(lambda: server.connections.open == 0)
                later(10)
                await post(pool)
            assert server.connections.total == 2

    run(main)


def test_a_pool_that_was_too_large_grows_again():
    async def main():
        with SMTPServer(replies={"CONNECT": [None, "421 too many", None]}) as server:
            async with smtp.Pool("127.0.0.1", server.port, size=2, idle_timeout=None) as pool:
                await asyncio.gather(*(post(pool) for _ in range(6)))
                assert pool.connections == 1
                later(30)
                await asyncio.gather(*(post(pool) for _ in range(6)))
                assert pool.connections == 1, "for a minute it keeps to that"
                later(31)
                await asyncio.gather(*(post(pool) for _ in range(6)))
                assert pool.connections == 2
            assert len(server.messages) == 18

    run(main)


def test_only_the_unused_are_closed():
    async def main():
        with SMTPServer() as server:
            async with smtp.Pool("127.0.0.1", server.port, size=2, idle_timeout=30) as pool:
                await asyncio.gather(*(post(pool) for _ in range(4)))
                assert pool.connections == 2
                later(29)
                await post(pool)
                later(2)
                await server.wait_until(lambda: server.commands.count("QUIT") == 1)
                assert pool.connections == 1
                later(31)
                await server.wait_until(lambda: server.commands.count("QUIT") == 2)
                assert pool.connections == 0

    run(main)


def test_a_goodbye_that_is_not_answered():
    async def main():
        with SMTPServer(stall_at="QUIT") as server:
            pool = await smtp.Pool("127.0.0.1", server.port).open()
            await post(pool)
            closing = asyncio.create_task(pool.close())
            await server.wait_until(lambda: "QUIT" in server.commands)
            later(6)
            await closing
            assert pool.closed
            assert pool.connections == 0
        await asyncnet.close()

    run(main)

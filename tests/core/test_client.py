"""The life of every client: made, opened once, closed or aborted; one loop."""

from __future__ import annotations

import asyncio
import threading
from typing import ClassVar

import pytest

import asyncnet
from asyncnet.core.client import BaseClient
from asyncnet.core.operation import Operation

pytestmark = pytest.mark.asyncio


class Client(BaseClient):
    """Keeps a diary; opening and saying goodbye wait for gates."""

    _protocol: ClassVar[str] = "pop3"

    def __init__(self, *, timeout: float | None = 30.0) -> None:
        super().__init__(peer="example.org:995", timeout=timeout)
        self.diary: list[str] = []
        self.may_open = asyncio.Event()
        self.may_go = asyncio.Event()
        self.may_open.set()
        self.may_go.set()
        self.problem: Exception | None = None

    async def _open(self, operation: Operation) -> None:
        self.diary.append("open")
        await self.may_open.wait()
        if self.problem is not None:
            raise self.problem

    async def _goodbye(self) -> None:
        self.diary.append("goodbye")
        await self.may_go.wait()
        if self.problem is not None:
            raise self.problem

    def _drop(self) -> None:
        self.diary.append("drop")

    async def work(self, *, timeout: float | None = 30.0) -> str:
        async with self._begin("work", timeout):
            return "done"


async def test_a_block_opens_and_says_goodbye():
    async with Client() as client:
        assert not client.closed
        assert await client.work() == "done"
    assert client.closed
    assert client.diary == ["open", "goodbye", "drop"]


async def test_a_block_that_fails_drops():
    with pytest.raises(ZeroDivisionError):
        async with Client() as client:
            raise ZeroDivisionError
    assert client.closed
    assert client.diary == ["open", "drop"]


async def test_open_gives_the_client_and_is_done_once():
    client = Client()
    assert await client.open() is client
    with pytest.raises(asyncnet.StateError, match="a client opens once, this one is open") as caught:
        await client.open()
    assert (caught.value.protocol, caught.value.operation, caught.value.peer) == ("pop3", "open", "example.org:995")
    await client.close()
    with pytest.raises(asyncnet.StateError, match="a client opens once, this one is closed"):
        await client.open()


async def test_what_is_not_open_cannot_be_used():
    client = Client()
    with pytest.raises(asyncnet.StateError, match="the client is not open"):
        await client.work()
    client.may_open.clear()
    opening = asyncio.create_task(client.open())
    await asyncio.sleep(0)
    with pytest.raises(asyncnet.StateError, match="the client is not open"):
        await client.work()
    client.may_open.set()
    await opening
    await client.close()
    with pytest.raises(asyncnet.StateError, match="the client is closed"):
        await client.work()


async def test_close_and_abort_can_be_done_again_in_any_order():
    client = await Client().open()
    await client.close()
    await client.close()
    client.abort()
    await client.close()
    assert client.diary.count("goodbye") == 1
    never = Client()
    never.abort()
    await never.close()
    assert never.closed
    other = Client()
    await other.close()
    assert other.closed
    with pytest.raises(asyncnet.StateError):
        await other.open()


async def test_an_opening_that_fails_leaves_it_closed_and_dropped():
    client = Client()
    client.problem = asyncnet.ConnectError("refused")
    with pytest.raises(asyncnet.ConnectError) as caught:
        await client.open()
    assert client.closed
    assert client.diary == ["open", "drop"]
    assert (caught.value.protocol, caught.value.operation) == ("pop3", "open")


async def test_an_opening_that_takes_too_long_is_a_timeout():
    client = Client()
    client.may_open.clear()
    with pytest.raises(asyncnet.OperationTimeout, match=r"no result within 0\.01 s"):
        await client.open(timeout=0.01)
    assert client.closed
    assert client.diary == ["open", "drop"]


async def test_the_clients_own_timeout_is_that_of_its_opening():
    client = Client(timeout=0.01)
    client.may_open.clear()
    with pytest.raises(asyncnet.OperationTimeout, match=r"0\.01 s"):
        await client.open()


async def test_a_bad_timeout_is_refused_and_changes_nothing():
    client = Client()
    with pytest.raises(ValueError, match="timeout"):
        await client.open(timeout=-1)
    with pytest.raises(TypeError, match="timeout"):
        await client.open(timeout="1")
    assert client.diary == []
    await client.open()
    await client.close()
    with pytest.raises(ValueError, match="timeout"):
        Client(timeout=-1)


async def test_closing_while_it_opens_wins():
    client = Client()
    client.may_open.clear()
    opening = asyncio.create_task(client.open())
    await asyncio.sleep(0)
    await client.close()
    assert client.closed
    client.may_open.set()
    with pytest.raises(asyncnet.StateError, match="the client was closed while it opened"):
        await opening
    assert client.closed
    assert client.diary[-1] == "drop"
    assert "goodbye" not in client.diary


async def test_a_goodbye_that_fails_is_a_goodbye():
    client = await Client().open()
    client.problem = asyncnet.ConnectionLost("gone")
    await client.close()
    assert client.closed
    assert client.diary == ["open", "goodbye", "drop"]


async def test_those_who_close_at_the_same_time_wait_for_the_end():
    client = await Client().open()
    client.may_go.clear()
    first = asyncio.create_task(client.close())
    await asyncio.sleep(0)
    second = asyncio.create_task(client.close())
    await asyncio.sleep(0)
    assert not second.done()
    client.may_go.set()
    await asyncio.gather(first, second)
    assert client.diary == ["open", "goodbye", "drop"]


async def test_a_close_that_is_cancelled_drops():
    client = await Client().open()
    client.may_go.clear()
    closing = asyncio.create_task(client.close())
    await asyncio.sleep(0)
    other = asyncio.create_task(client.close())
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    await other
    assert client.closed
    assert client.diary == ["open", "goodbye", "drop"]


async def test_another_loop_is_refused_and_named():
    client = await Client().open()
    found: list[BaseException] = []

    async def elsewhere() -> None:
        for call in (client.work, client.close):
            with pytest.raises(asyncnet.StateError, match="a client belongs to the loop it was opened on") as caught:
                await call()
            found.append(caught.value)

    thread = threading.Thread(target=lambda: asyncio.run(elsewhere()))
    thread.start()
    thread.join(10)
    assert len(found) == 2
    assert repr(asyncio.get_running_loop()) in str(found[0])
    assert not client.closed
    await client.close()


@pytest.mark.slow
async def test_a_goodbye_takes_five_seconds_at_most():
    client = await Client().open()
    client.may_go.clear()
    started = asyncio.get_running_loop().time()
    await client.close()
    assert 4.9 < asyncio.get_running_loop().time() - started < 9
    assert client.closed
    assert client.diary == ["open", "goodbye", "drop"]


async def test_a_client_shows_whom_it_is_for_and_how_it_stands() -> None:
    client = Client()
    assert repr(client) == "<Client example.org:995 new>"
    async with client:
        assert repr(client) == "<Client example.org:995 open>"
    assert repr(client) == "<Client example.org:995 closed>"
    assert repr(asyncnet.http.Client()) == "<Client new>"
    web = asyncnet.http.Client(
        base_url="https://me:secret@example.org/v1", auth=("me", "secret"), cookies={"a": "secret"}
    )
    assert repr(web) == "<Client https://me@example.org/v1 new>"
    assert repr(asyncnet.smtp.Pool("example.org", 25, username="me", password="secret")) == "<Pool example.org:25 new>"

"""The resolver against name servers that are broken, lie, or attack."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from ipaddress import IPv4Address
from typing import Any

import pytest

import asyncnet
from asyncnet.dns import Resolver
from asyncnet.testing import Answer, DNSServer

pytestmark = pytest.mark.asyncio

V4 = "192.0.2.1"
ENGINES = pytest.mark.parametrize("type", ["A", "TXT"])  # one is c-ares' work, the other our own


def data(type: str) -> bytes:
    return bytes([192, 0, 2, 1]) if type == "A" else b"\2hi"


def value(type: str) -> str:
    return V4 if type == "A" else "hi"


def number(type: str) -> int:
    return {"A": 1, "TXT": 16}[type]


def record(owner: bytes, type: int, content: bytes, *, ttl: int = 60, class_: int = 1) -> bytes:
    return owner + struct.pack("!HHIH", type, class_, ttl, len(content)) + content


def reply(query: bytes, *records: bytes, flags: int = 0x8180, count: int | None = None, question: bytes = b"") -> bytes:
    """An answer to that query; the question ends where the OPT record of the query begins."""
    head = query[:2] + struct.pack("!5H", flags, 1, len(records) if count is None else count, 0, 0)
    return head + (question or question_of(query)) + b"".join(records)


def question_of(query: bytes) -> bytes:
    end = 12
    while query[end]:
        end += 1 + query[end]
    return query[12 : end + 5]


NAME = b"\xc0\x0c"  # a pointer to the name in the question

Script = Callable[[bytes], list[bytes]]
TCPScript = Callable[[bytes, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def raw_server(udp: Script, tcp: TCPScript | None = None) -> AsyncIterator[str]:
    """A name server that sends what the script says, byte for byte; yields its address."""

    class Protocol(asyncio.DatagramProtocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def datagram_received(self, query: bytes, peer: Any) -> None:
            for message in udp(query):
                self.transport.sendto(message, peer)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.append(asyncio.current_task())
        try:
            length = struct.unpack("!H", await reader.readexactly(2))[0]
            assert tcp is not None
            await tcp(await reader.readexactly(length), reader, writer)
        except (asyncio.CancelledError, ConnectionError, EOFError):
            pass
        finally:
            writer.transport.abort()

    tasks: list[Any] = []
    loop = asyncio.get_running_loop()
    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    transport, _ = await loop.create_datagram_endpoint(Protocol, ("127.0.0.1", port))
    try:
        yield f"127.0.0.1:{port}"
    finally:
        transport.close()
        listener.close()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await listener.wait_closed()


@contextlib.asynccontextmanager
async def asking(nameserver: str, **options: Any) -> AsyncIterator[Resolver]:
    async with Resolver(nameservers=[nameserver], hosts_file=False, **{"timeout": 0.3, **options}) as resolver:
        yield resolver


async def outcome(nameserver: str, type: str, **options: Any) -> Any:
    """The answer or the error; either has to come in time."""
    started = time.monotonic()
    async with asking(nameserver, **options) as resolver:
        try:
            return await resolver.lookup("x.example", type)
        except asyncnet.ResolveError as error:
            return error
        except asyncnet.OperationTimeout as error:
            return error
        finally:
            assert time.monotonic() - started < 5.0


# ---- what does not belong to the question is not taken for an answer


def wrong_id(query: bytes, type: str) -> bytes:
    return bytes([query[0] ^ 1]) + reply(query, record(NAME, number(type), data(type)))[1:]


def wrong_name(query: bytes, type: str) -> bytes:
    return reply(query, record(NAME, number(type), data(type)), question=b"\1y\7example\0" + question_of(query)[-4:])


def wrong_type(query: bytes, type: str) -> bytes:
    question = question_of(query)[:-4] + struct.pack("!HH", 15, 1)
    return reply(query, record(NAME, number(type), data(type)), question=question)


def wrong_class(query: bytes, type: str) -> bytes:
    question = question_of(query)[:-2] + struct.pack("!H", 3)
    return reply(query, record(NAME, number(type), data(type)), question=question)


def no_question(query: bytes, type: str) -> bytes:
    return query[:2] + struct.pack("!5H", 0x8180, 0, 1, 0, 0) + record(b"\0", number(type), data(type))


def a_query(query: bytes, type: str) -> bytes:
    return query


def nothing(query: bytes, type: str) -> bytes:
    return b""


def a_byte(query: bytes, type: str) -> bytes:
    return query[:1]


FORGERIES = pytest.mark.parametrize(
    "forge", [wrong_id, wrong_name, wrong_type, wrong_class, no_question, a_query, nothing, a_byte]
)


@ENGINES
@FORGERIES
async def test_forgeries_are_no_answers(type: str, forge: Callable[[bytes, str], bytes]) -> None:
    async with raw_server(lambda query: [forge(query, type)]) as nameserver:
        assert isinstance(await outcome(nameserver, type), asyncnet.OperationTimeout | asyncnet.ResolveError)


@FORGERIES
async def test_the_true_answer_counts_although_a_forgery_came_first(forge: Callable[[bytes, str], bytes]) -> None:
    def script(query: bytes) -> list[bytes]:
        return [forge(query, "TXT"), reply(query, record(NAME, 16, b"\2hi"))]

    async with raw_server(script) as nameserver:
        answer = await outcome(nameserver, "TXT")
        assert answer[0].strings == (b"hi",)


async def test_a_flood_of_forgeries_does_not_stop_the_loop() -> None:
    def script(query: bytes) -> list[bytes]:
        return [wrong_id(query, "TXT")] * 2_000

    async with raw_server(script) as nameserver, asking(nameserver) as resolver:
        task = asyncio.ensure_future(resolver.lookup("x.example", "TXT"))
        turns = 0
        while not task.done():
            await asyncio.sleep(0)
            turns += 1
        assert isinstance(task.exception(), asyncnet.OperationTimeout)
        assert turns > 100


@ENGINES
async def test_an_answer_from_somebody_else(type: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.0.0.1", 0))

        class Protocol(asyncio.DatagramProtocol):
            def datagram_received(self, query: bytes, peer: Any) -> None:
                stranger.sendto(reply(query, record(NAME, number(type), data(type))), peer)

        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(Protocol, ("127.0.0.1", 0))
        try:
            port = transport.get_extra_info("sockname")[1]
            assert isinstance(await outcome(f"127.0.0.1:{port}", type), asyncnet.OperationTimeout)
        finally:
            transport.close()


# ---- records that were not asked for


@ENGINES
@pytest.mark.parametrize(
    "strange",
    [
        lambda type: record(b"\4bank\7example\0", number(type), data(type)),  # another owner
        lambda type: record(NAME, 15, b"\0\1\0"),  # another type
        lambda type: record(NAME, number(type), data(type), class_=3),  # another class
        lambda type: record(NAME, 65_280, b"private"),  # an unknown type
    ],
    ids=["owner", "type", "class", "unknown"],
)
async def test_strange_records_do_not_count(type: str, strange: Callable[[str], bytes]) -> None:
    async with raw_server(lambda query: [reply(query, strange(type))]) as nameserver:
        assert isinstance(await outcome(nameserver, type), asyncnet.NoData)
    own = record(NAME, number(type), data(type))
    async with raw_server(lambda query: [reply(query, strange(type), own)]) as nameserver:
        assert len(await outcome(nameserver, type)) == 1


@ENGINES
async def test_empty_answers(type: str) -> None:
    async with raw_server(lambda query: [reply(query)]) as nameserver:
        assert isinstance(await outcome(nameserver, type), asyncnet.NoData)


@ENGINES
@pytest.mark.parametrize(
    "records",
    [
        [record(NAME, 5, NAME)],
        [record(NAME, 5, b"\1y\0"), record(b"\1y\0", 5, NAME)],
        [record(b"\3n%02d\0" % i if i else NAME, 5, b"\3n%02d\0" % (i + 1)) for i in range(50)],
    ],
    ids=["to itself", "of two", "of fifty"],
)
async def test_aliases_in_a_circle(type: str, records: list[bytes]) -> None:
    async with raw_server(lambda query: [reply(query, *records)]) as nameserver:
        error = await outcome(nameserver, type)
        assert isinstance(error, asyncnet.ResolveError)
        assert "do not end" in str(error)


# ---- messages that are none


def looped(query: bytes, type: str) -> bytes:
    place = 12 + len(question_of(query))
    pointer = struct.pack("!H", 0xC000 | place)
    return reply(query, record(pointer, number(type), data(type)))


def forwards(query: bytes, type: str) -> bytes:
    return reply(query, record(b"\xff\xff", number(type), data(type)))


def long_label(query: bytes, type: str) -> bytes:
    return reply(query, record(b"\x41" + b"a" * 65 + b"\0", number(type), data(type)))


def long_name(query: bytes, type: str) -> bytes:
    return reply(query, record((b"\x3f" + b"a" * 63) * 5 + b"\0", number(type), data(type)))


def cut(query: bytes, type: str) -> bytes:
    return reply(query, record(NAME, number(type), data(type)))[:-2]


def more_records_than_there_are(query: bytes, type: str) -> bytes:
    return reply(query, record(NAME, number(type), data(type)), count=65_535)


def lying_length(query: bytes, type: str) -> bytes:
    return reply(query, NAME + struct.pack("!HHIH", number(type), 1, 60, 65_535) + data(type))


def looped_alias(query: bytes, type: str) -> bytes:
    place = 12 + len(question_of(query)) + 12
    return reply(query, record(NAME, 5, struct.pack("!H", 0xC000 | place)))


def bad_data(query: bytes, type: str) -> bytes:
    return reply(query, record(NAME, number(type), b"\x09abc" if type == "TXT" else b"abc"))


@ENGINES
@pytest.mark.parametrize(
    "damage",
    [looped, forwards, long_label, long_name, cut, more_records_than_there_are, lying_length, looped_alias, bad_data],
)
async def test_malformed_messages(type: str, damage: Callable[[bytes, str], bytes]) -> None:
    async with raw_server(lambda query: [damage(query, type)]) as nameserver:
        error = await outcome(nameserver, type)
        assert isinstance(error, asyncnet.ResolveError | asyncnet.OperationTimeout)
        assert f"asked {nameserver}" in str(error)


@ENGINES
async def test_bytes_after_the_message_do_no_harm(type: str) -> None:
    long = b"\xff" * 30_000
    async with raw_server(lambda query: [reply(query, record(NAME, number(type), data(type))) + long]) as nameserver:
        result = await outcome(nameserver, type)
        assert len(result) == 1


# ---- hostile names


HOSTILE = b"\x0aa\r\nb c\0\x1b\xff.\0"
SHOWN = "a\\013\\010b\\032c\\000\\027\\255\\."


@pytest.mark.parametrize(
    ("kind", "number", "content", "field"),
    [("MX", 15, b"\0\1" + HOSTILE, "exchange"), ("PTR", 12, HOSTILE, "target"), ("NS", 2, HOSTILE, "target")],
)
async def test_hostile_names_come_escaped(kind: str, number: int, content: bytes, field: str) -> None:
    async with raw_server(lambda query: [reply(query, record(NAME, number, content))]) as nameserver:
        name = getattr((await outcome(nameserver, kind))[0], field)
    assert name == SHOWN
    with pytest.raises(ValueError):  # and no protocol of ours would dial it
        await asyncnet.dns.resolve(name)


@pytest.mark.parametrize("bad", [HOSTILE, b"\3a b\0", b"\0011\0", b"\0"])
async def test_hostile_names_are_no_names_of_a_host(bad: bytes) -> None:
    async with raw_server(lambda query: [reply(query, record(NAME, 12, bad))]) as nameserver:
        async with asking(nameserver) as resolver:
            with pytest.raises(asyncnet.ResolveError, match="can be no host's") as caught:
                await resolver.reverse("192.0.2.1")
    assert str(caught.value).isprintable()


async def test_the_good_names_of_a_host_are_left() -> None:
    records = [record(NAME, 12, HOSTILE), record(NAME, 12, b"\4good\7example\0")]
    async with raw_server(lambda query: [reply(query, *records)]) as nameserver, asking(nameserver) as resolver:
        assert await resolver.reverse("192.0.2.1") == ("good.example",)


# ---- TCP


def truncated(query: bytes) -> list[bytes]:
    return [reply(query, flags=0x8380)]


def framed(message: bytes, length: int | None = None) -> bytes:
    return struct.pack("!H", len(message) if length is None else length) + message


async def closes_at_once(query: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    pass


async def closes_early(query: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(framed(reply(query), 60_000))
    await writer.drain()


async def says_nothing(query: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def says_too_little(query: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(framed(reply(query), 60_000))
    await reader.read()


async def drips(query: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    for byte in framed(reply(query), 60_000) + bytes(60_000):
        writer.write(bytes([byte]))
        await writer.drain()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.05):
                await reader.read()
                return


async def another_message(query: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(framed(bytes([query[0] ^ 1]) + reply(query)[1:]))
    await reader.read()


async def truncated_again(query: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(framed(reply(query, flags=0x8380)))
    await reader.read()


async def garbage(query: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    await writer.drain()


@ENGINES
@pytest.mark.parametrize(
    "script",
    [closes_at_once, closes_early, says_nothing, says_too_little, drips, another_message, truncated_again, garbage],
)
async def test_hostile_tcp(type: str, script: TCPScript) -> None:
    async with raw_server(truncated, script) as nameserver:
        error = await outcome(nameserver, type)
        assert isinstance(error, asyncnet.ResolveError | asyncnet.OperationTimeout)


@ENGINES
async def test_an_answer_in_pieces(type: str) -> None:
    async def pieces(query: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for byte in framed(reply(query, record(NAME, number(type), data(type)))):
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)
        await reader.read()

    async with raw_server(truncated, pieces) as nameserver:
        assert len(await outcome(nameserver, type)) == 1


# ---- late


@ENGINES
async def test_a_late_answer_is_kept_for_the_next(type: str) -> None:
    with DNSServer({("x.example", type): Answer(value(type), delay=0.15)}) as server:
        async with asking(server.nameserver) as resolver:
            with pytest.raises(asyncnet.OperationTimeout):
                await resolver.lookup("x.example", type, timeout=0.05)
            assert len(await resolver.lookup("x.example", type)) == 1
            assert resolver.stats.queries == 1


@ENGINES
async def test_a_lost_question_is_asked_again(type: str) -> None:
    lost: list[bytes] = []

    def script(query: bytes) -> list[bytes]:
        if not lost:
            lost.append(query)
            return []
        return [reply(query, record(NAME, number(type), data(type)))]

    async with raw_server(script) as nameserver:
        assert len(await outcome(nameserver, type, timeout=0.9)) == 1


@pytest.mark.parametrize(("type", "rcode"), [("A", "FORMERR"), ("TXT", "FORMERR"), ("TXT", "NOTIMP")])
async def test_a_server_that_does_not_know_edns(type: str, rcode: str) -> None:
    def script(query: bytes) -> list[bytes]:
        if query[11]:  # an additional record: EDNS
            return [reply(query, flags=0x8180 | {"FORMERR": 1, "NOTIMP": 4}[rcode])]
        return [reply(query, record(NAME, number(type), data(type)))]

    async with raw_server(script) as nameserver:
        assert len(await outcome(nameserver, type)) == 1


# ---- without the extra


@pytest.mark.parametrize(
    ("what", "options", "type"),
    [("the record type SVCB", "['127.0.0.1:9']", "SVCB"), ("a tls:// name server", "['tls://127.0.0.1:9']", "A")],
)
async def test_what_needs_the_extra_says_so(what: str, options: str, type: str) -> None:
    code = f"""
import asyncio, sys
sys.modules["dns"] = None  # an import of it fails, as where it is not installed
import asyncnet
async def main():
    async with asyncnet.dns.Resolver(nameservers={options}) as resolver:
        await resolver.lookup("x.example", {type!r})
try:
    asyncio.run(main())
except ImportError as error:
    print(error)
"""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    assert output.decode().strip() == f"{what} needs dnspython: install asyncnet[dns]"


async def test_addresses_are_in_order() -> None:
    with DNSServer({("x.example", "A"): ["192.0.2.1", "127.0.0.1"]}) as server:
        async with asking(server.nameserver) as resolver:
            # RFC 6724 rule 2: a source of the destination's own scope.
            assert (await resolver.resolve("x.example"))[0] == IPv4Address("127.0.0.1")

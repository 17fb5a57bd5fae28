"""DNS over TLS, against a scripted server."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import struct
from collections.abc import AsyncIterator, Callable
from ipaddress import ip_address
from typing import Any

import pytest

import asyncnet
from asyncnet.dns import Resolver
from asyncnet.testing import CertificateAuthority
from asyncnet.testing.dns_wire import Record, encode_message, parse_query

pytest.importorskip("dns", reason="the extra dns is not installed")
pytestmark = pytest.mark.asyncio

V4 = "192.0.2.1"
VALUES: dict[str, Any] = {
    "A": V4,
    "AAAA": "2001:db8::1",
    "MX": (1, "mx.example"),
    "TXT": "hi",
    "SVCB": (1, ".", {}),
}

Reply = Callable[[bytes], "bytes | None"]


@pytest.fixture(scope="module")
def authority() -> CertificateAuthority:
    return CertificateAuthority()


def answers(query: bytes) -> bytes:
    question = parse_query(query)
    if question.name == "nowhere.example":
        return encode_message(question, rcode=3)
    if question.name == "none.example":
        return encode_message(question)
    values: dict[str, Any] = {
        "A": V4,
        "AAAA": "2001:db8::1",
        "MX": (1, "mx.example"),
        "TXT": "hi",
        "SVCB": (1, ".", {}),
    }
    return encode_message(question, ([Record(question.name, question.type, 60, values[question.type])], (), ()))


class Server:
    """What the server saw, and how it behaves."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.connections = 0
        self.queries: list[bytes] = []
        self.writers: list[asyncio.StreamWriter] = []
        self.reply: Reply = answers
        self.close_after = 0  # answers on one connection, 0 for no limit

    @property
    def nameserver(self) -> str:
        return f"tls://127.0.0.1:{self.port}"


@contextlib.asynccontextmanager
async def serving(context: ssl.SSLContext) -> AsyncIterator[Server]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        server.writers.append(writer)
        given = 0
        try:
            while True:
                (length,) = struct.unpack("!H", await reader.readexactly(2))
                query = await reader.readexactly(length)
                server.queries.append(query)
                reply = server.reply(query)
                if reply is not None:
                    writer.write(struct.pack("!H", len(reply)) + reply)
                given += 1
                if given == server.close_after:
                    break
        except (EOFError, OSError):
            pass
        finally:
            writer.close()
            ended.add(writer)

    ended: set[asyncio.StreamWriter] = set()
    # What a client left in the middle of its handshake is nobody's yet: it ends before the check for leftovers does.
    listener = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context, ssl_handshake_timeout=1.5)
    server = Server(listener.sockets[0].getsockname()[1])
    try:
        yield server
    finally:
        listener.close()
        for writer in server.writers:
            writer.transport.abort()
        await listener.wait_closed()
        while len(ended) < len(server.writers):
            await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def asking(server: Server, authority: CertificateAuthority, **options: Any) -> AsyncIterator[Resolver]:
    dialer = asyncnet.Dialer(ssl_context=authority.client_context())
    settings = {"nameservers": [server.nameserver], "hosts_file": False, "timeout": 3.0, "dialer": dialer, **options}
    async with Resolver(**settings) as resolver:
        yield resolver


async def test_all_types_over_one_connection(authority: CertificateAuthority) -> None:
    async with serving(authority.server_context()) as server, asking(server, authority) as resolver:
        assert set(await resolver.resolve("x.example")) == {ip_address(V4), ip_address("2001:db8::1")}
        assert (await resolver.lookup("x.example", "MX"))[0].exchange == "mx.example"
        assert (await resolver.lookup("x.example", "TXT"))[0].strings == (b"hi",)
        assert (await resolver.lookup("x.example", "SVCB"))[0].priority == 1
        assert server.connections == 1
        assert len(server.queries) == 5


@pytest.mark.parametrize("way", ["lookup", "resolve", "connect"])
async def test_the_trace_of_who_asked_first_has_the_connection(authority: CertificateAuthority, way: str) -> None:
    async with serving(authority.server_context()) as server, asking(server, authority) as resolver:
        calls = {
            "lookup": lambda: resolver.lookup("x.example", "MX"),
            "resolve": lambda: resolver.resolve("x.example"),
            "connect": lambda: asyncnet.Dialer(resolver=resolver, allow=lambda address, port: False).connect(
                "x.example", 80
            ),
        }
        with asyncnet.trace() as trace, contextlib.suppress(asyncnet.ForbiddenAddress):
            await calls[way]()
        (operation,) = trace.operations
        (within,) = operation.children  # "resolve", or "connect" for a dialer
        (tls,) = [span for span in within.children if span.name == "tls"]
        assert tls.attributes["version"] == "TLSv1.3"
        assert [span.attributes["port"] for span in within.children if span.name == "connect"] == [server.port]
        with asyncnet.trace() as trace:
            await resolver.lookup("y.example", "A")
        assert [span.name for span in trace.spans] == ["dns lookup", "resolve"]  # it is there by now


async def test_it_says_by_name_what_it_wants_to_speak(authority: CertificateAuthority) -> None:
    context, dialers = authority.server_context(), authority.client_context()
    offered: list[object] = []

    class Dialer(asyncnet.Dialer):
        """Its context is its own: what would be offered by the shared one is put into it."""

        async def dial_stream(self, *args: Any, alpn: tuple[str, ...] = (), **options: Any) -> None:
            dialers.set_alpn_protocols([*alpn])
            await super().dial_stream(*args, alpn=alpn, **options)
            offered.append(args[1].ssl_object.selected_alpn_protocol())

    context.set_alpn_protocols(["dot"])
    async with serving(context) as server:
        async with asking(server, authority, dialer=Dialer(ssl_context=dialers)) as resolver:
            assert (await resolver.lookup("x.example", "A"))[0].address == ip_address(V4)
    assert offered == ["dot"]


async def test_noes(authority: CertificateAuthority) -> None:
    async with serving(authority.server_context()) as server, asking(server, authority) as resolver:
        with pytest.raises(asyncnet.NameNotFound, match="asked tls://127"):
            await resolver.lookup("nowhere.example", "A")
        with pytest.raises(asyncnet.NoData):
            await resolver.lookup("none.example", "A")
        server.reply = lambda query: encode_message(parse_query(query), rcode=2)
        with pytest.raises(asyncnet.ResolveError, match="SERVFAIL"):
            await resolver.lookup("x.example", "A")


async def test_many_at_once_out_of_order(authority: CertificateAuthority) -> None:
    held: list[bytes] = []

    def last_first(query: bytes) -> bytes | None:
        held.append(answers(query))
        if len(held) < 50:
            return None
        frames = [struct.pack("!H", len(reply)) + reply for reply in reversed(held)]
        return b"".join(frames)[2:]  # the server adds the first length

    async with serving(authority.server_context()) as server, asking(server, authority) as resolver:
        server.reply = last_first
        names = [f"{i}.example" for i in range(50)]
        found = await asyncio.gather(*(resolver.lookup(name, "A") for name in names))
        assert [answer.name for answer in found] == names
        assert server.connections == 1


async def test_questions_are_padded(authority: CertificateAuthority) -> None:
    async with serving(authority.server_context()) as server, asking(server, authority) as resolver:
        await resolver.lookup("x.example", "A")
        await resolver.lookup("a-much-longer-name.than-the-other.example", "A")
        assert {len(query) for query in server.queries} == {128}


async def test_a_connection_that_the_server_has_closed(authority: CertificateAuthority) -> None:
    async with serving(authority.server_context()) as server, asking(server, authority) as resolver:
        server.close_after = 1
        for i in range(3):
            assert len(await resolver.lookup(f"{i}.example", "A")) == 1
        assert server.connections == 3


async def test_a_connection_that_has_died_without_a_word(authority: CertificateAuthority) -> None:
    async with serving(authority.server_context()) as server, asking(server, authority, timeout=1.0) as resolver:
        await resolver.lookup("x.example", "A")
        server.reply = lambda query: answers(query) if server.connections > 1 else None
        asked = [resolver.lookup(f"{i}.example", "A", timeout=30) for i in range(5)]
        assert [answer.name for answer in await asyncio.gather(*asked)] == [f"{i}.example" for i in range(5)]
        assert server.connections == 2


async def test_a_question_that_is_not_answered_costs_the_others_no_connection(authority: CertificateAuthority) -> None:
    async with serving(authority.server_context()) as server, asking(server, authority, timeout=1.0) as resolver:
        server.reply = lambda query: None if b"hard" in query else answers(query)
        task = asyncio.ensure_future(resolver.lookup("hard.example", "A", timeout=30))
        others = 0
        while sum(b"hard" in query for query in server.queries) < 2:
            others += 1
            assert len(await resolver.lookup(f"{others}.example", "A", timeout=30)) == 1
        assert server.connections == 1
        task.cancel()
        await asyncio.wait([task])


async def test_a_server_that_closes_without_an_answer(authority: CertificateAuthority) -> None:
    async with serving(authority.server_context()) as server, asking(server, authority) as resolver:
        server.close_after = 1
        server.reply = lambda query: None
        with pytest.raises(asyncnet.ResolveError, match="cut its answer"):
            await resolver.lookup("x.example", "A")


@pytest.mark.parametrize(
    "reply",
    [
        lambda query: None,
        lambda query: bytes([query[0] ^ 1]) + answers(query)[1:],
        lambda query: b"",
        lambda query: b"x",
    ],
    ids=["silence", "another id", "nothing", "a byte"],
)
async def test_no_answer_in_time(authority: CertificateAuthority, reply: Reply) -> None:
    async with serving(authority.server_context()) as server, asking(server, authority, timeout=0.5) as resolver:
        server.reply = reply
        with pytest.raises(asyncnet.OperationTimeout, match="asked tls://127"):
            await resolver.lookup("x.example", "A")


@pytest.mark.parametrize(
    "reply",
    [
        lambda query: query[:2] + answers(query.replace(b"\1x", b"\1y"))[2:],
        lambda query: encode_message(parse_query(query), truncated=True),
        lambda query: answers(query)[:40],
    ],
    ids=["another question", "truncated", "cut"],
)
async def test_answers_that_make_no_sense(authority: CertificateAuthority, reply: Reply) -> None:
    async with serving(authority.server_context()) as server, asking(server, authority) as resolver:
        server.reply = reply
        with pytest.raises(asyncnet.ResolveError, match="makes no sense"):
            await resolver.lookup("x.example", "A")


# ---- the certificate


async def test_a_name_to_verify(authority: CertificateAuthority) -> None:
    async with serving(authority.server_context("dns.example")) as server:
        async with asking(server, authority, nameservers=[f"{server.nameserver}#dns.example"]) as resolver:
            assert len(await resolver.lookup("x.example", "A")) == 1
        async with asking(server, authority) as resolver:  # the certificate is not for the address
            with pytest.raises(asyncnet.ResolveError, match="cannot be reached") as caught:
                await resolver.lookup("x.example", "A")
            assert isinstance(caught.value.__cause__, asyncnet.TLSError)
        assert len(server.queries) == 1  # nothing was asked before the certificate was known


async def test_an_unknown_authority(authority: CertificateAuthority) -> None:
    async with serving(CertificateAuthority().server_context()) as server, asking(server, authority) as resolver:
        with pytest.raises(asyncnet.ResolveError) as caught:
            await resolver.lookup("x.example", "TXT")
        assert isinstance(caught.value.__cause__, asyncnet.TLSError)
        assert server.queries == []


async def test_nobody_listens(authority: CertificateAuthority) -> None:
    async with serving(authority.server_context()) as server:
        pass
    async with asking(server, authority) as resolver:
        with pytest.raises(asyncnet.ResolveError, match="cannot be reached"):
            await resolver.lookup("x.example", "A")


# ---- the dialer


async def test_the_current_dialers_trust_but_not_its_policy(authority: CertificateAuthority) -> None:
    dialer = asyncnet.Dialer(ssl_context=authority.client_context(), allow=asyncnet.public_only)
    async with serving(authority.server_context()) as server:
        with asyncnet.use(dialer):
            async with Resolver(nameservers=[server.nameserver]) as resolver:
                assert len(await resolver.lookup("x.example", "A")) == 1


async def test_a_dialer_that_is_given_is_obeyed(authority: CertificateAuthority) -> None:
    dialer = asyncnet.Dialer(ssl_context=authority.client_context(), allow=asyncnet.public_only)
    async with serving(authority.server_context()) as server, asking(server, authority, dialer=dialer) as resolver:
        with pytest.raises(asyncnet.ResolveError, match="cannot be reached") as caught:
            await resolver.lookup("x.example", "A")
        assert isinstance(caught.value.__cause__, asyncnet.ForbiddenAddress)
        assert server.connections == 0


async def test_dialling_with_it(authority: CertificateAuthority) -> None:
    listener = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    async with serving(authority.server_context()) as server, asking(server, authority) as resolver:
        server.reply = lambda query: encode_message(
            parse_query(query),
            ([Record("x.example", "A", 60, "127.0.0.1")] if parse_query(query).type == "A" else (), (), ()),
        )
        dialer = asyncnet.Dialer(resolver=resolver)
        sock = await dialer.connect_socket("x.example", listener.sockets[0].getsockname()[1])
        assert sock.getpeername() == listener.sockets[0].getsockname()
        sock.close()
    listener.close()
    await listener.wait_closed()


# ---- life


@pytest.mark.parametrize("how", ["close", "abort"])
async def test_closing_while_it_waits(authority: CertificateAuthority, how: str) -> None:
    async with serving(authority.server_context()) as server:
        server.reply = lambda query: None
        resolver = await Resolver(
            nameservers=[server.nameserver], dialer=asyncnet.Dialer(ssl_context=authority.client_context())
        ).open()
        tasks = [asyncio.ensure_future(resolver.lookup(f"{i}.example", "A")) for i in range(3)]
        while len(server.queries) < 3:
            await asyncio.sleep(0)
        if how == "close":
            await resolver.close()
        else:
            resolver.abort()
        for error in await asyncio.gather(*tasks, return_exceptions=True):
            assert isinstance(error, asyncnet.StateError)


async def test_cancelled_while_it_connects(authority: CertificateAuthority) -> None:
    async with serving(authority.server_context()) as server:
        for turns in range(20):
            async with asking(server, authority) as resolver:
                task = asyncio.ensure_future(resolver.lookup("x.example", "A"))
                for _ in range(turns):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.wait([task])
                assert task.cancelled() or len(task.result()) == 1
                assert len(await resolver.lookup("x.example", "A")) == 1
                assert resolver.stats.queries == 1


async def test_core_alone_knows_no_dialer() -> None:
    from asyncnet.core.resolver import Resolver as CoreResolver

    with pytest.raises(ValueError, match="need a dialer"):
        await CoreResolver(nameservers=["tls://192.0.2.1"]).open()

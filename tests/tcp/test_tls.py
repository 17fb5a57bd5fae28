"""TLS inside the stream: certificates, upgrades, ends, half-close."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import ssl

import pytest

import asyncnet
from asyncnet import testing

pytestmark = pytest.mark.asyncio

Send, Close, Cut, Stall, Expect = testing.Send, testing.Close, testing.Cut, testing.Stall, testing.Expect


@pytest.fixture(scope="module")
def authority() -> testing.CertificateAuthority:
    return testing.CertificateAuthority()


@pytest.fixture(scope="module")
def server_context(authority: testing.CertificateAuthority) -> ssl.SSLContext:
    return authority.server_context()


@pytest.fixture(scope="module")
def trust(authority: testing.CertificateAuthority) -> ssl.SSLContext:
    return authority.client_context()


async def test_bytes_both_ways(server_context: ssl.SSLContext, trust: ssl.SSLContext) -> None:
    data = random.Random(1).randbytes(3_000_000)
    with testing.TCPServer(ssl=server_context) as server:
        async with asyncnet.tcp.Client(server.host, server.port, ssl=trust) as stream:
            sending = asyncio.create_task(stream.send(data))
            assert await stream.receive_exactly(len(data)) == data
            await sending


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
async def test_both_versions(
    version: str, server_context: ssl.SSLContext, authority: testing.CertificateAuthority
) -> None:
    context = authority.client_context()
    context.maximum_version = context.minimum_version = getattr(ssl.TLSVersion, version)
    with testing.TCPServer(ssl=server_context) as server:
        async with asyncnet.tcp.Client(server.host, server.port, ssl=context) as stream:
            assert stream.ssl_object is not None
            assert (stream.ssl_object.version() or "").replace(".", "_") == version
            await stream.send(b"hello")
            assert await stream.receive_exactly(5) == b"hello"
            buffer = bytearray(5)
            await stream.send(b"world")
            assert await stream.receive_into(buffer) == 5
            assert bytes(buffer) == b"world"


async def test_unknown_authority_and_wrong_name(
    server_context: ssl.SSLContext, trust: ssl.SSLContext, authority: testing.CertificateAuthority
) -> None:
    with testing.TCPServer(ssl=server_context) as server:
        with pytest.raises(asyncnet.TLSError, match="not trusted here") as caught:
            await asyncnet.tcp.Client(server.host, server.port, ssl=True).open()
        assert caught.value.phase == "tls"
        with pytest.raises(asyncnet.TLSError, match=r"other\.example"):
            await asyncnet.tcp.Client(server.host, server.port, ssl=trust, server_hostname="other.example").open()
    with testing.TCPServer(ssl=authority.server_context(expired=True)) as server:
        with pytest.raises(asyncnet.TLSError, match="expired"):
            await asyncnet.tcp.Client(server.host, server.port, ssl=trust).open()


async def test_dialers_context_serves_every_call(server_context: ssl.SSLContext, trust: ssl.SSLContext) -> None:
    with testing.TCPServer(ssl=server_context) as server:
        dialer = asyncnet.Dialer(ssl_context=trust)
        async with asyncnet.tcp.Client(server.host, server.port, ssl=True, dialer=dialer) as stream:
            await stream.send(b"x")
            assert await stream.receive() == b"x"


async def test_server_that_speaks_another_protocol(trust: ssl.SSLContext) -> None:
    with testing.TCPServer([Send(b"220 mail.example ESMTP\r\n"), Stall()]) as server:
        with pytest.raises(asyncnet.TLSError, match="speaks STARTTLS") as caught:
            await asyncnet.tcp.Client(server.host, server.port, ssl=trust).open()
        assert "220 mail.example ESMTP" in str(caught.value)
    with testing.TCPServer([Send(b"HTTP/1.1 400 Bad Request\r\n\r\n"), Stall()]) as server:
        with pytest.raises(asyncnet.TLSError, match="does not speak TLS"):
            await asyncnet.tcp.Client(server.host, server.port, ssl=trust).open()


async def test_server_that_closes_or_stalls_in_the_handshake(trust: ssl.SSLContext) -> None:
    with testing.TCPServer([Close()]) as server:
        with pytest.raises(asyncnet.TLSError, match="handshake"):
            await asyncnet.tcp.Client(server.host, server.port, ssl=trust).open()
    with testing.TCPServer([Stall()]) as server:
        with pytest.raises(asyncnet.OperationTimeout) as caught:
            await asyncnet.tcp.Client(server.host, server.port, ssl=trust, timeout=0.1).open()
        assert caught.value.phase == "tls"


async def test_clean_end_and_cut_are_told_apart(server_context: ssl.SSLContext, trust: ssl.SSLContext) -> None:
    with testing.TCPServer([Send(b"all"), Close()], ssl=server_context) as server:
        async with asyncnet.tcp.Client(server.host, server.port, ssl=trust) as stream:
            assert await stream.receive_exactly(3) == b"all"
            assert await stream.receive() == b""
    with testing.TCPServer([Send(b"par"), Cut()], ssl=server_context) as server:
        async with asyncnet.tcp.Client(server.host, server.port, ssl=trust) as stream:
            assert await stream.receive_exactly(3) == b"par"
            with pytest.raises(asyncnet.ConnectionLost, match="close_notify"):
                await stream.receive()


async def test_half_close(server_context: ssl.SSLContext, trust: ssl.SSLContext) -> None:
    async def count(stream: asyncnet.tcp.Stream) -> None:
        total = sum([len(chunk) async for chunk in stream])
        await stream.send(b"%d" % total)

    async with asyncnet.tcp.Server(count, ssl=server_context) as server:
        assert await asyncnet.tcp.exchange("127.0.0.1", server.port, bytes(700_000), ssl=trust) == b"700000"


async def test_garbage_after_the_handshake_is_a_protocol_error(
    server_context: ssl.SSLContext, trust: ssl.SSLContext
) -> None:
    async def spoil(downstream: asyncnet.tcp.Stream) -> None:
        """Relay, and flip a bit of the 10,000th byte that the server sends."""

        async def up() -> None:
            with contextlib.suppress(asyncnet.AsyncNetError):
                async for chunk in downstream:
                    await upstream.send(chunk)

        async with asyncnet.tcp.Client(server.host, server.port) as upstream:
            task = asyncio.create_task(up())
            passed = 0
            async for chunk in upstream:
                spoiled = bytearray(chunk)
                if passed <= 10_000 < passed + len(chunk):
                    spoiled[10_000 - passed] ^= 1
                passed += len(chunk)
                await downstream.send(spoiled)
            task.cancel()

    with testing.TCPServer([Send(b"x" * 50_000), Stall()], ssl=server_context) as server:
        async with (
            asyncnet.tcp.Server(spoil) as spoiler,
            asyncnet.tcp.Client("127.0.0.1", spoiler.port, ssl=trust) as stream,
        ):
            with pytest.raises(asyncnet.ProtocolError, match="TLS record"):
                await stream.receive_exactly(50_000, timeout=10)
            stream.abort()
            await spoiler.close(grace=0)


async def test_closing_loses_nothing_that_was_sent(server_context: ssl.SSLContext, trust: ssl.SSLContext) -> None:
    """The server's session tickets lie unread when we close: the kernel would reset the connection for them."""
    received: list[int] = []

    async def slow(stream: asyncnet.tcp.Stream) -> None:
        await asyncio.sleep(0)
        received.append(sum([len(chunk) async for chunk in stream]))

    async with asyncnet.tcp.Server(slow, ssl=server_context) as server:
        for _ in range(5):
            async with asyncnet.tcp.Client("127.0.0.1", server.port, ssl=trust) as stream:
                await stream.send(bytes(500_000))
    assert received == [500_000] * 5


# ---- STARTTLS


def _upgrading(server_context: ssl.SSLContext) -> asyncnet.tcp.Server:
    async def serve(stream: asyncnet.tcp.Stream) -> None:
        assert await stream.receive_line() == b"STARTTLS"
        await stream.send(b"go\r\n")
        await stream.start_tls(server_context, server_side=True)
        async for line in stream.lines():
            await stream.send(line.upper() + b"\r\n")

    return asyncnet.tcp.Server(serve)


async def test_upgrade(server_context: ssl.SSLContext, trust: ssl.SSLContext) -> None:
    async with _upgrading(server_context) as server, asyncnet.tcp.Client("localhost", server.port) as stream:
        assert stream.ssl_object is None
        await stream.send(b"STARTTLS\r\n")
        assert await stream.receive_line() == b"go"
        await stream.start_tls(trust)
        assert stream.ssl_object is not None
        await stream.send(b"hello\n")
        assert await stream.receive_line() == b"HELLO"
        with pytest.raises(asyncnet.StateError, match="already"):
            await stream.start_tls(trust)


async def test_upgrade_verifies_the_name_that_was_dialled(
    server_context: ssl.SSLContext, trust: ssl.SSLContext
) -> None:
    dialer = asyncnet.Dialer(hosts={"mail.example": "127.0.0.1"})
    async with (
        _upgrading(server_context) as server,
        asyncnet.tcp.Client("mail.example", server.port, dialer=dialer) as stream,
    ):
        await stream.send(b"STARTTLS\r\n")
        await stream.receive_line()
        with pytest.raises(asyncnet.TLSError, match=r"mail\.example"):
            await stream.start_tls(trust)
        assert stream.closed


async def test_upgrade_refuses_bytes_that_came_before_it(trust: ssl.SSLContext) -> None:
    with testing.TCPServer([Expect(b"STARTTLS\r\n"), Send(b"go\r\ninjected\r\n"), Stall()]) as server:
        async with asyncnet.tcp.Client(server.host, server.port) as stream:
            await stream.send(b"STARTTLS\r\n")
            assert await stream.receive_line() == b"go"
            with pytest.raises(asyncnet.ProtocolError, match="10 bytes before"):
                await stream.start_tls(trust)
            assert stream.closed


async def test_upgrade_as_a_server_needs_a_context() -> None:
    with testing.TCPServer() as server:
        async with asyncnet.tcp.Client(server.host, server.port) as stream:
            with pytest.raises(ValueError, match="certificate"):
                await stream.start_tls(server_side=True)
            with pytest.raises(TypeError, match="ssl"):
                await stream.start_tls("yes")  # type: ignore[arg-type]  # what is tested


async def test_secrets_of_a_session_go_to_the_key_log_only_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    # Settings of the process are the user's interface here; nothing of the library is replaced.
    from asyncnet.core.tls import client_context

    assert client_context().minimum_version == ssl.TLSVersion.TLSv1_2
    assert client_context().verify_mode == ssl.CERT_REQUIRED
    assert client_context().check_hostname


async def test_what_follows_the_end_is_not_kept(server_context: ssl.SSLContext, trust: ssl.SSLContext) -> None:
    """After its close_notify a peer can go on sending; all of that is to be ignored (RFC 8446 section 6.1)."""
    go_on = asyncio.Event()
    kept: list[int] = []

    async def hold(stream: asyncnet.tcp.Stream) -> None:
        assert await stream.receive() == b""
        await go_on.wait()
        assert stream._wire is not None
        assert stream._wire.tls is not None
        kept.append(stream._wire.tls._incoming.pending)
        await stream.send(b"done")

    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = trust.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    loop = asyncio.get_running_loop()
    async with asyncnet.tcp.Server(hold, ssl=server_context) as server:
        with socket.create_connection(("127.0.0.1", server.port)) as peer:
            peer.setblocking(False)
            while True:
                try:
                    session.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    await loop.sock_sendall(peer, outgoing.read())
                    incoming.write(await loop.sock_recv(peer, 65_536))
            with contextlib.suppress(ssl.SSLWantReadError):
                session.unwrap()
            await loop.sock_sendall(peer, outgoing.read())
            for _ in range(20):
                await loop.sock_sendall(peer, bytes(1_000_000))
            go_on.set()
            while not kept:
                await asyncio.sleep(0)
    assert kept[0] <= 262_144  # what came together with the end


async def test_a_context_of_the_other_side_is_refused_before_any_io(
    server_context: ssl.SSLContext, trust: ssl.SSLContext
) -> None:
    async def nobody(stream: asyncnet.tcp.Stream) -> None:
        raise AssertionError("nobody comes")

    with pytest.raises(ValueError, match="this is the server"):
        asyncnet.tcp.Server(nobody, ssl=trust)
    with pytest.raises(ValueError, match="this is the client"):
        asyncnet.tcp.Client("localhost", 1, ssl=server_context)
    async with asyncnet.tcp.Server(nobody, ssl=server_context) as server:
        with pytest.raises(ValueError, match="this is the server"):
            server.reload_tls(trust)
    with testing.TCPServer() as peer:
        async with asyncnet.tcp.Client(peer.host, peer.port) as stream:
            with pytest.raises(ValueError, match="this is the client"):
                await stream.start_tls(server_context)
            with pytest.raises(ValueError, match="this is the server"):
                await stream.start_tls(trust, server_side=True)
            assert not stream.closed

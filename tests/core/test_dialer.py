"""The dialer against real sockets and scripted names: families, overrides, policies, TLS, what is left."""

from __future__ import annotations

import asyncio
import contextvars
import ipaddress
import os
import resource
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, contextmanager

import pytest

import asyncnet
from asyncnet import Dialer, testing
from asyncnet.core.dialer import current_dialer
from tests.core.network import blackhole, free_port, listening, needs_ipv6

pytestmark = pytest.mark.asyncio

CA = testing.CertificateAuthority()


@asynccontextmanager
async def names(records, **options) -> AsyncIterator[tuple[Dialer, testing.DNSServer]]:
    """A dialer that asks a scripted name server."""
    with testing.DNSServer(records) as server:
        async with asyncnet.dns.Resolver(nameservers=[server.nameserver], hosts_file=False, cache_size=0) as resolver:
            yield Dialer(resolver=resolver, **options), server


async def peer_of(dialer: Dialer, host: str, port: int, **options) -> str:
    """Connect, and return the address that answered."""
    sock = await dialer.connect_socket(host, port, **{"timeout": 10, **options})
    with sock:
        assert sock.getblocking() is False
        return sock.getpeername()[0]


def waiting_for(gate: testing.Gate, answer):
    async def later(query):
        await gate.wait(30)
        return answer

    return later


# ---- names and addresses


@needs_ipv6
async def test_ipv6_is_preferred_and_the_second_family_not_waited_for():
    port = free_port("::1", "127.0.0.1")
    never = testing.Gate()
    records = {("both.example", "AAAA"): "::1", ("both.example", "A"): waiting_for(never, "127.0.0.1")}
    with listening("::1", port), listening("127.0.0.1", port):
        async with testing.no_leaks(), names(records) as (dialer, server):
            assert await peer_of(dialer, "both.example", port) == "::1"
            await server.wait_until(lambda: server.count("both.example", "A") == 1)
    never.set()


async def test_ipv4_is_dialled_while_the_other_family_is_still_asked_for():
    never = testing.Gate()
    records = {("half.example", "A"): "127.0.0.1", ("half.example", "AAAA"): waiting_for(never, testing.NODATA)}
    with listening("127.0.0.1") as listener:
        async with names(records) as (dialer, _):
            with asyncnet.trace() as trace:
                assert await peer_of(dialer, "half.example", listener.getsockname()[1]) == "127.0.0.1"
    never.set()
    (attempt,) = [span for span in trace.spans if span.name == "attempt"]
    answered = next(span for span in trace.spans if span.name == "resolve" and span.attributes["type"] == "A")
    assert 0.045 < attempt.started - answered.ended < 0.25
    (unanswered,) = [span for span in trace.spans if span.name == "resolve" and span.attributes["type"] == "AAAA"]
    assert unanswered.error == "cancelled: another address answered"


@needs_ipv6
async def test_an_address_that_refuses_costs_no_time():
    port = free_port("::1", "127.0.0.1")
    with listening("127.0.0.1", port):
        async with names({("two.example", "AAAA"): "::1", ("two.example", "A"): "127.0.0.1"}) as (dialer, _):
            with asyncnet.trace() as trace:
                assert await peer_of(dialer, "two.example", port) == "127.0.0.1"
    first, second = [span for span in trace.spans if span.name == "attempt"]
    assert first.error == "ConnectionRefusedError: Connection refused"
    assert second.started - first.ended < 0.1


@needs_ipv6
async def test_an_address_that_swallows_costs_a_quarter_of_a_second_once():
    port = free_port("::1", "127.0.0.1")
    records = {("hole.example", "AAAA"): "::1", ("hole.example", "A"): "127.0.0.1"}
    with blackhole("::1", port), listening("127.0.0.1", port) as listener:
        async with testing.no_leaks(), names(records) as (dialer, server):
            with asyncnet.trace() as trace:
                assert await peer_of(dialer, "hole.example", port) == "127.0.0.1"
            first, second = [span for span in trace.spans if span.name == "attempt"]
            assert 0.24 < second.started - first.started < 0.5
            assert first.error == "cancelled: another address answered"
            with asyncnet.trace() as trace:
                assert await peer_of(dialer, "hole.example", port) == "127.0.0.1"
            again = [span for span in trace.spans if span.name == "attempt"][-1]
            assert again.attributes["address"] == f"127.0.0.1:{port}"
            assert again.started < 0.2  # the last winner waits for no turn
            listener.close()
            with listening("127.0.0.2", port):
                server.records[("hole.example", "A")] = ["127.0.0.1", "127.0.0.2"]
                server.records[("hole.example", "AAAA")] = []
                assert await peer_of(dialer, "hole.example", port) == "127.0.0.2"  # the last winner refused


async def test_all_addresses_are_named_when_none_answers():
    port = free_port("127.0.0.1", "127.0.0.2", "127.0.0.3")
    records = {("dead.example", "A"): ["127.0.0.1", "127.0.0.2", "127.0.0.3"], ("dead.example", "AAAA"): []}
    async with testing.no_leaks(), names(records) as (dialer, _):
        with pytest.raises(asyncnet.ConnectError) as caught:
            await dialer.connect("dead.example", port, timeout=10)
    error = caught.value
    assert {attempt.target for attempt in error.attempts} == {f"127.0.0.{n}:{port}" for n in (1, 2, 3)}
    assert error.errno == 111
    assert (error.protocol, error.operation, error.peer) == ("tcp", "connect", f"dead.example:{port}")
    assert error.phase == "connect"


async def test_a_deadline_tells_what_was_tried():
    with blackhole("127.0.0.1") as port:
        records = {("hole.example", "A"): "127.0.0.1", ("hole.example", "AAAA"): []}
        async with testing.no_leaks(), names(records) as (dialer, _):
            for host in ("hole.example", "127.0.0.1"):
                with pytest.raises(asyncnet.OperationTimeout) as caught:
                    await dialer.connect(host, port, timeout=0.3)
                assert caught.value.phase == "connect"
                (attempt,) = caught.value.attempts
                assert (attempt.target, attempt.error) == (f"127.0.0.1:{port}", "no answer yet")
                assert 0.2 < attempt.elapsed < 5


async def test_a_name_server_that_is_silent_is_a_timeout_of_the_phase_resolve():
    async with names({("silent.example", "*"): testing.SILENCE}) as (dialer, _):
        with pytest.raises(asyncnet.OperationTimeout) as caught:
            await dialer.connect("silent.example", 80, timeout=0.2)
    assert caught.value.phase == "resolve"


async def test_a_name_that_does_not_exist_is_told_so():
    async with names({}) as (dialer, _):
        with pytest.raises(asyncnet.NameNotFound) as caught:
            await dialer.connect("nobody.example", 80, timeout=10)
    assert (caught.value.protocol, caught.value.peer) == ("tcp", "nobody.example:80")


@pytest.mark.slow
async def test_one_attempt_takes_ten_seconds_at_most_whatever_the_timeout():
    async def given_up(words: str, doing: Awaitable[object]) -> None:
        started = asyncio.get_running_loop().time()
        with pytest.raises(asyncnet.OperationTimeout, match=words):
            await doing
        assert 9.9 < asyncio.get_running_loop().time() - started < 15

    trust = Dialer(ssl_context=CA.client_context())
    with blackhole("127.0.0.1") as hole, listening("127.0.0.1") as listener:
        silent = listener.getsockname()[1]
        through = Dialer(proxy=f"http://127.0.0.1:{silent}")
        elsewhere = {"EPSV": f"229 in that direction (|||{silent}|)", "RETR": "150 here it comes"}
        async with testing.no_leaks():
            with testing.FTPServer(starttls=CA.server_context(), replies=elsewhere) as server:
                ftp = asyncnet.ftp.Client("127.0.0.1", server.port, starttls=True, timeout=None, dialer=trust)
                await ftp.open()
                with testing.TCPServer(agreeing_to_tls) as mail:
                    pop3 = asyncnet.pop3.Client("127.0.0.1", mail.port, starttls=True, timeout=None, dialer=trust)
                    await asyncio.gather(
                        given_up("no answer within 10 s", Dialer().connect("127.0.0.1", hole, timeout=None)),
                        given_up("no answer within 10 s", Dialer().connect("127.0.0.1", hole, timeout=60)),
                        given_up(
                            "TLS handshake: no answer within 10 s",
                            Dialer().connect("127.0.0.1", silent, ssl=True, timeout=None),
                        ),
                        given_up("TLS handshake: no answer within 10 s", pop3.open()),
                        given_up("no TLS handshake on the data connection for 10 s", ftp.fetch("/file")),
                        given_up(
                            r"proxy http://127\.0\.0\.1:\d+: no answer within 10 s",
                            through.connect("127.0.0.1", 80, timeout=None),
                        ),
                    )


async def agreeing_to_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A POP3 server that agrees to TLS and then says nothing."""
    for said in (b"+OK\r\n", b"+OK\r\nSTLS\r\n.\r\n", b"+OK\r\n"):
        writer.write(said)
        await reader.readline()
    while await reader.read(1000):
        pass


async def test_cancelled_at_any_moment_it_leaves_nothing():
    port = free_port("127.0.0.1", "127.0.0.2")
    records = {("slow.example", "A"): ["127.0.0.1", "127.0.0.2"], ("slow.example", "AAAA"): []}
    with blackhole("127.0.0.1", port), listening("127.0.0.2", port):
        async with testing.no_leaks(), names(records, happy_eyeballs_delay=0.03) as (dialer, _):
            for turns in range(40):
                task = asyncio.create_task(dialer.connect("slow.example", port, timeout=10))
                for _ in range(turns):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.wait([task])
                if not task.cancelled():
                    task.result().abort()


# ---- overrides


@pytest.mark.parametrize("name", ["api.example", "API.Example", "api.example.", "192.0.2.7", "0xc0000207"])
async def test_a_host_can_stand_for_another(name):
    hosts = {"api.example": "127.0.0.1", "192.0.2.7": "127.0.0.1"}
    with testing.TCPServer() as server:
        assert await asyncnet.tcp.exchange(name, server.port, b"ping", dialer=Dialer(hosts=hosts)) == b"ping"


async def test_a_host_can_stand_for_another_name():
    with listening("127.0.0.1") as listener:
        records = {("real.example", "A"): "127.0.0.1", ("real.example", "AAAA"): []}
        async with names(records, hosts={"alias.example": "real.example"}) as (dialer, server):
            assert await peer_of(dialer, "alias.example", listener.getsockname()[1]) == "127.0.0.1"
            assert {query.name for query in server.queries} == {"real.example"}


async def test_the_certificate_is_that_of_the_name_asked_for():
    dialer = Dialer(hosts={"api.example": "127.0.0.1"}, ssl_context=CA.client_context())
    with testing.TCPServer(ssl=CA.server_context("api.example")) as server:
        stream = await dialer.connect("api.example.", server.port, ssl=True)
        assert stream.ssl_object is not None
        await stream.close()
        with pytest.raises(asyncnet.TLSError, match=r"certificate is for api\.example, not 127\.0\.0\.1"):
            await dialer.connect("127.0.0.1", server.port, ssl=True)
        stream = await dialer.connect("127.0.0.1", server.port, ssl=True, server_hostname="api.example")
        await stream.close()


async def test_a_family_can_be_chosen():
    port = free_port("::1", "127.0.0.1")
    records = {("both.example", "AAAA"): "::1", ("both.example", "A"): "127.0.0.1"}
    with listening("127.0.0.1", port):
        async with names(records, family=socket.AF_INET) as (dialer, server):
            assert await peer_of(dialer, "both.example", port) == "127.0.0.1"
            assert server.count("both.example", "AAAA") == 0
            with pytest.raises(asyncnet.ConnectError, match=r"\[::1\]:\d+ is not of the dialer's address family"):
                await dialer.connect("::1", port)
            assert [str(endpoint) for endpoint in await dialer.endpoints("both.example", port)] == [f"127.0.0.1:{port}"]


async def test_the_own_address_can_be_chosen():
    port = free_port("127.0.0.1")
    records = {("both.example", "AAAA"): "::1", ("both.example", "A"): "127.0.0.1"}
    with listening("127.0.0.1", port) as listener:
        async with names(records, local_address=("127.0.0.5", 0)) as (dialer, server):
            sock = await dialer.connect_socket("both.example", port)
            with sock, listener.accept()[0]:
                assert sock.getsockname()[0] == "127.0.0.5"
            assert server.count("both.example", "AAAA") == 0  # its family decides
            sock = await dialer.connect_socket("127.0.0.1", port, local_address=("127.0.0.6", 0))
            with sock, listener.accept()[0]:
                assert sock.getsockname()[0] == "127.0.0.6"
            with pytest.raises(asyncnet.ConnectError, match="could not connect"):
                await dialer.connect_socket("::1", port)
            with pytest.raises(asyncnet.ConnectError, match="Cannot assign requested address"):
                await dialer.connect_socket("127.0.0.1", port, local_address=("192.0.2.1", 0))


async def test_an_own_port_can_be_used_again_at_once():
    port = free_port("127.0.0.7")
    with testing.TCPServer() as server:
        for _ in range(2):
            answer = asyncnet.tcp.exchange("127.0.0.1", server.port, b"x", local_address=("127.0.0.7", port))
            assert await answer == b"x"


async def test_an_unknown_zone_is_no_name():
    with pytest.raises(asyncnet.ConnectError, match="No such device: nowhere"):
        await Dialer().connect("fe80::1%nowhere", 80)


# ---- Unix sockets


async def test_a_path_is_dialled(tmp_path):
    path = tmp_path / "socket"
    with testing.TCPServer(path=str(path)):
        stream = await Dialer(allow=asyncnet.public_only).connect(path=path)
        await stream.send(b"ping\n")
        assert await stream.receive_line() == b"ping"
        await stream.close()


async def test_a_path_that_leads_nowhere_is_an_attempt(tmp_path):
    for name, number in (("nothing", 2), ("x" * 200, None)):
        with pytest.raises(asyncnet.ConnectError) as caught:
            await Dialer().connect(path=tmp_path / name)
        assert [attempt.target for attempt in caught.value.attempts] == [str(tmp_path / name)]
        assert caught.value.errno == number
    with pytest.raises(ValueError, match="either host and port, or path"):
        await Dialer().connect("127.0.0.1", 80, path=tmp_path / "x")


@contextmanager
def no_descriptor_left():
    """Nobody in this process gets one more; needs those modules loaded that are to be tried."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.open(os.devnull, os.O_RDONLY)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_without_descriptors_the_error_says_so(tmp_path):
    async with names({("a.example", "A"): "127.0.0.1"}) as (dialer, _):
        await dialer.endpoints("a.example", 80)
        with pytest.raises(asyncnet.NoData):
            await dialer.resolver.lookup("a.example", "TXT")
        calls = [
            dialer.connect("127.0.0.1", 80), dialer.connect(path=tmp_path / "socket"),
            dialer.endpoints("a.example", 80), dialer.resolver.lookup("a.example", "TXT"),
        ]  # fmt: skip
        kinds = [asyncnet.ConnectError, asyncnet.ConnectError, asyncnet.ResolveError, asyncnet.ResolveError]
        with no_descriptor_left():
            errors = [await asyncio.gather(call, return_exceptions=True) for call in calls]
        for (error,), kind in zip(errors, kinds, strict=True):
            assert isinstance(error, kind), repr(error)
            assert "Too many open files" in str(error)
        assert await dialer.endpoints("a.example", 80) == (("127.0.0.1", 80),)


async def test_a_path_whose_queue_is_full_is_a_timeout(tmp_path):
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as busy, socket.socket(socket.AF_UNIX) as waiting:
        busy.bind(path)
        busy.listen(0)
        waiting.connect(path)
        async with testing.no_leaks():
            with pytest.raises(asyncnet.OperationTimeout):
                await Dialer().connect(path=path, timeout=0.2)


async def test_tls_over_a_path_needs_a_name(tmp_path):
    path = tmp_path / "socket"
    dialer = Dialer(ssl_context=CA.client_context())
    with pytest.raises(ValueError, match="server_hostname"):
        await dialer.connect(path=path, ssl=True)
    with testing.TCPServer(path=str(path), ssl=CA.server_context("a.example")):
        stream = await dialer.connect(path=path, ssl=True, server_hostname="a.example")
        await stream.close()


# ---- policy


async def test_a_policy_is_asked_about_the_address_just_before_it_is_dialled():
    asked: list[tuple[str, int]] = []
    context = contextvars.ContextVar("context", default="nothing")

    def allow(address, port):
        asked.append((str(address), port))
        assert context.get() == "the caller's"
        return address != ipaddress.ip_address("127.0.0.1")

    port = free_port("127.0.0.1", "127.0.0.2")
    context.set("the caller's")
    with listening("127.0.0.1", port) as forbidden, listening("127.0.0.2", port):
        records = {("mixed.example", "A"): ["127.0.0.1", "127.0.0.2"], ("mixed.example", "AAAA"): []}
        async with names(records, allow=allow) as (dialer, _):
            assert await peer_of(dialer, "mixed.example", port) == "127.0.0.2"
            with pytest.raises(asyncnet.ForbiddenAddress) as caught:
                await dialer.connect("127.0.0.1", port)
            assert [attempt.target for attempt in caught.value.attempts] == [f"127.0.0.1:{port}"]
            assert caught.value.__cause__ is None  # and not itself: who follows the causes would never end
            assert [str(e) for e in await dialer.endpoints("mixed.example", port)] == [f"127.0.0.2:{port}"]
            with pytest.raises(asyncnet.ForbiddenAddress):
                await dialer.endpoints("127.0.0.1", port)
        forbidden.setblocking(False)
        with pytest.raises(BlockingIOError):
            forbidden.accept()
    assert ("127.0.0.1", port) in asked


async def test_endpoints_that_are_all_forbidden_are_all_named():
    records = {("inside.example", "A"): ["127.0.0.1", "127.0.0.2"], ("inside.example", "AAAA"): []}
    async with names(records, allow=asyncnet.public_only) as (dialer, _):
        for host, count in (("inside.example", 2), ("127.0.0.1", 1)):
            with pytest.raises(asyncnet.ForbiddenAddress) as caught:
                await dialer.endpoints(host, 53)
            targets = [attempt.target for attempt in caught.value.attempts]
            assert sorted(targets) == [f"127.0.0.{i + 1}:53" for i in range(count)]
            assert all(target in str(caught.value) for target in targets)


async def test_a_name_that_is_rebound_is_judged_each_time():
    answers = iter([["127.0.0.2"], ["127.0.0.1"]])
    port = free_port("127.0.0.1", "127.0.0.2")

    def allow(address, port):
        return str(address) != "127.0.0.1"

    with listening("127.0.0.2", port), listening("127.0.0.1", port):
        records = {("rebound.example", "A"): lambda query: next(answers), ("rebound.example", "AAAA"): []}
        async with names(records, allow=allow) as (dialer, _):
            assert await peer_of(dialer, "rebound.example", port) == "127.0.0.2"
            dialer.resolver.clear_cache()
            with pytest.raises(asyncnet.ForbiddenAddress):
                await dialer.connect("rebound.example", port)


@pytest.mark.parametrize("answer", [None, 1, "yes"])
async def test_a_policy_that_gives_no_bool_is_a_defect(answer):
    with listening("127.0.0.1") as listener:
        dialer = Dialer(allow=lambda address, port: answer)
        with pytest.raises(TypeError, match="allow must return a bool"):
            await dialer.connect("localhost", listener.getsockname()[1])


# ---- datagrams


async def test_endpoints_are_all_addresses_in_order():
    records = {("both.example", "AAAA"): "::1", ("both.example", "A"): ["127.0.0.1", "127.0.0.2"]}
    async with names(records) as (dialer, _):
        found = await dialer.endpoints("both.example", 53)
        assert sorted(map(str, found)) == ["127.0.0.1:53", "127.0.0.2:53", "[::1]:53"]
        assert found[0].host != found[2].host
        assert await dialer.endpoints("0x7f.1", 53) == (("127.0.0.1", 53),)
        with pytest.raises(asyncnet.NameNotFound):
            await dialer.endpoints("nobody.example", 53)
    with pytest.raises(ValueError, match="datagrams cannot go through a proxy"):
        await Dialer(proxy="http://127.0.0.1:1").endpoints("127.0.0.1", 53)


# ---- STARTTLS


async def test_starttls_takes_the_dialers_context_and_the_name_that_was_dialled():
    async def handler(stream: asyncnet.tcp.Stream) -> None:
        await stream.receive_line()
        await stream.send(b"go on\n")
        await stream.start_tls(CA.server_context("api.example"), server_side=True)
        await stream.send(b"secret\n")

    async with asyncnet.tcp.Server(handler) as server:
        dialer = Dialer(hosts={"api.example": "127.0.0.1"}, ssl_context=CA.client_context())
        stream = await dialer.connect("api.example", server.port)
        await stream.send(b"STARTTLS\n")
        assert await stream.receive_line() == b"go on"
        await stream.start_tls()
        assert await stream.receive_line() == b"secret"
        await stream.close()


# ---- which dialer


async def test_the_innermost_dialer_counts():
    outer, inner = Dialer(), Dialer()
    default = current_dialer()
    with asyncnet.use(outer) as given:
        assert given is outer is current_dialer()
        with asyncnet.use(inner):
            assert current_dialer() is inner
            assert await asyncio.create_task(in_a_task()) is inner
        assert current_dialer() is outer
    assert current_dialer() is default


async def in_a_task() -> Dialer:
    return current_dialer()


async def test_a_loop_has_one_default_dialer_and_every_loop_its_own():
    assert current_dialer() is current_dialer()
    found: list[Dialer] = []
    thread = threading.Thread(target=lambda: found.append(asyncio.run(in_a_task())))
    thread.start()
    thread.join(10)
    assert found[0] is not current_dialer()


async def test_only_a_dialer_can_be_used():
    with pytest.raises(TypeError, match=r"use\(\) takes a Dialer, not str"), asyncnet.use("http://proxy"):
        raise AssertionError("not reached")


async def test_a_dialer_that_is_used_decides_for_one_shots():
    with testing.TCPServer() as server:
        with asyncnet.use(Dialer(allow=asyncnet.public_only)):
            with pytest.raises(asyncnet.ForbiddenAddress):
                await asyncnet.tcp.exchange("127.0.0.1", server.port, b"x")
            own = asyncnet.tcp.exchange("127.0.0.1", server.port, b"x", dialer=Dialer())
            assert await own == b"x"  # what is given wins
    assert server.connections.total == 1


# ---- making one


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"resolver": "127.0.0.1"}, TypeError),
        ({"allow": True}, TypeError),
        ({"hosts": ["a", "b"]}, TypeError),
        ({"hosts": {"a b": "127.0.0.1"}}, ValueError),
        ({"hosts": {"a": "127.0.0.1:80"}}, ValueError),
        ({"hosts": {"a": 3}}, TypeError),
        ({"proxy": "ftp://127.0.0.1"}, ValueError),
        ({"proxy": 8080}, TypeError),
        ({"proxy": "socks5h://127.0.0.1", "allow": asyncnet.public_only}, ValueError),
        ({"family": 4}, ValueError),
        ({"family": socket.AF_UNIX}, ValueError),
        ({"local_address": ("localhost", 0)}, ValueError),
        ({"local_address": "127.0.0.1"}, TypeError),
        ({"ssl_context": True}, TypeError),
        ({"ssl_context": CA.server_context()}, ValueError),
        ({"happy_eyeballs_delay": 0}, ValueError),
        ({"happy_eyeballs_delay": -1}, ValueError),
        ({"happy_eyeballs_delay": 11}, ValueError),
        ({"happy_eyeballs_delay": None}, ValueError),
        ({"happy_eyeballs_delay": "0.25"}, TypeError),
    ],
)
async def test_what_a_dialer_cannot_be_made_of_is_refused(options, kind):
    name = next(iter(options))
    with pytest.raises(kind, match="socks5h" if len(options) > 1 else name):  # the words say which one
        Dialer(**options)


@pytest.mark.parametrize("method", ["connect", "connect_socket", "endpoints"])
@pytest.mark.parametrize(
    ("host", "port"),
    [("", 80), ("a b", 80), ("a\nb", 80), ("user@host", 80), ("x" * 64, 80), ("a", 65536), ("a", "80x")],
)
async def test_where_nobody_can_be_is_refused_before_any_io(method, host, port):
    with pytest.raises(ValueError, match=r"host|port"):
        await getattr(Dialer(), method)(host, port)


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"ssl": "yes"}, TypeError),
        ({"ssl": CA.server_context()}, ValueError),
        ({"ssl": True, "server_hostname": "a b"}, ValueError),
        ({"timeout": -1}, ValueError),
        ({"timeout": "1"}, TypeError),
        ({"local_address": ("x", 1)}, ValueError),
    ],
)
async def test_options_without_sense_are_refused_before_any_io(options, kind):
    with listening("127.0.0.1") as listener:
        with pytest.raises(kind):
            await Dialer().connect("127.0.0.1", listener.getsockname()[1], **options)
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()


async def test_its_repr_shows_no_secret():
    dialer = Dialer(proxy="http://user:sesam@proxy.example:3128", hosts={"a.example": "127.0.0.1"})
    assert repr(dialer) == "<Dialer hosts={'a.example': '127.0.0.1'} proxy='http://proxy.example:3128'>"
    assert repr(Dialer()) == "<Dialer>"
    assert "sesam" not in repr(dialer.proxy)


async def test_a_context_of_the_caller_wins():
    strict = ssl.create_default_context()
    dialer = Dialer(ssl_context=CA.client_context())
    with testing.TCPServer(ssl=CA.server_context("127.0.0.1")) as server:
        stream = await dialer.connect("127.0.0.1", server.port, ssl=True)
        await stream.close()
        with pytest.raises(asyncnet.TLSError, match="not trusted here"):
            await dialer.connect("127.0.0.1", server.port, ssl=strict)


async def test_a_stream_tells_how_it_came_about_also_without_a_trace():
    dialer = Dialer(ssl_context=CA.client_context(), hosts={"two.example": "localhost"})
    with testing.TCPServer(ssl=CA.server_context("localhost")) as server:
        stream = await dialer.connect("two.example", server.port, ssl=True, server_hostname="localhost")
        await stream.close()
    assert stream.attempts[-1].target == f"127.0.0.1:{server.port}"
    assert stream.attempts[-1].error == ""
    assert set(stream.timings) == {"connect", "tls"}
    assert all(0 < seconds < 10 for seconds in stream.timings.values())
    assert asyncnet.tcp.Client("127.0.0.1", 1).attempts == ()
    assert dict(asyncnet.tcp.Client("127.0.0.1", 1).timings) == {}


async def test_the_trace_of_a_connection_tells_names_attempts_and_tls():
    dialer = Dialer(ssl_context=CA.client_context())
    with testing.TCPServer(ssl=CA.server_context("localhost")) as server:
        with asyncnet.trace() as trace:
            stream = await dialer.connect("localhost", server.port, ssl=True)
        await stream.close()
    root, connect, *below, tls, life = trace.spans
    assert (life.name, life.depth, life.ended is None) == ("tcp transfer", 0, False)
    assert (root.name, root.attributes["peer"]) == ("tcp connect", f"localhost:{server.port}")
    assert root.attributes.keys() >= {"rtt_ms", "retransmits", "cwnd"}
    assert connect.attributes == {"host": "localhost", "port": server.port, "address": f"127.0.0.1:{server.port}"}
    assert {span.name for span in below} == {"resolve", "attempt"}
    assert (tls.name, tls.depth) == ("tls", 1)
    assert tls.attributes == {"server_hostname": "localhost", "version": "TLSv1.3", "alpn": None}

"""Through a proxy: what it is told, what it is not, and what it may answer."""

from __future__ import annotations

import asyncio

import pytest

import asyncnet
from asyncnet import Dialer, testing
from asyncnet.core.proxy import parse_proxy
from tests.core.network import blackhole, free_port, needs_ipv6
from tests.core.proxies import Proxy

pytestmark = pytest.mark.asyncio

CA = testing.CertificateAuthority()
SCHEMES = ["http", "socks5", "socks5h"]
each_scheme = pytest.mark.parametrize("scheme", SCHEMES)


async def exchange(host: str, port: int, **options) -> bytes:
    return await asyncnet.tcp.exchange(host, port, b"ping", timeout=10, dialer=Dialer(**options))


# ---- what the proxy is told


@each_scheme
@pytest.mark.parametrize("host", ["127.0.0.1", "0x7f.1"])
async def test_an_address_is_handed_over_as_it_is(scheme, host):
    with testing.TCPServer() as server, Proxy(scheme) as proxy:
        assert await exchange(host, server.port, proxy=proxy.url()) == b"ping"
        assert proxy.asked == [("127.0.0.1", server.port)]


@pytest.mark.parametrize("scheme", ["http", "socks5h"])
@pytest.mark.parametrize("host", ["origin.example", "Origin.Example."])
async def test_a_name_is_handed_over_and_not_looked_up_here(scheme, host):
    with testing.DNSServer({}) as names, testing.TCPServer() as server:
        async with asyncnet.dns.Resolver(nameservers=[names.nameserver]) as resolver:
            with Proxy(scheme, places={"origin.example": "127.0.0.1"}) as proxy:
                assert await exchange(host, server.port, proxy=proxy.url(), resolver=resolver) == b"ping"
                assert proxy.asked == [("origin.example", server.port)]
        assert names.queries == []


async def test_socks5_is_handed_an_address_that_was_looked_up_here():
    with testing.DNSServer({("origin.example", "A"): "127.0.0.1", ("origin.example", "AAAA"): []}) as names:
        with testing.TCPServer() as server, Proxy("socks5") as proxy:
            async with asyncnet.dns.Resolver(nameservers=[names.nameserver]) as resolver:
                assert await exchange("origin.example", server.port, proxy=proxy.url(), resolver=resolver) == b"ping"
            assert proxy.asked == [("127.0.0.1", server.port)]


@pytest.mark.parametrize("scheme", ["http", "socks5"])
async def test_with_a_policy_the_proxy_is_handed_the_checked_address(scheme):
    judged = []

    def allow(address, port):
        judged.append((str(address), port))
        return str(address) == "192.0.2.9"

    hosts = {"origin.example": "192.0.2.9", "inside.example": "10.0.0.5"}
    with testing.TCPServer(ssl=CA.server_context("origin.example")) as server:
        with Proxy(scheme, places={"192.0.2.9": "127.0.0.1"}) as proxy:
            dialer = Dialer(proxy=proxy.url(), allow=allow, hosts=hosts, ssl_context=CA.client_context())
            # SNI and certificate go by the name all the same.
            async with asyncnet.tcp.Client("origin.example", server.port, ssl=True, dialer=dialer) as stream:
                await stream.send(b"x")
                assert await stream.receive() == b"x"
            assert proxy.asked == [("192.0.2.9", server.port)]
            assert judged == [("192.0.2.9", server.port)]  # the proxy's own address is the caller's word
            for host in ("inside.example", "127.0.0.1", "localhost"):
                with pytest.raises(asyncnet.ForbiddenAddress):
                    await asyncnet.tcp.exchange(host, server.port, b"x", dialer=dialer)
            assert len(proxy.asked) == 1
            assert proxy.connections.total == 1


@pytest.mark.parametrize("scheme", ["http", "socks5h"])
async def test_a_host_that_stands_for_another_is_handed_over_as_that(scheme):
    with testing.TCPServer() as server, Proxy(scheme, places={"real.example": "127.0.0.1"}) as proxy:
        hosts = {"alias.example": "real.example", "local.example": "127.0.0.1"}
        assert await exchange("alias.example", server.port, proxy=proxy.url(), hosts=hosts) == b"ping"
        assert await exchange("local.example", server.port, proxy=proxy.url(), hosts=hosts) == b"ping"
        assert proxy.asked == [("real.example", server.port), ("127.0.0.1", server.port)]


@needs_ipv6
@each_scheme
async def test_ipv6_on_both_ways(scheme):
    with testing.TCPServer(host="::1") as server, Proxy(scheme, host="::1") as proxy:
        assert await exchange("::1", server.port, proxy=proxy.url()) == b"ping"
        assert proxy.asked == [("::1", server.port)]


@each_scheme
async def test_the_proxy_has_a_name_too(scheme):
    records = {("proxy.example", "A"): ["127.0.0.2", "127.0.0.1"], ("proxy.example", "AAAA"): []}
    with testing.DNSServer(records) as names, testing.TCPServer() as server, Proxy(scheme) as proxy:
        url = f"{scheme}://proxy.example:{proxy.port}"
        async with asyncnet.dns.Resolver(nameservers=[names.nameserver]) as resolver:
            assert await exchange("127.0.0.1", server.port, proxy=url, resolver=resolver) == b"ping"
        assert await exchange("127.0.0.1", server.port, proxy=url, hosts={"proxy.example": "127.0.0.1"}) == b"ping"


@each_scheme
async def test_the_own_address_is_that_towards_the_proxy(scheme):
    peers: list[str] = []

    async def note(reader, writer):
        peers.append(writer.get_extra_info("peername")[0])

    with testing.TCPServer(note) as proxy:
        dialer = Dialer(proxy=f"{scheme}://127.0.0.1:{proxy.port}", local_address=("127.0.0.8", 0))
        with pytest.raises(asyncnet.ConnectError):
            await dialer.connect("127.0.0.1", 80, timeout=10)
    assert peers == ["127.0.0.8"]


# ---- credentials


@each_scheme
@pytest.mark.parametrize(
    ("userinfo", "login"), [("user:sesam@", ("user", "sesam")), ("us%40er:p%C3%A4ss%3Aword@", ("us@er", "päss:word"))]
)
async def test_a_login_is_given_when_it_is_asked_for(scheme, userinfo, login):
    with testing.TCPServer() as server, Proxy(scheme, login=login) as proxy:
        assert await exchange("127.0.0.1", server.port, proxy=proxy.url(userinfo)) == b"ping"
        assert proxy.logins == [login]


@each_scheme
@pytest.mark.parametrize("userinfo", ["", "user:wrong-sesam@", "user@"])
async def test_a_refused_login_ends_it_and_shows_no_secret(scheme, userinfo):
    with Proxy(scheme, login=("user", "sesam")) as proxy:
        dialer = Dialer(proxy=proxy.url(userinfo), hosts={"two.example": "localhost"})
        with asyncnet.trace() as trace, pytest.raises(asyncnet.AuthenticationError) as caught:
            await dialer.connect("two.example", 80, timeout=10)
        assert proxy.connections.total == 1  # no other address would help
    error = caught.value
    assert error.phase == "proxy"
    what = "other credentials" if userinfo else "credentials"
    assert f"proxy {scheme}://127.0.0.1:{proxy.port} wants {what}" in str(error)
    assert error.code == (407 if scheme == "http" else None)
    for shown in (str(error), repr(error), repr(error.attempts), str(trace), str(trace.to_dict()), repr(dialer)):
        assert "sesam" not in shown


async def test_a_login_that_is_not_asked_for_is_not_given_to_socks():
    with testing.TCPServer() as server, Proxy("socks5") as proxy:
        assert await exchange("127.0.0.1", server.port, proxy=proxy.url("user:sesam@")) == b"ping"
        assert proxy.logins == []


# ---- what it may answer

OPENED = {
    "http": [b"HTTP/1.1 200 OK\r\nVia: x\r\n\r\n"],
    "socks5": [b"\x05\x00", b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50"],
}


def script(scheme: str, fragment: int | None, greeting: bytes) -> list[object]:
    """A proxy that says yes, then what the target says first."""
    if scheme == "http":
        steps = [testing.Send(OPENED["http"][0] + greeting, fragment)]
        return [testing.Expect(b"CONNECT 192.0.2.1:80 HTTP/1.1\r\nHost: 192.0.2.1:80\r\n\r\n"), *steps]
    return [
        testing.Expect(b"\x05\x01\x00"),
        testing.Send(OPENED["socks5"][0], fragment),
        testing.Expect(b"\x05\x01\x00\x01\xc0\x00\x02\x01\x00\x50"),
        testing.Send(OPENED["socks5"][1] + greeting, fragment),
    ]


@pytest.mark.parametrize("scheme", ["http", "socks5"])
@pytest.mark.parametrize("fragment", [None, 1, 3])
async def test_what_the_target_says_first_is_not_swallowed(scheme, fragment):
    with testing.TCPServer(script(scheme, fragment, b"220 hello\r\n220 again\r\n")) as proxy:
        stream = await Dialer(proxy=f"{scheme}://127.0.0.1:{proxy.port}").connect("192.0.2.1", 80, timeout=10)
        assert await stream.receive_line() == b"220 hello"
        assert await stream.receive_line() == b"220 again"
        await stream.close()


@each_scheme
async def test_a_target_that_the_proxy_cannot_reach_is_no_connection(scheme):
    with Proxy(scheme, refused=frozenset({"127.0.0.1", "origin.example"})) as proxy:
        for host in ("127.0.0.1", *(["origin.example"] if scheme != "socks5" else [])):
            with pytest.raises(asyncnet.ConnectError) as caught:
                await Dialer(proxy=proxy.url()).connect(host, 80, timeout=10)
            error = caught.value
            words = "502 Bad Gateway" if scheme == "http" else "connection refused"
            assert error.args[0] == f"proxy {proxy.url()} gave no connection to {host}:80: {words}"
            assert error.phase == "proxy"
            assert [(attempt.target, bool(attempt.error)) for attempt in error.attempts] == [
                (f"127.0.0.1:{proxy.port}", False), (f"{host}:80", True),
            ]  # fmt: skip


async def test_an_address_that_the_proxy_cannot_reach_is_followed_by_the_next():
    records = {("two.example", "A"): ["127.0.0.2", "127.0.0.1"], ("two.example", "AAAA"): []}
    with testing.DNSServer(records) as names, testing.TCPServer() as server:
        with Proxy("socks5", refused=frozenset({"127.0.0.2"})) as proxy:
            async with asyncnet.dns.Resolver(nameservers=[names.nameserver]) as resolver:
                assert await exchange("two.example", server.port, proxy=proxy.url(), resolver=resolver) == b"ping"
            assert {host for host, _ in proxy.asked} >= {"127.0.0.1"}


ANSWERS = {
    "garbage": (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", asyncnet.ProtocolError),
    "no status": (b"HTTP/1.1 OK\r\n\r\n", asyncnet.ProtocolError),
    "endless": (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 5_000, asyncnet.ProtocolError),
    "unauthorised": (b"HTTP/1.0 401 Unauthorized\r\n\r\n", asyncnet.AuthenticationError),
    "cut": (b"HTTP/1.1 200 OK\r\n", asyncnet.ConnectError),
    "nothing": (b"", asyncnet.ConnectError),
    "socks garbage": (b"HT", asyncnet.ProtocolError),
    "socks 4": (b"\x00\x5a", asyncnet.ProtocolError),
    "socks cut": (b"\x05", asyncnet.ConnectError),
    "socks no reply": (b"\x05\x00", asyncnet.ConnectError),
    "socks short refusal": (b"\x05\x00\x05\x02", asyncnet.ConnectError),
    "socks other reply": (b"\x05\x00\x04\x00", asyncnet.ProtocolError),
    "socks unknown address": (b"\x05\x00\x05\x00\x00\x09\x00", asyncnet.ProtocolError),
    "socks cut address": (b"\x05\x00\x05\x00\x00\x03\xff1234", asyncnet.ConnectError),
    "socks method": (b"\x05\x07", asyncnet.AuthenticationError),
    "socks none fits": (b"\x05\xff", asyncnet.AuthenticationError),
}


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("end", [testing.Close(), testing.Reset()])
async def test_any_other_answer_is_a_typed_error(answer, end):
    said, kind = ANSWERS[answer]
    if answer.startswith("socks"):
        scheme = "socks5"
        steps: list[object] = [testing.Expect(b"\x05\x01\x00"), testing.Send(said[:2])]
        if said[:2] == b"\x05\x00":
            steps += [testing.Expect(b"\x05\x01\x00\x01\xc0\x00\x02\x01\x00\x50"), testing.Send(said[2:])]
    else:
        scheme = "http"
        steps = [testing.Expect(b"CONNECT 192.0.2.1:80 HTTP/1.1\r\nHost: 192.0.2.1:80\r\n\r\n"), testing.Send(said)]
    with testing.TCPServer([*steps, end]) as proxy:
        async with testing.no_leaks():
            with pytest.raises(asyncnet.AsyncNetError) as caught:
                await Dialer(proxy=f"{scheme}://127.0.0.1:{proxy.port}").connect("192.0.2.1", 80, timeout=10)
    error = caught.value
    # A reset may overtake what was said before it.
    assert type(error) is kind or (isinstance(end, testing.Reset) and type(error) is asyncnet.ConnectError)
    assert error.phase == "proxy"
    assert f"proxy {scheme}://127.0.0.1:{proxy.port}" in str(error)
    assert "\n" not in str(error)
    assert error.attempts


@each_scheme
@pytest.mark.parametrize("host", ["192.0.2.1", "origin.example"])
async def test_a_silent_proxy_is_a_timeout_of_the_phase_proxy(scheme, host):
    with testing.TCPServer([testing.Stall()]) as proxy:
        dialer = Dialer(proxy=f"{scheme}://127.0.0.1:{proxy.port}", hosts={"origin.example": "192.0.2.1"})
        async with testing.no_leaks():
            with pytest.raises(asyncnet.OperationTimeout) as caught:
                await dialer.connect(host, 80, timeout=0.2)
    assert caught.value.phase == "proxy"
    assert caught.value.attempts[0].target == f"127.0.0.1:{proxy.port}"


@each_scheme
async def test_a_proxy_that_is_not_there_is_told_once(scheme):
    port = free_port("127.0.0.1")
    dialer = Dialer(proxy=f"{scheme}://127.0.0.1:{port}", hosts={"both.example": "localhost"})
    with pytest.raises(asyncnet.ConnectError) as caught:
        await dialer.connect("both.example", 80, timeout=10)
    assert caught.value.args[0] == (
        f"proxy {scheme}://127.0.0.1:{port}: could not connect: 127.0.0.1:{port}: Connection refused"
    )


async def test_a_proxy_that_swallows_is_a_timeout():
    with blackhole("127.0.0.1") as port:
        with pytest.raises(asyncnet.OperationTimeout) as caught:
            await Dialer(proxy=f"socks5://127.0.0.1:{port}").connect("192.0.2.1", 80, timeout=0.2)
    assert caught.value.phase == "connect"


@each_scheme
async def test_a_target_that_speaks_no_tls_is_told_by_its_own_port(scheme):
    with testing.TCPServer([testing.Send(b"220 hello\r\n"), testing.Stall()]) as server, Proxy(scheme) as proxy:
        with pytest.raises(asyncnet.TLSError, match=f"^tcp connect .*: port {server.port} speaks STARTTLS"):
            await Dialer(proxy=proxy.url()).connect("127.0.0.1", server.port, ssl=True, timeout=10)


async def test_a_proxys_name_that_does_not_exist_is_told_so():
    with pytest.raises(asyncnet.NameNotFound, match=r"proxy http://proxy\.invalid:8080: "):
        await Dialer(proxy="http://proxy.invalid").connect("192.0.2.1", 80, timeout=10)


@each_scheme
async def test_cancelled_at_any_moment_it_leaves_nothing(scheme):
    with testing.TCPServer() as server, Proxy(scheme, places={"localhost": "127.0.0.1"}) as proxy:
        dialer = Dialer(proxy=proxy.url(), hosts={"origin.example": "localhost"})
        completed = False
        for turns in range(60):
            async with testing.no_leaks():
                task = asyncio.create_task(dialer.connect("origin.example", server.port, timeout=10))
                for _ in range(turns):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.wait([task])
                if not task.cancelled():
                    completed = True
                    task.result().abort()
        assert completed or proxy.asked


@each_scheme
async def test_the_trace_tells_the_way_through(scheme):
    with testing.TCPServer() as server, Proxy(scheme, login=("user", "sesam")) as proxy:
        with asyncnet.trace() as trace:
            await exchange("127.0.0.1", server.port, proxy=proxy.url("user:sesam@"))
    assert [(span.depth, span.name) for span in trace.spans] == [
        (0, "tcp exchange"), (1, "connect"), (2, "attempt"), (2, "tunnel"), (1, "transfer"),
    ]  # fmt: skip
    assert trace.spans[1].attributes["proxy"] == proxy.url()
    assert trace.spans[3].attributes == {"proxy": proxy.url(), "target": f"127.0.0.1:{server.port}"}
    assert "sesam" not in str(trace.to_dict())


# ---- how one is written


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://proxy.example", "http://proxy.example:8080"),
        ("HTTP://Proxy.Example:3128/", "http://proxy.example:3128"),
        ("socks5://0x7f.1", "socks5://127.0.0.1:1080"),
        ("socks5h://user:sesam@[::1]:9050", "socks5h://[::1]:9050"),
    ],
)
async def test_a_proxy_is_a_url(text, shown):
    proxy = parse_proxy(text)
    assert str(proxy) == shown
    assert "sesam" not in repr(proxy)
    assert hash(proxy) == hash(parse_proxy(text))


@pytest.mark.parametrize(
    "text",
    [
        "", "proxy.example:8080", "https://proxy.example", "socks4://proxy.example", "http://", "http://a b",
        "http://proxy.example/path", "http://proxy.example?query", "http://proxy.example#part", "http://proxy.example:0x50",
        "http://proxy.example:65536", "http://us%3Aer:sesam@proxy.example", f"http://{'u' * 256}@proxy.example",
        f"socks5://u:{'%C3%A4' * 128}@proxy.example", "http://user:a%0d%0ab@proxy.example", "http://proxy.example\n",
    ],
)  # fmt: skip
async def test_what_is_no_proxy_is_refused_without_showing_secrets(text):
    with pytest.raises(ValueError) as caught:
        Dialer(proxy=text)
    assert "sesam" not in str(caught.value)

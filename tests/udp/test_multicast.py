"""Groups: joined and left, on which interface, how far."""

from __future__ import annotations

import asyncio
import errno
import socket

import pytest

import asyncnet
from asyncnet import udp
from tests.udp.peers import plain_socket

pytestmark = pytest.mark.asyncio

GROUP, OTHER = "239.77.1.1", "239.77.1.2"


def send(group: str, port: int, data: bytes) -> None:
    with plain_socket() as sock:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
        sock.sendto(data, (group, port))


async def silence(server: udp.Server) -> None:
    with pytest.raises(asyncnet.OperationTimeout):
        await server.receive(timeout=0.02)


async def test_a_group_on_loopback():
    async with udp.Server(multicast=GROUP) as server:
        assert server.addresses == ((GROUP, server.port),)
        send(GROUP, server.port, b"hello")
        datagram = await server.receive()
        assert (datagram.data, datagram.peer.host) == (b"hello", "127.0.0.1")
        # Bound to the group: what is sent to this machine itself does not come.
        with plain_socket() as sock:
            sock.sendto(b"unicast", ("127.0.0.1", server.port))
        await silence(server)


async def test_several_receivers_of_one_group():
    async with udp.Server(multicast=GROUP) as one, udp.Server(port=one.port, multicast=GROUP) as other:
        send(GROUP, one.port, b"all")
        assert [(await server.receive()).data for server in (one, other)] == [b"all", b"all"]


async def test_a_client_sends_to_a_group_and_a_server_answers():
    async with udp.Server(multicast=GROUP) as server:
        async with udp.Client(GROUP, server.port, interface="127.0.0.1", ttl=0) as client:
            await client.send(b"who is there?")
            assert (await server.receive()).data == b"who is there?"
            assert client._sockets[0].getsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL) == 0


async def test_servers_talk_in_a_group():
    async with udp.Server(multicast=GROUP, ttl=3) as one, udp.Server(port=one.port, multicast=GROUP) as other:
        await one.send(b"hello", (GROUP, one.port))
        assert (await other.receive()).data == b"hello"
        assert one._sockets[0].getsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL) == 3


async def test_only_the_groups_that_were_joined():
    async with udp.Server(multicast=[GROUP, OTHER]) as both:
        async with udp.Server(host="0.0.0.0", port=0, multicast=[GROUP], interface="127.0.0.1") as one:
            for server in (both, one):
                send(OTHER, server.port, b"other")
                send(GROUP, server.port, b"group")
            assert [(await both.receive()).data for _ in range(2)] == [b"other", b"group"]
            assert (await one.receive()).data == b"group"


async def test_join_and_leave():
    async with udp.Server(host=None, interface="127.0.0.1") as server:
        send(GROUP, server.port, b"too early")
        await silence(server)
        server.join(GROUP)
        send(GROUP, server.port, b"now")
        assert (await server.receive()).data == b"now"
        server.leave(GROUP)
        send(GROUP, server.port, b"too late")
        await silence(server)
        with pytest.raises(asyncnet.ConnectError) as caught:
            server.leave(GROUP)
        assert (caught.value.errno, caught.value.operation) == (errno.EADDRNOTAVAIL, "leave")


async def test_by_the_name_of_the_interface():
    name = next(name for _, name in socket.if_nameindex() if name in ("lo", "lo0"))
    async with udp.Server(host="0.0.0.0", multicast=GROUP, interface=name) as server:
        send(GROUP, server.port, b"hello")
        assert (await server.receive()).data == b"hello"
        server.join(OTHER, interface=str(socket.if_nametoindex(name)))
        send(OTHER, server.port, b"number")
        assert (await server.receive()).data == b"number"


async def test_an_interface_that_does_not_exist():
    for make in (
        lambda: udp.Server(multicast=GROUP, interface="nowhere0"),
        lambda: udp.Server(host="::1", multicast="ff15::77", interface="nowhere0"),
        lambda: udp.Client(GROUP, 9, interface="nowhere0"),
        lambda: udp.Server(multicast=GROUP, interface="192.0.2.77"),
        lambda: udp.Server(host="::", multicast="ff15::77", interface="192.0.2.77"),
    ):
        with pytest.raises(asyncnet.ConnectError, match=r"no interface 'nowhere0'|interface.*192\.0\.2\.77"):
            await make().open()


async def test_a_group_of_the_other_family():
    async with udp.Server(host="0.0.0.0") as server:
        with pytest.raises(ValueError, match="cannot join ff15::77"):
            server.join("ff15::77")
        with pytest.raises(ValueError, match="a multicast group is an address"):
            server.join("127.0.0.1")


def multicast_interface() -> str | None:
    """An interface that IPv6 multicast can leave and enter by, without leaving this machine."""
    for index, name in socket.if_nameindex():
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect(("ff11::77", 9, 0, index))
                return name
            except OSError:
                continue
    return None


@pytest.mark.parametrize("host", ["::1", "::", None])
async def test_ipv6(host):
    interface = multicast_interface()
    if interface is None:
        pytest.skip("no interface of this machine has an IPv6 multicast route")
    group = "ff11::77"  # of the interface's own scope: it is never sent
    async with udp.Server(host=host, multicast=group, interface=interface) as server:
        async with udp.Client(group, server.port, interface=interface, ttl=0) as client:
            await client.send(b"hello")
            datagram = await server.receive(timeout=5)
            assert datagram.data == b"hello"
            assert client._sockets[0].getsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS) == 0
            # A link-local sender is named with its zone, and can be answered.
            with_zone = asyncio.ensure_future(server.send(b"back", datagram.peer))
            await with_zone
            assert server.stats.sent == 1
        if host is None:
            server.leave(group)


@pytest.mark.parametrize("interface", [None, "::1", "1", "fe80::1%1"])
async def test_ipv6_groups_on_loopback(interface):
    async with udp.Server(host="::1", multicast="ff11::78", interface=interface) as server:
        assert server.addresses[0].host.startswith("ff11::78%")
        server.leave("ff11::78")
        server.join("ff11::78%1")

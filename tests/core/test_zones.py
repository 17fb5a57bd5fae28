"""Link-local addresses, which mean nothing without their zone: each protocol reaches them by it.

They need an interface that has one: the tests run in a network namespace of their own, where that is permitted.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap

import pytest

from house import SOURCE
from tests.core.network import needs_ipv6

ADDRESS = "ip link set lo up && ip addr add fe80::1/64 dev lo nodad"
INSIDE = ("unshare", "--user", "--map-root-user", "--net", "sh", "-ec")

PROGRAM = """
    import asyncio, sys
    import asyncnet
    from asyncnet import testing

    PLACE = "fe80::1%lo"

    async def echo(stream):
        await stream.send(await stream.receive())

    async def say(datagram):
        return datagram.data

    async def tcp():
        async with asyncnet.tcp.Server(echo, PLACE) as server:
            hosts = asyncnet.Dialer(hosts={"origin.example": PLACE}, local_address=(PLACE, 0))
            answer = await asyncnet.tcp.exchange("origin.example", server.port, b"hi", dialer=hosts)
            async with asyncnet.tcp.Client(PLACE, server.port) as stream:
                again = stream.peer  # what it tells can be dialled
            answer += await asyncnet.tcp.exchange(*again, b"hi")
            return answer + await asyncnet.tcp.exchange(*server.addresses[0], b"hi")

    async def refused(place):
        dialer = asyncnet.Dialer(allow=asyncnet.public_only)
        try:
            await asyncnet.tcp.exchange(place, 9, b"hi", dialer=dialer if place == PLACE else None)
        except asyncnet.ConnectError as error:
            return error.args[0]

    async def http():
        with testing.HTTPServer({"/": "hello"}, host=PLACE) as server:
            return (await asyncnet.http.fetch(server.url("/"))).text

    async def ftp():
        with testing.FTPServer({"/a": b"x"}, host=PLACE) as server:
            async with asyncnet.ftp.Client(PLACE, server.port) as client:
                return await client.fetch("/a")

    async def udp():
        async with asyncnet.udp.Server(say, host=PLACE) as server:
            return await asyncnet.udp.exchange(PLACE, server.port, b"hi")

    async def dns(type):
        records = {("a.example", "A"): ["192.0.2.1"], ("a.example", "SVCB"): [(1, ".", {})]}
        with testing.DNSServer(records, host=PLACE) as server:
            async with asyncnet.dns.Resolver(nameservers=[f"[{PLACE}]:{server.port}"], timeout=5) as resolver:
                return len(await resolver.lookup("a.example", type))

    async def main():
        print(await tcp(), await http(), await ftp(), await udp(), await dns("A"), await dns("SVCB"))
        for place in (PLACE, "fe80::1", "fe80::1%nowhere"):
            print(await refused(place))

    if sys.argv[1] == "uvloop":
        import uvloop
        uvloop.run(main())
    else:
        asyncio.run(main())
"""


def may_have_namespaces() -> bool:
    if not all(shutil.which(tool) for tool in ("unshare", "ip")):
        return False
    return subprocess.run([*INSIDE, ADDRESS], capture_output=True, timeout=30, check=False).returncode == 0


@needs_ipv6
@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_link_local_addresses_are_reached_by_their_zone(loop):
    pytest.importorskip("dns", reason="the extra dns is not installed")
    if loop == "uvloop":
        pytest.importorskip("uvloop")
    if not may_have_namespaces():
        pytest.skip("network namespaces are not permitted here")
    done = subprocess.run(
        [*INSIDE, f'{ADDRESS} && exec "$0" -c "$1" "$2"', sys.executable, textwrap.dedent(PROGRAM), loop],
        env={**os.environ, "PYTHONPATH": str(SOURCE)}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.stderr, done.returncode) == ("", 0)
    assert done.stdout.splitlines() == [
        "b'hihihi' hello b'x' b'hi' 1 1",
        "[fe80::1%lo]:9 is not permitted by the dialer's allow policy",
        "could not connect: [fe80::1]:9: Invalid argument",
        "could not connect: [fe80::1%nowhere]:9: No such device: nowhere",
    ]

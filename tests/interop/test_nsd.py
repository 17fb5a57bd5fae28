"""dns beside NSD: records of each type, absent names, answers too long for a datagram."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from ipaddress import ip_address

import pytest
import pytest_asyncio

import asyncnet
from tests.interop.conftest import free_port, program, running

pytestmark = [pytest.mark.asyncio, pytest.mark.interop("nsd")]

ZONE = """
$ORIGIN example.org.
$TTL 300
@       IN SOA   ns hostmaster 1 3600 600 86400 60
@       IN NS    ns
@       IN A     192.0.2.1
@       IN AAAA  2001:db8::1
@       IN MX    10 mail
@       IN MX    20 backup
@       IN TXT   "v=spf1 -all"
@       IN CAA   0 issue "ca.example.net"
ns      IN A     192.0.2.53
www     IN CNAME @
two     IN TXT   "one string" "and another"
_sip._udp IN SRV 1 2 5060 sip
sip     IN NAPTR 10 20 "u" "E2U+sip" "!^.*$!sip:info@example.org!" .
_443._tcp IN TLSA 3 1 1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
svc     IN HTTPS 1 . alpn=h2,http/1.1 ipv4hint=192.0.2.7
""" + "\n".join(f"big IN TXT \"{number:03d} {'x' * 200}\"" for number in range(40))

CONFIG = """
server:
  ip-address: 127.0.0.1@{port}
  username: ""
  database: ""
  pidfile: "{folder}/nsd.pid"
  zonelistfile: "{folder}/zone.list"
  xfrdfile: "{folder}/xfrd.state"
  xfrdir: "{folder}"
  zonesdir: "{folder}"
  server-count: 1
remote-control:
  control-enable: no
zone:
  name: example.org
  zonefile: zone
"""


@pytest.fixture(scope="module")
def nsd(folder) -> Iterator[str]:
    path = program("nsd")
    port = free_port()
    (folder / "zone").write_text(ZONE + "\n")
    (folder / "nsd.conf").write_text(CONFIG.format(port=port, folder=folder))
    with running([path, "-d", "-c", str(folder / "nsd.conf")], port, folder=folder):
        yield f"127.0.0.1:{port}"


@pytest_asyncio.fixture
async def resolver(nsd) -> AsyncIterator[asyncnet.dns.Resolver]:
    async with asyncnet.dns.Resolver(nameservers=[nsd], hosts_file=False) as resolver:
        yield resolver


async def test_addresses(resolver):
    found = await resolver.resolve("www.example.org")
    assert set(found) == {ip_address("192.0.2.1"), ip_address("2001:db8::1")}
    answer = await resolver.lookup("www.example.org", "A")
    assert answer.canonical_name == "example.org"
    assert answer.ttl == 300


@pytest.mark.parametrize(
    ("name", "type", "fields"),
    [
        ("example.org", "MX", [(10, "mail.example.org"), (20, "backup.example.org")]),
        ("example.org", "NS", [("ns.example.org",)]),
        ("example.org", "TXT", [((b"v=spf1 -all",),)]),
        ("two.example.org", "TXT", [((b"one string", b"and another"),)]),
        ("_sip._udp.example.org", "SRV", [(1, 2, 5060, "sip.example.org")]),
    ],
)
async def test_records(resolver, name, type, fields):
    names = {
        "MX": ("preference", "exchange"),
        "NS": ("target",),
        "TXT": ("strings",),
        "SRV": ("priority", "weight", "port", "target"),
    }[type]
    answer = await resolver.lookup(name, type)
    assert sorted(tuple(getattr(record, field) for field in names) for record in answer) == sorted(fields)


@pytest.mark.parametrize(
    ("name", "type"),
    [
        ("example.org", "SOA"),
        ("example.org", "CAA"),
        ("sip.example.org", "NAPTR"),
        ("_443._tcp.example.org", "TLSA"),
        ("svc.example.org", "HTTPS"),
    ],
)
async def test_the_rarer_types_are_read(resolver, name, type):
    answer = await resolver.lookup(name, type)
    assert len(answer) == 1
    assert answer.type == type


async def test_an_answer_too_long_for_a_datagram(resolver):
    answer = await resolver.lookup("big.example.org", "TXT")
    assert len(answer) == 40
    assert {len(record.strings[0]) for record in answer} == {204}


async def test_absent(resolver):
    with pytest.raises(asyncnet.NameNotFound):
        await resolver.lookup("nowhere.example.org", "A")
    with pytest.raises(asyncnet.NoData):
        await resolver.lookup("ns.example.org", "MX")


async def test_a_server_that_is_not_asked_for_other_peoples_names(resolver):
    with pytest.raises(asyncnet.ResolveError) as refused:
        await resolver.lookup("example.com", "A")
    assert not isinstance(refused.value, asyncnet.NameNotFound | asyncnet.NoData)

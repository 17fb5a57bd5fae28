"""dns over TLS beside unbound: certificates, shared connections, what a resolver in between says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from ipaddress import ip_address

import pytest
import pytest_asyncio

import asyncnet
from tests.interop.conftest import free_port, program, running

pytest.importorskip("dns", reason="the extra dns is not installed")
pytestmark = [pytest.mark.asyncio, pytest.mark.interop("unbound")]

CONFIG = """
server:
  interface: 127.0.0.1@{tls}
  interface: 127.0.0.1@{plain}
  tls-port: {tls}
  tls-service-key: "{key}"
  tls-service-pem: "{certificate}"
  username: ""
  chroot: ""
  directory: "{folder}"
  pidfile: "{folder}/unbound.pid"
  use-syslog: no
  do-daemonize: no
  module-config: "iterator"
  local-zone: "example.org." static
  local-data: "example.org. 300 IN A 192.0.2.1"
  local-data: "example.org. 300 IN AAAA 2001:db8::1"
  local-data: "example.org. 300 IN MX 10 mail.example.org."
  local-data: 'example.org. 300 IN TXT "one" "two"'
  local-data: "www.example.org. 300 IN CNAME example.org."
  local-data: "svc.example.org. 300 IN SVCB 1 svc.example.net. alpn=h2 port=8443"
  local-zone: "refused.example." refuse
{many}
remote-control:
  control-enable: no
"""
MANY = "\n".join(
    f'  local-data: "n{number}.example.org. 300 IN A 10.0.{number // 256}.{number % 256}"' for number in range(500)
)


@pytest.fixture(scope="module")
def unbound(folder, pki) -> Iterator[tuple[str, str]]:
    path = program("unbound")
    tls, plain = free_port(), free_port()
    settings = {
        "tls": tls,
        "plain": plain,
        "key": pki.key,
        "certificate": pki.certificate,
        "folder": folder,
        "many": MANY,
    }
    (folder / "unbound.conf").write_text(CONFIG.format(**settings))
    with running([path, "-d", "-c", str(folder / "unbound.conf")], tls, plain, folder=folder):
        yield f"tls://127.0.0.1:{tls}", f"127.0.0.1:{plain}"


@pytest_asyncio.fixture(params=["tls", "plain"])
async def resolver(request, unbound, dialer) -> AsyncIterator[asyncnet.dns.Resolver]:
    tls, plain = unbound
    nameserver = f"{tls}#localhost" if request.param == "tls" else plain
    async with asyncnet.dns.Resolver(nameservers=[nameserver], hosts_file=False, dialer=dialer) as resolver:
        yield resolver


async def test_records(resolver) -> None:
    assert set(await resolver.resolve("example.org")) == {ip_address("192.0.2.1"), ip_address("2001:db8::1")}
    assert (await resolver.lookup("example.org", "MX"))[0].exchange == "mail.example.org"
    assert (await resolver.lookup("example.org", "TXT"))[0].strings == (b"one", b"two")
    answer = await resolver.lookup("svc.example.org", "SVCB")
    assert (answer[0].target, answer[0].alpn, answer[0].port) == ("svc.example.net", ("h2",), 8443)
    assert 299 <= answer.ttl <= 300


async def test_noes(resolver) -> None:
    with pytest.raises(asyncnet.NameNotFound):
        await resolver.lookup("nowhere.example.org", "A")
    with pytest.raises(asyncnet.NoData):
        await resolver.lookup("www.example.org", "MX")
    with pytest.raises(asyncnet.ResolveError, match="REFUSED"):
        await resolver.lookup("refused.example", "A")


async def test_many_at_once(resolver) -> None:
    names = [f"n{number}.example.org" for number in range(500)]
    answers = await asyncio.gather(*(resolver.lookup(name, "A") for name in names))
    assert [str(answer[0].address) for answer in answers] == [f"10.0.{n // 256}.{n % 256}" for n in range(500)]
    assert resolver.stats.queries == 500


async def test_the_name_in_the_certificate(unbound, dialer) -> None:
    tls, _ = unbound
    async with asyncnet.dns.Resolver(nameservers=[f"{tls}#other.example"], hosts_file=False, dialer=dialer) as resolver:
        with pytest.raises(asyncnet.ResolveError, match="cannot be reached") as caught:
            await resolver.lookup("example.org", "A")
        assert isinstance(caught.value.__cause__, asyncnet.TLSError)


async def test_the_address_in_the_certificate(unbound, dialer) -> None:
    tls, _ = unbound
    async with asyncnet.dns.Resolver(nameservers=[tls], hosts_file=False, dialer=dialer) as resolver:
        assert len(await resolver.lookup("example.org", "A")) == 1


async def test_tls_to_a_port_that_speaks_none(unbound, dialer) -> None:
    _, plain = unbound
    async with asyncnet.dns.Resolver(
        nameservers=[f"tls://{plain}"], hosts_file=False, timeout=3, dialer=dialer
    ) as resolver:
        with pytest.raises((asyncnet.ResolveError, asyncnet.OperationTimeout), match="asked tls://"):
            await resolver.lookup("example.org", "A")

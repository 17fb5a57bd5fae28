"""The hosts file, read."""

from __future__ import annotations

from ipaddress import ip_address

from asyncnet.core.hosts_file import parse_hosts

TEXT = """
# a comment
127.0.0.1\tlocalhost loopback   # another
::1             localhost ip6-localhost
192.0.2.7       Web.Example. web
192.0.2.8       web
192.0.2.7       web
fe80::1%eth0    router
not-an-address  name
192.0.2.9
300.1.1.1       name
10.0.0.1        .
"""


def test_addresses_by_name() -> None:
    hosts = parse_hosts(TEXT)
    assert hosts.addresses["localhost"] == (ip_address("127.0.0.1"), ip_address("::1"))
    assert hosts.addresses["web"] == (ip_address("192.0.2.7"), ip_address("192.0.2.8"))
    assert hosts.addresses["web.example"] == (ip_address("192.0.2.7"),)
    assert hosts.addresses["router"] == (ip_address("fe80::1%eth0"),)
    assert set(hosts.addresses) == {"localhost", "loopback", "ip6-localhost", "web.example", "web", "router"}


def test_names_by_address() -> None:
    hosts = parse_hosts(TEXT)
    assert hosts.names[ip_address("192.0.2.7")] == ("web.example", "web")
    assert hosts.names[ip_address("127.0.0.1")] == ("localhost", "loopback")
    assert ip_address("192.0.2.9") not in hosts.names


def test_nothing() -> None:
    hosts = parse_hosts("")
    assert (hosts.addresses, hosts.names) == ({}, {})

"""Name servers as a caller writes them."""

from __future__ import annotations

import pytest

from asyncnet.core.nameserver import Nameserver, check_nameservers, parse_engine_server


@pytest.mark.parametrize(
    ("text", "shown", "engine"),
    [
        ("192.0.2.1", "192.0.2.1:53", "192.0.2.1:53"),
        ("127.0.0.1:5353", "127.0.0.1:5353", "127.0.0.1:5353"),
        ("::1", "[::1]:53", "[::1]:53"),
        ("[::1]:5353", "[::1]:5353", "[::1]:5353"),
        ("[fe80::1%eth0]:53", "[fe80::1%eth0]:53", "[fe80::1]:53%eth0"),
        ("0x7f.1", "127.0.0.1:53", "127.0.0.1:53"),
        ("tls://192.0.2.1", "tls://192.0.2.1:853", "192.0.2.1:853"),
        ("tls://[2001:db8::1]:443#dns.example", "tls://[2001:db8::1]:443", "[2001:db8::1]:443"),
    ],
)
def test_forms(text: str, shown: str, engine: str) -> None:
    checked = check_nameservers([text])
    assert checked is not None
    (server,) = checked
    assert (str(server), server.for_engine, server.tls) == (shown, engine, text.startswith("tls:"))


def test_the_name_to_verify() -> None:
    checked = check_nameservers(["tls://192.0.2.1#DNS.example", "tls://192.0.2.2"])
    assert checked is not None
    assert [server.hostname for server in checked] == ["dns.example", "192.0.2.2"]


def test_none_stands_for_the_systems() -> None:
    assert check_nameservers(None) is None


@pytest.mark.parametrize(
    "bad",
    [
        [], ["dns.example"], ["192.0.2.1:65536"], ["192.0.2.1:0"], ["192.0.2.1:x"], ["192.0.2.1\n"], [""], ["0.0.0.0"],
        ["::"], ["192.0.2.1#name"], ["tls://"], ["tls://192.0.2.1#"], ["tls://192.0.2.1#a b"], ["tls://dns.example"],
        ["192.0.2.1", "tls://192.0.2.2"],
    ],
)  # fmt: skip
def test_refused(bad: list[str]) -> None:
    with pytest.raises(ValueError):
        check_nameservers(bad)


@pytest.mark.parametrize("bad", ["192.0.2.1", b"192.0.2.1", [b"192.0.2.1"], [53], [None]])
def test_wrong_types(bad: object) -> None:
    with pytest.raises(TypeError):
        check_nameservers(bad)


@pytest.mark.parametrize("text", ["192.0.2.1", "192.0.2.1:5353", "[2001:db8::1]:53", "[fe80::1]:53%eth0"])
def test_what_the_engine_says_reads_back(text: str) -> None:
    server = parse_engine_server(text)
    assert isinstance(server, Nameserver)
    assert server.for_engine == (text if ":" in text else text + ":53")

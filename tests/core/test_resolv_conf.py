"""The search list: what a short name may mean."""

from __future__ import annotations

import pytest

from asyncnet.core.resolv_conf import ResolvConf, candidates, parse_resolv_conf


@pytest.mark.parametrize(
    ("text", "domains", "ndots"),
    [
        ("", (), 1),
        ("# search no\n; domain no", (), 1),
        ("search A.example. b.example\n", ("a.example", "b.example"), 1),
        ("search a.example\nsearch b.example", ("b.example",), 1),
        ("domain a.example", ("a.example",), 1),
        ("domain .", (), 1),
        ("search .", (), 1),
        ("search a.example\ndomain b.example", ("b.example",), 1),
        ("options ndots:3 rotate", (), 3),
        ("options ndots:0\noptions edns0", (), 0),
        ("options ndots:99", (), 15),
        ("options ndots:x ndots: ndots:-1 ndots", (), 1),
        ("domain\nsearch\noptions", (), 1),
    ],
)
def test_parse(text: str, domains: tuple[str, ...], ndots: int) -> None:
    assert parse_resolv_conf(text) == ResolvConf(domains, ndots)


def test_name_servers() -> None:
    text = "nameserver 192.0.2.1\nnameserver\nnameserver ::1 # comment\n#nameserver 192.0.2.2"
    assert parse_resolv_conf(text).nameservers == ("192.0.2.1", "::1")


@pytest.mark.parametrize(
    ("name", "search", "ndots", "names"),
    [
        ("www", (), 1, ("www",)),
        ("www.", ("a.example",), 1, ("www",)),
        (".", ("a.example",), 1, (".",)),
        ("www", ("a.example", "b.example"), 1, ("www.a.example", "www.b.example", "www")),
        ("www.x", ("a.example",), 1, ("www.x", "www.x.a.example")),
        ("www.x", ("a.example",), 2, ("www.x.a.example", "www.x")),
        ("www", ("a.example",), 0, ("www", "www.a.example")),
        ("x" * 60 + ".y", ("z" * 50 + "." + "z" * 50 + "." + "z" * 50 + "." + "z" * 50,), 1, ("x" * 60 + ".y",)),
    ],
)
def test_candidates(name: str, search: tuple[str, ...], ndots: int, names: tuple[str, ...]) -> None:
    assert candidates(name, search, ndots) == names

"""URLs of requests."""

from __future__ import annotations

import pytest

from asyncnet.http.urls import (
    add_params,
    authority,
    join_base,
    parse_http_url,
    request_target,
    resolve_url,
    without_user,
)


def test_parse():
    assert str(parse_http_url("HTTP://EXAMPLE.org:80")) == "http://example.org/"
    assert parse_http_url("http://user:secret@h/").password == "secret"
    assert parse_http_url("http://h/") is parse_http_url("http://h/")


@pytest.mark.parametrize(
    "text", ["", "h", "ftp://h/", "http://", "http://a b/", "http://h/\n", "http://h:70000/", "http:h"]
)
def test_bad_urls(text):
    with pytest.raises(ValueError):
        parse_http_url(text)


def test_a_url_is_a_str():
    for make in (lambda: parse_http_url(b"http://h/"), lambda: join_base(parse_http_url("http://h/"), None)):
        with pytest.raises(TypeError):
            make()


def test_user_and_password_are_left_out():
    url = parse_http_url("http://user:secret@h/x")
    assert str(without_user(url)) == "http://h/x"
    plain = parse_http_url("http://h/x")
    assert without_user(plain) is plain


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("x", "http://h/dir/x"),
        ("/x", "http://h/x"),
        ("?q", "http://h/dir/page?q"),
        ("//o/", "http://o/"),
        ("../..", "http://h/"),
    ],
)
def test_resolve(reference, expected):
    assert str(resolve_url(parse_http_url("http://user:x@h/dir/page?a#b"), reference)) == expected


@pytest.mark.parametrize("reference", ["mailto:a@b", "a\nb", "a\tb", "http://[", "data:,x"])
def test_what_resolves_to_nothing(reference):
    with pytest.raises(ValueError):
        resolve_url(parse_http_url("http://h/"), reference)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("users", "http://h/v1/users"),
        ("/users", "http://h/users"),
        ("users?x=http://y", "http://h/v1/users?x=http://y"),
        ("http://other/", "http://other/"),
        ("", "http://h/v1/"),
        ("//other/x", "http://other/x"),
    ],
)
@pytest.mark.parametrize("base", ["http://h/v1", "http://h/v1/"])
def test_join_base(base, text, expected):
    assert str(join_base(parse_http_url(base), text)) == expected


def test_join_base_keeps_credentials_for_its_own_origin():
    base = parse_http_url("http://user:secret@h/v1/")
    assert join_base(base, "x").password == "secret"
    assert join_base(base, "//other/x").password is None
    assert str(join_base(None, "http://h/")) == "http://h/"
    with pytest.raises(ValueError):
        join_base(base, "a\nb")


def test_params():
    url = parse_http_url("http://h/?a=1")
    assert add_params(url, None) is url
    assert add_params(url, {}) is url
    assert add_params(url, {"b": None}) is url
    full = add_params(url, {"b": "x y&z", "c": [1, 2.5], "d": True, "e": (False,), "é": "ü"})
    assert full.query == "a=1&b=x+y%26z&c=1&c=2.5&d=true&e=false&%C3%A9=%C3%BC"
    assert add_params(parse_http_url("http://h/"), [("a", "1"), ("a", "2")]).query == "a=1&a=2"


@pytest.mark.parametrize("params", ["a=1", b"a=1", {1: "a"}, {"a": b"x"}, {"a": {}}, {"a": [None, object()]}])
def test_bad_params(params):
    with pytest.raises(TypeError):
        add_params(parse_http_url("http://h/"), params)


def test_targets_and_authorities():
    assert request_target(parse_http_url("http://h")) == "/"
    assert request_target(parse_http_url("http://h/a?b#c")) == "/a?b"
    assert authority(parse_http_url("https://h:443/")) == "h"
    assert authority(parse_http_url("https://h:80/")) == "h:80"
    assert authority(parse_http_url("http://[::1]:8080/")) == "[::1]:8080"
    assert authority(parse_http_url("http://[fe80::1%25lo]/")) == "[fe80::1]"

"""Header fields, read and checked."""

from __future__ import annotations

import time

import pytest

from asyncnet.http.headers import Headers, check_headers, parse_parameters

RAW = ((b"Content-Type", b"text/html"), (b"Set-Cookie", b"a=1"), (b"set-cookie", b"b=2"), (b"SET-COOKIE", b"c=3"))


def test_names_ignore_case_and_repeated_fields_join():
    headers = Headers([("Accept", "a"), ("accept", "b"), ("X", "1")])
    assert headers["ACCEPT"] == "a, b"
    assert headers["x"] == "1"
    assert headers.get_all("Accept") == ["a", "b"]
    assert headers.get_all("X") == ["1"]
    assert headers.get_all("none") == []
    assert list(headers) == ["accept", "x"]
    assert len(headers) == 2
    assert "aCCept" in headers
    assert "none" not in headers
    assert 1 not in headers
    with pytest.raises(KeyError):
        headers["none"]
    assert headers.get("none", "default") == "default"


def test_raw_fields_are_decoded_when_somebody_looks():
    headers = Headers.from_raw(RAW)
    assert headers.get_all("set-cookie") == ["a=1", "b=2", "c=3"]
    assert headers.pairs()[0] == ("Content-Type", "text/html")
    assert Headers.from_raw([(b"X", "é".encode())])["x"] == "é"
    assert Headers.from_raw([(b"X", b"\xe9")])["x"] == "é"


def test_equality_and_hash():
    assert Headers([("A", "1")]) == Headers([("a", "1")])
    assert Headers([("A", "1")]) != Headers([("a", "2")])
    assert Headers() != {}
    assert len({Headers([("A", "1"), ("B", "2")]), Headers([("b", "2"), ("a", "1")])}) == 1  # equal, so hashed alike


def test_repr_hides_secrets():
    shown = repr(Headers([("Set-Cookie", "id=secret"), ("Server", "x")]))
    assert "secret" not in shown
    assert "Server: x" in shown


def test_checked_headers():
    assert check_headers(None) == ()
    assert check_headers({"X-Name": " value\t"}) == (("X-Name", "value"),)
    assert check_headers([("A", "1"), ("A", "2")]) == (("A", "1"), ("A", "2"))
    assert check_headers({"X": "tab\tinside é"}) == (("X", "tab\tinside é"),)


@pytest.mark.parametrize("value", ["a\r\nX: b", "a\nb", "a\rb", "a\0b", "a\x7fb", "\x01"])
def test_values_cannot_inject(value):
    with pytest.raises(ValueError) as caught:
        check_headers({"Authorization": value})
    assert value.strip() not in str(caught.value)


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a\n", "é", "(x)"])
def test_names_are_tokens(name):
    with pytest.raises(ValueError):
        check_headers({name: "x"})


@pytest.mark.parametrize("headers", [{"A": 1}, {1: "a"}, {"A": b"x"}, ["ab"], [("a", "b", "c")], "text", b"bytes"])
def test_types_are_checked(headers):
    with pytest.raises(TypeError):
        check_headers(headers)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("text/html", ("text/html", {})),
        ("Text/HTML; Charset=UTF-8", ("text/html", {"charset": "UTF-8"})),
        ('a;b="q;\\"x";c=d', ("a", {"b": 'q;"x', "c": "d"})),
        ("a; =x; b=1", ("a", {"b": "1"})),
        ("a; junk; b=1", ("a", {"b": "1"})),
        ("a; junk", ("a", {})),
        ("a;b=1;b=2", ("a", {"b": "1"})),
        ('a;b="open', ("a", {"b": "open"})),
        ("", ("", {})),
        (";b = 1 ;", ("", {"b": "1"})),
    ],
)
def test_parameters(value, expected):
    assert parse_parameters(value) == expected


@pytest.mark.parametrize(
    "value",
    ["a" + ";" * 10**6, "a;b" + "=" * 10**6, 'a;b="' + "\\" * 10**6, "a;" + "b;" * 10**6, "a;b" + " " * 10**6 + "c",
     'a;"' * 10**6, 'a;b="' * 10**6],
    ids=["separators", "equals", "backslashes", "names", "blanks", "quotes", "open strings"],
)  # fmt: skip
def test_parameters_take_linear_time(value):
    started = time.process_time()
    parse_parameters(value)
    # Of the processor, not of the clock.  A second serves; where each byte is looked at again for each, it is hours.
    assert time.process_time() - started < 60

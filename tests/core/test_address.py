"""Hosts, ports and URLs: every spelling ends in one form or in a ValueError that says why."""

from __future__ import annotations

import enum
import random
import re
import subprocess
import sys
from ipaddress import IPv4Address, IPv6Address

import pytest

from asyncnet.core.address import (
    URL,
    Endpoint,
    address_text,
    check_host,
    check_port,
    check_text,
    parse_literal,
    parse_url,
    split_host_port,
)

PORTS = {"http": 80, "https": 443, "ftp": 21}


# ---- endpoints


def test_endpoint_is_a_pair_with_a_text():
    endpoint = Endpoint("127.0.0.1", 80)
    assert endpoint == ("127.0.0.1", 80)
    assert str(endpoint) == "127.0.0.1:80"
    assert str(Endpoint("fe80::1%eth0", 53)) == "[fe80::1%eth0]:53"
    assert repr(endpoint) == "Endpoint(host='127.0.0.1', port=80)"


def test_endpoint_address_keeps_the_zone():
    address = Endpoint("fe80::1%eth0", 53).address
    assert isinstance(address, IPv6Address)
    assert address.scope_id == "eth0"
    assert Endpoint("10.0.0.1", 1).address == IPv4Address("10.0.0.1")
    with pytest.raises(ValueError, match=r"'example.org' is not an IP address"):
        _ = Endpoint("example.org", 1).address


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (("127.0.0.1", 80), "127.0.0.1:80"),
        (("::1", 80, 0, 0), "[::1]:80"),
        (("fe80::1", 80, 0, 3), "[fe80::1%3]:80"),
        (("fe80::1%eth0", 80, 0, 3), "[fe80::1%eth0]:80"),
    ],
)
def test_endpoint_from_what_sockets_give(name, expected):
    assert str(Endpoint.from_sockaddr(name)) == expected


# ---- ports and texts


class Service(enum.IntEnum):
    SMTP = 25


@pytest.mark.parametrize("port", [0, 1, 80, 65535])
def test_ports_that_are_some(port):
    assert check_port(port) == port


def test_an_int_of_another_class_becomes_a_plain_one():
    assert type(check_port(Service.SMTP)) is int


@pytest.mark.parametrize("port", [-1, 65536, 10**30, -(10**30), pytest.param(1 << 40_000, id="huge"), "80", "80x", ""])
def test_ports_that_are_none(port):
    with pytest.raises(ValueError, match=r"^peer port must be .*65535") as caught:
        check_port(port, "peer port")
    assert len(str(caught.value)) < 120


@pytest.mark.parametrize("port", [True, 80.0, None, b"80", [80]])
def test_ports_of_another_type(port):
    with pytest.raises(TypeError, match="port must be an int from 0 to 65535, not"):
        check_port(port)


def test_texts_must_stay_on_their_line():
    assert check_text("püre\ttext", "subject") == "püre\ttext"
    for bad in ("a\nb", "a\rb", "a\0b"):
        with pytest.raises(ValueError, match=r"^subject must not contain a line break or NUL$"):
            check_text(bad, "subject")
    with pytest.raises(TypeError, match="subject must be a str, not bytes"):
        check_text(b"x", "subject")


# ---- hosts


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("Example.ORG", "example.org"),
        ("example.org.", "example.org."),
        ("localhost", "localhost"),
        ("_dmarc.example.org", "_dmarc.example.org"),
        ("a-b.example", "a-b.example"),
        ("-a.example", "-a.example"),
        ("1.2.3.4.example", "1.2.3.4.example"),
        ("4.3.2.1.in-addr.arpa", "4.3.2.1.in-addr.arpa"),
        ("0xg", "0xg"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("a" * 63 + ".example", "a" * 63 + ".example"),
        ("a." * 126 + "a", "a." * 126 + "a"),
        ("a." * 126 + "a.", "a." * 126 + "a."),
        # IPv4, as inet_aton takes it
        ("127.0.0.1", "127.0.0.1"),
        ("127.0.0.1.", "127.0.0.1"),
        ("127.1", "127.0.0.1"),
        ("127.0.1", "127.0.0.1"),
        ("127.0.257", "127.0.1.1"),
        ("0x7f.1", "127.0.0.1"),
        ("0X7F.0X1", "127.0.0.1"),
        ("0177.1", "127.0.0.1"),
        ("0177.0.0.01", "127.0.0.1"),
        ("2130706433", "127.0.0.1"),
        ("0x7f000001", "127.0.0.1"),
        ("017700000001", "127.0.0.1"),
        ("0", "0.0.0.0"),
        ("0x", "0.0.0.0"),
        ("4294967295", "255.255.255.255"),
        ("1.16777215", "1.255.255.255"),
        # IPv6
        ("::1", "::1"),
        ("[::1]", "::1"),
        ("0:0:0:0:0:0:0:1", "::1"),
        ("2001:DB8::A", "2001:db8::a"),
        ("::ffff:127.0.0.1", "::ffff:127.0.0.1"),
        ("::ffff:7f00:1", "::ffff:127.0.0.1"),
        ("::ffff:7f00:1%lo", "::ffff:127.0.0.1%lo"),
        ("FE80::1%Eth0", "fe80::1%Eth0"),
        ("[fe80::1%2]", "fe80::1%2"),
        # international names
        ("Bücher.Example", "xn--bcher-kva.example"),
        ("BÜCHER.example.", "xn--bcher-kva.example."),
        ("bu\u0308cher.example", "xn--bcher-kva.example"),
        ("_dmarc.bücher.example", "_dmarc.xn--bcher-kva.example"),
        ("straße.example", "xn--strae-oqa.example"),
        ("日本。例え．jp", "xn--wgv71a.xn--r8jz45g.jp"),
        ("ｅｘａｍｐｌｅ.org", "example.org"),
        ("１２７.0.0.1", "127.0.0.1"),
        ("127。1", "127.0.0.1"),
    ],
)
def test_hosts_have_one_form(host, expected):
    assert check_host(host) == expected
    assert check_host(expected) == expected


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("", "host must not be empty"),
        ("\xad", "host must not be empty"),
        ("a b", "host must not contain spaces: 'a b'"),
        (" example.org", "host must not contain spaces"),
        ("a\u00a0b", "host must not contain spaces"),
        ("a\nb", r"host must not contain control characters: 'a\nb'"),
        ("a\0", "host must not contain control characters"),
        ("ü\x7f", "host must not contain control characters"),
        ("user@host", "host must not contain '@'; give the name after it"),
        ("üser:secret@host", "host must not contain '@'; give the name after it"),
        ("http://host/", "host must be a name or an address, not a URL"),
        ("host/path", "host must not contain '/'"),
        ("℀.example", "host must not contain '/'"),
        ("host?x", "host must not contain '?'"),
        ("a%41", "host must not contain '%'"),
        ("127.0.0.1%lo", "host must not contain '%'"),
        ("host\\x", r"host must not contain '\\'"),
        ("*.example.org", "host must not contain '*'"),
        ("host:80", "host must not contain a port; pass the port separately: 'host:80'"),
        ("127.0.0.1:80", "host must not contain a port; pass the port separately"),
        ("[::1]:80", "host must not contain a port; pass the port separately"),
        (":80", "host is no IPv6 address: ':80'"),
        ("host:", "host is no IPv6 address"),
        ("a:b:c", "host is no IPv6 address"),
        ("[::1", "host is no IPv6 address"),
        ("[host]", "host is no IPv6 address"),
        ("fe80::1%", "host is no IPv6 address"),
        ("fe80::1%a/b", "host is no IPv6 address"),
        ("::ffff:0177.0.0.1", "host is no IPv6 address"),
        ("a..b", "host must not have an empty label: 'a..b'"),
        (".a", "host must not have an empty label"),
        (".", "host must not have an empty label"),
        ("a" * 64 + ".example", "host must not have a label longer than 63 characters"),
        ("ü" * 63 + ".example", "is no valid international name"),
        ("a." * 127 + "a", "host must not be longer than 253 characters, not 255"),
        ("ü." + "a." * 125 + "a", "host must not be longer than 253 characters, not 259"),
        ("a." * 200 + ".", "host must not be longer than 253 characters, not 401"),
        ("a" * 513, "host must not be longer than 253 characters, not 513"),
        ("1.2.3.256", "host '1.2.3.256' ends in a number but is no IPv4 address"),
        ("256.1.1.1", "ends in a number"),
        ("1.2.3.4.5", "ends in a number"),
        ("1.2.65536", "ends in a number"),
        ("4294967296", "ends in a number"),
        ("example.09", "ends in a number"),
        ("example.0x1", "ends in a number"),
        ("1.2.3.08", "ends in a number"),
        ("☃.example", r"host '\u2603.example' is no valid international name"),
        ("\ud800.example", "is no valid international name"),
        ("a\u200db.example", "is no valid international name"),
        ("abcא.example", "is no valid international name"),
    ],
)
def test_hosts_that_are_none_say_why(host, words):
    with pytest.raises(ValueError, match=re.escape(words)) as caught:
        check_host(host)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 200
    assert "secret" not in message


def test_a_long_host_is_quoted_in_part():
    with pytest.raises(ValueError, match=r": 'a{78}\.\.\.'$"):
        check_host("a" * 100)
    with pytest.raises(ValueError, match=r": 'a{80}'$"):
        check_host("a" * 80)


def test_host_errors_use_the_callers_word():
    with pytest.raises(ValueError, match=r"^proxy host must not be empty$"):
        check_host("", "proxy host")
    with pytest.raises(TypeError, match=r"^proxy host must be a str, not bytes$"):
        check_host(b"localhost", "proxy host")


def test_ascii_hosts_do_not_load_idna():
    code = (
        "import sys; from asyncnet.core.address import check_host; check_host('example.org'); "
        "assert 'idna' not in sys.modules; check_host('bücher.example'); assert 'idna' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, env={"PYTHONPATH": ":".join(sys.path)})


def test_literals_are_found_from_here_too():
    assert parse_literal("0x7f.1") == IPv4Address("127.0.0.1")
    assert address_text(IPv6Address("::ffff:7f00:1")) == "::ffff:127.0.0.1"


def test_random_texts_end_in_a_safe_host_or_a_value_error():
    rng = random.Random(3)
    alphabet = "aZ09-_.:[]%@/\\ \t\n\0ü。ß１０x\u200d☃"
    accepted, refusals = 0, []
    for _ in range(20_000):
        text = "".join(rng.choices(alphabet, k=rng.randint(0, 9)))
        try:
            host = check_host(text)
        except ValueError as error:
            refusals.append(str(error))
            continue
        accepted += 1
        assert re.fullmatch(r"[a-z0-9._-]+|[0-9a-f:.]+(%[A-Za-z0-9._-]+)?", host), text
        assert check_host(host) == host
    assert accepted > 500
    assert all(words.isprintable() for words in refusals)


# ---- host and port in one text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:5353", ("127.0.0.1", 5353)),
        ("[::1]:53", ("::1", 53)),
        ("[::1]", ("::1", 99)),
        ("::1", ("::1", 99)),
        ("::1:53", ("::1:53", 99)),
        ("fe80::1%eth0", ("fe80::1%eth0", 99)),
        ("Host", ("host", 99)),
        ("host:00080", ("host", 80)),
    ],
)
def test_split_host_port(text, expected):
    assert split_host_port(text, 99) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("host:", "'host:' must end in a port from 0 to 65535"),
        ("host:x", "must end in a port"),
        ("host:-1", "must end in a port"),
        ("host:١", "must end in a port"),
        ("host:000080", "must end in a port"),
        ("host:65536", "port must be from 0 to 65535, not 65536"),
        ("[::1", "no IPv6 address"),
        ("[::1]x", "no IPv6 address"),
        (":53", "host must not be empty"),
        ("a b:53", "spaces"),
        ("host", "'host' has no port; write host:PORT"),
        ("::1", "'::1' has no port; write [::1]:PORT"),
    ],
)
def test_split_host_port_refuses(text, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        split_host_port(text)


def test_split_host_port_takes_text_only():
    with pytest.raises(TypeError, match="an address must be a str such as 'host:port', not tuple"):
        split_host_port(("host", 80))


# ---- URLs


def test_url_parts():
    url = parse_url("HTTPS://User:p%40ss@Example.org:8443/a%20b/c?x=1&y=2#top", PORTS)
    assert (url.scheme, url.username, url.password) == ("https", "User", "p@ss")
    assert (url.host, url.port) == ("example.org", 8443)
    assert (url.path, url.query, url.fragment) == ("/a%20b/c", "x=1&y=2", "top")
    assert url.origin == ("https", "example.org", 8443)


def test_url_defaults():
    url = parse_url("http://example.org", PORTS)
    assert (url.username, url.password, url.port, url.path, url.query, url.fragment) == (None, None, 80, "/", "", "")
    assert url == URL("http", None, None, "example.org", 80)
    assert str(URL("http", None, None, "example.org", 80)) == "http://example.org:80/"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://example.org", "http://example.org/"),
        ("http://example.org:80/", "http://example.org/"),
        ("http://example.org:/", "http://example.org/"),
        ("http://example.org:8080?q#f", "http://example.org:8080/?q#f"),
        ("http://[::1]/x", "http://[::1]/x"),
        ("http://[fe80::1%25eth0]:81/x", "http://[fe80::1%25eth0]:81/x"),
        ("http://[fe80::1%eth0]/x", "http://[fe80::1%25eth0]/x"),
        ("http://0x7f.1/", "http://127.0.0.1/"),
        ("http://bücher.example/ü?ü#ü", "http://xn--bcher-kva.example/%C3%BC?%C3%BC#%C3%BC"),
        ('http://h/a b|c\\d"e<f>', "http://h/a%20b%7Cc%5Cd%22e%3Cf%3E"),
        ("http://h/100%?a[]=1%zz%41", "http://h/100%25?a[]=1%25zz%41"),
        ("http://h/a:b@c/../d", "http://h/a:b@c/../d"),
        ("http://h/#a?b", "http://h/#a?b"),
        ("ftp://us%20er:secret@h/", "ftp://us%20er@h/"),
        ("ftp://us%2Fer:@h/", "ftp://us%2Fer@h/"),
        ("ftp://@h/", "ftp://@h/"),
    ],
)
def test_url_text(text, shown):
    url = parse_url(text, PORTS)
    assert str(url) == shown
    assert repr(url) == f"URL({shown!r})"
    assert str(parse_url(shown, PORTS)) == shown


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("example.org", "is no URL: it must begin with a scheme such as ftp://"),
        ("//example.org/", "is no URL"),
        ("", "is no URL"),
        ("1http://h/", "is no URL"),
        ("http:user:secret@h/", "is no URL"),
        ("gopher://h/", "unknown URL scheme 'gopher'; known: ftp, http, https"),
        ("http://h/\r\nX: y", "control characters"),
        ("http://h/\0", "control characters"),
        ("http://h\t/", "control characters"),
        ("http://h/\u2028", "control characters"),
        (" http://h/", "begin or end with a space"),
        ("http://h/ ", "begin or end with a space"),
        ("http:///path", "has no host"),
        ("http://:80/", "has no host"),
        ("http://user@/", "has no host"),
        ("http://a b/", "the host of a URL must not contain spaces"),
        ("http://exa%6dple/", "the host of a URL must not contain '%'"),
        ("http://h\\x/", "the host of a URL must not contain"),
        ("http://1.2.3.256/", "ends in a number"),
        ("http://::1/", "must have its IPv6 address in brackets"),
        ("http://[::1/", "no IPv6 address"),
        ("http://h:99999/", "must have a port from 0 to 65535"),
        ("http://h:8x/", "must have a port from 0 to 65535"),
        ("http://h:-1/", "must have a port from 0 to 65535"),
        ("http://[::1]:x/", "must have a port from 0 to 65535"),
        ("ftp://user:secret/x@h/", "must have a port from 0 to 65535"),
        ("http://a@b@c/", "must have '@', '\\' and spaces in user name and password escaped"),
        ("http://good\\@evil/", "escaped"),
        ("http://us er:secret@h/", "escaped"),
        ("http://u:%0asecret@h/", "the password of a URL must not contain a line break or NUL"),
        ("http://u%00:secret@h/", "the user name of a URL must not contain a line break or NUL"),
        ("http://u:secret%ff@h/", "must be UTF-8"),
        ("http://h/\ud800", "a URL must be valid Unicode"),
    ],
)
def test_urls_that_are_none_say_why(text, words):
    with pytest.raises(ValueError, match=re.escape(words)) as caught:
        parse_url(text, PORTS)
    assert "secret" not in str(caught.value)
    assert str(caught.value).isprintable()


def test_a_url_hides_its_password():
    url = parse_url("ftp://user:secret@h/", PORTS)
    assert url.password == "secret"
    assert "secret" not in f"{url} {url!r}"


def test_parse_url_takes_text_only():
    with pytest.raises(TypeError, match="a URL must be a str, not bytes"):
        parse_url(b"http://h/", PORTS)


def test_random_urls_are_stable_or_refused():
    rng = random.Random(4)
    alphabet = "ab1:/?#@[]%. \\ü\n&="
    accepted, refusals = 0, []
    for _ in range(20_000):
        text = "http://" + "".join(rng.choices(alphabet, k=rng.randint(0, 10)))
        try:
            url = parse_url(text, PORTS)
        except ValueError as error:
            refusals.append(str(error))
            continue
        accepted += 1
        assert check_host(url.host) == url.host
        assert (url.path + url.query + url.fragment).isascii()
        again = parse_url(str(url), PORTS)
        assert str(again) == str(url)
        assert again.origin == url.origin
    assert accepted > 500
    assert all(words.isprintable() for words in refusals)

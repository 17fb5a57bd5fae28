"""Cookies: who may set them, and where they go."""

from __future__ import annotations

import pytest

from asyncnet.http.cookies import MAX_COOKIES, MAX_PER_DOMAIN, CookieJar, check_cookies, parse_set_cookie
from asyncnet.http.urls import parse_http_url

NOW = 1_700_000_000.0
WWW = parse_http_url("https://www.example.com/dir/page")


def jar_with(*fields: str, url: str = "https://www.example.com/dir/page") -> CookieJar:
    jar = CookieJar()
    jar.store(fields, parse_http_url(url), NOW)
    return jar


def sent(jar: CookieJar, url: str, now: float = NOW) -> str | None:
    return jar.header(parse_http_url(url), now)


def test_a_cookie_goes_back_to_its_host():
    jar = jar_with("id=1")
    assert len(jar) == 1
    assert sent(jar, "https://www.example.com/dir/other") == "id=1"
    assert sent(jar, "https://example.com/dir/") is None
    assert sent(jar, "https://a.www.example.com/dir/") is None
    assert [cookie.name for cookie in jar] == ["id"]
    jar.clear()
    assert len(jar) == 0


def test_domain_cookies_go_to_hosts_below_a_registered_name():
    jar = jar_with("id=1; Domain=.Example.COM; Path=/")
    assert sent(jar, "https://example.com/") == "id=1"
    assert sent(jar, "https://other.example.com/") == "id=1"
    assert sent(jar, "https://notexample.com/") is None


@pytest.mark.parametrize(
    ("field", "url"),
    [("a=1; Domain=co.uk", "https://shop.co.uk/"), ("a=1; Domain=com", "https://example.com/"),
     ("a=1; Domain=github.io", "https://me.github.io/"), ("a=1; Domain=unknown", "https://x.unknown/")],
)  # fmt: skip
def test_a_suffix_gets_no_cookie_of_its_hosts(field, url):
    jar = jar_with(field, url=url)
    assert sent(jar, url) == "a=1"
    assert [cookie.host_only for cookie in jar] == [True]


@pytest.mark.parametrize(
    ("field", "url"),
    [
        ("a=1; Domain=other.com", "https://www.example.com/"),
        ("a=1; Domain=sub.www.example.com", "https://www.example.com/"),
        ("a=1; Domain=10.0.0.1", "http://10.0.0.2/"),
        ("a=1; Domain=0.0.1", "http://10.0.0.1/"),
        ("a=1; Secure", "http://www.example.com/"),
        ("__Secure-a=1", "https://www.example.com/"),
        ("__Host-a=1; Secure; Path=/x", "https://www.example.com/"),
        ("__Host-a=1; Secure; Path=/; Domain=example.com", "https://www.example.com/"),
        ("=1", "https://www.example.com/"),
        ("novalue", "https://www.example.com/"),
        ("a=" + "x" * 5000, "https://www.example.com/"),
        ("a=1\x00", "https://www.example.com/"),
        ("", "https://www.example.com/"),
    ],
)
def test_cookies_that_are_ignored(field, url):
    assert len(jar_with(field, url=url)) == 0


def test_prefixes_that_keep_their_promise():
    assert len(jar_with("__Secure-a=1; Secure", "__Host-b=1; Secure; Path=/")) == 2


def test_an_address_is_its_own_domain():
    jar = jar_with("a=1; Domain=127.0.0.1", url="http://127.0.0.1/")
    assert sent(jar, "http://127.0.0.1/") == "a=1"


def test_paths():
    jar = jar_with("deep=1; Path=/dir/sub", "default=2", "top=3; Path=/", "odd=4; Path=relative")
    assert sent(jar, "https://www.example.com/dir/sub/x") == "deep=1; default=2; odd=4; top=3"
    assert sent(jar, "https://www.example.com/dir") == "default=2; odd=4; top=3"
    assert sent(jar, "https://www.example.com/dirty") == "top=3"
    assert parse_set_cookie("a=1", parse_http_url("https://h.example.com/x"), NOW).path == "/"


def test_secure_cookies_stay_on_https_and_are_not_overwritten_from_http():
    jar = jar_with("a=1; Secure; Path=/")
    assert sent(jar, "http://www.example.com/") is None
    jar.store(["a=2; Path=/"], parse_http_url("http://www.example.com/"), NOW)
    assert sent(jar, "https://www.example.com/") == "a=1"
    jar.store(["a=3; Path=/"], WWW, NOW)
    assert sent(jar, "https://www.example.com/") == "a=3"


@pytest.mark.parametrize(
    ("attribute", "expires"),
    [
        ("Max-Age=60", NOW + 60),
        ("Max-Age=99999999999999", NOW + 400 * 86400),
        ("Max-Age=soon", None),
        ("Expires=Wed, 15 Nov 2023 00:00:00 GMT", 1_700_006_400.0),
        ("Expires=Wed, 15 Nov 2090 00:00:00 GMT", NOW + 400 * 86400),
        ("Expires=never", None),
        ("Expires=Wed, 15 Nov 2023 00:00:00 GMT; Max-Age=5", NOW + 5),
        ("HttpOnly", None),
    ],
)
def test_expiry(attribute, expires):
    assert parse_set_cookie(f"a=1; {attribute}", WWW, NOW).expires == expires


def test_expired_cookies_go():
    jar = jar_with("a=1; Path=/; Max-Age=10", "b=2; Path=/")
    assert sent(jar, "https://www.example.com/", NOW + 9) == "a=1; b=2"
    assert sent(jar, "https://www.example.com/", NOW + 11) == "b=2"
    assert len(jar) == 1
    jar.store(["b=gone; Path=/; Max-Age=0"], WWW, NOW)
    assert len(jar) == 0


def test_the_jar_is_bounded():
    jar = CookieJar()
    jar.store([f"c{n}=1" for n in range(MAX_PER_DOMAIN + 5)], WWW, NOW)
    assert len(jar) == MAX_PER_DOMAIN
    for n in range(MAX_COOKIES + 5):
        jar.store(["a=1"], parse_http_url(f"https://h{n}.example.com/"), NOW)
    assert len(jar) == MAX_COOKIES


def test_repr_hides_the_value():
    assert "secret" not in repr(parse_set_cookie("id=secret", WWW, NOW))


def test_the_callers_own():
    assert check_cookies(None) is None
    assert check_cookies({}) is None
    assert check_cookies({"a": "1", "b": '"quoted"'}) == 'a=1; b="quoted"'


@pytest.mark.parametrize("cookies", [{"a": "1;b"}, {"a b": "1"}, {"a": "x y"}, {"a": "x\n"}, {"": "x"}, {"a": 'x"y'}])
def test_bad_cookies(cookies):
    with pytest.raises(ValueError):
        check_cookies(cookies)


@pytest.mark.parametrize("cookies", ["a=1", [("a", "1")], {"a": 1}, {1: "a"}])
def test_cookies_of_a_wrong_type(cookies):
    with pytest.raises(TypeError):
        check_cookies(cookies)


def test_a_jar_shows_no_values():
    jar = CookieJar()
    jar.store(["sid=secret"], WWW, NOW)
    assert repr(jar) == "<CookieJar with 1 cookies>"
    assert "secret" not in repr(list(jar))

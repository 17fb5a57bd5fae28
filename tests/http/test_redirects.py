"""Where redirects lead."""

from __future__ import annotations

import pytest

from asyncnet import ProtocolError
from asyncnet.http.redirects import follow
from asyncnet.http.urls import parse_http_url

HERE = parse_http_url("https://example.org/dir/page?q=1#part")


@pytest.mark.parametrize("status", [200, 204, 300, 304, 305, 306, 400, 500])
def test_other_statuses_lead_nowhere(status):
    assert follow(status, "/x", "GET", HERE) is None


def test_without_a_location_the_response_is_final():
    assert follow(302, None, "GET", HERE) is None


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("/x", "https://example.org/x#part"),
        ("x?y", "https://example.org/dir/x?y#part"),
        ("//other.org/", "https://other.org/#part"),
        ("https://other.org/a#own", "https://other.org/a#own"),
        ("#own", "https://example.org/dir/page?q=1#own"),
        ("/x#", "https://example.org/x"),
        ("/a b/é", "https://example.org/a%20b/%C3%A9#part"),
        (" /x ", "https://example.org/x#part"),
        ("https://user:secret@example.org/x", "https://example.org/x#part"),
    ],
)
def test_places(location, url):
    redirect = follow(302, location, "GET", HERE)
    assert str(redirect.url) == url
    assert redirect.url.password is None


@pytest.mark.parametrize(
    "location",
    ["ftp://x/", "javascript:alert(1)", "https://", "https://a b/", "http://h:99999/", "/\n", "/a\tb", "https://[x/"],
)
def test_bad_places_are_the_peers_fault(location):
    with pytest.raises(ProtocolError):
        follow(302, location, "GET", HERE)


@pytest.mark.parametrize(
    ("status", "method", "expected", "keeps"),
    [
        (301, "GET", "GET", True),
        (301, "POST", "GET", False),
        (302, "POST", "GET", False),
        (302, "PUT", "PUT", True),
        (303, "POST", "GET", False),
        (303, "PUT", "GET", False),
        (303, "HEAD", "HEAD", True),
        (307, "POST", "POST", True),
        (308, "POST", "POST", True),
    ],
)
def test_methods(status, method, expected, keeps):
    redirect = follow(status, "/x", method, HERE)
    assert (redirect.method, redirect.keep_body) == (expected, keeps)


def test_origins():
    assert follow(302, "/x", "GET", HERE).same_origin
    assert not follow(302, "https://example.org:444/", "GET", HERE).same_origin
    assert not follow(302, "https://www.example.org/", "GET", HERE).same_origin


def test_no_way_down_to_http():
    with pytest.raises(ProtocolError, match="not encrypted"):
        follow(302, "http://example.org/", "GET", HERE)
    assert follow(302, "http://example.org/", "GET", HERE, allow_downgrade=True) is not None
    assert follow(302, "https://example.org/", "GET", parse_http_url("http://example.org/")) is not None

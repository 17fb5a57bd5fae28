"""Requests and resources, without a socket."""

from __future__ import annotations

import pytest

from asyncnet.testing import Request, Resource
from asyncnet.testing.http_message import pairs

BODY = bytes(range(100))


def request(**fields: str) -> Request:
    headers = tuple((name.replace("_", "-"), value) for name, value in fields.items())
    return Request("GET", "/a/b?x=1&x=2&y=", headers, b"", 1, ("127.0.0.1", 1))


def test_a_request_is_taken_apart() -> None:
    seen = request(Content_Type="text/plain")
    assert seen.path == "/a/b"
    assert seen.query == {"x": ["1", "2"], "y": [""]}
    assert seen.header("content-type") == "text/plain"
    assert seen.header("absent") is None
    assert Request("GET", "http://host/p?q", (), b"", 1, ("", 0)).path == "/p"
    assert Request("GET", "//host/p?q", (), b"", 1, ("", 0)).path == "//host/p"


def test_headers_are_pairs_or_a_mapping() -> None:
    assert pairs({"A": "1"}) == [("A", "1")]
    assert pairs([("A", "1"), ("A", "2")]) == [("A", "1"), ("A", "2")]


def test_a_resource_has_validators() -> None:
    plain = Resource(BODY, "image/png", last_modified="Thu, 01 Jan 1970 00:00:00 GMT", headers={"X": "y"})
    response = plain.respond(request())
    fields = dict(pairs(response.headers))
    assert response.status == 200
    assert response.body == BODY
    assert fields["Content-Type"] == "image/png"
    assert fields["X"] == "y"
    assert fields["Accept-Ranges"] == "bytes"
    assert plain.respond(request(If_None_Match=fields["ETag"])).status == 304
    assert plain.respond(request(If_None_Match=f'"other", W/{fields["ETag"]}')).status == 304
    assert plain.respond(request(If_None_Match="*")).status == 304
    assert plain.respond(request(If_None_Match='"other"')).status == 200
    assert plain.respond(request(If_Modified_Since=fields["Last-Modified"])).status == 304
    assert plain.respond(request(If_Modified_Since="Fri, 02 Jan 1970 00:00:00 GMT")).status == 200


def test_a_resource_without_validators() -> None:
    bare = Resource(BODY, etag=None, ranges=False)
    response = bare.respond(request(Range="bytes=1-2", If_None_Match="*"))
    assert (response.status, response.body) == (200, BODY)
    assert [name for name, _ in pairs(response.headers)] == ["Content-Type"]


@pytest.mark.parametrize(
    ("wanted", "status", "content_range", "body"),
    [
        ("bytes=0-9", 206, "bytes 0-9/100", BODY[:10]),
        ("bytes=90-", 206, "bytes 90-99/100", BODY[90:]),
        ("bytes=90-500", 206, "bytes 90-99/100", BODY[90:]),
        ("bytes=-5", 206, "bytes 95-99/100", BODY[95:]),
        ("bytes=-500", 206, "bytes 0-99/100", BODY),
        ("bytes=100-", 416, "bytes */100", b""),
        ("bytes=-0", 200, None, BODY),
        ("bytes=0-1,3-4", 200, None, BODY),
        ("lines=0-1", 200, None, BODY),
        ("bytes=x", 200, None, BODY),
    ],
)
def test_ranges(wanted: str, status: int, content_range: str | None, body: bytes) -> None:
    response = Resource(BODY).respond(request(Range=wanted))
    assert (response.status, response.body) == (status, body)
    assert dict(pairs(response.headers)).get("Content-Range") == content_range


@pytest.mark.parametrize(("condition", "status"), [('"a"', 206), ('"b"', 200), ('W/"a"', 200), ("Thu", 206)])
def test_a_range_under_a_condition(condition: str, status: int) -> None:
    resource = Resource(BODY, etag='"a"', last_modified="Thu")
    assert resource.respond(request(Range="bytes=0-1", If_Range=condition)).status == status


def test_a_weak_tag_never_holds_for_a_range() -> None:
    resource = Resource(BODY, etag='W/"a"')
    assert resource.respond(request(Range="bytes=0-1", If_Range='W/"a"')).status == 200
    assert resource.respond(request(If_None_Match='"a"')).status == 304


def test_cuts_are_taken_in_turn() -> None:
    resource = Resource(BODY, cuts=[10, None])
    assert [resource.respond(request()).cut_at for _ in range(3)] == [10, None, None]

"""Byte ranges."""

from __future__ import annotations

import pytest

from asyncnet import ProtocolError
from asyncnet.http.headers import Headers
from asyncnet.http.ranges import ContentRange, check_range, parse_content_range, split_ranges, strong_validator


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("bytes 0-9/10", ContentRange(0, 9, 10)),
        (" Bytes 5-5/* ", ContentRange(5, 5, None)),
        ("bytes */100", ContentRange(None, None, 100)),
        ("bytes */*", ContentRange(None, None, None)),
    ],
)
def test_content_range(value, expected):
    assert parse_content_range(value) == expected


@pytest.mark.parametrize(
    "value", ["", "bytes", "bytes 1-/2", "lines 1-2/3", "bytes 5-4/10", "bytes 0-10/10", "bytes 0-9/-1", "bytes ²-3/4"]
)
def test_malformed_content_range(value):
    with pytest.raises(ProtocolError):
        parse_content_range(value)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"ETag": '"abc"'}, '"abc"'),
        ({"ETag": 'W/"abc"', "Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"}, None),
        ({"ETag": '""'}, None),
        ({"ETag": "bare"}, None),
        (
            {"Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT", "Date": "Mon, 01 Jan 2024 00:02:00 GMT"},
            "Mon, 01 Jan 2024 00:00:00 GMT",
        ),
        ({"Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT", "Date": "Mon, 01 Jan 2024 00:00:30 GMT"}, None),
        ({"Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"}, None),
        ({"Last-Modified": "Mon, 01 Jan 2024 00:00:00", "Date": "Mon, 01 Jan 2024 00:02:00 GMT"}, None),
        ({}, None),
    ],
)
def test_strong_validators(headers, expected):
    assert strong_validator(headers) == expected


def test_split():
    assert split_ranges(10, 3, 1) == [(0, 3), (3, 6), (6, 10)]
    assert split_ranges(10, 8, 5) == [(0, 5), (5, 10)]
    assert split_ranges(3, 4, 5) == [(0, 3)]


def headers(content_range: str, content_type: str = "text/plain") -> Headers:
    return Headers([("Content-Range", content_range), ("Content-Type", content_type)])


def test_a_range_that_is_what_was_asked_for():
    assert check_range(headers("bytes 5-9/10"), 5, 5) == 10
    assert check_range(headers("bytes 5-9/*"), None, 5) is None


@pytest.mark.parametrize(
    ("given", "length"),
    [
        (headers("bytes 0-9/10"), 10),
        (headers("bytes */10"), 5),
        (headers("bytes 5-9/10"), 6),
        (headers("bytes 5-9/10", "multipart/byteranges; boundary=x"), 5),
        (Headers(), 5),
    ],
)
def test_a_range_that_is_not(given, length):
    with pytest.raises(ProtocolError):
        check_range(given, length, 5)

"""Which domains may share cookies among their hosts."""

from __future__ import annotations

import pytest

from asyncnet.http.domains import is_registrable


@pytest.mark.parametrize(
    "domain",
    ["example.com", "www.example.com", "python.org", "example.co.uk", "www.example.com.au", "example.de", "redis.io",
     "me.github.io", "x.y.herokuapp.com", "example.uk.com", "abc.ac.jp"],
)  # fmt: skip
def test_somebodys_own(domain):
    assert is_registrable(domain)


@pytest.mark.parametrize(
    "domain",
    ["com", "uk", "co.uk", "com.au", "ac.jp", "github.io", "herokuapp.com", "uk.com", "localhost", "", ".com", "a..com",
     "example.unknowntld", "city.kawasaki.jp", "example.jp"],
)  # fmt: skip
def test_suffixes_and_what_cannot_be_told(domain):
    assert not is_registrable(domain)

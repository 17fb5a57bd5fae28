"""The reply to EHLO."""

from __future__ import annotations

import copy
import dataclasses
import pickle

import pytest

from asyncnet.smtp.extensions import NO_EXTENSIONS, parse_extensions


def test_what_a_server_offers():
    offered = parse_extensions(
        ["PIPELINING", "SIZE 10240000", "starttls", "AUTH PLAIN login", "AUTH=LOGIN CRAM-MD5", "8BITMIME", "DSN",
         "SMTPUTF8", "CHUNKING", "LIMITS MAILMAX=20 RCPTMAX=100"]
    )  # fmt: skip
    assert offered.pipelining
    assert offered.eight_bit
    assert offered.utf8
    assert offered.dsn
    assert offered.starttls
    assert offered.size == 10_240_000
    assert offered.mechanisms == ("PLAIN", "LOGIN", "CRAM-MD5")
    assert offered.keywords["AUTH"] == "PLAIN LOGIN CRAM-MD5"
    assert offered.keywords["CHUNKING"] == ""
    assert (offered.max_messages, offered.max_recipients) == (20, 100)


def test_nothing_is_offered():
    assert parse_extensions([]) == NO_EXTENSIONS
    assert not any(value for value in dataclasses.asdict(dataclasses.replace(NO_EXTENSIONS, keywords={})).values())


def test_what_is_no_keyword_is_passed_over():
    assert parse_extensions(["", "   ", "-x", "¡hola!"]).keywords == {}


@pytest.mark.parametrize("size", ["", "0", "-1", "1e9", "٣", "9" * 5000, "10 20"])
def test_a_size_that_is_no_limit(size):
    assert parse_extensions([f"SIZE {size}"]).size is None


def test_limits_that_are_none():
    offered = parse_extensions(["LIMITS MAILMAX=x RCPTMAX RCPTDOMAINMAX=1 FOO"])
    assert (offered.max_messages, offered.max_recipients) == (None, None)


def test_the_keywords_cannot_be_changed():
    with pytest.raises(TypeError):
        parse_extensions(["DSN"]).keywords["X"] = ""


def test_they_survive_pickle_and_copies():
    offered = parse_extensions(["DSN", "SIZE 10", "AUTH PLAIN"])
    assert pickle.loads(pickle.dumps(offered)) == copy.deepcopy(offered) == offered
    assert len({offered, copy.copy(offered)}) == 1

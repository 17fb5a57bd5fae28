"""The nouns of udp."""

from __future__ import annotations

import pickle

import pytest

from asyncnet.core.address import Endpoint
from asyncnet.udp.datagram import MAX_DATAGRAM, Datagram, Stats, check_data


def test_a_datagram_is_data_and_peer():
    data, peer = datagram = Datagram(b"ping", Endpoint("127.0.0.1", 53))
    assert (datagram.data, datagram.peer) == (data, peer) == (b"ping", ("127.0.0.1", 53))
    assert repr(datagram) == "<Datagram of 4 bytes from 127.0.0.1:53: b'ping'>"
    assert pickle.loads(pickle.dumps(datagram)) == datagram


def test_a_long_one_is_not_shown_whole():
    shown = repr(Datagram(b"x" * 60_000, Endpoint("::1", 53)))
    assert shown.startswith("<Datagram of 60000 bytes from [::1]:53: b'xxx")
    assert shown.endswith("x'...>")
    assert len(shown) < 120


def test_stats_cannot_be_changed():
    with pytest.raises(AttributeError):
        Stats().sent = 1


@pytest.mark.parametrize("data", [b"", b"x" * MAX_DATAGRAM, bytearray(b"x"), memoryview(b"x")])
def test_what_may_be_sent(data):
    assert bytes(check_data(data)) == bytes(data)


def test_a_view_counts_its_bytes():
    wide = memoryview(bytes(80_000)).cast("I")
    with pytest.raises(ValueError, match="not 80000"):
        check_data(wide)
    assert len(check_data(memoryview(b"abcdef")[::2])) == 3


@pytest.mark.parametrize("data", ["text", None, 5, [b"x"], ()])
def test_what_is_no_data(data):
    with pytest.raises(TypeError, match="reply must be bytes"):
        check_data(data, "reply")


def test_what_does_not_fit():
    with pytest.raises(ValueError, match="data must fit into one datagram of 65507 bytes, not 65508"):
        check_data(bytes(MAX_DATAGRAM + 1))

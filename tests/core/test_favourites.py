"""Which address answered the last time."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

from asyncnet.core.favourites import Favourites

A, B = IPv6Address("2001:db8::1"), IPv4Address("192.0.2.1")
PLACE = ("example.org", 443)


def test_the_winner_is_found_again_at_its_place_only():
    favourites = Favourites()
    assert favourites.find(PLACE, 0.0) is None
    favourites.won(PLACE, A, 0.0)
    assert favourites.find(PLACE, 1.0) == A
    assert favourites.find(("example.org", 80), 1.0) is None
    favourites.won(PLACE, B, 2.0)
    assert favourites.find(PLACE, 3.0) == B


def test_it_is_forgotten_when_it_fails_and_no_other_is():
    favourites = Favourites()
    favourites.failed(PLACE, A)
    favourites.won(PLACE, A, 0.0)
    favourites.failed(PLACE, B)
    assert favourites.find(PLACE, 1.0) == A
    favourites.failed(PLACE, A)
    assert favourites.find(PLACE, 1.0) is None


def test_it_is_forgotten_after_ten_minutes():
    favourites = Favourites()
    favourites.won(PLACE, A, 100.0)
    assert favourites.find(PLACE, 699.9) == A
    assert favourites.find(PLACE, 700.0) is None


def test_a_thousand_are_remembered_and_the_oldest_goes_first():
    favourites = Favourites()
    for port in range(1_000):
        favourites.won(("example.org", port), A, 0.0)
    favourites.won(("example.org", 0), A, 0.0)
    favourites.won(("example.org", 1_000), A, 0.0)
    assert favourites.find(("example.org", 0), 1.0) == A
    assert favourites.find(("example.org", 1), 1.0) is None
    assert favourites.find(("example.org", 1_000), 1.0) == A

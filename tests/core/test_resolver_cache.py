"""The cache, told the time."""

from __future__ import annotations

from asyncnet.core.resolver_cache import ResolverCache


def test_a_value_lives_as_long_as_it_may() -> None:
    cache: ResolverCache[str] = ResolverCache(10)
    cache.put("a", "one", 5.0, now=100.0)
    entry = cache.get("a", 104.9)
    assert entry is not None
    assert (entry.value, entry.expires, len(cache)) == ("one", 105.0, 1)
    assert cache.get("a", 105.0) is None
    assert len(cache) == 0
    assert cache.get("b", 100.0) is None


def test_a_lifetime_of_nothing_is_not_kept_and_replaces_what_was() -> None:
    cache: ResolverCache[str] = ResolverCache(10)
    cache.put("a", "one", 5.0, now=0.0)
    cache.put("a", "two", 0.0, now=1.0)
    assert cache.get("a", 1.0) is None
    cache.put("b", "three", 0.0, now=1.0)
    assert len(cache) == 0


def test_a_cache_of_size_0_keeps_nothing() -> None:
    cache: ResolverCache[str] = ResolverCache(0)
    cache.put("a", "one", 5.0, now=0.0)
    assert cache.get("a", 0.0) is None


def test_what_was_used_longest_ago_goes_first() -> None:
    cache: ResolverCache[int] = ResolverCache(2)
    cache.put("a", 1, 9.0, now=0.0)
    cache.put("b", 2, 9.0, now=0.0)
    assert cache.get("a", 0.0) is not None  # now "b" is the older one
    cache.put("c", 3, 9.0, now=0.0)
    assert [key for key in "abc" if cache.get(key, 0.0)] == ["a", "c"]
    assert (len(cache), cache.evicted) == (2, 1)
    cache.put("a", 4, 9.0, now=0.0)  # replaces, evicts nothing
    assert (len(cache), cache.evicted) == (2, 1)


def test_a_stale_value_is_given_out_for_a_while() -> None:
    cache: ResolverCache[str] = ResolverCache(2, stale_for=10.0)
    cache.put("a", "one", 5.0, now=0.0)
    entry = cache.get("a", 14.0)
    assert entry is not None
    assert (entry.value, entry.expires) == ("one", 5.0)
    assert cache.get("a", 15.0) is None
    cache.put("b", "no", 5.0, now=0.0, stale=False)
    assert cache.get("b", 5.0) is None


def test_clear() -> None:
    cache: ResolverCache[str] = ResolverCache(2)
    cache.put("a", "one", 5.0, now=0.0)
    cache.clear()
    assert len(cache) == 0


def test_weight() -> None:
    cache: ResolverCache[int] = ResolverCache(100)
    for key in range(10):
        cache.put(key, key, 9.0, now=0.0, weight=10)
    assert (len(cache), cache.evicted) == (10, 0)
    cache.put("light", 1, 9.0, now=0.0)
    assert (len(cache), cache.evicted) == (10, 1)
    cache.put("heavy", 1, 9.0, now=0.0, weight=10)
    assert (len(cache), cache.evicted) == (10, 2)
    cache.put("heavy", 2, 9.0, now=0.0, weight=1)  # a lighter one in its place
    cache.put("another", 2, 9.0, now=0.0, weight=8)
    assert (len(cache), cache.evicted) == (11, 2)


def test_what_is_too_heavy_is_not_kept_and_replaces_what_was() -> None:
    cache: ResolverCache[int] = ResolverCache(100)
    cache.put("a", 1, 9.0, now=0.0)
    cache.put("a", 2, 9.0, now=0.0, weight=11)
    assert cache.get("a", 0.0) is None
    small: ResolverCache[int] = ResolverCache(2)
    small.put("a", 1, 9.0, now=0.0)
    assert small.get("a", 0.0) is not None


def test_what_has_ended_makes_room() -> None:
    cache: ResolverCache[int] = ResolverCache(100)
    cache.put("a", 1, 1.0, now=0.0, weight=10)
    assert cache.get("a", 2.0) is None
    for key in range(10):
        cache.put(key, key, 9.0, now=2.0, weight=10)
    assert cache.evicted == 0
    cache.clear()
    cache.put("b", 1, 1.0, now=0.0)
    assert len(cache) == 1

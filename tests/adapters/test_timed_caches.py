"""The caches for Flask and Django: what both promise beyond their frameworks' suites."""

import threading

import pytest

from persidict import LocalDict


@pytest.fixture(params=["cachelib", "django"])
def cache(request, any_dict):
    if request.param == "cachelib":
        pytest.importorskip("cachelib")
        from persidict.adapters.cachelib import CachelibCache

        return CachelibCache(any_dict)
    settings = pytest.importorskip("django.conf").settings
    if not settings.configured:
        settings.configure()
    from persidict.adapters.django import DjangoCache

    return DjangoCache(any_dict, {})


def test_values_live_as_long_as_they_are_told(cache):
    cache.set("a b", {"n": 1}, timeout=1000)
    assert cache.get("a b") == {"n": 1}
    cache.set("gone", 1, timeout=-1)
    assert cache.get("gone") is None
    assert cache.delete("a b")
    assert cache.get("a b") is None


def test_one_of_many_threads_adds(cache):
    start = threading.Barrier(8)
    added = []

    def add(number):
        start.wait()
        if cache.add("lock", number, timeout=100):
            added.append(number)

    threads = [threading.Thread(target=add, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(added) == 1
    assert cache.get("lock") == added[0]


def test_no_increment_is_lost():
    pytest.importorskip("cachelib")
    from persidict.adapters.cachelib import CachelibCache

    cache = CachelibCache(LocalDict())

    def count():
        for _ in range(50):
            cache.inc("hits")

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cache.get("hits") == 200


def test_an_increment_keeps_the_time_to_live():
    pytest.importorskip("cachelib")
    from persidict.adapters.cachelib import CachelibCache

    cache = CachelibCache(LocalDict())
    cache.set("n", 1, timeout=1000)
    (before,) = cache._items.wrapped.values()
    cache.inc("n")
    (after,) = cache._items.wrapped.values()
    assert after == (before[0], 2)

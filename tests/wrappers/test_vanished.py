"""Items that are gone between two looks at a wrapped dict, and errors among many writes."""

import threading

import pytest

from persidict.core import (
    ITEM_NOT_AVAILABLE,
    ETagMismatch,
    LocalDict,
    MutationPolicyError,
    NonEmptySafeStrTuple,
)
from persidict.wrappers import AppendOnlyDictCached, MutableDictCached, WriteOnceDict
from persidict.wrappers._coordination.claim import Claim


class Gone:
    """The stat of an item that somebody deleted after it was listed."""

    @property
    def etag(self):
        raise KeyError

    timestamp = etag


class Vanishing(LocalDict):
    """A dict that lists keys which aren't there any more."""

    gone = ()

    def _scan(self, prefix):
        for name in self.gone:
            yield self._complete(name), Gone()
        yield from super()._scan(prefix)


def test_what_vanished_from_main_is_not_served_from_the_cache():
    main = Vanishing()
    d = MutableDictCached(main_dict=main, data_cache=LocalDict(), etag_cache=LocalDict())
    d["a"], d["v"] = 1, 2
    del main["v"]
    assert ("v",) in d.data_cache
    main.gone = ("v",)
    assert dict(d.items()) == {("a",): 1}
    assert ("v",) not in d.data_cache


def test_what_vanished_from_a_bounded_cache_goes_first():
    cache = Vanishing()
    cache.gone = ("v",)
    d = MutableDictCached(
        main_dict=LocalDict(), data_cache=cache, etag_cache=LocalDict(), max_cached_items=2
    )
    d["a"], d["b"] = 1, 2
    assert set(LocalDict(backend=cache.backend)) == {("a",), ("b",)}
    assert dict(d.items()) == {("a",): 1, ("b",): 2}


def test_an_item_that_leaves_the_cache_and_was_removed_from_main():
    class Evicting(LocalDict):
        def _load(self, key, known):
            raise KeyError(key)

    cache = Evicting(append_only=True)
    d = AppendOnlyDictCached(main_dict=LocalDict(append_only=True), data_cache=cache)
    d["a"] = 1
    cache["gone"] = 2
    assert list(d.get_many(["gone", "a"])) == [(("a",), 1)]


def test_a_lease_is_kept_where_threads_can_not_be_daemons(monkeypatch):
    """As in a subinterpreter; its heartbeat ends with it."""
    real, made = threading.Thread, []

    def thread(*, daemon=False, **others):
        if daemon:
            raise RuntimeError("daemon threads are disabled in this interpreter")
        made.append(real(**others))
        return made[-1]

    store, key = LocalDict(), NonEmptySafeStrTuple("job")
    renewed = threading.Event()
    claim = Claim(store, key, 0.01)
    assert claim.look()
    before = store.etag(key)
    beat = claim.beat
    monkeypatch.setattr(claim, "beat", lambda: (beat(), renewed.set())[0])
    monkeypatch.setattr(threading, "Thread", thread)
    claim.start_heartbeat()
    assert renewed.wait(60)
    claim.release()
    made[0].join(60)
    assert not made[0].is_alive()
    assert not made[0].daemon
    assert before == "1"
    assert key not in store


class Bulk(LocalDict):
    """A dict that inserts many items at once."""

    _max_workers = 2

    def _insert_many(self, items):
        for key, value in items:
            if value == "refused":
                raise TypeError("refused")
            try:
                self._store(key, value, ITEM_NOT_AVAILABLE)
            except ETagMismatch:
                yield False
            else:
                yield True


def test_what_precedes_an_error_among_many_writes_is_compared():
    d = WriteOnceDict(wrapped_dict=Bulk(append_only=True), p_consistency_checks=1)
    d["a"] = 1
    with pytest.raises(TypeError, match="refused"):
        d.update([("a", 1), ("b", 2), ("c", "refused"), ("d", 4)])
    assert dict(d.items()) == {("a",): 1, ("b",): 2}
    assert d.consistency_checks_passed == 1
    with pytest.raises(MutationPolicyError):
        d.update([("a", 2), ("c", "refused")])

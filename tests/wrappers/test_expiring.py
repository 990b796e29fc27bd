"""`ExpiringDict`: what has expired is absent, at a clock that the test turns."""

import os
import threading

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from persidict.core import (
    ANY_ETAG,
    DELETE_CURRENT,
    ETAG_HAS_CHANGED,
    ETAG_IS_THE_SAME,
    ITEM_NOT_AVAILABLE,
    DecodingError,
    LocalBackend,
    LocalDict,
    Stat,
)
from persidict.core.backend import ETagMismatch
from persidict.wrappers import ExpiringDict

ABSENT = {"condition": ETAG_IS_THE_SAME, "expected_etag": ITEM_NOT_AVAILABLE}


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


class Timed(LocalDict):
    """A `LocalDict` whose items are written at the time that a clock shows."""

    clock = None

    def _store(self, key, value, expected):
        stat = Stat(super()._store(key, value, expected).etag, self.clock())
        self._items[key] = self._items[key]._replace(stat=stat)
        return stat


class Setting:
    """A dict, the one that it wraps, and their clock."""

    def __init__(self, max_age=10, wrapped_class=Timed, **params):
        self.clock = Clock()
        self.wrapped = wrapped_class(**params)
        self.wrapped.clock = self.clock
        self.d = ExpiringDict(wrapped_dict=self.wrapped, max_age=max_age)
        self.d._now = self.clock


@pytest.fixture
def setting():
    """One item that has expired, one that is about to, and a new one."""
    s = Setting()
    s.d["x", "old"] = 1
    s.clock.now += 5
    s.d["x", "mid"] = 2
    s.clock.now += 5.5
    s.d["new"] = 3
    return s


def test_expired_items_are_absent_for_all_reading(setting):
    d = setting.d
    live = {("x", "mid"): 2, ("new",): 3}
    assert ("x", "old") not in d
    assert d.get(["x", "old"], 7) == 7
    for read in (d.__getitem__, d.etag, d.timestamp):
        with pytest.raises(KeyError):
            read(["x", "old"])
    assert d == live
    assert (len(d), len(d.keys()), bool(d)) == (2, 2, True)
    assert set(d) == {("x", "mid"), ("new",)}
    assert dict(d.items()) == live
    assert sorted(d.values()) == [2, 3]
    assert d.oldest_keys() == [("x", "mid"), ("new",)]
    assert d.newest_values() == [3, 2]
    assert dict(d.get_many([("x", "old"), "new"])) == {("new",): 3}
    assert set(d.subdicts()) == {"x", "new"}
    assert dict(d.get_subdict("x")) == {("mid",): 2}
    assert d.get_with_etag(["x", "old"]).new_value is ITEM_NOT_AVAILABLE
    setting.clock.now += 4.6
    assert set(d.subdicts()) == {"new"}
    setting.clock.now += 6
    assert not d
    assert d.random_key() is None
    assert len(setting.wrapped) == 3


def test_an_item_lives_as_long_as_it_may():
    s = Setting(max_age=10)
    s.d["a"] = 1
    s.clock.now += 10
    assert "a" in s.d
    s.clock.now += 0.001
    assert "a" not in s.d
    s.clock.now -= 5000
    assert "a" in s.d, "the future is not old"


def test_an_item_written_with_a_clock_ahead_lives_that_much_longer():
    s = Setting(max_age=10)
    s.clock.now += 3600
    s.d["a"] = 1
    s.clock.now -= 3600
    s.clock.now += 3609
    assert s.d["a"] == 1
    s.clock.now += 2
    assert "a" not in s.d
    s.d["a"] = 2
    s.clock.now += 11
    assert "a" not in s.d, "in memory, a later version has its own time"


def test_versions_after_one_with_a_clock_ahead_live_longer_on_files(tmp_path):
    pytest.importorskip("persidict.file")
    from persidict.file import FileDirDict

    d = ExpiringDict(FileDirDict(base_dir=tmp_path, durable=False), max_age=60)
    d["a"] = 1
    now = d.timestamp("a")
    [path] = tmp_path.glob("a_*")
    os.utime(path, (now, now + 3600))
    d["a"] = 2
    d._now = lambda: now + 3650
    assert d["a"] == 2
    d._now = lambda: now + 3700
    assert "a" not in d


def test_a_write_begins_a_new_life(setting):
    d = setting.d
    d["x", "mid"] = 4
    setting.clock.now += 9
    assert d["x", "mid"] == 4


def test_expired_items_are_absent_for_all_changes(setting):
    d, key = setting.d, ("x", "old")
    stale = setting.wrapped.etag(key)
    for delete in (d.__delitem__, d.pop):
        with pytest.raises(KeyError):
            delete(key)
    assert d.discard(key) is False
    assert d.pop(key, 7) == 7
    d[key] = DELETE_CURRENT
    for change in ("set", "delete"):
        value = 9 if change == "set" else DELETE_CURRENT
        outcome = d.set_item_if(key, value=value, condition=ETAG_IS_THE_SAME, expected_etag=stale)
        assert outcome[:3] == (False, ITEM_NOT_AVAILABLE, ITEM_NOT_AVAILABLE)
    outcome = d.discard_if(key, condition=ETAG_HAS_CHANGED, expected_etag=stale)
    assert (outcome.condition_was_satisfied, outcome.value_was_mutated) == (True, False)
    assert setting.wrapped.etag(key) == stale
    assert {d.popitem(), d.popitem()} == {(("x", "mid"), 2), (("new",), 3)}
    with pytest.raises(KeyError):
        d.popitem()


INSERTIONS = {
    "setdefault": lambda d, key: d.setdefault(key, 9),
    "setdefault_if": lambda d, key: d.setdefault_if(key, default_value=9, **ABSENT),
    "set_item_if absent": lambda d, key: d.set_item_if(key, value=9, **ABSENT),
    "set_item_if any": lambda d, key: d.set_item_if(
        key, value=9, condition=ANY_ETAG, expected_etag="no"
    ),
    "transform_item": lambda d, key: d.transform_item(
        key, transformer=lambda found: 9 if found is ITEM_NOT_AVAILABLE else found
    ),
    "[]": lambda d, key: d.__setitem__(key, 9),
    "update": lambda d, key: d.update({key: 9}),
}


@pytest.mark.parametrize("how", INSERTIONS)
def test_insertion_replaces_an_expired_item(setting, how):
    INSERTIONS[how](setting.d, ("x", "old"))
    assert setting.d["x", "old"] == 9
    assert setting.wrapped["x", "old"] == 9


class Interfered(Timed):
    """Somebody else acts once, just before a certain version is replaced."""

    interfere = None

    def _store(self, key, value, expected):
        if self.interfere is not None and isinstance(expected, str):
            interfere, self.interfere = self.interfere, None
            interfere()
        return super()._store(key, value, expected)


def interfered(how):
    s = Setting(wrapped_class=Interfered)
    s.d["a"] = 1
    s.clock.now += 11
    s.wrapped.interfere = lambda: how(s)
    return s


def test_insertion_over_an_expired_item_loses_against_another():
    s = interfered(lambda s: s.wrapped.__setitem__("a", 2))
    assert not s.d.setdefault_if("a", default_value=9, **ABSENT).value_was_mutated
    assert s.d["a"] == 2


def test_insertion_over_an_expired_item_that_is_purged_meanwhile():
    s = interfered(lambda s: s.d.purge())
    assert s.d.setdefault_if("a", default_value=9, **ABSENT).value_was_mutated
    assert s.d["a"] == 9


def test_one_of_many_threads_replaces_an_expired_item():
    s = Setting()
    s.d["a"] = "old"
    s.clock.now += 11
    won, barrier = [], threading.Barrier(8)

    def insert(me):
        barrier.wait()
        if s.d.setdefault("a", me) == me:
            won.append(me)

    threads = [threading.Thread(target=insert, args=(me,)) for me in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert won == [s.d["a"]]


def test_purge(setting):
    d = setting.d
    assert d.get_subdict("new").purge() == 0
    setting.clock.now += 5
    assert d.get_subdict("x").purge() == 2
    assert dict(setting.wrapped) == {("new",): 3}
    assert d.purge() == 0


def test_purge_leaves_what_is_written_meanwhile(setting, monkeypatch):
    erase = Timed._erase

    def written_first(self, key, expected):
        self[key] = "again"
        erase(self, key, expected)

    monkeypatch.setattr(Timed, "_erase", written_first)
    assert setting.d.purge() == 0
    assert setting.d["x", "old"] == "again"


def test_purge_leaves_what_is_deleted_meanwhile(setting, monkeypatch):
    erase = Timed._erase

    def deleted_first(self, key, expected):
        erase(self, key, ANY_ETAG)
        erase(self, key, expected)

    monkeypatch.setattr(Timed, "_erase", deleted_first)
    assert setting.d.purge() == 0
    assert len(setting.wrapped) == 2


def test_clear_deletes_expired_items_too(setting):
    setting.d.get_subdict("x").clear()
    assert dict(setting.wrapped) == {("new",): 3}


def test_what_has_expired_need_not_be_readable(setting, monkeypatch):
    def unreadable(self, key, known):
        raise DecodingError("its class is gone", backend="Timed", operation="decode", key=key)

    monkeypatch.setattr(Timed, "_load", unreadable)
    assert setting.d.get(("x", "old")) is None
    with pytest.raises(DecodingError):
        setting.d["new"]


class Vanishing:
    """What a listing may tell of an item that is deleted before anybody looks closer."""

    @property
    def timestamp(self):
        raise KeyError("gone")


def test_items_that_vanish_while_listing(setting, monkeypatch):
    scan = Timed._scan
    monkeypatch.setattr(
        Timed,
        "_scan",
        lambda self, p: ((k, s if k == ("new",) else Vanishing()) for k, s in scan(self, p)),
    )
    assert list(setting.d) == [("new",)]
    assert setting.d.purge() == 0


def test_bulk_insertion_keeps_its_condition(setting):
    with pytest.raises(ETagMismatch):
        setting.d._store_many([(("x", "old"), 5), (("new",), 5)], ITEM_NOT_AVAILABLE)
    assert dict(setting.d) == {("x", "old"): 5, ("x", "mid"): 2, ("new",): 3}


def test_arguments():
    with pytest.raises(TypeError, match="wrapped_dict must be a PersiDict, got dict"):
        ExpiringDict(wrapped_dict={}, max_age=1)
    with pytest.raises(ValueError, match="append-only"):
        ExpiringDict(wrapped_dict=LocalDict(append_only=True), max_age=1)
    for wrong in (None, "1", True):
        with pytest.raises(TypeError, match="max_age must be a number of seconds"):
            ExpiringDict(wrapped_dict=LocalDict(), max_age=wrong)
    for wrong in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="max_age must be a positive number"):
            ExpiringDict(wrapped_dict=LocalDict(), max_age=wrong)


def test_params():
    d = ExpiringDict(wrapped_dict=LocalDict(backend=LocalBackend()), max_age=60)
    assert d.get_params() == {"max_age": 60.0, "wrapped_dict": d.wrapped_dict}
    assert d.get_subdict("a").wrapped_dict == d.wrapped_dict.get_subdict("a")


KEYS = st.sampled_from(["a", "b", "c"])
VALUES = st.integers(0, 99)


class Machine(RuleBasedStateMachine):
    """Random operations and steps of the clock, against a plain dict of values and times."""

    def __init__(self):
        super().__init__()
        self.s = Setting(max_age=10)
        self.d = self.s.d
        self.model = {}

    def live(self):
        now = self.s.clock.now
        return {key: value for key, (value, at) in self.model.items() if now - at <= 10}

    @rule(seconds=st.integers(1, 12))
    def wait(self, seconds):
        self.s.clock.now += seconds

    @rule(key=KEYS, value=VALUES)
    def write(self, key, value):
        self.d[key] = value
        self.model[key] = (value, self.s.clock.now)

    @rule(key=KEYS, value=VALUES, by=st.sampled_from(["setdefault", "setdefault_if"]))
    def insert(self, key, value, by):
        there = self.live().get(key)
        if by == "setdefault":
            assert self.d.setdefault(key, value) == (value if there is None else there)
        else:
            outcome = self.d.setdefault_if(key, default_value=value, **ABSENT)
            assert outcome.value_was_mutated is (there is None)
        if there is None:
            self.model[key] = (value, self.s.clock.now)

    @rule(key=KEYS, value=VALUES)
    def replace(self, key, value):
        """By an ETag that was right, expired or not."""
        if key not in self.s.wrapped:
            return
        outcome = self.d.set_item_if(
            key, value=value, condition=ETAG_IS_THE_SAME, expected_etag=self.s.wrapped.etag(key)
        )
        assert outcome.value_was_mutated is (key in self.live())
        if outcome.value_was_mutated:
            self.model[key] = (value, self.s.clock.now)

    @rule(key=KEYS)
    def delete(self, key):
        assert self.d.discard(key) is (key in self.live())
        if key in self.live():
            del self.model[key]

    @rule(key=KEYS)
    def pop(self, key):
        assert self.d.pop(key, None) == self.live().get(key)
        if key in self.live():
            del self.model[key]

    @rule()
    def purge(self):
        dead = self.model.keys() - self.live().keys()
        assert self.d.purge() == len(dead)
        for key in dead:
            del self.model[key]

    @rule()
    def clear(self):
        self.d.clear()
        self.model = {}

    @invariant()
    def agrees(self):
        assert self.d == self.live()
        assert len(self.d) == len(self.live())
        assert {key: key in self.d for key in "abc"} == {k: k in self.live() for k in "abc"}
        assert self.s.wrapped == {key: value for key, (value, _) in self.model.items()}


@pytest.mark.slow
def test_random_operations():
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=50,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )


class TestOwnAges:
    @pytest.fixture
    def d(self, monkeypatch):
        moment = [1000.0]
        monkeypatch.setattr("time.time", lambda: moment[0])
        d = ExpiringDict(LocalDict(), max_age=60, own_ages=True)
        d._now = lambda: moment[0]
        d.moment = moment
        return d

    def test_items_expire_one_by_one(self, d):
        d["usual"] = 1
        d.set_with_max_age("short", 2, 10)
        d.set_with_max_age("long", 3, 1000)
        d.set_with_max_age("like-others", 4, None)
        assert dict(d.items()) == {("usual",): 1, ("short",): 2, ("long",): 3, ("like-others",): 4}
        d.moment[0] += 11
        assert sorted(d.values()) == [1, 3, 4]
        d.moment[0] += 50
        assert list(d.values()) == [3]

    def test_listings_and_bulk_reads(self, d):
        d.update(a=1, b=2)
        d.set_with_max_age("c", 3, 10)
        d.moment[0] += 11
        assert ("c" in d, d.get("c"), len(d), d.discard("c")) == (False, None, 2, False)
        assert dict(d.get_many(["a", "c"])) == {("a",): 1}
        assert dict(d.items()) == {("a",): 1, ("b",): 2}
        d.set_with_max_age("b", 4, 1000)
        d.moment[0] += 60
        assert list(d) == [("b",)]
        assert d.purge() == 2
        assert set(d.wrapped_dict) == {("b",)}

    def test_conditions_see_one_version(self, d):
        d.set_with_max_age("a", 1, 10)
        seen = d.get_with_etag("a")
        assert seen.new_value == 1
        changed = d.set_item_if(
            "a", value=2, condition=ETAG_IS_THE_SAME, expected_etag=seen.actual_etag
        )
        assert changed.condition_was_satisfied
        d.moment[0] += 11
        assert d["a"] == 2, "the new value has no age of its own"
        d.moment[0] += 50
        assert d.setdefault("a", 3) == 3

    def test_items_written_without_ages_are_values(self, d):
        d.wrapped_dict["old"] = {"value": 1}
        assert d["old"] == {"value": 1}
        assert d.wrapped_dict.get_params() == d.get_params()["wrapped_dict"].get_params()
        assert d.get_params()["own_ages"] is True

    def test_wrong_uses(self, d):
        with pytest.raises(ValueError, match="own_ages=True"):
            ExpiringDict(LocalDict(), max_age=1).set_with_max_age("a", 1, 1)
        for wrong in (0, -1):
            with pytest.raises(ValueError, match="max_age must be a positive"):
                d.set_with_max_age("a", 1, wrong)
        with pytest.raises(TypeError, match="max_age must be a number"):
            d.set_with_max_age("a", 1, "1")
        with pytest.raises(ValueError, match="must have no base_class_for_values"):
            ExpiringDict(LocalDict(base_class_for_values=int), max_age=1, own_ages=True)

"""ETags are strong and timestamps tell the time, whatever clock and inodes do."""

import os
import time

import pytest

from persidict import DELETE_CURRENT, ETAG_IS_THE_SAME, ITEM_NOT_AVAILABLE, LocalDict
from persidict.file.directory import Directory

HOUR = 3600 * 10**9


@pytest.fixture
def clock(monkeypatch):
    """Stop the clock; what is returned sets it, in nanoseconds from the time it stopped."""
    start = time.time_ns()

    def set_to(offset):
        monkeypatch.setattr(time, "time_ns", lambda: start + offset)
        monkeypatch.setattr(time, "time", lambda: (start + offset) / 10**9)

    set_to(0)
    return set_to


def test_each_write_has_an_etag_of_its_own(make):
    d = make()
    etags = set()
    for _ in range(300):
        d["a"] = "same"
        etags.add(d.etag("a"))
    assert len(etags) == 300
    assert all(isinstance(etag, str) for etag in etags)


@pytest.mark.parametrize(
    "delete",
    [
        lambda d, key: d.discard(key),
        lambda d, key: d.pop(key),
        lambda d, _: d.popitem(),
        lambda d, _: d.clear(),
        lambda d, key: d.discard_many([key]),
        lambda d, key: d.__setitem__(key, DELETE_CURRENT),
        lambda d, key: d.transform_item(key, transformer=lambda _: DELETE_CURRENT),
        lambda d, key: d.discard_if(key, condition=ETAG_IS_THE_SAME, expected_etag=d.etag(key)),
        lambda d, _: d.get_subdict("a").clear(),
        lambda d, _: LocalDict().sync_to(d),
    ],
    ids=["discard", "pop", "popitem", "clear", "many", "joker", "transform", "if", "sub", "sync"],
)
def test_etags_differ_after_deletion_while_the_clock_stands(delete, make, clock):
    d = make()
    etags = set()
    for _ in range(100):
        d["a", "b"] = "same"
        etags.add(d.etag(("a", "b")))
        d["a", "b"] = "same"
        etags.add(d.etag(("a", "b")))
        delete(d, ("a", "b"))
        assert not d
    assert len(etags) == 200


def test_etags_differ_between_handles_while_the_clock_stands(make, clock):
    etags = set()
    for _ in range(50):
        for d in (make(), make(durable=True), make().get_subdict(())):
            d["a"] = "same"
            etags.add(d.etag("a"))
    assert len(etags) == 150


def test_a_write_that_waited_for_the_lock_keeps_no_old_version(make, base, monkeypatch):
    d, other = make(), make()
    d["a"] = other["b"] = 1
    waits = []

    def lock(directory, lock=Directory.lock):
        if not waits:
            waits.append(True)
            other["a"] = 2  # after the waiting file got its time
        lock(directory)

    monkeypatch.setattr(Directory, "lock", lock)
    d["a"] = 3
    assert waits
    assert d["a"] == other["a"] == 3
    assert os.listdir(base / "+tmp") == []


def test_the_clock_steps_back(make, clock):
    d = make()
    clock(HOUR)
    d["a"] = 1
    etags, timestamps = [d.etag("a")], [d.timestamp("a")]
    for step in range(5):
        clock(-step * HOUR)
        d["a"] = 1
        etags.append(d.etag("a"))
        timestamps.append(d.timestamp("a"))
    assert len(set(etags)) == 6
    assert timestamps == sorted(timestamps)


def test_an_old_etag_is_refused_after_inode_reuse(make, base, clock):
    d = make()
    d["other"] = 0
    d["a"] = "same"
    [inode] = [path.stat().st_ino for path in base.glob("a_*.pkl")]
    old = d.etag("a")
    for _ in range(50):
        del d["a"]
        d["a"] = "same"
        if [path.stat().st_ino for path in base.glob("a_*.pkl")] == [inode]:
            break
    outcome = d.set_item_if("a", value="new", condition=ETAG_IS_THE_SAME, expected_etag=old)
    assert not outcome.condition_was_satisfied
    assert d["a"] == "same"


def test_results_name_the_version_that_others_see(make):
    d = make()
    inserted = d.setdefault_if(
        "a", default_value=1, condition=ETAG_IS_THE_SAME, expected_etag=ITEM_NOT_AVAILABLE
    )
    assert inserted.resulting_etag == make().etag("a")
    replaced = d.set_item_if(
        "a", value=2, condition=ETAG_IS_THE_SAME, expected_etag=inserted.resulting_etag
    )
    assert replaced.resulting_etag == make().etag("a") != inserted.resulting_etag
    transformed = d.transform_item("a", transformer=lambda n: n + 1)
    assert transformed.resulting_etag == make().etag("a")
    assert d.get_with_etag("a").actual_etag == transformed.resulting_etag
    [(key, stat)] = [*d._scan(())]
    assert (key, stat.etag) == (("a",), d.etag("a"))


@pytest.mark.parametrize("granularity", [100, 10**6, 10**9, 2 * 10**9])
def test_file_systems_with_coarse_times(granularity, make, monkeypatch):
    utime = os.utime

    def coarse(path, ns, **kwargs):
        utime(path, ns=tuple(n // granularity * granularity for n in ns), **kwargs)

    monkeypatch.setattr(os, "utime", coarse)
    d = make()
    etags = set()
    for _ in range(10):
        d["a"] = "same"
        etags.add(d.etag("a"))
    assert len(etags) == 10


def test_timestamps_are_the_time_of_the_last_write(make, clock):
    d = make()
    for minute, key in enumerate(["b", "c", "a", "b"]):
        clock(minute * 60 * 10**9)
        d[key] = minute
    assert [key for (key,) in d.oldest_keys()] == ["c", "a", "b"]
    assert [key for (key,) in d.newest_keys(2)] == ["b", "a"]
    assert d.newest_values(1) == [3]
    assert d.timestamp("b") == pytest.approx(time.time(), abs=0.001)
    assert dict(d.keys_and_timestamps())["c",] == pytest.approx(time.time() - 120, abs=0.001)
    assert d.timestamp("b") - d.timestamp("a") == pytest.approx(60, abs=0.001)


def test_timestamps_agree_with_the_real_clock(make):
    before = time.time()
    make()["a"] = 1
    assert before - 0.001 <= make().timestamp("a") <= time.time() + 0.001


def test_reading_changes_no_version(make):
    d = make()
    d["a"] = 1
    etag, timestamp = d.etag("a"), d.timestamp("a")
    dict(d)
    d.get_with_etag("a")
    d.setdefault("a", 2)
    assert (d.etag("a"), d.timestamp("a")) == (etag, timestamp)

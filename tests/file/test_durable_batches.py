"""Many items are written with a few flushes, and are on the disk when the call returns."""

import os
from collections import Counter

import pytest

from persidict import DELETE_CURRENT, BackendError, FileDirDict, MutationPolicyError
from persidict.file import batches, erase, flush

pytestmark = pytest.mark.skipif(
    not flush.can_sync_file_system(), reason="this system flushes each file"
)


@pytest.fixture
def flushes(monkeypatch):
    """Count flushes of files, directories and file systems."""
    counts = Counter()
    fsync, syncfs = os.fsync, flush._syncfs()

    def count_fsync(descriptor):
        counts["fsync"] += 1
        fsync(descriptor)

    def count_syncfs(descriptor):
        counts["syncfs"] += 1
        return syncfs(descriptor)

    monkeypatch.setattr(os, "fsync", count_fsync)
    monkeypatch.setattr(flush, "_syncfs", lambda: count_syncfs)
    return counts


ITEMS = {("d", str(n % 7), f"k{n}"): n for n in range(300)}


@pytest.mark.parametrize(
    "write",
    [
        lambda d: d.update(ITEMS),
        lambda d: d.set_many(ITEMS.items()),
        lambda d: d.__ior__(ITEMS),
        lambda d: list(d._insert_many((d._complete(key), value) for key, value in ITEMS.items())),
    ],
    ids=["update", "set_many", "ior", "insert_many"],
)
@pytest.mark.parametrize("append_only", [False, True])
def test_a_batch_is_flushed_twice(write, append_only, base, flushes, leftovers):
    d = FileDirDict(base_dir=base, append_only=append_only)
    write(d)
    assert flushes == {"syncfs": 2}
    assert dict(d) == ITEMS
    assert leftovers() == []


def test_batches_are_bounded(base, flushes, monkeypatch):
    monkeypatch.setattr(batches, "_MAX_FILES", 10)
    monkeypatch.setattr(batches, "_MAX_BYTES", 100_000)
    d = FileDirDict(base_dir=base)
    d.update((f"k{n}", n) for n in range(25))
    assert flushes["syncfs"] == 6
    d.update((f"large{n}", os.urandom(60_000)) for n in range(4))
    assert flushes["syncfs"] == 10


def test_without_syncfs_each_file_and_each_directory_is_flushed(base, flushes, monkeypatch):
    monkeypatch.setattr(flush, "_syncfs", lambda: None)
    d = FileDirDict(base_dir=base)
    d["x", "a"] = 0
    flushes.clear()
    d.update({("x", f"k{n}"): n for n in range(10)})
    assert flushes["syncfs"] == 0
    assert 11 <= flushes["fsync"] <= 13
    assert len(d) == 11


def test_the_last_of_two_values_stays(base):
    d = FileDirDict(base_dir=base)
    d.update([("a", 1), ("b", 1), ("a", 2), ("b", DELETE_CURRENT), ("c", 1), ("c", 3)])
    assert dict(d) == {("a",): 2, ("c",): 3}


def test_each_item_of_a_batch_has_an_etag_of_its_own(base):
    d = FileDirDict(base_dir=base)
    etags = set()
    for _ in range(5):
        d.update([("a", "same"), ("a", "same")])
        etags.add(d.etag("a"))
    assert len(etags) == 5


def test_an_item_that_exists_ends_an_append_only_batch(base, leftovers):
    d = FileDirDict(base_dir=base, append_only=True)
    d["k3"] = "first"
    with pytest.raises(MutationPolicyError):
        d.update((f"k{n}", n) for n in range(6))
    assert {key: value for (key,), value in d.items()} == {
        "k0": 0,
        "k1": 1,
        "k2": 2,
        "k3": "first",
    }
    assert leftovers() == []


def test_insertions_tell_of_each_item_in_order(base):
    d = FileDirDict(base_dir=base)
    d["k1"] = "first"
    d["x", "k2"] = "first"
    pairs = [(d._complete(key), 1) for key in ("k0", "k1", ("x", "k2"), ("x", "k3"), "k0")]
    assert list(d._insert_many(pairs)) == [True, False, False, True, False]
    assert d["k1"] == d["x", "k2"] == "first"


def test_an_error_of_the_source_leaves_what_came_before(base):
    def items():
        yield "a", 1
        yield "b", 2
        raise LookupError("no more")

    d = FileDirDict(base_dir=base)
    with pytest.raises(LookupError):
        d.update(items())
    assert dict(d) == {("a",): 1, ("b",): 2}


def test_a_file_system_that_fails_to_flush_is_an_error_before_anything_is_replaced(
    base, monkeypatch, leftovers
):
    d = FileDirDict(base_dir=base)
    d["a"] = "old"
    monkeypatch.setattr(flush, "_syncfs", lambda: lambda _: 5)
    with pytest.raises(BackendError, match="Input/output error"):
        d.update(a="new", b="new")
    assert dict(d) == {("a",): "old"}
    assert leftovers() == []


def discard_all(d):
    d.discard_many(list(d))


def test_no_batch_is_flushed_without_durability(base, flushes):
    d = FileDirDict(base_dir=base, durable=False)
    d.update(ITEMS)
    d.set_many(ITEMS.items())
    d |= ITEMS
    discard_all(d)
    d.update(ITEMS)
    d.clear()
    assert not d
    assert flushes == {}


@pytest.mark.parametrize("delete", [FileDirDict.clear, discard_all])
def test_a_batch_of_deletions_is_flushed_once(delete, base, flushes, leftovers):
    d = FileDirDict(base_dir=base)
    d.update(ITEMS)
    flushes.clear()
    delete(d)
    assert flushes == {"syncfs": 1}
    assert not d
    assert leftovers() == []
    delete(d)
    assert flushes == {"syncfs": 1}  # there was nothing to flush


@pytest.mark.parametrize("delete", [FileDirDict.clear, discard_all])
def test_deletions_in_one_directory_flush_that_directory(delete, base, flushes):
    d = FileDirDict(base_dir=base)
    d.update({("d", str(n)): n for n in range(20)})
    flushes.clear()
    delete(d.get_subdict("d"))
    assert flushes == {"fsync": 1}
    assert not d


def test_batches_of_deletions_are_bounded(base, flushes, monkeypatch):
    monkeypatch.setattr(erase, "_MAX_UNSYNCED", 10)
    d = FileDirDict(base_dir=base)
    d.update({(str(n % 7), f"k{n}"): n for n in range(35)})
    flushes.clear()
    seen = []

    def keys():
        for key in list(d):
            seen.append((len(d), sum(flushes.values())))
            yield key

    d.discard_many(keys())
    assert flushes["syncfs"] + flushes["fsync"] in (4, 5)
    assert not d
    # Each batch is deleted and flushed before the keys of the next one are asked for.
    assert {(35, 0), (25, 1), (15, 2), (5, 3)} == set(seen)


def test_an_error_of_the_keys_deletes_what_came_before(base):
    def keys():
        yield "a"
        yield "x", "b"
        raise LookupError("no more")

    d = FileDirDict(base_dir=base)
    d.update({"a": 1, ("x", "b"): 2, "c": 3})
    with pytest.raises(LookupError):
        d.discard_many(keys())
    assert dict(d) == {("c",): 3}


def test_deletions_that_can_not_be_flushed_are_an_error(base, monkeypatch):
    d = FileDirDict(base_dir=base)
    d.update({("a", "1"): 1, ("b", "2"): 2})
    monkeypatch.setattr(flush, "_syncfs", lambda: lambda _: 5)
    with pytest.raises(BackendError, match="Input/output error"):
        d.clear()

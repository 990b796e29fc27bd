"""Copies of directories: by several processes at once, beside other writers, over damage."""

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from persidict import BackendError, DecodingError, FileDirDict, LocalDict, describe
from tests.support import opening_workers

pytest.importorskip("orjson")


def age(store, seconds=60):
    """Make all items look as if written earlier."""
    for key in store:
        path = store._where(key)
        then = os.stat(path).st_mtime_ns - seconds * 10**9
        os.utime(path, ns=(then, then))


@pytest.fixture(name="stores")
def stores_fixture(tmp_path):
    source = FileDirDict(base_dir=tmp_path / "source", durable=False)
    target = FileDirDict(base_dir=tmp_path / "target", serialization_format="json", durable=False)
    return source, target


def test_two_processes_copy_and_a_third_writes(stores):
    source, target = stores
    source.update({("k", f"{number}"): number for number in range(200)})
    contested = [("k", f"{number}") for number in range(0, 200, 10)]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(3, mp_context=context) as pool:
        writes = pool.submit(opening_workers.increment, describe(target), contested, 100)
        copies = [
            pool.submit(opening_workers.copy, describe(source), describe(target)) for _ in range(2)
        ]
        writes.result(120)
        found = [copy.result(120) for copy in copies]
    assert len(target) == 200
    for key, value in target.items():
        if key not in contested:
            assert value == source[key]
    # No copy has undone an increment: five of each, on what was there when the first came.
    for key in contested:
        assert target[key] in (source[key] + 5, 1000 + 4)
    for copied, unchanged, newer, conflict, deleted in found:
        assert copied + unchanged + newer + conflict == 200
        assert deleted == 0
    assert 180 <= sum(copied for copied, *_ in found) <= 200


def test_a_copy_goes_on_where_it_was_stopped(stores, monkeypatch):
    source, target = stores
    source.update({f"k{number}": number for number in range(50)})
    age(source)
    done = []

    def stop(key, outcome):
        done.append(key)
        if len(done) == 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        source.copy_to(target, progress=stop)
    reads = []
    original = FileDirDict._decoded

    def counted(self, key, data):
        reads.append(key)
        return original(self, key, data)

    monkeypatch.setattr(FileDirDict, "_decoded", counted)
    assert source.copy_to(target) == (30, 20, 0, 0, 0)
    assert len(reads) == 30


def test_all_but_the_damaged_items_are_copied(stores):
    source, target = stores
    source.update({f"k{number}": number for number in range(10)})
    for key in ("k3", "k7"):
        Path(source._where((key,))).write_bytes(b"damaged")
    with pytest.raises(DecodingError) as caught:
        source.copy_to(target)
    assert "2 items could not be copied" in caught.value.__notes__[0]
    assert len(target) == 8


def test_a_store_that_fails_ends_the_copy(tmp_path):
    source = LocalDict()
    source["a"] = 1
    (tmp_path / "file").write_text("in the way")
    target = FileDirDict(base_dir=tmp_path / "file" / "target")
    with pytest.raises(BackendError):
        source.copy_to(target)


def test_places_that_overlap(tmp_path):
    d = FileDirDict(base_dir=tmp_path, digest_len=0, durable=False)
    d["a", "b"] = 1
    inside = FileDirDict(base_dir=tmp_path / "backup", digest_len=0, durable=False)
    for one, other in ((d, inside), (inside, d), (d, d.get_subdict("x"))):
        with pytest.raises(ValueError, match="overlap"):
            one.copy_to(other)
    beside = FileDirDict(base_dir=f"{tmp_path}2", digest_len=0, durable=False)
    assert d.copy_to(beside).copied == 1
    assert d.copy_to(FileDirDict(base_dir=tmp_path / "b", serialization_format="json")).copied == 1


def test_a_cache_is_no_other_place(tmp_path):
    wrappers = pytest.importorskip("persidict.wrappers")
    main = FileDirDict(base_dir=tmp_path / "main", durable=False)
    cached = wrappers.MutableDictCached(
        main_dict=main, data_cache=LocalDict(), etag_cache=LocalDict()
    )
    main["a"] = 1
    with pytest.raises(ValueError, match="overlap"):
        cached.copy_to(main)
    target = LocalDict()
    assert cached.copy_to(target).copied == 1
    once = wrappers.WriteOnceDict(wrapped_dict=LocalDict(append_only=True))
    assert cached.copy_to(once).copied == 1
    assert once == target

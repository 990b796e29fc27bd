"""Caches, leases and queues on S3: what they share, and how many requests they take."""

import os
from pathlib import Path

import pytest

from persidict.core import LocalDict
from persidict.s3 import BasicS3Dict, S3Dict
from persidict.wrappers import Counter, ExpiringDict, Lease, MutableDictCached, Queue, memoize


@pytest.fixture
def basic_dict(moto_place):
    return BasicS3Dict(**moto_place)


@pytest.mark.slow
def test_a_cache_over_another_wrapper_revalidates_in_bulk(moto, basic_dict, monkeypatch):
    bulks, in_bulk = [], BasicS3Dict._revalidate_many

    def noted(self, wanted):
        bulks.append(list(wanted))
        return in_bulk(self, bulks[-1])

    d = MutableDictCached(
        main_dict=ExpiringDict(basic_dict, max_age=3600),
        data_cache=LocalDict(),
        etag_cache=LocalDict(),
    )
    names = [f"k{n}" for n in range(64)]
    basic_dict.update(dict.fromkeys(names, 1))
    assert len(dict(d.get_many(names))) == len(names)
    monkeypatch.setattr(BasicS3Dict, "_revalidate_many", noted)
    with moto.counting() as seen:
        assert len(dict(d.get_many(names))) == len(names)
    assert seen["GET"] == len(names)
    ((*asked,),) = bulks
    assert all(known == basic_dict.etag(key) for key, known in asked)


@pytest.mark.parametrize("append_only", [False, True])
def test_caches_with_other_file_names_share_nothing(moto_place, tmp_path, append_only):
    place = {**moto_place, "base_dir": tmp_path, "append_only": append_only}
    S3Dict(**place, digest_len=8)["a"] = "of a"
    files = [path for path in tmp_path.rglob("*.pkl") if path.stem.startswith("a_")]
    assert files
    other = S3Dict(**place, digest_len=0)
    for path in files:
        assert path.stem not in other
        assert other.get(path.stem) is None
    S3Dict(**place, digest_len=0)[files[0].stem] = "of the other key"
    assert S3Dict(**place, digest_len=8)["a"] == "of a"
    assert S3Dict(**place, digest_len=0)[files[0].stem] == "of the other key"


@pytest.mark.parametrize("append_only", [False, True])
def test_a_value_that_changes_while_it_is_written(moto, moto_place, tmp_path, append_only):
    place = {**moto_place, "append_only": append_only}
    d, log = S3Dict(**place, base_dir=tmp_path), ["first"]
    put = BasicS3Dict._put

    def put_and_change(self, key, data, expected):
        stat = put(self, key, data, expected)
        log.append("changed meanwhile")
        return stat

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(BasicS3Dict, "_put", put_and_change)
        d["a"] = log
    assert len(log) == 2
    assert d["a"] == S3Dict(**place, base_dir=tmp_path)["a"] == ["first"]


def test_a_cached_write_takes_one_file(moto_place, tmp_path):
    d = S3Dict(**moto_place, base_dir=tmp_path)
    d["a"], d["b"] = 1, 2
    files = [Path(root, name) for root, _, names in os.walk(tmp_path) for name in names]
    assert len([path for path in files if path.suffix == ".pkl"]) == 2


def test_a_lease(moto, basic_dict):
    one, other = Lease(basic_dict, "job"), Lease(basic_dict, "job")
    assert one.acquire() == 1
    assert other.acquire(timeout=0) is None
    one.release()
    with moto.counting() as seen:
        assert other.acquire(timeout=0) == 2
    assert sum(seen.values()) <= 3
    other.release()


def test_a_counter(basic_dict):
    visits = Counter(basic_dict, "visits")
    assert [visits.add(), visits.add(), visits.value, visits.reset()] == [1, 2, 2, 2]


@pytest.mark.slow
def test_a_queue_takes_as_many_requests_whatever_waits(moto, basic_dict):
    queue = Queue(basic_dict, "jobs")
    counts = []
    for waiting in (1, 40):
        for n in range(waiting):
            queue.put(n)
        with moto.counting() as seen:
            task = queue.get()
        counts.append(sum(seen.values()))
        task.done()
        while (task := queue.get(timeout=0)) is not None:
            task.done()
    assert counts[0] == counts[1]
    assert counts[0] < 12


def test_results_of_functions(basic_dict):
    f = memoize(basic_dict, once=True, max_age=3600, stale=60, name="f")(lambda x: x * 2)
    assert [f(1), f(1), f.invalidate(1), f(1)] == [2, 2, True, 2]
    assert f.cache_info() == (1, 2, 1)

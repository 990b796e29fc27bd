"""What is particular to wrappers whose dicts are in files."""

import os
import random
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from persidict.core import MutationPolicyError
from persidict.wrappers import (
    AppendOnlyDictCached,
    MutableDictCached,
    OverlappingMultiDict,
    WriteOnceDict,
)

FileDirDict = pytest.importorskip("persidict.file").FileDirDict


def make_cached(directory, **bounds):
    open_dict = partial(FileDirDict, durable=False)
    return MutableDictCached(
        main_dict=open_dict(base_dir=directory / "main"),
        data_cache=open_dict(base_dir=directory / "cache"),
        etag_cache=open_dict(
            base_dir=directory / "cache", serialization_format="txt", base_class_for_values=str
        ),
        **bounds,
    )


def truncate(path):
    path.write_bytes(path.read_bytes()[:-3])


def empty(path):
    path.write_bytes(b"")


def fill_with_garbage(path):
    path.write_bytes(b"\x80garbage\xff" * 10)


def swap_with_another(path):
    other = next(p for p in path.parent.iterdir() if p.suffix == path.suffix and p != path)
    here, there = path.read_bytes(), other.read_bytes()
    path.write_bytes(there)
    other.write_bytes(here)


def swap_names_with_another(path):
    other = next(p for p in path.parent.iterdir() if p.suffix == path.suffix and p != path)
    spare = path.with_suffix(".spare")
    path.rename(spare)
    other.rename(path)
    spare.rename(other)


def replace_with_directory(path):
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("suffix", [".pkl", ".txt"])
@pytest.mark.parametrize(
    "damage",
    [
        truncate,
        empty,
        fill_with_garbage,
        swap_with_another,
        swap_names_with_another,
        replace_with_directory,
    ],
)
def test_damaged_cache_entries_are_not_served(tmp_path, damage, suffix):
    d = make_cached(tmp_path)
    content = {("x", name): f"value of {name}" for name in "abcdef"}
    for key, value in content.items():
        d[key] = value
    entries = sorted((tmp_path / "cache").rglob(f"*{suffix}"))
    assert len(entries) == 6
    damage(entries[0])
    damage(entries[-1])
    for _ in range(2):
        assert {key: d[key] for key in content} == content
        assert dict(d.items()) == content
        assert dict(d.get_many(content)) == content


def test_cache_directory_is_deleted_meanwhile(tmp_path):
    d = make_cached(tmp_path)
    d["a"] = 1
    (tmp_path / "cache").rename(tmp_path / "gone")
    assert (d["a"], d["a"]) == (1, 1)
    assert list(d.values()) == [1]


def test_cache_directory_can_not_be_made(tmp_path):
    d = make_cached(tmp_path)
    (tmp_path / "cache").write_text("in the way")
    d["a"] = 1
    assert (d["a"], list(d.values()), "a" in d) == (1, [1], True)
    d.clear()
    assert d == {}


_WORKER = """
import pathlib
from tests.wrappers.test_over_files import make_cached
d = make_cached(pathlib.Path({directory!r}))
for number in range(40):
    d.transform_item("count", transformer=lambda n: n + 1, n_retries=None)
    seen = d["count"]
    assert seen >= number, (seen, number)
    assert next(iter(d.values())) >= seen
"""


def test_processes_share_main_and_caches(tmp_path):
    d = make_cached(tmp_path)
    d["count"] = 0
    script = _WORKER.format(directory=str(tmp_path))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    workers = [subprocess.Popen([sys.executable, "-c", script], env=environment) for _ in range(3)]
    assert [worker.wait() for worker in workers] == [0, 0, 0]
    assert d["count"] == next(iter(d.values())) == 120


def test_write_once_keeps_files_by_default(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    d = WriteOnceDict()
    assert d.wrapped_dict == FileDirDict(append_only=True)
    d["a"] = 1
    d["a"] = 2
    assert (d["a"], d.digest_len) == (1, 4)
    assert os.path.basename(d.base_dir) == "__file_dir_dict__"
    assert d.get_subdict("x").base_dir != d.base_dir


def test_write_once_over_a_cache(tmp_path):
    cached = AppendOnlyDictCached(
        main_dict=FileDirDict(base_dir=tmp_path / "main", append_only=True),
        data_cache=FileDirDict(base_dir=tmp_path / "cache", append_only=True),
    )
    d = WriteOnceDict(wrapped_dict=cached, p_consistency_checks=1)
    d["a"] = [1]
    d["a"] = [1]
    with pytest.raises(MutationPolicyError, match="write-once"):
        d["a"] = [2]
    assert d["a"] == [1]


def test_formats_side_by_side_in_one_directory(tmp_path):
    formats = OverlappingMultiDict(
        dict_type=FileDirDict,
        shared_subdicts_params={"base_dir": tmp_path, "digest_len": 0},
        pkl={},
        json={},
        csv={"base_class_for_values": str},
    )
    formats.pkl["t"] = {1, 2}
    formats.json["t"] = [1, 2]
    formats.csv["t"] = "1,2"
    assert sorted(p.name for p in tmp_path.rglob("t.*")) == ["t.csv", "t.json", "t.pkl"]
    assert (formats.pkl["t"], formats.json["t"], formats.csv["t"]) == ({1, 2}, [1, 2], "1,2")
    assert len(formats.csv) == 1


def bytes_of(d):
    """What the values of a cache take on the disk."""
    return sum(path.stat().st_size for path in Path(d.data_cache.base_dir).rglob("*.pkl"))


@pytest.mark.parametrize("bound", [1, 3_000, 100_000])
def test_a_bound_in_bytes_is_never_exceeded_by_one_process(tmp_path, bound):
    d = make_cached(tmp_path, max_cached_bytes=bound)
    dice = random.Random(bound)
    written = {}
    for _ in range(150):
        key = f"k{dice.randrange(60)}"
        written[key,] = d[key] = dice.randbytes(dice.randrange(4000))
        assert bytes_of(d) <= bound
    assert dict(d.items()) == written
    assert bytes_of(d) <= bound
    assert bytes_of(d) > bound // 2 or bound < 4000


def test_the_least_recently_used_bytes_go_first(tmp_path):
    d = make_cached(tmp_path, max_cached_bytes=4_000)
    for key in "abc":
        d[key] = os.urandom(1000)
    d["a"]
    d["d"] = os.urandom(1500)
    assert set(d.data_cache.keys()) == {("a",), ("d",)}


def test_a_value_above_the_bound_displaces_no_other(tmp_path):
    d = make_cached(tmp_path, max_cached_bytes=4_000, max_cached_items=3)
    d["a"], d["big"] = b"1", os.urandom(5000)
    assert len(d["big"]) == 5000
    assert set(d.data_cache.keys()) == set(d.etag_cache.keys()) == {("a",)}
    d.update(dict.fromkeys("bcdef", b""))
    assert len(list(d.values())) == 7
    assert len(d.data_cache) <= 3


@pytest.mark.parametrize(("bound", "error"), [(0, ValueError), (-1, ValueError), (1e6, TypeError)])
def test_a_bound_in_bytes_is_checked(tmp_path, bound, error):
    with pytest.raises(error, match="max_cached_bytes"):
        make_cached(tmp_path, max_cached_bytes=bound)

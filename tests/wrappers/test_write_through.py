"""A value that somebody changes while it is written: main dict and cache have the same."""

import pytest

from persidict.core import BackendError, LocalDict
from persidict.wrappers import AppendOnlyDictCached, MutableDictCached
from persidict.wrappers.byte_entries import ByteEntries
from persidict.wrappers.revalidating_cache import RevalidatingCache

pytest.importorskip("persidict.file")
from persidict.file import FileDirDict  # skipped where it is not installed


class Restless(dict):
    """A value that is another one each time it is copied or encoded."""

    looks = 0

    def __reduce__(self):
        self.looks += 1
        return dict, ({"looks": self.looks},)


class Slow:
    """Changes a list after each write, as another thread of the program would."""

    log = ()

    def _store(self, key, value, expected):
        stat = super()._store(key, value, expected)
        self.log.append("changed after the write")
        return stat

    def _put(self, key, data, expected):
        stat = super()._put(key, data, expected)
        self.log.append("changed after the write")
        return stat


class SlowMemory(Slow, LocalDict):
    def _put(self, key, data, expected):
        raise NotImplementedError


class SlowFiles(Slow, FileDirDict):
    pass


def main_dict(kind, tmp_path, log, **params):
    if kind == "memory":
        d = SlowMemory(**params)
    else:
        format_name = "json" if kind == "json" else "pkl"
        d = SlowFiles(
            base_dir=tmp_path / "main", durable=False, serialization_format=format_name, **params
        )
    d.log = log
    return d


def file_cache(tmp_path, name="data", **params):
    return FileDirDict(base_dir=tmp_path / name, durable=False, **params)


@pytest.mark.parametrize("kind", ["memory", "pkl", "json"])
@pytest.mark.parametrize("value", ["log", "restless"])
def test_a_mutable_cache(kind, value, tmp_path):
    log = []
    main = main_dict(kind, tmp_path, log)
    d = MutableDictCached(main_dict=main, data_cache=file_cache(tmp_path), etag_cache=LocalDict())
    written = {"log": log, "restless": Restless()}[value]
    if (kind, value) == ("json", "restless"):
        pytest.skip("JSON keeps such objects by their content")
    d["a"] = written
    again = MutableDictCached(main_dict=main, data_cache=d.data_cache, etag_cache=d.etag_cache)
    assert again["a"] == main["a"]
    assert ("a",) in d.data_cache


@pytest.mark.parametrize("kind", ["memory", "pkl", "json"])
def test_an_append_only_cache(kind, tmp_path):
    log = []
    main = main_dict(kind, tmp_path, log, append_only=True)
    d = AppendOnlyDictCached(main_dict=main, data_cache=file_cache(tmp_path, append_only=True))
    d["a"] = log
    assert d["a"] == main["a"] == d.data_cache["a"]


def test_a_value_that_can_not_be_copied_is_not_cached_when_it_is_written(tmp_path):
    class Uncopied:
        def __deepcopy__(self, memo):
            raise RuntimeError("not now")

    class Accepting(LocalDict):
        def _store(self, key, value, expected):
            return super()._store(key, "accepted", expected)

    d = MutableDictCached(main_dict=Accepting(), data_cache=LocalDict(), etag_cache=LocalDict())
    d["a"] = Uncopied()
    assert len(d.data_cache) == 0
    assert d["a"] == d.data_cache["a"] == "accepted"


def make_byte_cache(tmp_path, **params):
    params.pop("append_only", None)
    main = file_cache(tmp_path, "main", **params)
    return RevalidatingCache(main, ByteEntries(main, file_cache(tmp_path, "entries")), 100, 10**6)


@pytest.fixture
def cached(tmp_path):
    return make_byte_cache(tmp_path)


def entry_of(tmp_path):
    (path,) = (tmp_path / "entries").rglob("a*.pkl")
    return path


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: b"nonsense",
        lambda data: b"99999:" + data,
        lambda data: data[:-3],
        lambda data: data[:-8] + bytes(8),
        lambda data: b"1:x" + data,
    ],
    ids=["empty", "text", "long ETag", "cut off", "overwritten", "other ETag"],
)
def test_damaged_entries_are_not_served(cached, tmp_path, damage, caplog):
    cached["a"] = {"x": list(range(100))}
    entry = entry_of(tmp_path)
    entry.write_bytes(damage(entry.read_bytes()))
    assert cached["a"] == {"x": list(range(100))}
    assert dict(cached.items()) == {("a",): {"x": list(range(100))}}
    assert dict(cached.get_many(["a"])) == {("a",): {"x": list(range(100))}}


def test_an_entry_serves_only_its_own_version(cached, tmp_path):
    cached["a"] = 1
    old_entry = entry_of(tmp_path).read_bytes()
    cached["a"] = 2
    entry_of(tmp_path).write_bytes(old_entry)
    assert cached["a"] == 2
    assert list(cached.values()) == [2]


def test_values_come_from_the_cache(cached, tmp_path, monkeypatch):
    cached.update(a=1, b=2)
    assert list(cached.get_many(["a", "b"])) == [(("a",), 1), (("b",), 2)]

    def refuse(wanted):
        for _ in wanted:
            raise BackendError("transferred", backend="main", operation="read")
        return iter(())

    monkeypatch.setattr(cached._main, "_load_many", refuse)
    assert sorted(cached.values()) == [1, 2]
    assert cached["a"] == 1


def test_what_goes_from_main_goes_from_the_cache(cached, tmp_path):
    cached["a"] = 1
    del cached._main["a"]
    assert "a" not in cached
    assert not list((tmp_path / "entries").rglob("a*.pkl"))

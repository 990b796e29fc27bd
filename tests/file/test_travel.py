"""Handles travel: by pickle, between processes, and inside other objects."""

import copy
import dataclasses
import multiprocessing
import os
import pickle
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import pytest

pytest.importorskip("persidict.wrappers")
from persidict import (
    AppendOnlyDictCached,
    EmptyDict,
    ExpiringDict,
    FileDirDict,
    LocalBackend,
    LocalDict,
    MutableDictCached,
    WriteOnceDict,
    describe,
    open_store,
)
from tests.support.travel_workers import Holder, write, write_by_holder, write_pair

KEY = b"a secret key of 27 letters."


def files(tmp_path, name="d", **params):
    return FileDirDict(base_dir=tmp_path / name, **params)


STORES = {
    "files": files,
    "files, other parameters": partial(
        files, serialization_format="json", digest_len=8, durable=False, base_class_for_values=dict
    ),
    "text": partial(files, serialization_format="txt", base_class_for_values=str),
    "append-only": partial(files, append_only=True),
    "sub-dict": lambda path: files(path).get_subdict(("a", "b")),
    "expiring": lambda path: ExpiringDict(wrapped_dict=files(path), max_age=100),
    "write-once": lambda path: WriteOnceDict(
        wrapped_dict=files(path, append_only=True), p_consistency_checks=0.5
    ),
    "cached": lambda path: MutableDictCached(
        main_dict=files(path),
        data_cache=files(path, "data"),
        etag_cache=files(path, "etags"),
        max_cached_items=7,
    ),
    "append-only cached": lambda path: AppendOnlyDictCached(
        main_dict=files(path, append_only=True), data_cache=files(path, "data", append_only=True)
    ),
    "sub-dict of a wrapper of a wrapper": lambda path: ExpiringDict(
        wrapped_dict=ExpiringDict(wrapped_dict=files(path).get_subdict("x"), max_age=9), max_age=8
    ).get_subdict("y"),
    "empty": lambda _: EmptyDict(append_only=True),
}


@pytest.fixture(name="d", params=STORES.values(), ids=STORES)
def store_fixture(request, tmp_path):
    return request.param(tmp_path)


def value_for(d):
    kind = d.base_class_for_values
    return "text" if kind is str else {"n": 1}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_is_another_handle_on_the_same_store(d, protocol):
    again = pickle.loads(pickle.dumps(d, protocol))
    assert type(again) is type(d)
    assert again.get_params() == d.get_params()
    assert again == d
    again["new"] = value_for(d)
    assert d.get("new") == again.get("new")


def test_deep_copies_are_handles_too(d):
    for twin in (copy.deepcopy(d), copy.copy(d), copy.deepcopy([{"d": d}])[0]["d"]):
        assert twin == d
        assert twin is not d


def test_cloudpickle_takes_classes_that_are_defined_anywhere(tmp_path):
    cloudpickle = pytest.importorskip("cloudpickle")

    class Mine(FileDirDict):
        def __init__(self, label, **named):
            super().__init__(**named)
            self.label = label

    d = Mine("mine", base_dir=tmp_path, digest_len=2)
    again = cloudpickle.loads(cloudpickle.dumps(d))
    assert (again.label, again.digest_len, again.base_dir) == ("mine", 2, d.base_dir)
    assert type(again).__name__ == "Mine"


def test_unpickling_looks_at_no_file(d, tmp_path, monkeypatch):
    data = pickle.dumps(d)
    events = []

    def refuse(*arguments, **_):
        events.append(arguments)
        raise AssertionError(arguments)

    monkeypatch.chdir(tmp_path)
    for name in ("stat", "lstat", "open", "scandir", "mkdir", "listdir"):
        monkeypatch.setattr(os, name, refuse)
    monkeypatch.setattr("builtins.open", refuse)
    again = pickle.loads(data)
    monkeypatch.undo()
    assert events == []
    assert again.get_params() == d.get_params()


def test_relative_places_stay_where_they_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    d = FileDirDict(base_dir="here")
    data = pickle.dumps(d)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert pickle.loads(data).base_dir == d.base_dir
    assert os.path.samefile(os.path.dirname(d.base_dir), tmp_path)


def test_a_place_that_is_no_directory_is_found_out_by_the_first_operation(tmp_path):
    d = files(tmp_path)
    data = pickle.dumps(d)
    (tmp_path / "d").write_text("a file")
    again = pickle.loads(data)
    assert again.get("a") is None
    with pytest.raises(Exception, match="d"):
        again["a"] = 1
    with pytest.raises(ValueError, match="no directory"):
        FileDirDict(base_dir=tmp_path / "d")


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_pools_of_processes(tmp_path, method):
    d = files(tmp_path)
    sub = d.get_subdict("sub")
    context = multiprocessing.get_context(method)
    with context.Pool(2) as pool:
        assert pool.map(write_pair, [(d, 1), (sub, 2), (d, 3)]) == [1, 2, 3]
    assert dict(d.items()) == {("k1",): 1, ("sub", "k2"): 2, ("k3",): 3}
    with ProcessPoolExecutor(1, mp_context=context) as executor:
        found = executor.submit(write, sub, "k4", 4).result()
        holder = executor.submit(write_by_holder, Holder("k5", d), 5).result()
    assert found == {("k2",): 2, ("k4",): 4}
    assert holder == Holder("k5", d)
    assert d["k5"] == 5


def test_joblib(tmp_path):
    joblib = pytest.importorskip("joblib")
    d = files(tmp_path)
    calls = (joblib.delayed(write_pair)((d, number)) for number in range(4))
    assert joblib.Parallel(n_jobs=2, backend="loky")(calls) == [0, 1, 2, 3]
    assert len(d) == 4


def test_objects_that_hold_a_dict(tmp_path):
    holder = Holder("a", files(tmp_path))
    as_dict = dataclasses.asdict(holder)
    assert as_dict == {"name": "a", "store": holder.store}
    again = pickle.loads(pickle.dumps(holder))
    assert again == copy.deepcopy(holder) == holder
    again.store["b"] = 2
    assert as_dict["store"]["b"] == 2


IN_MEMORY = {
    "local": lambda _: LocalDict(),
    "sub-dict": lambda _: LocalDict().get_subdict("a"),
    "inside wrappers": lambda _: ExpiringDict(ExpiringDict(LocalDict(), max_age=1), max_age=1),
    "a cache": lambda path: MutableDictCached(
        files(path), data_cache=LocalDict(), etag_cache=LocalDict()
    ),
}


@pytest.mark.parametrize("make", IN_MEMORY.values(), ids=IN_MEMORY)
def test_memory_can_not_travel(make, tmp_path):
    d = make(tmp_path)
    with pytest.raises(TypeError, match=r"LocalDict can't be pickled.*in memory.*FileDirDict"):
        pickle.dumps(d)
    twin = copy.deepcopy(d)
    twin["a"] = 1
    assert d["a"] == 1
    assert twin == d
    backend = LocalBackend()
    with pytest.raises(TypeError, match="in memory"):
        pickle.dumps(backend)
    assert copy.copy(backend) == copy.deepcopy(backend) == backend


def test_secrets_do_not_travel(tmp_path):
    d = files(tmp_path, signing_key=KEY)
    for handle in (d, d.get_subdict("a"), ExpiringDict(wrapped_dict=d, max_age=1)):
        with pytest.raises(
            TypeError, match=r"its signing_key stays.*describe.*open_store"
        ) as caught:
            pickle.dumps(handle)
        assert "secret key" not in str(caught.value)
        assert copy.deepcopy(handle) == handle
        again = open_store(describe(handle), signing_key=KEY)
        again["x"] = 1
        assert handle["x"] == 1


def test_an_argument_that_nobody_knows(tmp_path):
    class Forgetful(FileDirDict):
        def __init__(self, label, **named):
            super().__init__(**named)

    d = Forgetful("mine", base_dir=tmp_path)
    assert "base_dir" in repr(d)
    with pytest.raises(TypeError, match="'label', which its constructor needs"):
        pickle.dumps(d)
    assert copy.deepcopy(d) == d

"""Descriptions and URLs of files and of what wraps them, here and in other processes."""

import importlib.util
import json
import multiprocessing
import os
import pickle
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from urllib.parse import quote

import pytest

import persidict
from persidict import EmptyDict, FileDirDict, describe, open_store
from persidict.core._opening.class_names import name_of
from tests.support import opening_workers

pytest.importorskip("orjson")

SECRET = b"a secret of 26 characters."
SPAWN = multiprocessing.get_context("spawn")


def wrappers():
    return pytest.importorskip("persidict.wrappers")


def load_sqlite_example():
    path = Path(__file__).parents[2] / "docs" / "examples" / "sqlite_dict.py"
    spec = importlib.util.spec_from_file_location("sqlite_dict_example", path)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def make_files(base, **params):
    return FileDirDict(base_dir=base / "files", durable=False, **params)


def make_text(base):
    return make_files(base, serialization_format="md", base_class_for_values=str, digest_len=0)


def make_subdict(base):
    return make_files(base, serialization_format="json", dir_mode=0o750).get_subdict(["a", "B"])


def make_signed(base):
    return make_files(base, signing_key=SECRET)


def make_signed_subdict(base):
    return make_signed(base).get_subdict("a")


def make_cached(base, signing_key=None):
    files = partial(FileDirDict, durable=False)
    return wrappers().MutableDictCached(
        main_dict=files(base_dir=base / "main", signing_key=signing_key),
        data_cache=files(base_dir=base / "data", serialization_format="json"),
        etag_cache=files(base_dir=base / "etags"),
        max_cached_items=7,
    )


def make_cached_signed(base):
    return make_cached(base, SECRET)


def make_cached_subdict(base):
    return make_cached(base).get_subdict(["x", "y"])


def make_append_only(base):
    return wrappers().AppendOnlyDictCached(
        main_dict=make_files(base, append_only=True),
        data_cache=FileDirDict(base_dir=base / "data", append_only=True, durable=False),
    )


def make_write_once(base):
    return (
        wrappers()
        .WriteOnceDict(wrapped_dict=make_append_only(base), p_consistency_checks=0.25)
        .get_subdict("sub")
    )


def make_expiring(base):
    return wrappers().ExpiringDict(wrapped_dict=make_files(base), max_age=3600.5)


def make_sqlite(base):
    module = sys.modules.get("sqlite_dict_example") or load_sqlite_example()
    return module.SQLiteDict(database=base / "items.sqlite3", prefix="p").get_subdict("q")


MAKERS = [
    make_files,
    make_text,
    make_subdict,
    make_signed,
    make_signed_subdict,
    make_cached,
    make_cached_signed,
    make_cached_subdict,
    make_append_only,
    make_write_once,
    make_expiring,
    make_sqlite,
]


def through_json(store):
    text = json.dumps(describe(store), allow_nan=False)
    assert SECRET.decode() not in text
    return json.loads(text)


def given_for(make):
    return {"signing_key": SECRET} if "signed" in make.__name__ else {}


@pytest.mark.parametrize("make", MAKERS)
def test_descriptions_open_the_same_store(make, tmp_path):
    d = make(tmp_path)
    d["a", "b"] = "value"
    again = open_store(through_json(d), **given_for(make))
    assert again == d
    assert again._is_same_store(d)
    assert repr(again) == repr(d)
    assert again["a", "b"] == "value"
    assert type(again) is type(d)


@pytest.mark.parametrize("make", [make_signed, make_signed_subdict, make_cached_signed])
def test_the_secret_is_asked_for(make, tmp_path):
    with pytest.raises(ValueError, match="signing_key"):
        open_store(through_json(make(tmp_path)))


def test_other_processes(tmp_path):
    """A pool that is fed by pickle, and a process that is started with arguments."""
    makers = [make_files, make_signed_subdict, make_cached_subdict, make_write_once]
    with ProcessPoolExecutor(1, mp_context=SPAWN) as pool:
        for make in makers:
            d = make(tmp_path / make.__name__)
            d["a"] = ["value", 1]
            found = pool.submit(opening_workers.read, describe(d), "a", given_for(make)).result(60)
            assert found == (["value", 1], repr(d))
    ours, theirs = SPAWN.Pipe()
    process = SPAWN.Process(
        target=opening_workers.read_over_a_pipe, args=(through_json(d), "a", theirs)
    )
    process.start()
    theirs.close()
    with ours:
        assert ours.recv() == (["value", 1], repr(d))
    process.join()


def test_several_formats(tmp_path, monkeypatch):
    multi_class = wrappers().OverlappingMultiDict
    monkeypatch.chdir(tmp_path)
    formats = multi_class(
        dict_type=FileDirDict,
        shared_subdicts_params={"base_dir": "data", "durable": False, "signing_key": SECRET},
        pkl={"append_only": True},
        md={"base_class_for_values": str},
    )
    formats.md["a"] = "text"
    formats.pkl["a"] = 5
    description = through_json(formats)
    monkeypatch.chdir(os.sep)  # what was relative is not any more
    with pytest.raises(ValueError, match=r"md\.signing_key, pkl\.signing_key"):
        open_store(description)
    again = open_store(description, signing_key=SECRET)
    assert type(again) is multi_class
    assert (again.md["a"], again.pkl["a"]) == ("text", 5)
    assert again.pkl.append_only
    assert again.md == formats.md
    with pytest.raises(TypeError, match=r"describe\(\).*open_store\(\).*get_params"):
        pickle.dumps(formats)


def test_public_classes_have_public_names():
    classes = {getattr(persidict, name) for name in persidict.__all__ if name.endswith("Dict")}
    classes |= {getattr(persidict, n) for n in persidict.__all__ if n.endswith("Cached")}
    for cls in classes - {persidict.PersiDict}:
        assert name_of(cls) == f"persidict:{cls.__name__}"


def test_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    here = FileDirDict(base_dir=tmp_path / "a b%20")
    for target in ("a b%20", "./a b%20", "file:a%20b%2520", Path("a b%20")):
        assert open_store(target) == here
    if os.name != "nt":
        assert open_store(str(tmp_path / "a b%20")) == here
        assert open_store("file://" + quote(str(tmp_path / "a b%20"))) == here
    assert not (tmp_path / "a b%20").exists()


def test_parameters_of_urls(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    url = "data?format=json&append_only=true&digest_len=0&durable=0&dir_mode=0o750"
    d = open_store(url + "&max_inflated_bytes=none&object_tags=False&base_class_for_values=dict")
    expected = FileDirDict(
        base_dir="data",
        serialization_format="json",
        append_only=True,
        digest_len=0,
        durable=False,
        dir_mode=0o750,
        max_inflated_bytes=None,
        object_tags=False,
        base_class_for_values=dict,
    )
    assert d.get_params() == expected.get_params()


def test_arguments_win_over_the_url(tmp_path):
    d = open_store(f"{tmp_path}?digest_len=2&durable=true", digest_len=3, signing_key=SECRET)
    assert (d.durable, d.digest_len) == (True, 3)
    assert d.signing_key is not None


def test_text_needs_no_class(tmp_path):
    assert open_store(f"{tmp_path}?format=md").base_class_for_values is str
    assert open_store(tmp_path, serialization_format="md").base_class_for_values is str
    assert open_store(f"{tmp_path}?format=json").base_class_for_values is None


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("frmat=json", "unknown parameter 'frmat'.*append_only, .*serialization_format, .*format"),
        ("base_dir=x", "base_dir.*already"),
        ("append_only=maybe", "true or false, got 'maybe'"),
        ("digest_len=many", "digest_len must be an integer, got 'many'"),
        ("digest_len=-1", "negative"),
        ("signing_key=abc", "can't be given in a URL"),
        ("base_class_for_values=no.such:Class", "no.such is not imported"),
        ("format=", "serialization_format"),
    ],
)
def test_wrong_parameters(tmp_path, query, says):
    with pytest.raises(ValueError, match=says) as caught:
        open_store(f"{tmp_path}/d?{query}")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "d").exists()


def test_unknown_arguments(tmp_path):
    with pytest.raises(TypeError, match=r"no parameter 'frmat'.*append_only"):
        open_store(tmp_path, frmat="json")


# It knows no form for secrets, nor for classes.
@pytest.mark.parametrize(
    "make", [make for make in MAKERS if make is not make_text and "signed" not in make.__name__]
)
def test_parameters_survive_mixinforge(make, tmp_path):
    """The package of the field that rebuilds objects from `get_params`."""
    mixinforge = pytest.importorskip("mixinforge")
    d = make(tmp_path)
    d["a"] = "value"
    again = mixinforge.loadjs(mixinforge.dumpjs(d))
    assert again.get_params() == d.get_params()
    assert again["a"] == "value"


def test_a_store_without_items_survives_mixinforge():
    mixinforge = pytest.importorskip("mixinforge")
    d = EmptyDict(append_only=True, serialization_format="json")
    assert repr(mixinforge.loadjs(mixinforge.dumpjs(d))) == repr(d)


def test_one_format_said_twice(tmp_path):
    d = open_store(f"{tmp_path}?format=json", format="json", serialization_format="json")
    assert d.serialization_format == "json"
    assert open_store(tmp_path, format="json").serialization_format == "json"

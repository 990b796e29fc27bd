"""What is on the disk: names, stores of the published package, foreign files."""

import base64
import hashlib
import importlib.util
import math
import os
import shutil
import sys
from pathlib import Path

import pytest

from persidict import FileDirDict

DATA = Path(__file__).with_name("data")
POSIX_ONLY = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")


def digested(component, length=4):
    digest = base64.b32encode(hashlib.md5(component.encode()).digest()).decode().lower()
    return f"{component}_{digest[:length]}"


def has_case(directory):
    """Tell whether a file system keeps names apart that differ only in case."""
    probe = directory / "Probe"
    probe.touch()
    try:
        return not (directory / "probe").exists()
    finally:
        probe.unlink()


# Names


def test_the_documented_names(make, tree):
    d = make()
    d["a"] = 1
    d["case", "nested", "x.y"] = 2
    assert tree() == [
        "a_btax.pkl",
        "case_zukm",
        "case_zukm/nested_qpjx",
        "case_zukm/nested_qpjx/x.y_" + digested("x.y")[-4:] + ".pkl",
    ]


@pytest.mark.parametrize("length", [1, 4, 7, 8, 25, 26])
def test_digests_are_the_start_of_the_md5_in_base32(length, make, tree):
    make(digest_len=length, serialization_format="json")["first", "Second.v2"] = 1
    directory = digested("first", length)
    assert tree() == [directory, f"{directory}/{digested('Second.v2', length)}.json"]
    assert list(make(digest_len=length, serialization_format="json")) == [("first", "Second.v2")]


def test_no_digests(make, tree):
    make(digest_len=0, serialization_format="txt", base_class_for_values=str)["a", "b"] = "c"
    assert tree() == ["a", "a/b.txt"]


def test_a_format_sees_its_own_files_only(make):
    pickles, texts = make(), make(serialization_format="txt", base_class_for_values=str)
    pickles["a"], texts["a"], texts["b"] = 1, "one", "two"
    assert dict(pickles) == {("a",): 1}
    assert dict(texts) == {("a",): "one", ("b",): "two"}
    pickles.clear()
    assert len(texts) == 2


@pytest.mark.parametrize("digest_len", [0, 1, 4, 26])
def test_names_that_look_like_names_of_others(digest_len, make, tree, tmp_path):
    d = make(digest_len=digest_len)
    components = ["a", digested("a"), digested(digested("a")), "a.pkl", "a_btax.pkl", ".pkl", "..."]
    components += ["a.pkl.pkl", "-", "_", "~", "CON", "a..b", "=2B"]
    components += ["a.PKL"] if digest_len or has_case(tmp_path) else []
    keys = [(one,) for one in components]
    keys += [(one, other) for one in components for other in components]
    d.update((key, list(key)) for key in keys)
    assert set(d) == set(keys)
    assert all(value == list(key) for key, value in d.items())
    assert set(d.subdicts()) == set(components)
    assert {d[key][0] for key in keys} == set(components)
    for key in keys[::2]:
        assert d.discard(key)
    assert set(d) == set(keys[1::2])
    d.clear()
    assert tree() == []


@pytest.mark.parametrize("digest_len", [0, 4, 26])
@pytest.mark.parametrize("serialization_format", ["pkl", "f" * 50])
def test_components_of_all_lengths(digest_len, serialization_format, make, tree):
    d = make(
        digest_len=digest_len,
        serialization_format=serialization_format,
        base_class_for_values=str,
    )
    lengths = [1, *range(148, 153), *range(175, 180), *range(198, 207), *range(222, 254)]
    components = ["x" * length for length in lengths] + ["y" * 150 + ".pkl", "z" * 249 + ".pkl"]
    keys = [(one,) for one in components] + [(one, one) for one in components]
    d.update((key, str(len(key[0]))) for key in keys)
    assert set(d) == set(keys)
    assert all(value == str(len(key[0])) for key, value in d.items())
    assert set(d.subdicts()) == set(components)
    assert len(d.get_subdict("x" * 253)) == 1
    assert max(len(part) for path in tree() for part in path.split("/")) <= 255
    d.clear()
    assert tree() == []


def test_the_longest_key(make):
    key = ("k" * 253,) * 12
    if sys.platform == "darwin":
        key = key[:3]  # paths end at 1024 bytes there
    d = make()
    d[key] = 1
    assert list(d) == [key]
    assert d.pop(key) == 1


def test_keys_that_differ_only_in_case(make):
    d = make()
    d["Key"], d["key"], d["KEY", "a"], d["key", "A"], d["key", "a"] = range(5)
    assert dict(d) == {
        ("Key",): 0,
        ("key",): 1,
        ("KEY", "a"): 2,
        ("key", "A"): 3,
        ("key", "a"): 4,
    }


# What is made, and what is removed


def test_reading_makes_nothing(make, base, tmp_path):
    d = make()
    part = d.get_subdict(("some", "prefix"))
    assert list(d) == list(part) == []
    assert (len(d), bool(d), d.get("a"), d.random_key()) == (0, False, None, None)
    assert "a" not in part
    assert d.subdicts() == {}
    assert not d.discard("a")
    d.clear()
    assert d.pop(("a", "b"), None) is None
    assert os.listdir(tmp_path) == []


def test_deleting_the_last_item_removes_its_directories(make, tree, base):
    d = make()
    d["a", "b", "c"], d["a", "d"] = 1, 2
    del d["a", "b", "c"]
    assert tree() == [digested("a"), f"{digested('a')}/{digested('d')}.pkl"]
    d.pop(("a", "d"))
    assert tree() == []
    assert base.is_dir()


@pytest.mark.parametrize("digest_len", [0, 4])
@pytest.mark.parametrize("name", ["a", "ab"])  # Python has one object only of a single letter
@pytest.mark.parametrize("between", [(), ("b",), ("b", "c")])
def test_directories_of_equal_names_are_all_removed(make, tree, name, between, digest_len):
    d = make(digest_len=digest_len)
    d[name, *between, name, "k"] = 1
    d[name, *between, "k"] = 2
    del d[name, *between, name, "k"]
    names = [name, *between]
    if digest_len:
        names = [digested(name) for name in names]
    assert [path for path in tree() if not path.endswith(".pkl")] == [
        "/".join(names[:count]) for count in range(1, len(names) + 1)
    ]
    del d[name, *between, "k"]
    assert tree() == []


def test_base_dir_is_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    d = FileDirDict(base_dir="here", durable=False)
    d["a"] = 1
    monkeypatch.chdir("/")
    assert d["a"] == 1
    assert Path(d.get_params()["base_dir"]).is_absolute()
    assert type(d)(**d.get_params()) == d


@POSIX_ONLY
def test_new_directories_and_files_have_the_mode_asked_for(make, base, tree):
    mask = os.umask(0)
    try:
        make()["a", "b"] = 1
        make().update({("p", "q"): 1, ("p", "r"): 2})
        assert make().transform_item("n", transformer=lambda _: 1).new_value == 1
    finally:
        os.umask(mask)
    assert {path.stat().st_mode & 0o077 for path in [base, *base.rglob("*")]} == {0}
    mask = os.umask(0o022)
    try:
        make(dir_mode=0o755)["c", "d"] = 1
    finally:
        os.umask(mask)
    assert (base / digested("c")).stat().st_mode & 0o777 == 0o755
    assert (base / digested("c") / f"{digested('d')}.pkl").stat().st_mode & 0o777 == 0o644


# Foreign files


def test_foreign_files_are_ignored_and_stay(make, base):
    d = make()
    d["a"], d["b", "c"] = 1, 2
    below = digested("b")
    names = ["README.txt", "model_best.pkl", "a.pkl", "a_aaaa.pkl", "a_btax.pkl.tmp", "_btax.pkl"]
    names += [".DS_Store", ".pkl", "a_btax.json", "a_BTAX.pkl", "a b_btax.pkl", "+x.pkl"]
    names += ["é_abcd.pkl", "._a_btax.pkl", "foreign/a_btax.pkl", "b/c.pkl", ".git/a_btax.pkl"]
    names += [f"{below}/notes.pkl", f"{below}/empty_dir_/x", "+tmp/keep", "b_aaaa/a_btax.pkl"]
    # Of Dropbox, Syncthing, OneDrive, iCloud and file managers.
    names += ["a_btax (x's conflicted copy 2026-11-25).pkl", "a_btax(1).pkl", "a_btax 2.pkl"]
    names += ["a_btax.sync-conflict-20261125-101010-ABCDEFG.pkl", "a_btax-DESKTOP-1A2B3C4.pkl"]
    names += [".a_btax.pkl.icloud", "a_btax.pkl.part", "~$a_btax.pkl", "a_btax - Copy.pkl"]
    if not has_case(base):
        names.remove("a_BTAX.pkl")
    for name in names:
        path = base / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    assert dict(d) == {("a",): 1, ("b", "c"): 2}
    assert len(d) == 2
    assert set(d.subdicts()) == {"a", "b"}
    d["a"] = 3
    d.clear()
    assert not d
    for name in names:
        assert (base / name).read_text() == name


def test_foreign_files_without_digests(make, base):
    d = make(digest_len=0)
    d["a"] = 1
    for name in ["a.json", "a b.pkl", "+a.pkl", ".hidden", "b.pkl+"]:
        (base / name).write_text(name)
    assert list(d) == [("a",)]
    d.clear()
    assert len(os.listdir(base)) >= 5


@POSIX_ONLY
def test_what_is_no_regular_file_is_no_item(make, base, tmp_path):
    d = make()
    d["a"] = 1
    os.mkfifo(base / f"{digested('fifo')}.pkl")
    (base / f"{digested('dir')}.pkl").mkdir()
    (base / f"{digested('gone')}.pkl").symlink_to(tmp_path / "nowhere")
    for name in ("fifo", "dir", "gone"):
        assert name not in d
        with pytest.raises(KeyError):
            d[name]
        with pytest.raises(KeyError):
            d.etag(name)
        assert not d.discard(name)
    assert dict(d) == {("a",): 1}
    d.clear()
    assert len([path for path in base.iterdir() if path.name != "+tmp"]) == 3


@POSIX_ONLY
def test_a_symlink_to_a_file_is_read_and_replaced_but_not_written_through(make, base, tmp_path):
    d = make()
    d["a"] = "one"
    outside = tmp_path / "outside"
    shutil.copy(base / f"{digested('a')}.pkl", outside)
    link = base / f"{digested('b')}.pkl"
    link.symlink_to(outside)
    before = outside.read_bytes()
    assert dict(d) == {("a",): "one", ("b",): "one"}
    d["b"] = "two"
    assert dict(d) == {("a",): "one", ("b",): "two"}
    assert not link.is_symlink()
    assert outside.read_bytes() == before


# Stores of the published package


@pytest.fixture
def sample(tmp_path):
    """Copy a store that the published package wrote."""

    def copy(name, **params):
        shutil.copytree(DATA / name, tmp_path / name)
        return FileDirDict(base_dir=tmp_path / name, durable=False, **params)

    return copy


@pytest.fixture(scope="module")
def samples():
    """Return the script that made the samples."""
    spec = importlib.util.spec_from_file_location("samples", DATA / "make_samples.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def as_keys(values):
    return {(key,) if isinstance(key, str) else key: value for key, value in values.items()}


def assert_same(found, expected):
    assert type(found) is type(expected)
    if isinstance(expected, float) and math.isnan(expected):
        assert math.isnan(found)
    else:
        assert found == expected


@pytest.mark.parametrize("name", ["pkl", "json", "undigested"])
def test_published_values_are_read(name, samples, sample):
    pytest.importorskip("lz4" if name != "json" else "jsonpickle")
    expected = as_keys(samples.objects())
    if name == "undigested":
        del expected["Case", "A"]
        d = sample(name, digest_len=0)
    else:
        d = sample(name, serialization_format=name)
    if name == "json":  # that package wrote other keys than strings as strings
        expected["keys",] = {"1": 2, "(1, 2)": 3}
    assert set(expected) <= set(d)
    for key, value in expected.items():
        assert_same(d[key], value)


def test_published_keys_are_listed(samples, sample):
    d = sample("pkl")
    arrays = {("numpy", "array"), ("numpy", "mixed"), ("pandas", "frame")}
    assert set(d) == set(as_keys(samples.objects())) | {("long",)} | arrays
    assert d.get_subdict("nested").keys() == {("deeper", "bytes"), ("other",), ("text",)}
    assert len(d.oldest_keys(5)) == 5


@pytest.mark.parametrize("name", ["pkl", "json"])
def test_published_arrays_are_read(name, samples, sample):
    numpy = pytest.importorskip("numpy")
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("joblib" if name == "pkl" else "jsonpickle")
    d, expected = sample(name, serialization_format=name), samples.arrays()
    numpy.testing.assert_array_equal(d["numpy", "array"], expected["numpy", "array"])
    mixed = d["numpy", "mixed"]["a"]
    assert mixed[0] == 1
    assert_same(mixed[1], numpy.float64(2.5))
    numpy.testing.assert_array_equal(mixed[2], numpy.ones(3))
    # Which types the columns get back from JSON, jsonpickle decides anew in each process; how
    # text is kept, pandas does, depending on what else is installed.
    frame, original = d["pandas", "frame"], expected["pandas", "frame"]
    assert list(frame.columns) == list(original.columns)
    for column in original:
        pandas.testing.assert_series_equal(
            frame[column],
            original[column],
            check_dtype=name == "pkl" and original[column].dtype.kind in "biufM",
        )


def test_published_text_is_read(samples, sample):
    d = sample("text", serialization_format="txt", base_class_for_values=str)
    assert dict(d) == as_keys(samples.TEXTS)


@pytest.mark.parametrize("name", ["pkl", "json"])
def test_published_stores_are_updated(name, sample, tmp_path):
    pytest.importorskip("lz4" if name == "pkl" else "jsonpickle")
    d = sample(name, serialization_format=name)
    files = {path for path in (tmp_path / name).rglob(f"*.{name}") if path.is_file()}
    old = d.etag(("nested", "text"))
    d["nested", "text"] = "changed"
    assert d.transform_item("number", transformer=lambda n: n + 1).new_value == 2**70 + 1
    assert d["nested", "text"] == "changed"
    assert d.etag(("nested", "text")) != old
    assert {path for path in (tmp_path / name).rglob(f"*.{name}") if path.is_file()} == files
    del d["nothing"]
    count = len(d)
    d["number", "new"] = 1
    assert len(d) == count + 1 == len(files)


def test_without_joblib_the_error_says_what_to_install(sample, monkeypatch):
    pytest.importorskip("lz4")
    monkeypatch.setitem(sys.modules, "joblib", None)
    with pytest.raises((RuntimeError, ImportError), match="pip install joblib"):
        sample("pkl")["numpy", "array"]


@pytest.mark.parametrize("prefix", [(), ("a",)])
def test_clear_leaves_empty_directories_that_may_be_of_others(tmp_path, prefix):
    d = FileDirDict(base_dir=tmp_path, digest_len=0, serialization_format="json", durable=False)
    theirs = [tmp_path / ".git/refs/tags", tmp_path / "a/inbox/new"]
    for directory in theirs:
        directory.mkdir(parents=True)
    d["a", "b", "c"] = d["x"] = 1
    d.get_subdict(prefix).clear()
    assert all(directory.is_dir() for directory in theirs)
    assert not (tmp_path / "a/b").exists()
    assert ("a", "b", "c") not in d

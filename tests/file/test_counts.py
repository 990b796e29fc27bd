"""What operations ask of the system, counted: figures that no load of the machine changes.

`test_durability.py` has the exact system calls of single items, where strace is at hand.
"""

import os
import subprocess
import sys
from collections import Counter

import pytest

from persidict import FileDirDict
from persidict.file import scan
from persidict.file.name_check import NameCheck
from persidict.file.paths import Layout

POSIX_ONLY = pytest.mark.skipif(os.name == "nt", reason="other calls there")
OPENS = 0 if os.name == "nt" else 1  # calls of `os.open` per file
COUNTED = ("open", "stat", "fstat", "read", "write", "fsync", "scandir", "unlink", "rename", "link")


@pytest.fixture
def count(monkeypatch):
    """Count calls of functions of `os` during an action, and the bytes it writes."""

    def counted(act):
        calls = Counter()

        def recording(name, original):
            def record(*args, **kwargs):
                calls[name] += 1
                if name == "write":
                    calls["bytes"] += len(args[1])
                return original(*args, **kwargs)

            return record

        with monkeypatch.context() as patch:
            for name in COUNTED:
                patch.setattr(os, name, recording(name, getattr(os, name)))
            act()
        return calls

    return counted


@pytest.fixture
def filled(make):
    d = make()
    d.update((f"k{number}", number) for number in range(1200))
    return d


def test_a_value_is_read_once(make, count):
    d = make()
    d["a"] = 1
    once = Counter(open=OPENS, fstat=1, read=1)
    assert count(lambda: d["a"]) == once
    d["large"] = os.urandom(1 << 20)
    assert count(lambda: d["large"]) == once


@pytest.mark.parametrize(
    "look", [lambda d: "a" in d, lambda d: d.etag("a")], ids=["contains", "etag"]
)
def test_an_item_is_looked_up_by_one_call(make, count, look):
    d = make()
    d["a"] = 1
    assert count(lambda: look(d)) == {"stat": 1}


def test_what_is_written_is_the_value_and_little_more(make, count):
    d = make()
    d["a"] = b""
    small = count(lambda: d.__setitem__("a", b""))
    assert small["bytes"] < 100
    large = count(lambda: d.__setitem__("a", os.urandom(1 << 20)))
    assert large["bytes"] < (1 << 20) + 200
    assert large["write"] <= 6


@POSIX_ONLY
@pytest.mark.parametrize(("durable", "syncs"), [(True, 2), (False, 0)])
def test_a_write_syncs_file_and_directory(base, count, durable, syncs):
    d = FileDirDict(base_dir=base, durable=durable)
    d["a"] = 1
    assert count(lambda: d.__setitem__("a", 2)).get("fsync", 0) == syncs


@POSIX_ONLY
@pytest.mark.parametrize("is_new", [True, False], ids=["new", "replaced"])
def test_a_write_opens_and_looks_up_no_more_than_it_must(base, count, is_new):
    """Opened: a temporary file and the directory of the item."""
    d = FileDirDict(base_dir=base, durable=False)
    d["a"] = 1
    calls = count(lambda: d.__setitem__("b" if is_new else "a", 2))
    found = {name: calls.get(name, 0) for name in ("open", "stat", "fstat", "write")}
    assert found == {"open": 2, "stat": 1, "fstat": 1, "write": 1}


@pytest.mark.parametrize(
    "look",
    [len, list, lambda d: tuple(d.keys()), lambda d: [*d], FileDirDict.random_key],
    ids=["len", "list", "keys", "[*d]", "random_key"],
)
def test_a_list_of_keys_opens_and_looks_up_no_file(filled, count, look):
    assert count(lambda: look(filled)) == {"scandir": 1}


@pytest.mark.parametrize("gather", [dict, list, tuple])
def test_items_are_opened_once_each(filled, count, gather):
    calls = Counter(scandir=1, open=1200 * OPENS, fstat=1200, read=1200)
    assert count(lambda: gather(filled.items())) == calls


def test_lists_of_nested_keys_open_each_directory_once(make, count):
    d = make()
    d.update(((f"p{number % 7}", f"k{number}"), number) for number in range(70))
    assert count(lambda: list(d)) == {"scandir": 8}
    assert count(lambda: sorted(d.get_subdict("p3"))) == {"scandir": 1}


def test_sub_dicts_are_found_by_one_listing_of_each(make, count):
    d = make()
    d.update(((f"p{number % 7}", f"k{number}"), number) for number in range(70))
    found = {}
    assert count(lambda: found.update(d.subdicts())) == {"scandir": 8}
    assert set(found) == {f"p{number}" for number in range(7)}


@POSIX_ONLY
def test_clearing_syncs_a_directory_once(base, filled, count):
    durable = FileDirDict(base_dir=base)
    calls = count(durable.clear)
    assert calls["unlink"] == 1200
    assert calls["fsync"] == 1
    assert not durable


def test_looking_for_any_item_does_not_look_at_all(filled, monkeypatch):
    seen = []
    listed = Layout.files

    def recording(self, head, files):
        seen.extend(files)
        return listed(self, head, files)

    monkeypatch.setattr(Layout, "files", recording)
    assert filled
    assert 0 < len(seen) <= 8


def test_a_list_looks_at_few_entries_at_a_time(filled, monkeypatch):
    sizes = []
    listed = Layout.files

    def recording(self, head, files):
        sizes.append(len(files))
        return listed(self, head, files)

    monkeypatch.setattr(Layout, "files", recording)
    assert len(filled) == 1200
    assert max(sizes) <= scan._MAX_BATCH
    assert len(sizes) < 20


def test_opening_a_store_imports_little():
    script = "import sys; from persidict import FileDirDict; print(*sys.modules)"
    # Not what coverage.py loads into the processes that it follows.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE_")}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment
    )
    modules = set(done.stdout.split())
    unwanted = {"lz4", "jsonpickle", "orjson", "joblib", "numpy", "pandas", "boto3", "asyncio"}
    assert not modules & (unwanted | {"inspect", "hashlib", "multiprocessing", "unittest"})
    assert len([name for name in modules if name.startswith("persidict")]) < 70


def checked_by(monkeypatch):
    """Return a list that grows by the names that are checked."""
    checked = []
    check = NameCheck._items
    monkeypatch.setattr(
        NameCheck, "_items", lambda self, names: checked.extend(names) or check(self, names)
    )
    return checked


def test_what_is_remembered_of_names_is_bounded(make, monkeypatch):
    monkeypatch.setattr("persidict.file.name_check._MAX_CHECKED", 1000)
    d = make()
    d.update((f"k{number}", number) for number in range(700))
    for _ in range(3):
        assert len(d) == len(set(d)) == 700
        remembered = sum(map(len, d._layout._check._checked))
        assert remembered <= 1000 + scan._MAX_BATCH * len("k123_abcd.pkl/")


def test_names_are_checked_again_where_a_listing_has_changed(filled, base, monkeypatch):
    assert len(filled) == 1200
    checked = checked_by(monkeypatch)
    filled["another"] = 1
    assert len(filled) == 1201
    assert any(name.startswith("another_") for name in checked)
    del filled["k7"]
    (base / "k7_aaaa.pkl").write_text("foreign")
    assert len(filled) == len(set(filled)) == 1200
    assert ("k7",) not in set(filled)


def test_names_are_checked_once(filled, monkeypatch):
    assert len(filled) == 1200
    checked = checked_by(monkeypatch)
    assert len(filled) == len(set(filled)) == 1200
    assert checked == []


def test_one_foreign_file_hides_nothing(make, base):
    d = make()
    d.update((f"k{number}", number) for number in range(700))
    (base / "k1_aaaa.pkl").write_text("foreign")
    for _ in range(2):
        assert len(d) == len(set(d)) == 700
    assert all(key in d for key in d)

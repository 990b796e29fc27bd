"""The store of the guide "Write your own backend" is a store like any other."""

import importlib.util
import sys
import threading
from functools import partial
from pathlib import Path

import pytest

from persidict import BackendError
from persidict.core.testing import PersiDictConformance

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "sqlite_dict.py"


def load_example():
    spec = importlib.util.spec_from_file_location("sqlite_dict", EXAMPLE)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.SQLiteDict


SQLiteDict = load_example()


class TestSQLiteDict(PersiDictConformance):
    n_random_runs = 3
    increments_per_thread = 3

    @pytest.fixture
    def make_dict(self, tmp_path):
        return partial(SQLiteDict, database=tmp_path / "items.sqlite3")


class TestBelowPrefix(PersiDictConformance):
    n_random_runs = 2
    increments_per_thread = 2

    @pytest.fixture
    def make_dict(self, tmp_path):
        return partial(SQLiteDict, database=tmp_path / "items.sqlite3", prefix=("a", "b"))


def test_listing_goes_page_by_page(tmp_path):
    d = SQLiteDict(database=tmp_path / "items.sqlite3")
    d.update({f"k{number}": number for number in range(40)})
    d.update({("k", f"{number}"): number for number in range(20)})
    assert len(d) == 60
    assert sorted(d.get_subdict("k").values()) == list(range(20))


def test_database_errors_keep_their_cause(tmp_path):
    database = tmp_path / "items.sqlite3"
    d = SQLiteDict(database=database)
    database.write_bytes(b"this is no database " * 100)
    with pytest.raises(BackendError, match="not a database") as caught:
        d["a"]
    assert caught.value.__cause__ is not None


def test_threads_share_one_handle(tmp_path):
    d = SQLiteDict(database=tmp_path / "items.sqlite3")

    def insert(number):
        d[f"{number}"] = number

    threads = [threading.Thread(target=insert, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(d) == 4

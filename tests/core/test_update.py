"""`update` takes whatever `dict.update` takes."""

import sqlite3
from contextlib import closing
from email.message import Message

import pytest

from persidict.core import LocalDict


def row():
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.row_factory = sqlite3.Row
        return connection.execute("select 1 as a, 2 as b").fetchone()


def message():
    found = Message()
    found["a"], found["b"] = "1", "2"
    return found


class Keyed:
    """Has `keys` and `[]`, but is no mapping."""

    def keys(self):
        return iter(["a", "b"])

    def __getitem__(self, key):
        return key * 2


@pytest.mark.parametrize("source", [row, message, Keyed, dict, list])
def test_the_same_as_a_plain_dict(source):
    d, plain = LocalDict(), {}
    d.update(source(), c=3)
    plain.update(source(), c=3)
    assert d == plain


def test_a_series():
    pandas = pytest.importorskip("pandas")
    d = LocalDict()
    d.update(pandas.Series({"a": 1, "b": 2}))
    assert d == {"a": 1, "b": 2}


@pytest.mark.parametrize("wrong", [5, [1], [("a", 1, 2)]])
def test_the_same_errors_as_a_plain_dict(wrong):
    with pytest.raises((TypeError, ValueError)) as plain:
        {}.update(wrong)
    with pytest.raises(plain.type):
        LocalDict().update(wrong)

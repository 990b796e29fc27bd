"""Finalizers that run while the interpreter exits, when nothing can be imported, use a store."""

from __future__ import annotations

import subprocess
import sys

import pytest

from persidict import FileDirDict

STORES = {
    "pickle": "FileDirDict(base_dir=path)",
    "json": "FileDirDict(base_dir=path, serialization_format='json')",
    "without flushes": "FileDirDict(base_dir=path, durable=False)",
    "cached": """persidict.MutableDictCached(
        main_dict=FileDirDict(base_dir=path),
        data_cache=FileDirDict(base_dir=path + '-cache'),
        etag_cache=FileDirDict(
            base_dir=path + '-cache', serialization_format='etag', base_class_for_values=str
        ),
    )""",
}
# What a finalizer does, and what is in the store afterwards.
OPERATIONS = {
    "d['new'] = [1, {'b': 2.5}]": {"old": 1, "new": [1, {"b": 2.5}]},
    "d['a', 'b', 'c'] = 'deep'": {"old": 1, ("a", "b", "c"): "deep"},
    "assert (d['old'], d.get('absent'), 'absent' in d) == (1, None, False)": {"old": 1},
    "assert list(d) == list(d.keys()) == [('old',)] and len(d) == 1 and d": {"old": 1},
    "assert list(d.values()) == [1] and list(d.items()) == [(('old',), 1)]": {"old": 1},
    "assert list(d.keys_and_timestamps()) == [(('old',), d.timestamp('old'))]": {"old": 1},
    "d.update(old=2, new=3)": {"old": 2, "new": 3},
    "d.update({str(number): number for number in range(20)})": {
        "old": 1,
        **{str(number): number for number in range(20)},
    },
    "assert d.setdefault('new', 2) == 2 and d.setdefault('old', 2) == 1": {"old": 1, "new": 2},
    "d.transform_item('old', transformer=lambda value: value + 1)": {"old": 2},
    "d.transform_item('new', transformer=lambda value: 1)": {"old": 1, "new": 1},
    "d.transform_item('new', transformer=lambda value: value, default=[{1: 2}][:0])": {
        "old": 1,
        "new": [],
    },
    "d.set_item_if('old', value=2, condition=ETAG_IS_THE_SAME, expected_etag=d.etag('old'))": {
        "old": 2
    },
    "d.setdefault_if('n', default_value=2, condition=ANY_ETAG, expected_etag=d.etag('old'))": {
        "old": 1,
        "n": 2,
    },
    "del d['old']": {},
    "assert d.discard('old') and not d.discard('absent')": {},
    "assert d.pop('old') == 1 and d.pop('absent', None) is None": {},
    "assert d.popitem() == (('old',), 1)": {},
    "d.discard_many(['old', 'absent'])": {},
    "d.clear()": {},
    "d.get_subdict('a')['b'] = 1; assert set(d.subdicts()) == {'old', 'a'}": {
        "old": 1,
        ("a", "b"): 1,
    },
    "assert d.oldest_keys() == [('old',)] and d.newest_values() == [1]": {"old": 1},
    "assert d == {'old': 1}": {"old": 1},
}
PROGRAM = """
import os, sys
import persidict
from persidict import ANY_ETAG, ETAG_IS_THE_SAME, FileDirDict

OPERATIONS = {operations!r}

class Last:
    def __init__(self, d, operation):
        self.d, self.operation = d, operation

    def __del__(self, run=exec):
        try:
            assert sys.is_finalizing()
            run(self.operation, dict(d=self.d, **flags))
        except BaseException as error:
            os.write(1, (self.operation + ": " + repr(error) + chr(10)).encode())

flags = dict(ANY_ETAG=ANY_ETAG, ETAG_IS_THE_SAME=ETAG_IS_THE_SAME)
last = []
for number, operation in enumerate(OPERATIONS):
    path = os.path.join(sys.argv[1], str(number))
    d = {store}
    {before}
    last.append(Last(d, operation))
"""


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("before", ["pass", "d['old'] = d['old']"], ids=["first", "later"])
def test_finalizers_use_stores_while_the_interpreter_exits(tmp_path, store, before):
    if store == "cached":
        pytest.importorskip("persidict.wrappers")
    settings = {"serialization_format": "json"} if store == "json" else {}
    stores = [FileDirDict(base_dir=tmp_path / str(n), **settings) for n in range(len(OPERATIONS))]
    for d in stores:
        d["old"] = 1
    run(tmp_path, store, before, list(OPERATIONS))
    for d, (operation, expected) in zip(stores, OPERATIONS.items(), strict=True):
        assert d == expected, operation


def test_an_absent_item_in_a_store_of_another_format_is_absent_then(tmp_path):
    FileDirDict(base_dir=tmp_path / "0", serialization_format="json")["old"] = 1
    run(tmp_path, "pickle", "pass", ["assert d.get('old') is None and list(d) == []"])


def run(path, store, before, operations):
    program = PROGRAM.format(operations=operations, store=STORES[store], before=before)
    command = [sys.executable, "-c", program, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")

"""`diff` compares the values of two stores."""

import json
from pathlib import Path

import pytest

for needed in ("persidict.file", "orjson", "lz4"):
    pytest.importorskip(needed)

from persidict import FileDirDict  # noqa: E402  # if it is there


@pytest.fixture(name="stores")
def stores_fixture(tmp_path):
    one = FileDirDict(base_dir=tmp_path / "one", serialization_format="json", durable=False)
    other = FileDirDict(base_dir=tmp_path / "other", durable=False)
    for d in (one, other):
        d.update({("k", f"{number}"): number for number in range(600)})
    return one, other


def test_equal_stores_of_different_formats(call, stores):
    assert call("diff", "one", "other", check=0).out == ""


def test_each_kind_of_difference(call, stores):
    one, other = stores
    one["only", "here"] = 1
    other["only", "there"] = 1
    other["k", "5"] = "five"
    other["k", "6"] = 6.0
    assert sorted(call("diff", "one", "other", check=1).lines) == [
        *("+ only/there", "- only/here", "~ k/5", "~ k/6"),
    ]
    assert call("diff", "one", "other", "k/5", check=1).lines == ["~ k/5"]
    assert call("diff", "one", "other", "only/*", "--json", check=1).lines == [
        json.dumps({"key": "only/here", "outcome": "only in SOURCE", "error": None}),
        json.dumps({"key": "only/there", "outcome": "only in TARGET", "error": None}),
    ]


@pytest.mark.parametrize("which", [0, 1])
def test_items_that_cannot_be_read(call, stores, which):
    d = stores[which]
    Path(d._where(("k", "7"))).write_bytes(b"{")
    (line,) = call("diff", "one", "other", check=1).lines
    assert line.startswith("! k/7: ")

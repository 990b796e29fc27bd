"""`ls`, `du` and `stat`: what is selected, in which order, in which form."""

import json
import os

import pytest

for needed in ("persidict.file", "orjson", "lz4"):
    pytest.importorskip(needed)

from persidict import FileDirDict  # noqa: E402  # if it is there


@pytest.fixture(name="store")
def store_fixture(tmp_path):
    """Items whose sizes and times are in different orders than their names."""
    d = FileDirDict(base_dir=tmp_path / "data", serialization_format="json", durable=False)
    d["runs"] = "above"
    d["runs", "1", "loss"] = "x" * 3000
    d["runs", "1", "seed"] = 7
    d["runs", "10", "loss"] = "x" * 2000
    d["note"] = "x" * 500
    for age, key in enumerate([("note",), ("runs", "1", "seed"), ("runs",)], 1):
        then = 10**18 - age * 10**9
        os.utime(d._where(key), ns=(then, then))
    return d


def listed(call, *arguments):
    return call("ls", "data", *arguments, check=0).lines


@pytest.mark.parametrize(
    ("selection", "keys"),
    [
        ("note", ["note"]),
        ("runs", ["runs", "runs/1/loss", "runs/1/seed", "runs/10/loss"]),
        ("runs/", ["runs", "runs/1/loss", "runs/1/seed", "runs/10/loss"]),
        ("runs/1", ["runs/1/loss", "runs/1/seed"]),
        ("runs/1/loss", ["runs/1/loss"]),
        ("runs/*/loss", ["runs/1/loss", "runs/10/loss"]),
        ("*", ["note", "runs"]),
        ("runs/1?/*", ["runs/10/loss"]),
        ("runs/[0-9]/*", ["runs/1/loss", "runs/1/seed"]),
        ("runs/[!0-9]*/*", None),
        ("**/loss", ["runs/1/loss", "runs/10/loss"]),
        ("runs/**", ["runs/1/loss", "runs/1/seed", "runs/10/loss"]),
        ("**/1/**", ["runs/1/loss", "runs/1/seed"]),
        ("**", ["note", "runs", "runs/1/loss", "runs/1/seed", "runs/10/loss"]),
        ("r*s", ["runs"]),
        ("uns/**", None),
    ],
)
@pytest.mark.parametrize("option", [[], ["--json"]])
def test_keys_prefixes_and_patterns(call, store, selection, keys, option):
    if keys is None:
        said = call("ls", "data", selection, *option, check=1).err
        assert said == f"persidict: there is no item {selection}, and none below it\n"
        return
    lines = listed(call, selection, *option)
    assert sorted(json.loads(line)["key"] if option else line for line in lines) == keys


@pytest.mark.parametrize("selection", ["a b", "a//b", "../*", "ü*", "a//*", "a*/ b"])
def test_impossible_selections_are_errors(call, store, selection):
    assert call("ls", "data", selection, check=2).err.startswith("persidict: ")


def test_order_and_limit(call, store):
    by_name = ["note", "runs", "runs/1/loss", "runs/1/seed", "runs/10/loss"]
    assert listed(call, "--sort", "name") == by_name
    assert listed(call, "--sort", "name", "-r", "--limit", "2") == by_name[:-3:-1]
    by_size = ["runs/1/loss", "runs/10/loss", "note", "runs", "runs/1/seed"]
    assert listed(call, "--sort", "size") == by_size
    assert listed(call, "--sort", "size", "--limit", "3") == by_size[:3]
    assert listed(call, "--sort", "size", "--reverse", "--limit", "1") == ["runs/1/seed"]
    assert listed(call, "--sort", "time")[2:] == ["note", "runs/1/seed", "runs"]
    assert listed(call, "--sort", "time", "--reverse", "--limit", "2") == ["runs", "runs/1/seed"]
    assert len(listed(call, "--limit", "2")) == 2
    assert listed(call, "--limit", "0") == []
    assert "at least 0" in call("ls", "data", "--limit", "-1", check=2).err


def test_sizes_for_people(call, store):
    lines = {line.split()[-1]: line.split()[1] for line in listed(call, "-lh")}
    assert lines["runs/1/loss"] == "3.0K"
    assert lines["note"] == str(os.stat(store._where(("note",))).st_size)
    assert call("stat", "-h", "data", check=0).lines[1] == "bytes    5.4K"


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (1023, "1023"),
        (1024, "1.0K"),
        (1025, "1.1K"),
        (10 * 1024, "10K"),
        (10 * 1024 + 1, "11K"),
        (1024**2 - 1, "1.0M"),
        (1024**2, "1.0M"),
        (5 * 1024**3, "5.0G"),
    ],
)
def test_sizes_are_rounded_up(size, shown):
    from persidict.core._cli.output import format_size

    assert format_size(size, human=True) == shown


def rows(found):
    return [line.split() for line in found.lines]


def test_du(call, store):
    size = {key: os.stat(store._where(key)).st_size for key in store}
    below_runs = sum(size[key] for key in size if key[0] == "runs" and len(key) > 1)
    total = sum(size.values())
    assert rows(call("du", "data", check=0)) == [
        [str(below_runs), "3", "runs/"],
        [str(total), "5", "."],
    ]
    assert rows(call("du", "-s", "data", check=0)) == [[str(total), "5", "."]]
    assert [row[2] for row in rows(call("du", "-d", "2", "data", check=0))] == [
        *("runs/", "runs/1/", "runs/10/", "."),
    ]
    assert [row[1:] for row in rows(call("du", "data", "runs", check=0))] == [
        ["2", "runs/1/"],
        ["1", "runs/10/"],
        ["4", "runs/"],
    ]
    found = [json.loads(line) for line in call("du", "--json", "data", "**/loss", check=0).lines]
    assert [(entry["prefix"], entry["items"]) for entry in found] == [("runs/", 2), (".", 2)]
    assert rows(call("du", "-sh", "data", check=0)) == [["5.4K", "5", "."]]


def test_stat_and_verify_of_a_pattern(call, store):
    assert call("stat", "--json", "data", "**/loss", check=0).json["items"] == 2
    assert call("verify", "data", "runs/*/loss", check=0).out == "2 items, 0 damaged\n"
    assert "no item none" in call("verify", "data", "none", check=1).err

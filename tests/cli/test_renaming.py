"""`mv` renames items and loses none, and `rm` deletes what patterns select."""

import pytest

for needed in ("persidict.file", "orjson", "lz4"):
    pytest.importorskip(needed)

from persidict import FileDirDict  # noqa: E402  # if it is there


@pytest.fixture(name="store")
def store_fixture(tmp_path):
    d = FileDirDict(base_dir=tmp_path / "data", serialization_format="json", durable=False)
    d["a"] = 1
    d["a", "x"] = 2
    d["a", "y", "z"] = 3
    d["b"] = 4
    return d


def test_one_item(call, store):
    assert call("mv", "data", "a", "new/place", check=0).out == ""
    assert dict(store) == {("new", "place"): 1, ("a", "x"): 2, ("a", "y", "z"): 3, ("b",): 4}


def test_all_below_a_key(call, store):
    call("mv", "-r", "data", "a", "old/a", check=0)
    assert dict(store) == {
        ("old", "a"): 1,
        ("old", "a", "x"): 2,
        ("old", "a", "y", "z"): 3,
        ("b",): 4,
    }


def test_nothing_is_overwritten_without_force(call, store):
    assert "b exists; --force overwrites it" in call("mv", "data", "a", "b", check=1).err
    assert (store["a"], store["b"]) == (1, 4)
    call("mv", "-f", "data", "a", "b", check=0)
    assert "a" not in store
    assert store["b"] == 1


def test_an_interrupted_move_is_completed(call, store):
    store["old", "a", "x"] = 2  # was written, but not deleted from its old place
    call("mv", "-r", "data", "a", "old/a", check=0)
    assert set(store) == {("old", "a"), ("old", "a", "x"), ("old", "a", "y", "z"), ("b",)}


def test_an_item_that_changes_meanwhile_is_kept(call, store, monkeypatch):
    discard_if = FileDirDict.discard_if

    def change_first(self, key, **conditions):
        store["a"] = "changed"
        return discard_if(self, key, **conditions)

    monkeypatch.setattr(FileDirDict, "discard_if", change_first)
    assert "a has changed in the meantime" in call("mv", "data", "a", "c", check=1).err
    assert (store["a"], store["c"]) == ("changed", 1)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["data", "no", "b"], 1, "there is no item no"),
        (["-r", "data", "no", "b"], 1, "there is no item no, and none below it"),
        (["data", "a", "a"], 2, "the same"),
        (["-r", "data", "a", "a/below"], 2, "below KEY"),
        (["data?append_only=true", "a", "c"], 1, "append-only"),
    ],
)
def test_impossible_moves_change_nothing(call, store, arguments, code, says):
    before = dict(store)
    assert says in call("mv", *arguments, check=code).err
    assert dict(store) == before


def test_rm_of_a_pattern(call, store):
    call("rm", "data", "a/*", "b", check=0)
    assert set(store) == {("a",), ("a", "y", "z")}
    assert "no item q*" in call("rm", "data", "q*", check=1).err
    call("rm", "-f", "data", "q*", "c", check=0)
    call("rm", "data", "**", check=0)
    assert len(store) == 0

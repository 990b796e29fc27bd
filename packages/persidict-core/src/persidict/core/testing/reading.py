"""Conformance of insertion, reading, views, sub-dicts and parameters."""

from __future__ import annotations

import copy
import pickle
import random
import time
from collections.abc import Callable, ItemsView, KeysView, MutableMapping, ValuesView
from typing import Any

import pytest

from persidict.core.base import PersiDict
from persidict.core.flags import ANY_ETAG, DELETE_CURRENT, KEEP_CURRENT
from persidict.core.keys import NonEmptySafeStrTuple
from persidict.core.testing.base import Conformance, MakeDict

A, B, AX, AYZ = (NonEmptySafeStrTuple(*key) for key in ("a", "b", ("a", "x"), ("a", "y", "z")))


class ReadingConformance(Conformance):
    """Insertion and reading, for dicts of any policy."""

    @pytest.fixture
    def filled(self, make_dict: MakeDict) -> PersiDict[Any]:
        """Return a dict with items on three levels."""
        d = make_dict()
        for key in (A, B, AX, AYZ):
            d[key] = f"value of {key!r}"
        return d

    def test_reading(self, filled: PersiDict[Any]) -> None:
        assert isinstance(filled, MutableMapping)
        assert filled["a"] == filled[["a"]] == filled[A] == filled.get("a") == f"value of {A!r}"
        assert filled["a", ["y", ("z",)]] == f"value of {AYZ!r}"
        assert "a" in filled
        assert ("a", "y") not in filled
        assert (len(filled), bool(filled)) == (4, True)
        assert filled.get("no") is None
        assert filled.get("no", 5) == 5

    def test_empty(self, make_dict: MakeDict) -> None:
        d = make_dict()
        assert (len(d), bool(d), list(d), d.random_key()) == (0, False, [], None)
        assert d == {}
        assert d.subdicts() == {}
        assert d.oldest_keys() == d.newest_values() == []

    def test_missing(self, filled: PersiDict[Any]) -> None:
        for read in (filled.__getitem__, filled.etag, filled.timestamp):
            with pytest.raises(KeyError) as caught:
                read(["no", "such"])
            assert caught.value.args == (NonEmptySafeStrTuple("no", "such"),)
            assert type(caught.value.args[0]) is NonEmptySafeStrTuple
            assert caught.value.__cause__ is not None

    @pytest.mark.parametrize("key", ["", "a/b", "..", (), ("a", "")], ids=repr)
    def test_unsafe_keys(self, make_dict: MakeDict, key: Any) -> None:
        d = make_dict()
        for use in (d.__getitem__, d.__contains__, d.etag, lambda k: d.__setitem__(k, "1")):
            with pytest.raises(ValueError):  # the text is tested with keys
                use(key)
        assert key not in d.keys()  # noqa: SIM118  # the view just says no

    @pytest.mark.parametrize("key", [None, 1, {"a": 1}, b"a"], ids=repr)
    def test_keys_of_wrong_type(self, make_dict: MakeDict, key: Any) -> None:
        d = make_dict()
        for use in (d.__getitem__, d.get, lambda k: d.__setitem__(k, "1")):
            with pytest.raises(TypeError):
                use(key)

    def test_views(self, filled: PersiDict[Any]) -> None:
        keys, values, items = filled.keys(), filled.values(), filled.items()
        assert isinstance(keys, KeysView)
        assert isinstance(values, ValuesView)
        assert isinstance(items, ItemsView)
        assert len(keys) == len(values) == len(items) == 4
        assert sorted(keys) == sorted(filled) == [A, AX, AYZ, B]
        assert all(type(key) is NonEmptySafeStrTuple for key in keys)
        assert set(keys) == {("a",), ("b",), ("a", "x"), ("a", "y", "z")}
        assert keys & {A, ("q",)} == {A}
        assert keys - {A} == {B, AX, AYZ}
        assert keys | {("q",)} >= set(keys)
        assert keys.isdisjoint({("q",)})
        assert "a" in keys
        assert (A, filled[A]) in items
        assert (A, "other") not in items
        assert filled[B] in values
        assert dict(items) == dict(zip(keys, values, strict=True))
        assert items & {(A, filled[A]), (B, "other")} == {(A, filled[A])}
        filled["new"] = "later"
        assert len(keys) == 5

    def test_lists_and_lengths(self, filled: PersiDict[Any]) -> None:
        """`list` asks for an iterator and for the length, which may share one listing."""
        for d in (filled, filled.get_subdict("a"), filled.get_subdict("no")):
            keys = set(d)
            assert len(list(d)) == len(tuple(d.keys())) == len(sorted(d)) == len(keys)
            items = list(d.items())
            assert dict(items) == {key: d[key] for key in keys}
            assert sorted([*d.values()]) == sorted(d[key] for key in keys)
        iterator = iter(filled)
        filled["late"] = "1"
        assert [len(filled), len(filled.keys()), len(filled.items())] == [5, 5, 5]
        assert {A, B, AX, AYZ} <= set(iterator)
        lengths = []
        for number, _ in enumerate(filled):
            filled["late", str(number)] = "1"
            lengths.append(len(filled))
            if number == 2:
                break
        assert lengths == [6, 7, 8]

    def test_lists_of_threads(self, filled: PersiDict[Any]) -> None:
        fixed = set(filled)

        def work(me: int) -> bool:
            filled[f"of{me}"] = "1"
            found = list(filled)
            return len(set(found)) == len(found) and fixed | {(f"of{me}",)} <= set(found)

        assert all(self.in_threads(work))
        assert len(list(filled.values())) == len(filled) == len(fixed) + self.n_threads

    def test_timestamps(self, filled: PersiDict[Any]) -> None:
        times = dict(filled.keys_and_timestamps())
        assert times.keys() == set(filled)
        for key, value, written in filled.items_and_timestamps():
            assert isinstance(written, float)
            # Another machine's clock and coarser units may be in play.
            assert abs(written - time.time()) < 600
            assert abs(written - filled.timestamp(key)) <= 1
            assert abs(written - times[key]) <= 1
            assert value == filled[key]
        assert sorted(v for v, _ in filled.values_and_timestamps()) == sorted(filled.values())

    def test_oldest_and_newest(self, filled: PersiDict[Any]) -> None:
        times = dict(filled.keys_and_timestamps())
        oldest, newest = filled.oldest_keys(), filled.newest_keys()
        assert sorted(oldest) == sorted(newest) == sorted(times)
        assert [times[key] for key in oldest] == sorted(times.values())
        assert [times[key] for key in newest] == sorted(times.values(), reverse=True)
        assert filled.oldest_keys(2) == oldest[:2]
        assert [times[key] for key in filled.newest_keys(3)] == [times[key] for key in newest[:3]]
        assert len(filled.newest_keys(99)) == 4
        assert filled.oldest_values(2) == [filled[key] for key in oldest[:2]]
        assert len(filled.newest_values(1)) == 1
        for none in (0, -1):
            assert filled.oldest_keys(none) == filled.newest_keys(none) == []
            assert filled.oldest_values(none) == filled.newest_values(none) == []

    def test_random_key_repeats_with_the_seed(self, filled: PersiDict[Any]) -> None:
        state = random.getstate()
        try:
            random.seed(7)
            drawn = [filled.random_key() for _ in range(40)]
            random.seed(7)
            assert [filled.random_key() for _ in range(40)] == drawn
        finally:
            random.setstate(state)
        assert set(drawn) == set(filled)

    def test_subdicts(self, filled: PersiDict[Any]) -> None:
        filled["ax", "z"] = "no part of the sub-dict a"
        below = filled.get_subdict("a")
        assert type(below) is type(filled)
        assert set(below) == {("x",), ("y", "z")}
        assert below["x"] == filled["a", "x"]
        assert set(below.get_subdict("y")) == {("z",)}
        assert below.oldest_keys() != []
        assert filled.get_subdict(()) == filled
        assert filled.get_subdict([]) == dict(filled)
        assert set(filled.subdicts()) == {"a", "ax", "b"}
        assert filled.subdicts()["a"] == below
        assert dict(filled.subdicts()["b"]) == {}
        unused = filled.get_subdict(["un", "used"])
        assert (len(unused), bool(unused), list(unused)) == (0, False, [])
        with pytest.raises(KeyError) as caught:
            below["no"]
        assert caught.value.args == (("no",),)
        assert set(filled.subdicts()) == {"a", "ax", "b"}

    def test_subdicts_are_live(self, filled: PersiDict[Any]) -> None:
        below = filled.get_subdict("a")
        below["new"] = "1"
        assert filled["a", "new"] == "1"
        filled["a", "newer"] = "2"
        assert below["newer"] == "2"
        assert below.append_only is filled.append_only
        assert below.serialization_format == filled.serialization_format
        assert below.base_class_for_values is filled.base_class_for_values

    def test_setdefault(self, make_dict: MakeDict) -> None:
        d = make_dict()
        assert d.setdefault("a", "first") == "first"
        assert d.setdefault("a", "second") == d["a"] == "first"
        for joker in (KEEP_CURRENT, DELETE_CURRENT):
            for key in ("a", "b"):
                with pytest.raises(TypeError):
                    d.setdefault(key, joker)
        with pytest.raises(TypeError):
            d.setdefault("b", make_dict())
        assert d.setdefault("a", make_dict()) == "first"
        assert set(d) == {A}

    def test_keys_that_differ_in_case(self, make_dict: MakeDict) -> None:
        d = make_dict()
        expected = {"a": "1", "A": "2", ("x", "b"): "3", ("X", "b"): "4", ("x", "B"): "5"}
        d.update(expected)
        assert d == expected
        assert d["A"] == "2"
        assert ("X", "B") not in d
        assert d.get_subdict("x") == {"b": "3", "B": "5"}

    def test_many_items(self, make_dict: MakeDict) -> None:
        d = make_dict()
        keys = {("p", f"{number:05}") for number in range(self.n_many)}
        d.update((key, "value") for key in keys)
        d["q"] = "other"
        assert len(d) == self.n_many + 1
        assert set(d.get_subdict("p").keys()) == {key[1:] for key in keys}
        assert sum(1 for _ in d.items()) == self.n_many + 1

    def test_bulk(self, make_dict: MakeDict) -> None:
        d = make_dict()
        d.set_many([("a", "1"), (["b", "c"], "2")])
        d.update({"d": "3"}, e="4")
        d.update([("f", "5")])
        d |= {"g": "6"}
        assert d == {"a": "1", ("b", "c"): "2", "d": "3", "e": "4", "f": "5", "g": "6"}
        assert list(d.get_many(["g", "no", ("b", "c")])) == [(("g",), "6"), (("b", "c"), "2")]
        assert list(d.get_subdict("b").get_many(["c"])) == [(("c",), "2")]

    def test_equality(self, filled: PersiDict[Any], make_dict: MakeDict) -> None:
        content = dict(filled)
        assert filled == content
        assert content == filled
        assert filled == {**content}
        assert filled != {**content, A: "other"}
        assert filled != {**content, NonEmptySafeStrTuple("q"): "more"}
        assert filled != {key: content[key] for key in (A, B)}
        assert filled != 5
        assert filled == make_dict()
        with pytest.raises(TypeError):
            hash(filled)

    def test_values_that_are_refused(self, make_dict: MakeDict) -> None:
        d = make_dict()
        with pytest.raises(TypeError):
            d["a"] = make_dict()
        assert "a" not in d

    def test_base_class_on_write(self, make_dict: MakeDict) -> None:
        d = make_dict(base_class_for_values=str)
        d["a"] = "text"
        with pytest.raises(TypeError, match="str"):
            d["b"] = 5
        with pytest.raises(TypeError):
            d.setdefault("b", 5)
        with pytest.raises(TypeError):
            d.setdefault_if("b", default_value=5, condition=ANY_ETAG, expected_etag=d.etag("a"))
        assert d == {"a": "text"}

    def test_base_class_on_read(self, make_dict: MakeDict) -> None:
        anything = make_dict()
        if anything.base_class_for_values is not None:
            pytest.skip("this format stores nothing but str")
        anything["a"] = 5
        d = make_dict(base_class_for_values=str)
        reads: list[Callable[[], object]] = [
            lambda: d["a"],
            lambda: d.get("a"),
            lambda: list(d.values()),
            lambda: dict(d.items()),
            lambda: d.get_with_etag("a"),
        ]
        for read in reads:
            with pytest.raises(TypeError, match="str"):
                read()
        with pytest.raises(TypeError):
            make_dict(base_class_for_values="str")

    def test_params(self, filled: PersiDict[Any]) -> None:
        params = filled.get_params()
        assert list(params) == sorted(params)
        again = type(filled)(**params)
        assert again == filled
        assert again.get_params().keys() == params.keys()
        below = filled.get_subdict("a")
        assert dict(type(below)(**below.get_params())) == dict(below)
        assert repr(filled).startswith(type(filled).__name__)
        assert all(name in repr(filled) for name in params)
        assert str(filled) == repr(filled)

    def test_copies(self, filled: PersiDict[Any]) -> None:
        twin = copy.copy(filled)
        assert twin == filled
        twin["twin"] = "1"
        assert filled["twin"] == "1"

    def test_pickles_open_the_same_store(self, filled: PersiDict[Any]) -> None:
        try:
            pickled = pickle.dumps(filled)
        except (TypeError, pickle.PicklingError) as error:
            # A secret, a client, memory or a local class stays behind.
            assert "pickle" in str(error)  # noqa: PT017  # not of every store
            return
        twin = pickle.loads(pickled)
        assert type(twin) is type(filled)
        assert dict(twin) == dict(filled)

    def test_second_handle(self, filled: PersiDict[Any], make_dict: MakeDict) -> None:
        other = make_dict()
        assert dict(other) == dict(filled)
        assert {key: other.etag(key) for key in other} == {key: filled.etag(key) for key in filled}

    def test_one_insertion_wins(self, make_dict: MakeDict) -> None:
        d = make_dict()
        keys = [f"key{i}" for i in range(5)]
        won = self.in_threads(
            lambda me: [key for key in keys if d.setdefault(key, str(me)) == str(me)]
        )
        assert sorted(sum(won, [])) == keys  # noqa: RUF017  # short lists

"""Conformance of replacing, deleting and transforming items."""

from __future__ import annotations

from typing import Any

import pytest

from persidict.core.base import PersiDict
from persidict.core.errors import ConcurrencyConflictError
from persidict.core.flags import (
    DELETE_CURRENT,
    ITEM_NOT_AVAILABLE,
    KEEP_CURRENT,
    VALUE_NOT_RETRIEVED,
)
from persidict.core.testing.base import Conformance, MakeDict


class ChangingConformance(Conformance):
    """Replacing and deleting, for dicts that allow it."""

    def test_deletion(self, make_dict: MakeDict) -> None:
        d = make_dict()
        d["a"] = d["b"] = d["c"] = d["d"] = "1"
        del d["a"]
        assert d.discard("b") is True
        assert d.delete_if_exists("c") is True
        d["d"] = DELETE_CURRENT
        assert dict(d) == {}
        assert d.discard("b") is d.delete_if_exists("b") is False
        d["d"] = DELETE_CURRENT
        for remove in (d.__delitem__, d.pop):
            with pytest.raises(KeyError) as caught:
                remove("a")
            assert caught.value.args == (("a",),)
            assert caught.value.__cause__ is not None

    def test_jokers(self, make_dict: MakeDict) -> None:
        d = make_dict()
        d["a"] = "1"
        etag = d.etag("a")
        d.update({"a": KEEP_CURRENT, "b": KEEP_CURRENT})
        d["a"] = KEEP_CURRENT
        assert (dict(d), d.etag("a")) == ({("a",): "1"}, etag)
        d.set_many([("b", "2"), ("a", DELETE_CURRENT), ("c", "3")])
        assert d == {"b": "2", "c": "3"}

    def test_pop(self, make_dict: MakeDict) -> None:
        d = make_dict()
        d["a"], d["b"] = "1", "2"
        assert d.pop("a") == "1"
        assert d.pop("a", None) is None
        assert d.pop("a", "default") == "default"
        assert d.popitem() == (("b",), "2")
        with pytest.raises(KeyError):
            d.popitem()

    def test_clear_and_discard_many(self, make_dict: MakeDict) -> None:
        d = make_dict()
        d.update({("a", "b"): "1", ("a", "c"): "2", "a": "3", "d": "4"})
        d.discard_many(["d", "no"])
        assert len(d) == 3
        d.get_subdict("a").clear()
        assert d == {"a": "3"}
        d.clear()
        d.clear()
        assert (len(d), list(d), d.subdicts()) == (0, [], {})

    def test_every_write_has_a_new_etag(self, make_dict: MakeDict) -> None:
        d = make_dict()
        seen = []
        for number in range(8):
            d["a"] = "same" if self.etags_are_unique else str(number)
            seen.append(d.etag("a"))
            assert d.etag("a") == seen[-1] == make_dict().etag("a")
            if number % 3 == 2:
                del d["a"]
        assert all(isinstance(etag, str) for etag in seen)
        assert len(set(seen)) == len(seen)

    def test_deletion_while_iterating(self, make_dict: MakeDict) -> None:
        d, other = make_dict(), make_dict()
        d.update({("p", str(i)): str(i) for i in range(20)})
        for count, (key, _) in enumerate(d.items()):
            d.discard(key)  # an item that was read ahead may be deleted already
            if count == 5:
                other.clear()
        assert len(d) == 0
        d.update({str(i): str(i) for i in range(20)})
        times = d.items_and_timestamps()
        next(times)
        other.clear()
        assert all(len(item) == 3 for item in times)
        d.update({str(i): str(i) for i in range(20)})
        for key in d.keys():  # noqa: SIM118  # the view is what is tested
            d.discard(key)
        assert not d

    def test_flags_are_no_values(self, make_dict: MakeDict) -> None:
        d = make_dict()
        for flag in (ITEM_NOT_AVAILABLE, VALUE_NOT_RETRIEVED):
            with pytest.raises(TypeError, match="KEEP_CURRENT"):
                d["a"] = flag
        with pytest.raises(TypeError, match="KEEP_CURRENT"):
            d.transform_item("a", transformer=lambda value: value)
        assert "a" not in d

    def test_transform_item(self, make_dict: MakeDict) -> None:
        d = make_dict()
        result = d.transform_item("a", transformer=_increment)
        assert (result.new_value, result.resulting_etag) == ("1", d.etag("a"))
        assert d.transform_item("a", transformer=lambda _: KEEP_CURRENT) == result
        assert d.transform_item("a", transformer=_increment, n_retries=0).new_value == "2"
        gone = d.transform_item("a", transformer=lambda _: DELETE_CURRENT)
        assert gone == (ITEM_NOT_AVAILABLE, ITEM_NOT_AVAILABLE)
        assert d.transform_item("a", transformer=lambda _: KEEP_CURRENT) == gone
        assert d.transform_item("a", transformer=lambda _: DELETE_CURRENT) == gone
        with pytest.raises(ZeroDivisionError):
            d.transform_item("a", transformer=lambda _: 1 / 0)
        for wrong, error in ((1.5, TypeError), ("1", TypeError), (-1, ValueError)):
            with pytest.raises(error):
                d.transform_item("a", transformer=_increment, n_retries=wrong)  # type: ignore[call-overload]
        assert "a" not in d

    def test_transform_item_gives_up(self, make_dict: MakeDict) -> None:
        d, other = make_dict(), make_dict()
        d["a", "x"] = "0"
        calls = []

        def overtaken(value: Any) -> str:
            calls.append(value)
            other["a", "x"] = f"other {len(calls)}"
            return "mine"

        with pytest.raises(ConcurrencyConflictError) as caught:
            d.transform_item(("a", "x"), transformer=overtaken, n_retries=2)
        assert (caught.value.key, caught.value.attempts) == (("a", "x"), 3)
        assert calls == ["0", "other 1", "other 2"]
        assert d["a", "x"] == "other 3"

    def test_concurrent_increments_are_all_counted(self, make_dict: MakeDict) -> None:
        d = make_dict()
        each = self.increments_per_thread
        self.in_threads(
            lambda _: [
                d.transform_item("n", transformer=_increment, n_retries=None) for _ in range(each)
            ]
        )
        assert d["n"] == str(self.n_threads * each)

    def test_every_item_is_popped_once(self, make_dict: MakeDict) -> None:
        d = make_dict()
        content = {str(i): str(i) for i in range(20)}
        d.update(content)

        def take(me: int) -> list[str]:
            if me % 2:
                return [v for key in content if (v := d.pop(key, None)) is not None]
            taken = []
            while True:
                try:
                    taken.append(d.popitem()[1])
                except KeyError:
                    return taken

        assert sorted(sum(self.in_threads(take), [])) == sorted(content)  # noqa: RUF017

    def test_random_operations(self, make_dict: MakeDict) -> None:
        def fresh() -> PersiDict[Any]:
            d = make_dict()
            d.clear()
            return d

        self.compare_with_model(fresh)


def _increment(value: Any) -> str:
    return "1" if value is ITEM_NOT_AVAILABLE else str(int(value) + 1)

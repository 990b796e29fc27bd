"""Conformance of the append-only policy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from persidict.core.errors import MutationPolicyError
from persidict.core.flags import ALWAYS_RETRIEVE, DELETE_CURRENT, ETAG_IS_THE_SAME, KEEP_CURRENT
from persidict.core.testing.base import (
    Conformance,
    MakeDict,
    check_table,
    each_condition,
    each_operation,
)


class AppendOnlyConformance(Conformance):
    """The policy of a dict that is opened with ``append_only=True``."""

    @each_operation
    @each_condition
    def test_append_only_outcomes(
        self, make_dict: MakeDict, operation: str, condition: object
    ) -> None:
        check_table(make_dict, operation, condition, append_only=True)

    def test_append_only(self, make_dict: MakeDict) -> None:
        d = make_dict(append_only=True)
        d["a"] = "1"
        d.update({"b": "2"})
        etag = d.etag("a")
        d["a"] = KEEP_CURRENT
        assert d.transform_item("a", transformer=lambda _: KEEP_CURRENT).new_value == "1"
        assert d.transform_item("c", transformer=lambda _: "3").new_value == "3"
        assert d.setdefault("a", "2") == "1"

        def store(key: str, value: Any) -> Callable[[], object]:
            return lambda: d.__setitem__(key, value)

        forbidden: list[Callable[[], object]] = [
            store("a", "1"),
            store("a", "2"),
            store("a", DELETE_CURRENT),
            store("no", DELETE_CURRENT),
            lambda: d.__delitem__("a"),
            lambda: d.__delitem__("no"),
            lambda: d.discard("a"),
            lambda: d.discard("no"),
            lambda: d.delete_if_exists("a"),
            lambda: d.discard_many(["a"]),
            lambda: d.pop("a"),
            lambda: d.pop("no", None),
            d.popitem,
            d.clear,
            lambda: d.update({"a": "2"}),
            lambda: d.set_many([("a", DELETE_CURRENT)]),
            lambda: d.transform_item("a", transformer=lambda _: "2"),
            lambda: d.transform_item("a", transformer=lambda _: DELETE_CURRENT),
        ]
        for change in forbidden:
            with pytest.raises(MutationPolicyError) as caught:
                change()
            assert caught.value.policy == "append-only"
        assert d == {"a": "1", "b": "2", "c": "3"}
        assert d.etag("a") == etag
        assert d.get_params()["append_only"] is True
        assert d.get_subdict("x").append_only is True

    def test_one_append_only_write_wins(self, make_dict: MakeDict) -> None:
        d = make_dict(append_only=True)

        def write(me: int) -> bool:
            try:
                d["a"] = str(me)
            except MutationPolicyError:
                return False
            return True

        assert sum(self.in_threads(write)) == 1
        found = d.get_item_if(
            "a",
            condition=ETAG_IS_THE_SAME,
            expected_etag=d.etag("a"),
            retrieve_value=ALWAYS_RETRIEVE,
        )
        assert (found.condition_was_satisfied, found.new_value) == (True, d["a"])

    def test_random_append_only_operations(self, make_dict: MakeDict) -> None:
        d = make_dict(append_only=True)
        runs = iter(range(1_000_000))
        self.compare_with_model(lambda: d.get_subdict(f"run{next(runs)}"))

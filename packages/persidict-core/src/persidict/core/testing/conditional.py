"""Conformance of conditional operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from persidict.core.flags import (
    ANY_ETAG,
    DELETE_CURRENT,
    ETAG_HAS_CHANGED,
    ETAG_IS_THE_SAME,
    ITEM_NOT_AVAILABLE,
    KEEP_CURRENT,
    NEVER_RETRIEVE,
)
from persidict.core.testing.base import (
    Conformance,
    MakeDict,
    check_table,
    each_condition,
    each_operation,
)


class ConditionalConformance(Conformance):
    """The conditional operations of a dict that allows changes."""

    @each_operation
    @each_condition
    def test_outcomes(self, make_dict: MakeDict, operation: str, condition: object) -> None:
        check_table(make_dict, operation, condition, append_only=False)

    def test_get_with_etag(self, make_dict: MakeDict) -> None:
        d = make_dict()
        absent = d.get_with_etag("a")
        with pytest.raises(AttributeError):
            absent.new_value = 5  # type: ignore[misc]
        assert absent == (True, ITEM_NOT_AVAILABLE, ITEM_NOT_AVAILABLE, ITEM_NOT_AVAILABLE)
        d["a"] = "1"
        assert d.get_with_etag("a") == (True, d.etag("a"), d.etag("a"), "1")

    def test_lost_race(self, make_dict: MakeDict) -> None:
        d, other = make_dict(), make_dict()
        d["a"] = "1"
        seen = d.etag("a")
        other["a"] = "2"
        same: dict[str, Any] = {"condition": ETAG_IS_THE_SAME, "expected_etag": seen}
        outcome = d.set_item_if("a", value="3", **same)
        assert outcome == (False, other.etag("a"), other.etag("a"), "2")
        assert d.discard_if("a", **same).condition_was_satisfied is False
        del other["a"]
        assert d.set_item_if("a", value="3", **same).actual_etag is ITEM_NOT_AVAILABLE
        other["a"] = "1"
        assert d.discard_if("a", **same).condition_was_satisfied is (not self.etags_are_unique)

    def test_base_class_in_conditions(self, make_dict: MakeDict) -> None:
        d = make_dict(base_class_for_values=str)
        absent: dict[str, Any] = {"condition": ANY_ETAG, "expected_etag": ITEM_NOT_AVAILABLE}
        with pytest.raises(TypeError):
            d.set_item_if("a", value=5, **absent)
        with pytest.raises(TypeError):
            d.transform_item("a", transformer=lambda _: 5)
        assert d.set_item_if("a", value=KEEP_CURRENT, **absent).new_value is ITEM_NOT_AVAILABLE
        assert "a" not in d

    def test_arguments(self, make_dict: MakeDict) -> None:
        d = make_dict()
        good: dict[str, Any] = {"condition": ANY_ETAG, "expected_etag": ITEM_NOT_AVAILABLE}
        calls: list[tuple[Callable[..., object], dict[str, Any]]] = [
            (d.get_item_if, {}),
            (d.set_item_if, {"value": "1"}),
            (d.setdefault_if, {"default_value": "1"}),
            (d.discard_if, {}),
        ]
        for method, own in calls:
            for wrong in (None, True, "ANY_ETAG", NEVER_RETRIEVE):
                with pytest.raises(ValueError):  # the type is the promise
                    method("a", **{**good, **own, "condition": wrong})
            with pytest.raises(ValueError):  # likewise
                method("a/b", **good, **own)
            if method != d.discard_if:
                with pytest.raises(TypeError, match="retrieve_value must be"):
                    method("a", retrieve_value=True, **good, **own)
        for joker in (KEEP_CURRENT, DELETE_CURRENT):
            with pytest.raises(TypeError):
                d.setdefault_if("a", default_value=joker, **good)
        assert dict(d) == {}

    def test_one_compare_and_swap_wins(self, make_dict: MakeDict) -> None:
        d = make_dict()
        d["a"] = "start"
        seen = d.etag("a")
        outcomes = self.in_threads(
            lambda me: d.set_item_if(
                "a", value=str(me), condition=ETAG_IS_THE_SAME, expected_etag=seen
            )
        )
        winners = [outcome for outcome in outcomes if outcome.condition_was_satisfied]
        assert [(w.resulting_etag, w.new_value) for w in winners] == [(d.etag("a"), d["a"])]
        gone = self.in_threads(
            lambda _: d.discard_if("a", condition=ANY_ETAG, expected_etag=seen).value_was_mutated
        )
        assert sorted(gone) == [False] * (self.n_threads - 1) + [True]

    def test_one_conditional_insertion_wins(self, make_dict: MakeDict) -> None:
        d = make_dict()
        for number, (condition, expected) in enumerate(
            [(ETAG_IS_THE_SAME, ITEM_NOT_AVAILABLE), (ETAG_HAS_CHANGED, "1"), (ANY_ETAG, "1")]
        ):
            key = ("insert", str(number))
            outcomes = self.in_threads(
                lambda me, key=key, c=condition, e=expected: d.setdefault_if(  # type: ignore[misc]
                    key, default_value=str(me), condition=c, expected_etag=e
                )
            )
            mutated = [outcome for outcome in outcomes if outcome.value_was_mutated]
            assert [m.new_value for m in mutated] == [d[key]]
            assert {outcome.resulting_etag for outcome in outcomes} == {d.etag(key)}

"""An independent model: it predicts the outcome of every conditional operation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from persidict.core.base import PersiDict
from persidict.core.flags import (
    ALWAYS_RETRIEVE,
    ANY_ETAG,
    DELETE_CURRENT,
    ETAG_HAS_CHANGED,
    ETAG_IS_THE_SAME,
    IF_ETAG_CHANGED,
    ITEM_NOT_AVAILABLE,
    KEEP_CURRENT,
    NEVER_RETRIEVE,
    VALUE_NOT_RETRIEVED,
)

CONDITIONS = (ANY_ETAG, ETAG_IS_THE_SAME, ETAG_HAS_CHANGED)
RETRIEVALS = (ALWAYS_RETRIEVE, NEVER_RETRIEVE, IF_ETAG_CHANGED)
OPERATIONS = ("get", "set", "keep", "delete", "setdefault", "discard")
# Hierarchical keys: some prefixes are keys too, some are the start of other components, and no
# two keys differ only in case.
KEYS = (
    ("a",),
    ("b",),
    ("a", "x"),
    ("a", "y"),
    ("a", "x", "z"),
    ("b", "a"),
    ("c", "a", "x"),
    ("ax", "z"),
)


class Item(NamedTuple):
    """A value in the model, with the ETag that the dict gave it."""

    value: Any
    etag: str


class Outcome(NamedTuple):
    """The expected result of a conditional operation; a new ETag is not known beforehand."""

    satisfied: bool
    actual_etag: Any
    is_written: bool
    new_value: Any


def predict(
    operation: str,
    *,
    item: Item | None,
    condition: object,
    expected_etag: object,
    retrieve_value: object,
    new_value: object,
    append_only: bool = False,
) -> Outcome | None:
    """Return the outcome of a conditional operation on an item (None: absent).

    None means that the operation must raise `MutationPolicyError`.
    """
    actual = ITEM_NOT_AVAILABLE if item is None else item.etag
    equal = expected_etag == actual
    satisfied = condition is ANY_ETAG or equal is (condition is ETAG_IS_THE_SAME)
    deletes = satisfied and operation in ("delete", "discard")
    writes = satisfied and (
        operation == "set" or (operation == "setdefault" and actual is ITEM_NOT_AVAILABLE)
    )
    if append_only and (deletes or (writes and item is not None)):
        return None
    if writes:
        return Outcome(satisfied, actual, is_written=True, new_value=new_value)
    if deletes or item is None:
        return Outcome(satisfied, actual, is_written=False, new_value=ITEM_NOT_AVAILABLE)
    fetched = retrieve_value is ALWAYS_RETRIEVE or (retrieve_value is IF_ETAG_CHANGED and not equal)
    if operation == "discard" or not fetched:
        return Outcome(satisfied, actual, is_written=False, new_value=VALUE_NOT_RETRIEVED)
    return Outcome(satisfied, actual, is_written=False, new_value=item.value)


def call(
    operation: str,
    d: PersiDict[Any],
    key: Sequence[str],
    *,
    condition: Any,
    expected_etag: Any,
    retrieve_value: Any,
    new_value: Any,
) -> Any:
    """Call the conditional operation of this name."""
    common = {"condition": condition, "expected_etag": expected_etag}
    if operation == "discard":
        return d.discard_if(key, **common)
    common["retrieve_value"] = retrieve_value
    if operation == "get":
        return d.get_item_if(key, **common)
    if operation == "setdefault":
        return d.setdefault_if(key, default_value=new_value, **common)
    value = {"set": new_value, "keep": KEEP_CURRENT, "delete": DELETE_CURRENT}[operation]
    return d.set_item_if(key, value=value, **common)


def assert_outcome(result: Any, outcome: Outcome) -> None:
    """Compare the result of a conditional operation with the predicted outcome."""
    assert result.condition_was_satisfied is outcome.satisfied
    assert result.actual_etag == outcome.actual_etag
    assert result.new_value == outcome.new_value
    if outcome.is_written:
        assert isinstance(result.resulting_etag, str)
        assert result.resulting_etag != result.actual_etag
    elif outcome.new_value is ITEM_NOT_AVAILABLE:
        assert result.resulting_etag is ITEM_NOT_AVAILABLE
    else:
        assert result.resulting_etag == result.actual_etag
    assert result.value_was_mutated is (result.resulting_etag != result.actual_etag)

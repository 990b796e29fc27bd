"""Read by type checkers only: what types users get from the public names."""

from collections.abc import ItemsView, Iterator
from typing import assert_type

from persidict import (
    ANY_ETAG,
    DELETE_CURRENT,
    ETAG_IS_THE_SAME,
    ITEM_NOT_AVAILABLE,
    KEEP_CURRENT,
    VALUE_NOT_RETRIEVED,
    ConditionalOperationResult,
    DeleteCurrentFlag,
    ETagValue,
    FileDirDict,
    ItemNotAvailableFlag,
    KeepCurrentFlag,
    LocalDict,
    NonEmptySafeStrTuple,
    OperationResult,
    PersiDict,
    ValueNotRetrievedFlag,
)


def mapping(d: FileDirDict[int]) -> None:
    assert_type(d["a"], int)
    assert_type(d["a", "b"], int)
    assert_type(d.get("a"), int | None)
    assert_type(d.get("a", 0), int)
    assert_type(d.get("a", "none"), int | str)
    assert_type(d.pop("a"), int)
    assert_type(d.pop("a", None), int | None)
    assert_type(d.popitem(), tuple[NonEmptySafeStrTuple, int])
    assert_type(d.setdefault("a", 1), int)
    assert_type(d.items(), ItemsView[NonEmptySafeStrTuple, int])
    assert_type(d.etag("a"), ETagValue)
    assert_type(d.random_key(), NonEmptySafeStrTuple | None)
    assert_type(d.newest_values(3), list[int])
    assert_type(d.get_many(["a"]), Iterator[tuple[NonEmptySafeStrTuple, int]])
    assert_type(d.get_subdict("a"), FileDirDict[int])
    assert_type(d.subdicts(), dict[str, FileDirDict[int]])
    d["a"] = 5
    d["a"] = KEEP_CURRENT
    d["a"] = DELETE_CURRENT
    d["a"] = "text"  # type: ignore[assignment]  # pyright: ignore[reportArgumentType]
    d.update({"a": 1, "b": KEEP_CURRENT})
    for key, value in d.items():
        assert_type(key, NonEmptySafeStrTuple)
        assert_type(value, int)


def parameters() -> None:
    assert_type(FileDirDict(base_dir="x", base_class_for_values=int), FileDirDict[int])
    local: LocalDict[str] = LocalDict()
    opened: PersiDict[str] = local
    assert_type(opened["a"], str)


def narrowing(d: FileDirDict[int]) -> int:
    result = d.get_with_etag("a")
    assert_type(result, ConditionalOperationResult[int])
    assert_type(result.new_value, int | ItemNotAvailableFlag | ValueNotRetrievedFlag)
    assert_type(result.actual_etag, ETagValue | ItemNotAvailableFlag)
    value = result.new_value
    if value is ITEM_NOT_AVAILABLE:
        return 0
    assert_type(value, int | ValueNotRetrievedFlag)
    if value is VALUE_NOT_RETRIEVED:
        return 1
    assert_type(value, int)
    return value


def writing(d: LocalDict[int], seen: ETagValue) -> None:
    d.set_item_if("a", value=DELETE_CURRENT, condition=ANY_ETAG, expected_etag=ITEM_NOT_AVAILABLE)
    outcome = d.set_item_if("a", value=1, condition=ETAG_IS_THE_SAME, expected_etag=seen)
    assert_type(outcome.value_was_mutated, bool)


def increment(count: int | ItemNotAvailableFlag) -> int | KeepCurrentFlag | DeleteCurrentFlag:
    if count is ITEM_NOT_AVAILABLE:
        return 1
    assert_type(count, int)
    answer = KEEP_CURRENT if count > 10 else count + 1
    if answer is KEEP_CURRENT:
        return answer
    assert_type(answer, int)
    return answer


def next_number(count: int) -> int:
    return count + 1


def transforming(d: LocalDict[int]) -> None:
    result = d.transform_item("a", transformer=increment, n_retries=None)
    assert_type(d.transform_item("a", transformer=next_number, default=0), OperationResult[int])
    d.transform_item("a", transformer=lambda n: n + 1, default=0)
    d.transform_item("a", transformer=next_number)  # type: ignore[call-overload]
    assert_type(result, OperationResult[int])
    assert_type(result.new_value, int | ItemNotAvailableFlag)

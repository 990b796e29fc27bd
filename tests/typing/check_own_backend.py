"""Read by type checkers only: a store that a user writes."""

from collections.abc import Iterator
from typing import assert_type

from persidict import (
    ANY_ETAG,
    ITEM_NOT_AVAILABLE,
    VALUE_NOT_RETRIEVED,
    ETagValue,
    PersiDict,
    ValueType,
)
from persidict.core import (
    AnyETagFlag,
    ETagMismatch,
    Expected,
    NonEmptySafeStrTuple,
    SafeStrTuple,
    Stat,
    ValueNotRetrievedFlag,
)


class TinyDict(PersiDict[ValueType]):
    def __init__(self, *, base_class_for_values: type[ValueType] | None = None) -> None:
        super().__init__(base_class_for_values=base_class_for_values)
        self._content: dict[NonEmptySafeStrTuple, tuple[ValueType, Stat]] = {}

    def _stat(self, key: NonEmptySafeStrTuple) -> Stat:
        return self._content[key][1]

    def _load(
        self, key: NonEmptySafeStrTuple, known: ETagValue | None
    ) -> tuple[ValueType | ValueNotRetrievedFlag, Stat]:
        value, stat = self._content[key]
        return (VALUE_NOT_RETRIEVED if stat.etag == known else value), stat

    def _store(self, key: NonEmptySafeStrTuple, value: ValueType, expected: Expected) -> Stat:
        found = self._content.get(key)
        if expected is not ANY_ETAG and expected != (
            ITEM_NOT_AVAILABLE if found is None else found[1].etag
        ):
            raise ETagMismatch
        stat = Stat(ETagValue(str(len(self._content))), 0.0)
        self._content[key] = value, stat
        return stat

    def _erase(self, key: NonEmptySafeStrTuple, expected: ETagValue | AnyETagFlag) -> None:
        if expected is not ANY_ETAG and expected != self._content[key][1].etag:
            raise ETagMismatch
        del self._content[key]

    def _scan(self, prefix: SafeStrTuple) -> Iterator[tuple[NonEmptySafeStrTuple, Stat]]:
        for key, (_, stat) in self._content.items():
            if key[: len(prefix)] == prefix:
                yield key, stat


def use(d: TinyDict[float]) -> None:
    assert_type(d["a"], float)
    assert_type(d.get_subdict("a"), TinyDict[float])
    assert_type(TinyDict(base_class_for_values=str), TinyDict[str])

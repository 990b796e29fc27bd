"""Items with a lifetime of their own: each value is stored together with its `max_age`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from persidict.core.backend import Expected, StatLike
from persidict.core.base import PersiDict
from persidict.core.flags import VALUE_NOT_RETRIEVED, AnyETagFlag, ValueNotRetrievedFlag
from persidict.core.keys import NonEmptySafeStrTuple, SafeStrTuple
from persidict.core.results import ETagValue
from persidict.wrappers.wrapper import WrapperDict


@dataclass
class WithAge:
    """A value and its time to live in seconds; None: the default of the dict."""

    value: Any
    max_age: float | None


@dataclass
class AgedStat:
    """A stat and the item's time to live in seconds; None: the default of the dict."""

    stat: StatLike
    max_age: float | None

    @property
    def etag(self) -> ETagValue:
        """The item's ETag."""
        return self.stat.etag

    @property
    def timestamp(self) -> float:
        """POSIX seconds of the last write."""
        return self.stat.timestamp

    @property
    def size(self) -> int | None:
        """Bytes that the item takes, None if the store has no such figure."""
        return self.stat.size


class AgedItems(WrapperDict[Any]):
    """Stores values as ``{"value": …, "max_age": …}``; its stats have the `max_age`.

    Therefore a value and its `max_age` are written in one atomic step. The stat of an item needs
    its `max_age`, so `_stat` reads the value too.
    """

    def __init__(self, main: PersiDict[Any]) -> None:
        if main.base_class_for_values is not None:
            raise ValueError(
                "with own_ages, values are stored in dicts: wrapped_dict must have no "
                "base_class_for_values"
            )
        super().__init__(main)

    def _stat(self, key: NonEmptySafeStrTuple) -> StatLike:
        return self._load(key, None)[1]

    def _load(
        self, key: NonEmptySafeStrTuple, known: ETagValue | None
    ) -> tuple[Any | ValueNotRetrievedFlag, StatLike]:
        value, stat = _unpacked(*self._main._load(key, None))
        return (VALUE_NOT_RETRIEVED if stat.etag == known else value), stat

    def _store(self, key: NonEmptySafeStrTuple, value: Any, expected: Expected) -> StatLike:
        item, max_age = (
            (value.value, value.max_age) if isinstance(value, WithAge) else (value, None)
        )
        stat = self._main._store(key, {"value": item, "max_age": max_age}, expected)
        return AgedStat(stat, max_age)

    def _scan(self, prefix: SafeStrTuple) -> Iterator[tuple[NonEmptySafeStrTuple, StatLike]]:
        for key, value, stat in self._main._load_many(self._main._scan(prefix)):
            yield key, _unpacked(value, stat)[1]

    def _load_many(
        self, wanted: Iterable[tuple[NonEmptySafeStrTuple, StatLike | None]]
    ) -> Iterator[tuple[NonEmptySafeStrTuple, Any, StatLike]]:
        for key, value, stat in self._main._load_many((key, None) for key, _ in wanted):
            yield key, *_unpacked(value, stat)

    def _store_many(self, items: Iterable[tuple[NonEmptySafeStrTuple, Any]], expected: Any) -> None:
        packed = ((key, {"value": value, "max_age": None}) for key, value in items)
        self._main._store_many(packed, expected)

    def _insert_many(self, items: Iterable[tuple[NonEmptySafeStrTuple, Any]]) -> Iterator[bool]:
        packed = ((key, {"value": value, "max_age": None}) for key, value in items)
        return self._main._insert_many(packed)

    def _erase_many(self, keys: Iterable[NonEmptySafeStrTuple]) -> None:
        self._main._erase_many(keys)

    def _erase(self, key: NonEmptySafeStrTuple, expected: ETagValue | AnyETagFlag) -> None:
        self._main._erase(key, expected)


def _unpacked(stored: Any, stat: StatLike) -> tuple[Any, AgedStat]:
    """Return value and stat. A stored value without `max_age` is returned unchanged."""
    if isinstance(stored, dict) and stored.keys() == {"value", "max_age"}:
        return stored["value"], AgedStat(stat, stored["max_age"])
    return stored, AgedStat(stat, None)

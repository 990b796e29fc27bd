"""Views of a dict that stream: none of them ever holds the whole store."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, KeysView, ValuesView
from typing import TYPE_CHECKING, Generic

from persidict.core.keys import NonEmptySafeStrTuple
from persidict.core.results import ValueType

if TYPE_CHECKING:
    from persidict.core.mapping import ReadingOperations


class PersiKeysView(KeysView[NonEmptySafeStrTuple]):
    """The keys, as a set-like view; what can't be a key is just not in it."""

    def __contains__(self, key: object) -> bool:
        try:
            return super().__contains__(key)
        except (TypeError, ValueError):
            return False


class PersiValuesView(ValuesView[ValueType], Generic[ValueType]):
    """The values; items deleted while iterating are skipped."""

    _mapping: ReadingOperations[ValueType]

    def __iter__(self) -> Iterator[ValueType]:
        return (value for _, value, _ in self._mapping._scan_values())

    def __contains__(self, value: object) -> bool:
        return any(found is value or found == value for found in self)


class PersiItemsView(ItemsView[NonEmptySafeStrTuple, ValueType], Generic[ValueType]):
    """Pairs of key and value, set-like; items deleted while iterating are skipped."""

    _mapping: ReadingOperations[ValueType]

    def __iter__(self) -> Iterator[tuple[NonEmptySafeStrTuple, ValueType]]:
        return ((key, value) for key, value, _ in self._mapping._scan_values())

    def __contains__(self, item: object) -> bool:
        if not isinstance(item, tuple) or len(item) != 2:
            return False
        key, value = item
        try:
            found = self._mapping[key]
        except (KeyError, TypeError, ValueError):
            return False
        return found is value or bool(found == value)

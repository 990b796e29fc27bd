"""Views of keys, values and items that stream, so that none holds the whole store."""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, Iterator, KeysView, ValuesView
from typing import Any, Generic

from persidict.core.backend import Backend, StatLike
from persidict.core.keys import NonEmptySafeStrTuple
from persidict.core.mapping import load_values
from persidict.core.one_listing import begin_listing
from persidict.core.results import ValueType


class PersiKeysView(KeysView[NonEmptySafeStrTuple]):
    """The keys, as a set-like view; objects that can't be keys are not in it."""

    _mapping: Any

    def __iter__(self) -> Iterator[NonEmptySafeStrTuple]:
        return iter(self._mapping)

    def __contains__(self, key: object) -> bool:
        try:
            return super().__contains__(key)
        except (TypeError, ValueError):
            return False


class PersiValuesView(ValuesView[ValueType], Generic[ValueType]):
    """The values; items deleted while iterating are skipped."""

    _mapping: Any

    def __iter__(self) -> Iterator[ValueType]:
        return begin_listing(self._mapping, _scan, _values_of)

    def __contains__(self, value: object) -> bool:
        return any(found is value or found == value for found in self)


class PersiItemsView(ItemsView[NonEmptySafeStrTuple, ValueType], Generic[ValueType]):
    """Pairs of key and value, set-like; items deleted while iterating are skipped."""

    _mapping: Any

    def __iter__(self) -> Iterator[tuple[NonEmptySafeStrTuple, ValueType]]:
        return begin_listing(self._mapping, _scan, _items_of)

    def __contains__(self, item: object) -> bool:
        if not isinstance(item, tuple) or len(item) != 2:
            return False
        key, value = item
        try:
            found = self._mapping[key]
        except (KeyError, TypeError, ValueError):
            return False
        return found is value or bool(found == value)


def _scan(store: Backend[Any]) -> Iterator[tuple[NonEmptySafeStrTuple, StatLike]]:
    return store._scan(store._prefix)


def _values_of(
    store: Backend[ValueType], listed: Iterable[tuple[NonEmptySafeStrTuple, StatLike]]
) -> Iterator[ValueType]:
    return (value for _, value, _ in load_values(store, listed))


def _items_of(
    store: Backend[ValueType], listed: Iterable[tuple[NonEmptySafeStrTuple, StatLike]]
) -> Iterator[tuple[NonEmptySafeStrTuple, ValueType]]:
    return ((key, value) for key, value, _ in load_values(store, listed))

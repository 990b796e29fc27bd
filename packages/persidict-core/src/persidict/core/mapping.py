"""The reading half of the mapping interface: items, views, times and samples."""

from __future__ import annotations

import heapq
import random
import sys
from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from contextlib import closing
from itertools import islice
from math import log, log1p
from operator import itemgetter
from typing import Any, TypeVar, overload

from persidict.core.backend import StatLike
from persidict.core.conditional import ConditionalOperations
from persidict.core.keys import NonEmptyPersiDictKey, NonEmptySafeStrTuple, trusted_key
from persidict.core.results import ETagValue, ValueType
from persidict.core.views import PersiItemsView, PersiKeysView, PersiValuesView

_Default = TypeVar("_Default")


class ReadingOperations(ConditionalOperations[ValueType], Mapping[NonEmptySafeStrTuple, ValueType]):
    """What reads items without a condition; nothing here ever holds the whole store."""

    def __getitem__(self, key: NonEmptyPersiDictKey) -> ValueType:
        """Return the value.

        Raises:
            KeyError: There is no such item; its argument is the normalised key.
        """
        complete = self._complete(key)
        try:
            value, _ = self._load(complete, None)
        except KeyError as error:
            raise self._missing(key, error)  # noqa: B904  # the store's own error is chained
        if self.base_class_for_values is not None:
            self._validate_class(value)
        return value  # type: ignore[return-value]  # without `known`, a value always comes

    def __contains__(self, key: object) -> bool:
        """Tell whether there is such an item.

        Raises:
            TypeError: `key` can't be a key.
            ValueError: A component of it is not safe.
        """
        try:
            self._stat(self._complete(key))  # type: ignore[arg-type]  # checked there
        except KeyError:
            return False
        return True

    def __iter__(self) -> Iterator[NonEmptySafeStrTuple]:
        if not self._prefix:
            return self._keys(self._prefix)
        depth = len(self._prefix)
        return (trusted_key(key[depth:]) for key in self._keys(self._prefix))

    def __len__(self) -> int:
        return self._count(self._prefix)

    def __bool__(self) -> bool:
        """Tell whether there is any item, by looking for the first."""
        with closing(closable(self._keys(self._prefix))) as keys:
            return next(keys, None) is not None

    @overload
    def get(self, key: NonEmptyPersiDictKey, /) -> ValueType | None: ...
    @overload
    def get(self, key: NonEmptyPersiDictKey, /, default: ValueType) -> ValueType: ...
    @overload
    def get(self, key: NonEmptyPersiDictKey, /, default: _Default) -> ValueType | _Default: ...
    def get(self, key: NonEmptyPersiDictKey, /, default: Any = None) -> Any:
        """Return the value, or `default` if there is no such item."""
        try:
            return self[key]
        except KeyError:
            return default

    def get_many(
        self, keys: Iterable[NonEmptyPersiDictKey]
    ) -> Iterator[tuple[NonEmptySafeStrTuple, ValueType]]:
        """Yield key and value of the items that exist, in the order of `keys`.

        Stores with slow access fetch several values at a time.

        Example:
            >>> from persidict import LocalDict
            >>> d = LocalDict()
            >>> d.update(a=1, b=2)
            >>> dict(d.get_many(["b", "no"]))
            {NonEmptySafeStrTuple(('b',)): 2}
        """
        wanted = ((self._complete(key), None) for key in keys)
        return ((key, value) for key, value, _ in self._values_of(wanted))

    def etag(self, key: NonEmptyPersiDictKey) -> ETagValue:
        """Return the item's ETag; it changes with every write.

        Raises:
            KeyError: There is no such item.
        """
        return self._known_stat(key).etag

    def timestamp(self, key: NonEmptyPersiDictKey) -> float:
        """Return the time of the last write in POSIX seconds.

        Raises:
            KeyError: There is no such item.
        """
        return self._known_stat(key).timestamp

    def keys(self) -> KeysView[NonEmptySafeStrTuple]:
        """Return a streaming, set-like view of the keys."""
        return PersiKeysView(self)

    def values(self) -> ValuesView[ValueType]:
        """Return a streaming view of the values."""
        return PersiValuesView(self)

    def items(self) -> ItemsView[NonEmptySafeStrTuple, ValueType]:
        """Return a streaming, set-like view of the items."""
        return PersiItemsView(self)

    def keys_and_timestamps(self) -> Iterator[tuple[NonEmptySafeStrTuple, float]]:
        """Yield each key with the time of its last write in POSIX seconds."""
        depth = len(self._prefix)
        for key, stat in self._scan(self._prefix):
            try:
                timestamp = stat.timestamp
            except KeyError:
                continue
            yield (trusted_key(key[depth:]) if depth else key), timestamp

    def values_and_timestamps(self) -> Iterator[tuple[ValueType, float]]:
        """Yield each value with the time it was written, in POSIX seconds."""
        return ((value, stat.timestamp) for _, value, stat in self._scan_values())

    def items_and_timestamps(self) -> Iterator[tuple[NonEmptySafeStrTuple, ValueType, float]]:
        """Yield key, value and the time it was written, in POSIX seconds."""
        return ((key, value, stat.timestamp) for key, value, stat in self._scan_values())

    def oldest_keys(self, max_n: int | None = None) -> list[NonEmptySafeStrTuple]:
        """Return the keys written longest ago, oldest first.

        Args:
            max_n: How many at most; None: all; 0 or less: none. Memory grows with it.
        """
        return self._by_time(max_n, newest=False)

    def newest_keys(self, max_n: int | None = None) -> list[NonEmptySafeStrTuple]:
        """Return the keys written last, newest first.

        Args:
            max_n: How many at most; None: all; 0 or less: none. Memory grows with it.
        """
        return self._by_time(max_n, newest=True)

    def oldest_values(self, max_n: int | None = None) -> list[ValueType]:
        """Return the values of `oldest_keys`, without those deleted meanwhile."""
        return [value for _, value in self.get_many(self.oldest_keys(max_n))]

    def newest_values(self, max_n: int | None = None) -> list[ValueType]:
        """Return the values of `newest_keys`, without those deleted meanwhile."""
        return [value for _, value in self.get_many(self.newest_keys(max_n))]

    def random_key(self) -> NonEmptySafeStrTuple | None:
        """Return a key drawn uniformly with the `random` module, or None if there is none."""
        # Reservoir sampling: L (Li, "Reservoir-sampling algorithms of time complexity
        # O(n(1+log(N/n)))", 1994) for one. It draws how many keys to skip, not a number for each.
        keys = iter(self)
        chosen, found = None, next(keys, None)
        weight = 1.0
        while found is not None:
            chosen = found
            weight *= 1.0 - random.random()
            # log1p(-1) does not exist; what is one in doubles skips nothing.
            skipped = 0 if weight == 1.0 else log(1.0 - random.random()) / log1p(-weight)
            found = next(islice(keys, min(int(skipped), sys.maxsize), None), None)
        return chosen

    def _known_stat(self, key: NonEmptyPersiDictKey) -> StatLike:
        try:
            return self._stat(self._complete(key))
        except KeyError as error:
            raise self._missing(key, error)  # noqa: B904  # the store's own error is chained

    def _scan_values(self) -> Iterator[tuple[NonEmptySafeStrTuple, ValueType, StatLike]]:
        return self._values_of(self._scan(self._prefix))

    def _values_of(
        self, wanted: Iterable[tuple[NonEmptySafeStrTuple, StatLike | None]]
    ) -> Iterator[tuple[NonEmptySafeStrTuple, ValueType, StatLike]]:
        """Load values, check their class and take the prefix off their keys."""
        depth = len(self._prefix)
        for key, value, stat in self._load_many(wanted):
            if self.base_class_for_values is not None:
                self._validate_class(value)
            yield (trusted_key(key[depth:]) if depth else key), value, stat

    def _by_time(self, max_n: int | None, *, newest: bool) -> list[NonEmptySafeStrTuple]:
        pairs = map(itemgetter(1, 0), self.keys_and_timestamps())
        if max_n is None:
            return [key for _, key in sorted(pairs, reverse=newest)]
        choose = heapq.nlargest if newest else heapq.nsmallest
        return [key for _, key in choose(max_n, pairs)] if max_n > 0 else []


def closable(items: Iterator[Any]) -> Any:
    """Return an iterator as something that can be closed before its end."""
    return items if hasattr(items, "close") else (item for item in items)

"""Reading many items: functions that stream, so that none holds the whole store."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from itertools import islice
from operator import itemgetter
from typing import Any, Protocol, TypeAlias, TypeVar

from persidict.core.backend import Backend, StatLike
from persidict.core.keys import NonEmptyPersiDictKey, NonEmptySafeStrTuple, trusted_key
from persidict.core.one_listing import begin_listing
from persidict.core.results import ValueType

_Value = TypeVar("_Value")
_Value_co = TypeVar("_Value_co", covariant=True)
_MISSING: Any = object()


class HasKeys(Protocol[_Value_co]):
    """What `dict.update` takes for a mapping: a `sqlite3.Row`, a pandas Series, ..."""

    def keys(self) -> Iterable[Any]:
        """Return the keys."""

    def __getitem__(self, key: Any, /) -> _Value_co:
        """Return a value."""


Pairs: TypeAlias = Mapping[Any, _Value] | Iterable[tuple[NonEmptyPersiDictKey, _Value]]
"""A mapping, or pairs of key and value."""


def pairs_of(source: Pairs[_Value] | HasKeys[_Value]) -> Iterable[tuple[Any, _Value]]:
    """Return the pairs of key and value, as `dict.update` finds them."""
    if isinstance(source, Mapping):
        return source.items()
    if hasattr(source, "keys"):
        keyed: Any = source
        return ((key, keyed[key]) for key in keyed.keys())  # noqa: SIM118  # no mapping
    return source


def scan_keys(store: Backend[Any]) -> Iterator[NonEmptySafeStrTuple]:
    """Yield every key as users of the (sub-)dict know it."""
    if not store._prefix:
        return store._keys(store._prefix)
    depth = len(store._prefix)
    return (trusted_key(key[depth:]) for key in store._keys(store._prefix))


def has_items(store: Backend[Any]) -> bool:
    """Tell whether there is any item, by looking for the first."""
    with closing(closable(store._keys(store._prefix))) as keys:
        return next(keys, None) is not None


def iter_keys(store: Backend[Any]) -> Iterator[NonEmptySafeStrTuple]:
    """Do the same for `iter`; `list` then gets keys and length from one listing."""
    return begin_listing(store, scan_keys, _listed_keys)


def scan_stats(store: Backend[Any]) -> Iterator[tuple[NonEmptySafeStrTuple, StatLike]]:
    """Yield every key as users of the (sub-)dict know it, and the item's stat."""
    depth = len(store._prefix)
    for key, stat in store._scan(store._prefix):
        yield (trusted_key(key[depth:]) if depth else key), stat


def scan_timestamps(store: Backend[Any]) -> Iterator[tuple[NonEmptySafeStrTuple, float]]:
    """Yield every key, and the time of its last write in POSIX seconds."""
    for key, stat in scan_stats(store):
        try:
            timestamp = stat.timestamp
        except KeyError:
            continue  # deleted since it was listed
        yield key, timestamp


def scan_values(
    store: Backend[ValueType],
) -> Iterator[tuple[NonEmptySafeStrTuple, ValueType, StatLike]]:
    """Yield key, value and stat of every item."""
    return load_values(store, store._scan(store._prefix))


def load_values(
    store: Backend[ValueType],
    wanted: Iterable[tuple[NonEmptySafeStrTuple, StatLike | None]],
) -> Iterator[tuple[NonEmptySafeStrTuple, ValueType, StatLike]]:
    """Load the values of complete keys, check their class and take the prefix off the keys."""
    depth = len(store._prefix)
    for key, value, stat in store._load_many(wanted):
        if store.base_class_for_values is not None:
            store._validate_class(value)
        yield (trusted_key(key[depth:]) if depth else key), value, stat


def keys_by_time(
    store: Backend[Any], max_n: int | None, *, newest: bool
) -> list[NonEmptySafeStrTuple]:
    """Return the keys that were written first or last, in this order; `max_n` at most."""
    pairs = map(itemgetter(1, 0), scan_timestamps(store))
    if max_n is None:
        return [key for _, key in sorted(pairs, reverse=newest)]
    import heapq  # here, as `random` below, so that importing persidict is fast

    choose = heapq.nlargest if newest else heapq.nsmallest
    return [key for _, key in choose(max_n, pairs)] if max_n > 0 else []


def draw_key(store: Backend[Any]) -> NonEmptySafeStrTuple | None:
    """Return a key drawn uniformly, None if there is none."""
    import random
    from math import log, log1p

    # Reservoir sampling: L (Li, "Reservoir-sampling algorithms of time complexity
    # O(n(1+log(N/n)))", 1994) for one. It draws how many keys to skip, not a number for each.
    keys = scan_keys(store)
    chosen, found = None, next(keys, None)
    weight = 1.0
    while found is not None:
        chosen = found
        weight *= 1.0 - random.random()
        # log1p(-1) does not exist; a weight that rounds to one skips nothing.
        skipped = 0 if weight == 1.0 else log(1.0 - random.random()) / log1p(-weight)
        found = next(islice(keys, min(int(skipped), sys.maxsize), None), None)
    return chosen


def equal_items(store: Backend[Any], other: object) -> bool:
    """Compare with another mapping, whose keys may be tuples or, if of one component, strings."""
    if not isinstance(other, Mapping):
        return NotImplemented  # type: ignore[no-any-return]  # as operators do
    remaining = len(other)
    for key, value, _ in scan_values(store):
        remaining -= 1
        found = other.get(key, _MISSING)
        if found is _MISSING and len(key) == 1 and not isinstance(other, Backend):
            found = other.get(key[0], _MISSING)
        if remaining < 0 or found is _MISSING or not (found is value or found == value):
            return False
    return remaining == 0


def closable(items: Iterator[Any]) -> Any:
    """Return an iterator as something that can be closed before its end."""
    return items if hasattr(items, "close") else (item for item in items)


def _listed_keys(_: object, keys: Iterable[NonEmptySafeStrTuple]) -> Iterable[NonEmptySafeStrTuple]:
    return keys

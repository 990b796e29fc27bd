"""Reading the values of many items, of which some may be unreadable."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from persidict.core.backend import StatLike
from persidict.core.conditional import ConditionalOperations
from persidict.core.errors import DecodingError
from persidict.core.keys import NonEmptySafeStrTuple
from persidict.core.mapping import load_values
from persidict.core.results import ETagValue

# What is wrong with one item, not with the store.
ITEM_ERRORS = (DecodingError, TypeError)


class Unreadable(NamedTuple):
    """Stands for the value of an item that can't be read."""

    error: Exception


def each_value(
    store: ConditionalOperations[Any],
    wanted: Sequence[tuple[NonEmptySafeStrTuple, StatLike | None]],
    errors: tuple[type[Exception], ...] = ITEM_ERRORS,
) -> Iterator[tuple[NonEmptySafeStrTuple, Any]]:
    """Yield key and value of the items that exist, an `Unreadable` for each that can't be read."""
    for key, value, _ in each_version(store, wanted, errors):
        yield key, value


def each_version(
    store: ConditionalOperations[Any],
    wanted: Sequence[tuple[NonEmptySafeStrTuple, StatLike | None]],
    errors: tuple[type[Exception], ...] = ITEM_ERRORS,
) -> Iterator[tuple[NonEmptySafeStrTuple, Any, ETagValue | None]]:
    """Yield the same with the ETag of each value, None if it is not known."""
    left = deque(key for key, _ in wanted)
    complete = ((store._complete(key), stat) for key, stat in wanted)
    try:
        for key, value, stat in load_values(store, complete):
            while left.popleft() != key:
                continue  # absent
            yield key, value, _etag_of(stat)
    except errors:
        # Retry one by one to find the unreadable item.
        for key in left:
            try:
                for _, value, stat in load_values(store, [(store._complete(key), None)]):
                    yield key, value, _etag_of(stat)
            except errors as error:
                yield key, Unreadable(error), None


def _etag_of(stat: StatLike) -> ETagValue | None:
    try:
        return stat.etag
    except KeyError:
        return None  # deleted since it was read

"""Operations on many items: one request each, several at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from operator import itemgetter
from typing import Any, TypeVar

from persidict.core.backend import ETagMismatch, StatLike
from persidict.core.flags import ITEM_NOT_AVAILABLE
from persidict.core.keys import NonEmptySafeStrTuple
from persidict.core.results import ETagValue
from persidict.s3.objects import PAGE_SIZE
from persidict.s3.parallel import ordered_map

_MAX_DELETERS = 4
_Result = TypeVar("_Result")

Load = Callable[[NonEmptySafeStrTuple, ETagValue | None], tuple[Any, StatLike]]
"""Loads one item, as `Backend._load` does."""
Put = Callable[[NonEmptySafeStrTuple, bytes, Any], StatLike]
"""Writes one item, as `BlobDict._put` does."""
Encoded = Iterable[tuple[NonEmptySafeStrTuple, bytes]]
"""Keys and the bytes to write."""


def load_each(
    load: Load, wanted: Iterable[tuple[NonEmptySafeStrTuple, ETagValue | None]], workers: int
) -> Iterator[tuple[NonEmptySafeStrTuple, Any, StatLike]]:
    """Yield key, value and stat of the items that exist, in order."""

    def load_one(pair: tuple[NonEmptySafeStrTuple, ETagValue | None]) -> Any:
        try:
            return pair[0], *load(*pair)
        except KeyError:
            return None

    return (found for found in ordered_map(load_one, wanted, workers) if found is not None)


def put_each(put: Put, items: Encoded, expected: Any, workers: int) -> None:
    """Write all items, those of one key in order."""
    for _ in _each(lambda item: put(*item, expected), items, workers):
        continue


def insert_each(put: Put, items: Encoded, workers: int) -> Iterator[bool]:
    """Write the items that are absent; yield for each whether it was written."""

    def insert(item: tuple[NonEmptySafeStrTuple, bytes]) -> bool:
        try:
            put(*item, ITEM_NOT_AVAILABLE)
        except ETagMismatch:
            return False
        return True

    return _each(insert, items, workers)


def erase_each(
    erase_batch: Callable[[list[NonEmptySafeStrTuple]], list[tuple[str, str]]],
    keys: Iterable[NonEmptySafeStrTuple],
    workers: int,
) -> Iterator[list[tuple[str, str]]]:
    """Delete items, a thousand in each request; yield name and reason of those that failed."""
    source = iter(keys)
    batches = iter(lambda: list(islice(source, PAGE_SIZE)), [])
    return filter(None, ordered_map(erase_batch, batches, min(_MAX_DELETERS, workers)))


def _each(
    act: Callable[[tuple[NonEmptySafeStrTuple, bytes]], _Result], items: Encoded, workers: int
) -> Iterator[_Result]:
    return ordered_map(act, items, workers, conflict=itemgetter(0))

"""A bound on the size of a dict: returns the least recently used entries to delete."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from operator import itemgetter
from typing import TypeAlias

from persidict.core.backend import StatLike
from persidict.core.keys import NonEmptySafeStrTuple
from persidict.core.results import ETagValue
from persidict.wrappers.cache_entries import etag_of

Chosen: TypeAlias = tuple[NonEmptySafeStrTuple, ETagValue | None]
"""An entry to delete: its key and the version that was seen, None if it vanished."""

_Entries = Iterable[tuple[NonEmptySafeStrTuple, StatLike]]
# The part of a bound that is freed at once, and that may be new before the next listing.
_SHARE = 8


class LruBound:
    """Counts entries and names those to delete, least recently used first.

    It knows the uses by this process; of other processes it knows only when they wrote an entry.
    Listing is rare: once at the first entry, then each time an eighth of a bound is new. It takes
    no locks, so that a finalizer or a signal handler may use the dict at any time. Two threads
    may therefore list at the same time, and choose the same entries.

    Args:
        entries: Lists keys and stats of all entries.
        max_items: The most entries; None: any number.
        max_bytes: The most bytes in all; None: any number.
    """

    def __init__(
        self, entries: Callable[[], _Entries], max_items: int | None, max_bytes: int | None
    ) -> None:
        self._entries = entries
        self.max_items = max_items
        self.max_bytes = max_bytes
        self._used: dict[NonEmptySafeStrTuple, float] = {}
        self._items_until_listing = self._bytes_until_listing = 0

    def used(self, key: NonEmptySafeStrTuple) -> None:
        """Note a use of an entry."""
        self._used[key] = time.time()

    def forgotten(self, key: NonEmptySafeStrTuple) -> None:
        """Note that an entry is gone."""
        self._used.pop(key, None)

    def added(self, key: NonEmptySafeStrTuple, stat: StatLike, size: int) -> list[Chosen]:
        """Note an entry that was just written and return those to delete for it.

        Args:
            key: The entry's key.
            stat: Its stat.
            size: The bytes that it takes.
        """
        if self.max_bytes is not None and size > self.max_bytes:
            self._used.pop(key, None)
            return [(key, etag_of(stat))]
        self._items_until_listing -= key not in self._used
        self._bytes_until_listing -= size
        self._used[key] = time.time()
        if (self.max_items is None or self._items_until_listing >= 0) and (
            self.max_bytes is None or self._bytes_until_listing >= 0
        ):
            return []
        return self.excess()

    def excess(self) -> list[Chosen]:
        """List the entries, choose those to delete, and set when to list again."""
        # Other threads needn't list too while this one does.
        self._items_until_listing = (self.max_items or 0) // _SHARE
        self._bytes_until_listing = (self.max_bytes or 0) // _SHARE
        entries = sorted(
            (self._entry(key, stat) for key, stat in self._entries()), key=itemgetter(0, 1, 2)
        )
        items, total = len(entries), sum(entry[1] for entry in entries)
        most_items = _room(self.max_items, items)
        most_bytes = _room(self.max_bytes, total)
        excess: list[Chosen] = []
        for _, size, key, etag in entries:
            if items <= most_items and total <= most_bytes:
                break
            items -= 1
            total -= size
            excess.append((key, etag))
        present = {entry[2] for entry in entries[len(excess) :]}
        self._used = {key: at for key, at in self._used.copy().items() if key in present}
        self._items_until_listing = _until_listing(self.max_items, items)
        self._bytes_until_listing = _until_listing(self.max_bytes, total)
        return excess

    def _entry(
        self, key: NonEmptySafeStrTuple, stat: StatLike
    ) -> tuple[float, int, NonEmptySafeStrTuple, ETagValue | None]:
        """Return when an entry was used, its size, its key and its version."""
        try:
            written, size, etag = stat.timestamp, stat.size or 0, stat.etag
        except KeyError:
            return 0.0, 0, key, None  # vanished meanwhile: the first to go
        return max(written, self._used.get(key, 0.0)), size, key, etag


def validate_bound(name: str, bound: int | None) -> int | None:
    """Return a bound, or raise ``TypeError`` or ``ValueError`` if it is no positive int or None."""
    if bound is None:
        return None
    if not isinstance(bound, int) or isinstance(bound, bool):
        raise TypeError(f"{name} must be an int or None, got {type(bound).__name__}")
    if bound < 1:
        raise ValueError(f"{name} must be positive, got {bound}")
    return bound


def _room(bound: int | None, taken: int) -> float:
    """Return how much may stay: below the bound by an eighth once it is exceeded."""
    if bound is None:
        return float("inf")
    return bound if taken <= bound else bound - bound // _SHARE


def _until_listing(bound: int | None, taken: int) -> int:
    """Return how much may be added before the next listing looks for others' additions."""
    return 0 if bound is None else min(bound - taken, bound // _SHARE)

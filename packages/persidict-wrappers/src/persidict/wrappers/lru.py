"""Which entries of a bounded cache were used last, and which have to go."""

from __future__ import annotations

import time

from persidict.core.backend import StatLike
from persidict.core.forks import new_lock
from persidict.core.keys import NonEmptySafeStrTuple, SafeStrTuple
from persidict.wrappers.wrapper import Inner


class Recency:
    """Counts the entries of a cache and names those to evict, least recently used first.

    Only uses by this process are known, of the others only when they wrote an entry. Listing
    the cache is rare: once at the first entry, then each time an eighth of a bound is new.
    """

    def __init__(self, max_items: int | None, max_bytes: int | None) -> None:
        self.max_items = _checked("max_cached_items", max_items)
        self.max_bytes = _checked("max_cached_bytes", max_bytes)
        self._used: dict[NonEmptySafeStrTuple, float] = {}
        self._items_until_listing = self._bytes_until_listing = 0
        self._lock = new_lock()

    def used(self, key: NonEmptySafeStrTuple) -> None:
        """Note a use of an entry."""
        with self._lock:
            self._used[key] = time.time()

    def forgotten(self, key: NonEmptySafeStrTuple) -> None:
        """Note that an entry is gone."""
        with self._lock:
            self._used.pop(key, None)

    def added(
        self, key: NonEmptySafeStrTuple, stat: StatLike, cache: Inner[object]
    ) -> list[NonEmptySafeStrTuple]:
        """Note an entry that was just written and return those that must go for it."""
        with self._lock:
            size = _size(stat)
            if self.max_bytes is not None and size > self.max_bytes:
                self._used.pop(key, None)
                return [key]
            self._items_until_listing -= key not in self._used
            self._bytes_until_listing -= size
            self._used[key] = time.time()
            if (self.max_items is None or self._items_until_listing >= 0) and (
                self.max_bytes is None or self._bytes_until_listing >= 0
            ):
                return []
            return self._excess(cache)

    def _excess(self, cache: Inner[object]) -> list[NonEmptySafeStrTuple]:
        """List the cache, choose what must go, and set when to look again."""
        entries = sorted(
            (*self._use_and_size(key, stat), key) for key, stat in cache.scan(SafeStrTuple())
        )
        items, total = len(entries), sum(size for _, size, _ in entries)
        most_items = _room(self.max_items, items)
        most_bytes = _room(self.max_bytes, total)
        gone = []
        for _, size, key in entries:
            if items <= most_items and total <= most_bytes:
                break
            items -= 1
            total -= size
            gone.append(key)
        present = {key for _, _, key in entries[len(gone) :]}
        self._used = {key: at for key, at in self._used.items() if key in present}
        self._items_until_listing = _until_listing(self.max_items, items)
        self._bytes_until_listing = _until_listing(self.max_bytes, total)
        return gone

    def _use_and_size(self, key: NonEmptySafeStrTuple, stat: StatLike) -> tuple[float, int]:
        try:
            return max(stat.timestamp, self._used.get(key, 0.0)), _size(stat)
        except KeyError:
            return 0.0, 0  # vanished meanwhile: the first to go


def _checked(name: str, bound: int | None) -> int | None:
    if bound is None:
        return None
    if not isinstance(bound, int) or isinstance(bound, bool):
        raise TypeError(f"{name} must be an int or None, got {type(bound).__name__}")
    if bound < 1:
        raise ValueError(f"{name} must be positive, got {bound}")
    return bound


def _size(stat: StatLike) -> int:
    return stat.size or 0


def _room(bound: int | None, taken: int) -> float:
    """Return how much may stay: below the bound by an eighth once it is exceeded."""
    if bound is None:
        return float("inf")
    return bound if taken <= bound else bound - bound // 8


def _until_listing(bound: int | None, taken: int) -> int:
    """Return how much may come before others' additions are looked for again."""
    return 0 if bound is None else min(bound - taken, bound // 8)

"""Which entries of a bounded cache were used last, and which have to go."""

from __future__ import annotations

import heapq
import threading
import time

from persidict.core.keys import NonEmptySafeStrTuple, SafeStrTuple
from persidict.core.primitives import StatLike
from persidict.wrappers.wrapper import Inner


class Recency:
    """Counts the entries of a cache and names those to evict, least recently used first.

    Only uses by this process are known, of the others only when they wrote an entry. Listing
    the cache is rare: once at the first entry, then each time an eighth of the bound is new.
    """

    def __init__(self, max_items: int) -> None:
        if not isinstance(max_items, int) or isinstance(max_items, bool):
            raise TypeError(
                f"max_cached_items must be an int or None, got {type(max_items).__name__}"
            )
        if max_items < 1:
            raise ValueError(f"max_cached_items must be positive, got {max_items}")
        self.max_items = max_items
        self._used: dict[NonEmptySafeStrTuple, float] = {}
        self._room = 0
        self._lock = threading.Lock()

    def used(self, key: NonEmptySafeStrTuple) -> None:
        """Note a use of an entry."""
        with self._lock:
            self._used[key] = time.time()

    def forgotten(self, key: NonEmptySafeStrTuple) -> None:
        """Note that an entry is gone."""
        with self._lock:
            self._used.pop(key, None)

    def added(self, key: NonEmptySafeStrTuple, cache: Inner[object]) -> list[NonEmptySafeStrTuple]:
        """Note a new entry and return those that must go for it."""
        with self._lock:
            is_new = key not in self._used
            self._used[key] = time.time()
            if self._room > 0 or not is_new:
                self._room -= is_new
                return []
            entries = [(self._last_use(key, stat), key) for key, stat in cache.scan(SafeStrTuple())]
            keep = self.max_items
            if len(entries) > keep:
                keep -= self.max_items // 8
            excess = heapq.nsmallest(len(entries) - keep, entries)
            gone = {key for _, key in excess}
            present = {key for _, key in entries} - gone
            self._used = {key: at for key, at in self._used.items() if key in present}
            self._room = self.max_items - len(present)
            return [key for _, key in excess]

    def _last_use(self, key: NonEmptySafeStrTuple, stat: StatLike) -> float:
        try:
            return max(stat.timestamp, self._used.get(key, 0.0))
        except KeyError:
            return 0.0  # vanished meanwhile: the first to go

"""`CachelibCache`: a cachelib cache in any dict, and so one for Flask-Caching."""

from __future__ import annotations

import datetime as dt
from typing import Any

from persidict.adapters._frameworks import framework
from persidict.adapters._timed import ABSENT, TimedItems
from persidict.core import PersiDict

with framework("cachelib", "cachelib"):
    from cachelib.base import BaseCache


class CachelibCache(BaseCache):
    """A cachelib cache that processes and machines share.

    `add`, `inc` and `dec` are atomic: no update is lost.

    Args:
        wrapped: Where the values are kept.
        default_timeout: Seconds that a value lives where `set` is given no timeout; 0: for ever.

    Raises:
        TypeError: `wrapped` is no `PersiDict`.

    Example:
        >>> from persidict import LocalDict
        >>> cache = CachelibCache(LocalDict())
        >>> cache.set("user 1", {"name": "Ann"}, timeout=60)
        True
        >>> cache.inc("hits"), cache.inc("hits")
        (1, 2)
    """

    def __init__(
        self,
        wrapped: PersiDict[Any],
        default_timeout: int | dt.timedelta = 300,
        ignore_delete_many_errors: bool = True,  # noqa: FBT002  # cachelib's signature
    ) -> None:
        super().__init__(default_timeout, ignore_delete_many_errors=ignore_delete_many_errors)
        self._items = TimedItems(wrapped)

    def get(self, key: str) -> Any:
        """Return a value, None if it is absent or has expired."""
        value = self._items.get(key)
        return None if value is ABSENT else value

    def get_many(self, *keys: str) -> list[Any]:
        """Return the values in the order of the keys."""
        found = self._items.get_many(keys)
        return [found.get(key) for key in keys]

    def set(self, key: str, value: Any, timeout: int | dt.timedelta | None = None) -> bool:
        """Store a value."""
        self._items.set(key, value, self._seconds(timeout))
        return True

    def add(self, key: str, value: Any, timeout: int | dt.timedelta | None = None) -> bool:
        """Store a value unless there is one; tell whether it was stored."""
        return self._items.add(key, value, self._seconds(timeout))

    def set_many(
        self, mapping: dict[str, Any], timeout: int | dt.timedelta | None = None
    ) -> list[Any]:
        """Store several values, and return their keys."""
        self._items.set_many(mapping.items(), self._seconds(timeout))
        return list(mapping)

    def delete(self, key: str) -> bool:
        """Delete a value, and tell whether there was one."""
        return self._items.delete(key)

    def has(self, key: str) -> bool:
        """Tell whether there is a value."""
        return self._items.get(key) is not ABSENT

    def clear(self) -> bool:
        """Delete everything in the dict."""
        self._items.wrapped.clear()
        return True

    def inc(self, key: str, delta: int = 1) -> int:
        """Add to a number, 0 if there is none, in one atomic step."""
        changed: int = self._items.change(key, lambda n: (0 if n is ABSENT else n) + delta)
        return changed

    def dec(self, key: str, delta: int = 1) -> int:
        """Subtract from a number, 0 if there is none, in one atomic step."""
        return self.inc(key, -delta)

    def _seconds(self, timeout: int | dt.timedelta | None) -> float | None:
        seconds = self._normalize_timeout(timeout)
        return None if seconds == 0 else seconds

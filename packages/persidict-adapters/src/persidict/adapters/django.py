"""`DjangoCache`: a Django cache backend in any dict.

In ``settings.py``::

    CACHES = {
        "default": {
            "BACKEND": "persidict.adapters.django.DjangoCache",
            "LOCATION": "s3://bucket/cache",  # or a directory
        }
    }
"""

from __future__ import annotations

import pickle
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from persidict.adapters._frameworks import framework
from persidict.adapters._timed import ABSENT, TimedItems
from persidict.core import EncodingError, PersiDict, open_store

with framework("django", "django"):
    from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache


class DjangoCache(BaseCache):  # type: ignore[misc]  # Django ships no types
    """A Django cache that processes and machines share.

    `add` and `incr` are atomic. Entries that have expired stay in the store until they are
    written again or `purge` is called; Django's ``MAX_ENTRIES`` has no effect.

    Args:
        location: The store, or its URL or path for `open_store`.
        params: Django's settings of the cache.
    """

    def __init__(self, location: PersiDict[Any] | str, params: Mapping[str, Any]) -> None:
        super().__init__(params)
        store = location if isinstance(location, PersiDict) else open_store(location)
        self._items = TimedItems(store)

    def add(
        self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> bool:
        """Store a value unless there is one; tell whether it was stored."""
        with _pickle_errors():
            return self._items.add(self._name(key, version), value, self._seconds(timeout))

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        """Return a value, `default` if it is absent or has expired."""
        value = self._items.get(self._name(key, version))
        return default if value is ABSENT else value

    def get_many(self, keys: Iterable[str], version: int | None = None) -> dict[str, Any]:
        """Return the values that are there."""
        names = {self._name(key, version): key for key in keys}
        return {names[name]: value for name, value in self._items.get_many(names).items()}

    def set(
        self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> None:
        """Store a value."""
        with _pickle_errors():
            self._items.set(self._name(key, version), value, self._seconds(timeout))

    def set_many(
        self, data: Mapping[str, Any], timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> list[str]:
        """Store several values; no key fails."""
        named = ((self._name(key, version), value) for key, value in data.items())
        with _pickle_errors():
            self._items.set_many(named, self._seconds(timeout))
        return []

    def touch(self, key: str, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Give a value another timeout; tell whether there was one."""
        return self._items.touch(self._name(key, version), self._seconds(timeout))

    def delete(self, key: str, version: int | None = None) -> bool:
        """Delete a value, and tell whether there was one."""
        return self._items.delete(self._name(key, version))

    def has_key(self, key: str, version: int | None = None) -> bool:
        """Tell whether there is a value."""
        return self._items.get(self._name(key, version)) is not ABSENT

    def incr(self, key: str, delta: int = 1, version: int | None = None) -> Any:
        """Add to a number in one atomic step; ``ValueError`` if there is none."""

        def added(value: Any) -> Any:
            if value is ABSENT:
                raise ValueError(f"Key '{key}' not found")
            return value + delta

        return self._items.change(self._name(key, version), added)

    def clear(self) -> None:
        """Delete everything in the store."""
        self._items.wrapped.clear()

    def purge(self) -> None:
        """Delete the values that have expired."""
        self._items.purge()

    def _name(self, key: str, version: int | None) -> str:
        return self.make_and_validate_key(key, version=version)  # type: ignore[no-any-return]

    def _seconds(self, timeout: Any) -> float | None:
        expires = self.get_backend_timeout(timeout)
        return None if expires is None else expires - time.time()


@contextmanager
def _pickle_errors() -> Iterator[None]:
    """Raise what Django's users expect for values that can't be stored."""
    try:
        yield
    except EncodingError as error:
        raise pickle.PicklingError(str(error)) from error

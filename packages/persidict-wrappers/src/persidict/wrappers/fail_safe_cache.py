"""A cache whose failures cost a read from the main dict, never an error."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar, TypeVarTuple

from persidict.core.backend import StatLike
from persidict.core.base import PersiDict
from persidict.core.errors import raise_if_from_handler
from persidict.core.flags import ANY_ETAG
from persidict.core.keys import NonEmptySafeStrTuple, SafeStrTuple, trusted_key
from persidict.core.results import ValueType

_LOG = logging.getLogger("persidict.wrappers")
_Args = TypeVarTuple("_Args")
_R = TypeVar("_R")


class FailSafeCache(Generic[ValueType]):
    """The primitives of a dict that caches another one, under the other one's keys.

    Every method takes complete keys of the main dict. A failing operation logs a warning and
    returns None, as it does for an absent entry.

    Args:
        cache: The dict that holds the copies.
        main_prefix: What the main dict's complete keys begin with.
    """

    def __init__(self, cache: PersiDict[ValueType], main_prefix: SafeStrTuple) -> None:
        self.dict = cache
        cache._expect_other_layouts()  # misses are usual, and caches may share a place
        self._main_prefix = main_prefix
        self._is_translated = bool(cache._prefix or main_prefix)

    def attempt(
        self,
        operation: Callable[[NonEmptySafeStrTuple, *_Args], _R],
        key: NonEmptySafeStrTuple,
        *args: *_Args,
    ) -> _R | None:
        """Call a primitive of the cache; return None if the entry is absent or the cache fails."""
        if self._is_translated:
            key = self._inside(key)
        try:
            return operation(key, *args)
        except KeyError:
            return None
        except Exception as error:  # noqa: BLE001  # the main dict has the item, whatever happened
            raise_if_from_handler(error)
            _LOG.warning("cache entry %r can't be used (%s): %r", key, operation.__name__, error)
            return None

    def load(self, key: NonEmptySafeStrTuple) -> tuple[ValueType, StatLike] | None:
        """Return value and stat of an entry."""
        return self.attempt(self.dict._load, key, None)  # type: ignore[return-value]  # a value

    def store(self, key: NonEmptySafeStrTuple, value: ValueType) -> StatLike | None:
        """Write an entry, over whatever is there."""
        return self.attempt(self.dict._store, key, value, ANY_ETAG)

    def has(self, key: NonEmptySafeStrTuple) -> bool:
        """Tell whether there is an entry."""
        return self.attempt(self.dict._stat, key) is not None

    def erase(self, key: NonEmptySafeStrTuple) -> None:
        """Delete an entry if there is one."""
        self.attempt(self.dict._erase, key, ANY_ETAG)

    def erase_many(self, keys: Iterable[NonEmptySafeStrTuple]) -> None:
        """Delete entries."""
        inside = map(self._inside, keys) if self._is_translated else keys
        try:
            self.dict._erase_many(inside)
        except Exception as error:  # noqa: BLE001  # entries of deleted items are never served
            raise_if_from_handler(error)
            _LOG.warning("cache entries can't be deleted: %r", error)

    def entries(self) -> list[tuple[NonEmptySafeStrTuple, StatLike]]:
        """Return keys and stats of all entries; none if the cache fails."""
        try:
            found = list(self.dict._scan(self.dict._prefix))
        except Exception as error:  # noqa: BLE001  # a cache that can't be listed isn't bounded
            raise_if_from_handler(error)
            _LOG.warning("cache entries can't be listed: %r", error)
            return []
        depth = len(self.dict._prefix)
        return [(trusted_key((*self._main_prefix, *key[depth:])), stat) for key, stat in found]

    def here(self, prefix: SafeStrTuple) -> PersiDict[ValueType]:
        """Return the cache, or its sub-dict for a complete prefix of the main dict."""
        if len(prefix) == len(self._main_prefix):
            return self.dict
        return self.dict._at(SafeStrTuple((*self.dict._prefix, *prefix[len(self._main_prefix) :])))

    def _inside(self, key: NonEmptySafeStrTuple) -> NonEmptySafeStrTuple:
        return trusted_key((*self.dict._prefix, *key[len(self._main_prefix) :]))

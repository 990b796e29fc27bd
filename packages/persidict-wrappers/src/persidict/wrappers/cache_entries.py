"""Entries of a revalidating cache: copies of values, each with the ETag of its version."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Generic, TypeAlias

from persidict.core.backend import Expected, StatLike
from persidict.core.keys import NonEmptySafeStrTuple
from persidict.core.results import ETagValue, ValueType
from persidict.wrappers.fail_safe_cache import FailSafeCache

CacheValidator: TypeAlias = tuple[ETagValue, ETagValue]
"""The main dict's ETag of a version, and the ETag that the cache gave to the copy of it.

The second is empty where the entry itself says which version it is.
"""


Found: TypeAlias = tuple[ETagValue, Any]
"""The version of a cached copy in the main dict, and the copy."""


class CacheEntries(ABC, Generic[ValueType]):
    """Copies of values, each bound to the ETag that the main dict gave to that version.

    Keys are the main dict's complete keys. Nothing here raises because a cache fails.

    Attributes:
        counted: The cache whose entries count against the bounds.
    """

    counted: FailSafeCache[Any]

    @abstractmethod
    def validator(self, key: NonEmptySafeStrTuple) -> CacheValidator | None:
        """Return which version of the main dict is cached, None if none is."""

    @abstractmethod
    def value(self, key: NonEmptySafeStrTuple, validator: CacheValidator) -> Any:
        """Return the copy of this version, `MISSING` if it isn't there any more."""

    @abstractmethod
    def find(self, key: NonEmptySafeStrTuple, known: ETagValue | None) -> Found | None:
        """Return the cached copy, None if there is none or its version is `known`."""

    @abstractmethod
    def write(
        self, key: NonEmptySafeStrTuple, value: ValueType, expected: Expected
    ) -> tuple[StatLike, StatLike | None]:
        """Write to the main dict, then to the cache; return the stats of both."""

    @abstractmethod
    def keep(self, key: NonEmptySafeStrTuple, value: ValueType, etag: ETagValue) -> StatLike | None:
        """Cache a value that was read; return the stat of the entry, None if that failed."""

    @abstractmethod
    def forget(self, key: NonEmptySafeStrTuple) -> None:
        """Delete an entry if there is one."""

    @abstractmethod
    def forget_many(self, keys: list[NonEmptySafeStrTuple]) -> None:
        """Delete entries."""


def etag_of(stat: StatLike) -> ETagValue | None:
    """Return the ETag of a stat, None if the item has vanished since (a null device's at once)."""
    try:
        etag = stat.etag
    except KeyError:
        return None
    return etag if isinstance(etag, str) else None

"""Cache entries in one dict of bytes: each holds a version's ETag, then the version's bytes."""

from __future__ import annotations

import logging
from typing import Any

from persidict.core.backend import Expected, StatLike
from persidict.core.blobs import BlobDict
from persidict.core.errors import DecodingError
from persidict.core.flags import ANY_ETAG
from persidict.core.keys import NonEmptySafeStrTuple
from persidict.core.results import ETagValue, ValueType
from persidict.wrappers.cache_entries import CacheEntries, CacheValidator, Found
from persidict.wrappers.fail_safe_cache import FailSafeCache
from persidict.wrappers.write_through import MISSING

_LOG = logging.getLogger("persidict.wrappers")
_UNUSED = ETagValue("")


class ByteEntries(CacheEntries[ValueType]):
    """Entries that hold what the main dict stores, so that one write caches a value.

    Args:
        main: A dict that stores bytes; its codec encodes and decodes the entries' values.
        cache: A dict that stores bytes, used for nothing else. It never decodes them.
    """

    def __init__(self, main: BlobDict[ValueType], cache: BlobDict[Any]) -> None:
        self._main = main
        self._cache = cache
        self.counted = FailSafeCache(cache, main._prefix)

    def validator(self, key: NonEmptySafeStrTuple) -> CacheValidator | None:
        """Read the entry's first part."""
        found = self._read(key)
        return None if found is None else (found[0], _UNUSED)

    def value(self, key: NonEmptySafeStrTuple, validator: CacheValidator) -> Any:
        """Read the entry and decode its value if it is of this version."""
        found = self._read(key)
        if found is None or found[0] != validator[0]:
            return MISSING
        return self._decoded(key, found[1])

    def find(self, key: NonEmptySafeStrTuple, known: ETagValue | None) -> Found | None:
        """Read the entry and decode its value unless its version is known."""
        found = self._read(key)
        if found is None or found[0] == known:
            return None
        value = self._decoded(key, found[1])
        return None if value is MISSING else (found[0], value)

    def write(
        self, key: NonEmptySafeStrTuple, value: ValueType, expected: Expected
    ) -> tuple[StatLike, StatLike | None]:
        """Write the value's bytes to the main dict, then the entry."""
        data = self._main._encoded(key, value)
        stat = self._main._put(key, data, expected)
        return stat, self._put(key, stat.etag, data)

    def keep(self, key: NonEmptySafeStrTuple, value: ValueType, etag: ETagValue) -> StatLike | None:
        """Write the entry."""
        return self._put(key, etag, self._main._encoded(key, value))

    def forget(self, key: NonEmptySafeStrTuple) -> None:
        """Delete the entry."""
        self.counted.erase(key)

    def forget_many(self, keys: list[NonEmptySafeStrTuple]) -> None:
        """Delete the entries."""
        self.counted.erase_many(keys)

    def _put(self, key: NonEmptySafeStrTuple, etag: ETagValue, data: bytes) -> StatLike | None:
        entry = b"%d:%b%b" % (len(etag), etag.encode(), data)
        return self.counted.attempt(self._cache._put, key, entry, ANY_ETAG)

    def _read(self, key: NonEmptySafeStrTuple) -> tuple[ETagValue, bytes] | None:
        found = self.counted.attempt(self._cache._get, key, None)
        if found is None or found[0] is None:
            return None
        length, separator, rest = bytes(found[0]).partition(b":")
        if not (separator and length.isdigit() and len(length) < 5):  # a sane ETag
            return None
        size = int(length)
        return ETagValue(rest[:size].decode("utf-8", "replace")), rest[size:]

    def _decoded(self, key: NonEmptySafeStrTuple, data: bytes) -> Any:
        try:
            return self._main._decoded(key, data)
        except DecodingError as error:
            _LOG.warning("the cache entry of %r is damaged: %r", key, error.__cause__)
            return MISSING

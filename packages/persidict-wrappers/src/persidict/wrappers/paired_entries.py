"""Cache entries in two dicts: copies of values, and a cache validator for each of them."""

from __future__ import annotations

from typing import Any

from persidict.core.backend import Expected, StatLike
from persidict.core.base import PersiDict
from persidict.core.blobs import BlobDict
from persidict.core.flags import ANY_ETAG
from persidict.core.keys import NonEmptySafeStrTuple
from persidict.core.results import ETagValue, ValueType
from persidict.wrappers.cache_entries import CacheEntries, CacheValidator, Found, etag_of
from persidict.wrappers.fail_safe_cache import FailSafeCache
from persidict.wrappers.write_through import MISSING, have_same_bytes, write_bytes, write_copy


def validator_text(of_main: ETagValue, of_data: ETagValue) -> str:
    """Return what the ETag cache stores."""
    return f"{len(of_main)}:{of_main}{of_data}"


def parsed_validator(text: Any) -> CacheValidator | None:
    """Parse what the ETag cache stores; return None if it is something else."""
    if not isinstance(text, str):
        return None
    length, _, etags = text.partition(":")
    if not (length.isascii() and length.isdigit()) or len(etags) <= int(length[:9]):
        return None
    size = int(length)
    return etags[:size], etags[size:]  # type: ignore[return-value]  # ETags are texts


class PairedEntries(CacheEntries[ValueType]):
    """Values in a data cache and cache validators in an ETag cache.

    A validator names the main dict's ETag and the ETag that the *data cache* gave to the copy.
    Therefore a copy never passes for another version, whatever the order of writes to the two
    dicts, and even if a process dies between them.
    """

    def __init__(
        self, main: PersiDict[ValueType], data: PersiDict[ValueType], etags: PersiDict[Any]
    ) -> None:
        self._main = main
        self.data = FailSafeCache(data, main._prefix)
        self.etags = FailSafeCache(etags, main._prefix)
        self.counted = self.data
        self._have_same_bytes = have_same_bytes(main, data)

    def validator(self, key: NonEmptySafeStrTuple) -> CacheValidator | None:
        """Read the validator."""
        etags = self.etags
        found = etags.attempt(etags.dict._load, key, None)
        return None if found is None else parsed_validator(found[0])

    def value(self, key: NonEmptySafeStrTuple, validator: CacheValidator) -> Any:
        """Read the copy."""
        data = self.data
        found = data.attempt(data.dict._load, key, None)
        try:
            is_this = found is not None and found[1].etag == validator[1]
        except KeyError:  # vanished meanwhile
            return MISSING
        return found[0] if found is not None and is_this else MISSING

    def find(self, key: NonEmptySafeStrTuple, known: ETagValue | None) -> Found | None:
        """Read the validator, and the copy unless its version is known."""
        validator = self.validator(key)
        if validator is None or validator[0] == known:
            return None
        value = self.value(key, validator)
        return None if value is MISSING else (validator[0], value)

    def write(
        self, key: NonEmptySafeStrTuple, value: ValueType, expected: Expected
    ) -> tuple[StatLike, StatLike | None]:
        """Write the value to the main dict, the copy, then the validator."""
        if self._have_same_bytes and isinstance(self._main, BlobDict):
            stat, data = write_bytes(self._main, key, value, expected)
            cache: Any = self.data.dict
            entry = self.data.attempt(cache._put, key, data, ANY_ETAG)
        else:
            stat, isolated = write_copy(self._main, key, value, expected)
            entry = None if isolated is MISSING else self.data.store(key, isolated)
        return stat, self._bind(key, entry, etag_of(stat))

    def keep(self, key: NonEmptySafeStrTuple, value: ValueType, etag: ETagValue) -> StatLike | None:
        """Write the copy, then the validator."""
        return self._bind(key, self.data.store(key, value), etag)

    def forget(self, key: NonEmptySafeStrTuple) -> None:
        """Delete the validator, then the copy."""
        self.etags.erase(key)
        self.data.erase(key)

    def forget_many(self, keys: list[NonEmptySafeStrTuple]) -> None:
        """Delete the validators, then the copies."""
        self.etags.erase_many(keys)
        self.data.erase_many(keys)

    def _bind(
        self, key: NonEmptySafeStrTuple, entry: StatLike | None, of_main: ETagValue | None
    ) -> StatLike | None:
        """Write the validator that binds an entry to the main dict's version."""
        of_data = None if entry is None else etag_of(entry)
        if of_main is None or of_data is None:
            return None
        etags = self.etags
        etags.attempt(etags.dict._store, key, validator_text(of_main, of_data), ANY_ETAG)
        return entry

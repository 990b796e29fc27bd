"""`ExpiringDict`: items are there for some time after they were written."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator

from persidict.core.backend import ETagMismatch, Expected, StatLike
from persidict.core.base import PersiDict
from persidict.core.errors import DecodingError
from persidict.core.flags import (
    ANY_ETAG,
    ITEM_NOT_AVAILABLE,
    AnyETagFlag,
    ItemNotAvailableFlag,
    ValueNotRetrievedFlag,
)
from persidict.core.keys import NonEmptySafeStrTuple, SafeStrTuple
from persidict.core.results import ETagValue, ValueType
from persidict.wrappers.wrapper import WrapperDict, batches, validate_wrapped

_INSERTED_AT_ONCE = 256


class ExpiringDict(WrapperDict[ValueType]):
    """A dict whose items are absent once their last write is longer ago than `max_age`.

    They are absent for every operation: an insertion replaces an expired item, by one atomic
    step that fails if somebody else has just written a new one. In the wrapped dict they
    stay until they are overwritten, or deleted by `purge`.

    Args:
        wrapped_dict: Holds the items.
        max_age: Seconds.

    Raises:
        TypeError: `wrapped_dict` is no `PersiDict`, or `max_age` no number.
        ValueError: `wrapped_dict` is append-only, or `max_age` not positive and finite.

    Notes:
        The time of a write is the wrapped dict's timestamp, and it is compared with this
        machine's clock. If another machine wrote it (on S3 the server tells the time, in whole
        seconds), the clocks' difference adds to the age or is taken from it: choose a `max_age`
        well above it. Writes under an ETag and deletions take one look more than without expiry,
        and listing looks at each item's time.

    Example:
        >>> from persidict import LocalDict
        >>> sessions = ExpiringDict(wrapped_dict=LocalDict(), max_age=3600)
        >>> sessions["alice"] = {"cart": 3}
        >>> "alice" in sessions, sessions.purge()
        (True, 0)
    """

    def __init__(self, wrapped_dict: PersiDict[ValueType], *, max_age: float) -> None:
        if validate_wrapped("wrapped_dict", wrapped_dict).append_only:
            raise ValueError("wrapped_dict can't be append-only: expired items are replaced")
        if isinstance(max_age, bool) or not isinstance(max_age, (int, float)):
            raise TypeError(f"max_age must be a number of seconds, got {max_age!r}")
        if not (max_age > 0 and math.isfinite(max_age)):
            raise ValueError(f"max_age must be a positive number of seconds, got {max_age}")
        super().__init__(wrapped_dict)
        self.max_age = float(max_age)
        self._now = time.time

    @property
    def wrapped_dict(self) -> PersiDict[ValueType]:
        """The dict that holds the items, expired ones too; a sub-dict's, its sub-dict."""
        return self._main_here()

    def purge(self) -> int:
        """Delete the expired items of this (sub-)dict, none that is written meanwhile.

        Returns:
            How many it deleted.
        """
        purged = 0
        for key, stat in self._main._scan(self._prefix):
            try:
                if self._is_expired(stat):
                    self._main._erase(key, stat.etag)
                    purged += 1
            except (KeyError, ETagMismatch):
                continue  # deleted or written by somebody else
        return purged

    def _is_expired(self, stat: StatLike) -> bool:
        return self._now() - stat.timestamp > self.max_age

    def _stat(self, key: NonEmptySafeStrTuple) -> StatLike:
        stat = self._main._stat(key)
        if self._is_expired(stat):
            raise KeyError(key)
        return stat

    def _load(
        self, key: NonEmptySafeStrTuple, known: ETagValue | None
    ) -> tuple[ValueType | ValueNotRetrievedFlag, StatLike]:
        try:
            value, stat = self._main._load(key, known)
        except DecodingError:
            self._stat(key)  # what has expired need not be readable
            raise
        if self._is_expired(stat):
            raise KeyError(key)
        return value, stat

    def _store(self, key: NonEmptySafeStrTuple, value: ValueType, expected: Expected) -> StatLike:
        if expected is ITEM_NOT_AVAILABLE:
            return self._insert(key, value)
        if expected is not ANY_ETAG:
            try:
                self._stat(key)
            except KeyError:
                raise ETagMismatch from None
        return self._main._store(key, value, expected)

    def _insert(self, key: NonEmptySafeStrTuple, value: ValueType) -> StatLike:
        over: Expected = ITEM_NOT_AVAILABLE
        while True:
            try:
                return self._main._store(key, value, over)
            except ETagMismatch:
                try:
                    stat = self._main._stat(key)
                    if not self._is_expired(stat):
                        raise
                    over = stat.etag
                except KeyError:
                    over = ITEM_NOT_AVAILABLE  # purged since

    def _erase(self, key: NonEmptySafeStrTuple, expected: ETagValue | AnyETagFlag) -> None:
        self._stat(key)
        self._main._erase(key, expected)

    def _scan(self, prefix: SafeStrTuple) -> Iterator[tuple[NonEmptySafeStrTuple, StatLike]]:
        for key, stat in self._main._scan(prefix):
            if self._is_there(stat):
                yield key, stat

    def _load_many(
        self, wanted: Iterable[tuple[NonEmptySafeStrTuple, StatLike | None]]
    ) -> Iterator[tuple[NonEmptySafeStrTuple, ValueType, StatLike]]:
        for key, value, stat in self._main._load_many(wanted):
            if self._is_there(stat):
                yield key, value, stat

    def _is_there(self, stat: StatLike) -> bool:
        try:
            return not self._is_expired(stat)
        except KeyError:
            return False  # deleted since it was listed

    def _revalidate_many(
        self, wanted: Iterable[tuple[NonEmptySafeStrTuple, ETagValue | None]]
    ) -> Iterator[tuple[NonEmptySafeStrTuple, ValueType | ValueNotRetrievedFlag, StatLike]]:
        for key, value, stat in self._main._revalidate_many(wanted):
            if self._is_there(stat):
                yield key, value, stat

    def _store_many(
        self,
        items: Iterable[tuple[NonEmptySafeStrTuple, ValueType]],
        expected: AnyETagFlag | ItemNotAvailableFlag,
    ) -> None:
        if expected is ANY_ETAG:
            self._main._store_many(items, expected)
        elif not all(self._insert_many(items)):
            raise ETagMismatch

    def _insert_many(
        self, items: Iterable[tuple[NonEmptySafeStrTuple, ValueType]]
    ) -> Iterator[bool]:
        for batch in batches(items, _INSERTED_AT_ONCE):
            for (key, value), is_new in zip(batch, self._main._insert_many(batch), strict=True):
                yield is_new or self._is_inserted(key, value)

    def _is_inserted(self, key: NonEmptySafeStrTuple, value: ValueType) -> bool:
        """Write the item over an expired one; tell whether it was expired."""
        try:
            self._insert(key, value)
        except ETagMismatch:
            return False
        return True

    def _erase_many(self, keys: Iterable[NonEmptySafeStrTuple]) -> None:
        self._main._erase_many(keys)

    def clear(self) -> None:
        """Delete all items, expired ones too."""
        self._main_here().clear()

"""`ExpiringDict`: items expire some time after they were written."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any

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
from persidict.core.keys import NonEmptyPersiDictKey, NonEmptySafeStrTuple, SafeStrTuple
from persidict.core.results import ETagValue, ValueType
from persidict.wrappers._coordination.waiting import validate_seconds
from persidict.wrappers.aged_items import AgedItems, AgedStat, WithAge
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
        own_ages: Items may have a `max_age` of their own, see `set_with_max_age`. Values are then
            stored together with it, as ``{"value": …, "max_age": …}``: all who share the wrapped
            dict must use it so. Looking an item up, and listing, then read values.

    Raises:
        TypeError: `wrapped_dict` is not a `PersiDict`, or `max_age` not a number.
        ValueError: `wrapped_dict` is append-only, `max_age` is not positive and finite, or
            `own_ages` is given with a wrapped dict that has a `base_class_for_values`.

    Notes:
        The time of a write is the wrapped dict's timestamp, and it is compared with this
        machine's clock. If another machine wrote it (on S3 the server tells the time, in whole
        seconds), the clocks' difference adds to the age or is taken from it: choose a `max_age`
        well above it. An item whose time is ahead of this machine's clock expires that much
        later; if a clock was wrong by years, delete the item. On files, later writes to it don't
        go back in time either. Writes under an ETag and deletions take one request more than
        without expiry, and listing looks at each item's time.

    Example:
        >>> from persidict import LocalDict
        >>> sessions = ExpiringDict(LocalDict(), max_age=3600)
        >>> sessions["alice"] = {"cart": 3}
        >>> "alice" in sessions, sessions.purge()
        (True, 0)
    """

    def __init__(
        self, wrapped_dict: PersiDict[ValueType], *, max_age: float, own_ages: bool = False
    ) -> None:
        if validate_wrapped("wrapped_dict", wrapped_dict).append_only:
            raise ValueError("wrapped_dict can't be append-only: expired items are replaced")
        super().__init__(AgedItems(wrapped_dict) if own_ages else wrapped_dict)
        self._items_dict = wrapped_dict
        self.max_age = validate_seconds("max_age", max_age)
        self.own_ages = bool(own_ages)
        self._now = time.time

    @property
    def wrapped_dict(self) -> PersiDict[ValueType]:
        """The dict that holds the items, expired ones too; a sub-dict's, its sub-dict."""
        is_whole = len(self._prefix) == len(self._items_dict._prefix)
        return self._items_dict if is_whole else self._items_dict._at(self._prefix)

    def get_params(self) -> dict[str, Any]:
        """Return the constructor's arguments that open the same dict; `own_ages` only if True."""
        params = super().get_params()
        if not self.own_ages:
            del params["own_ages"]
        return params

    def set_with_max_age(
        self, key: NonEmptyPersiDictKey, value: ValueType, max_age: float | None
    ) -> None:
        """Write a value that expires after `max_age` seconds; None: the dict's default.

        Raises:
            TypeError: `max_age` is no number.
            ValueError: `max_age` is not positive, or the dict was opened without ``own_ages``.

        Example:
            >>> from persidict import LocalDict
            >>> sessions = ExpiringDict(LocalDict(), max_age=3600, own_ages=True)
            >>> sessions.set_with_max_age("bob", {"cart": 1}, 60)
            >>> sessions["bob"]
            {'cart': 1}
        """
        if not self.own_ages:
            raise ValueError(
                "items have a max_age of their own only in an ExpiringDict(own_ages=True)"
            )
        if max_age is not None:
            max_age = validate_seconds("max_age", max_age)
        item: Any = WithAge(self._validate_value(value), max_age)
        self._main._store(self._complete(key), item, ANY_ETAG)

    def purge(self) -> int:
        """Delete the expired items of this (sub-)dict, but none that is being rewritten.

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
        own = stat.max_age if isinstance(stat, AgedStat) else None
        return self._now() - stat.timestamp > (self.max_age if own is None else own)

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
            self._stat(key)  # raises KeyError if the damaged item has expired
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
        self.wrapped_dict.clear()

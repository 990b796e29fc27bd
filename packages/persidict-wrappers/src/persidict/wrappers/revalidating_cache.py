"""A cache in front of a dict that others may change: the main dict confirms every cached read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Any

from persidict.core.backend import Expected, StatLike
from persidict.core.base import PersiDict
from persidict.core.flags import VALUE_NOT_RETRIEVED, AnyETagFlag, ValueNotRetrievedFlag
from persidict.core.keys import NonEmptySafeStrTuple
from persidict.core.results import ETagValue, ValueType
from persidict.wrappers.cache_entries import CacheEntries, CacheValidator, etag_of
from persidict.wrappers.lru import LruBound, validate_bound
from persidict.wrappers.wrapper import Answers, ForwardingDict, batches
from persidict.wrappers.write_through import MISSING

_READ_AT_ONCE = 256
# A main dict on S3 deletes this many with a few requests at once.
_ERASED_AT_ONCE = 8000


class RevalidatingCache(ForwardingDict[ValueType]):
    """The primitives of a dict with a cache; how entries are stored is up to `CacheEntries`.

    Args:
        main: The dict that is cached.
        entries: The copies, bound to versions of the main dict.
        max_cached_items: The most entries; None: any number.
        max_cached_bytes: The most bytes that they may take; None: any number.
    """

    def __init__(
        self,
        main: PersiDict[ValueType],
        entries: CacheEntries[ValueType],
        max_cached_items: int | None,
        max_cached_bytes: int | None,
    ) -> None:
        super().__init__(main)
        self._entries = entries
        self._bound: LruBound | None = None
        bounds = (
            validate_bound("max_cached_items", max_cached_items),
            validate_bound("max_cached_bytes", max_cached_bytes),
        )
        if bounds != (None, None):
            self._bound = LruBound(entries.counted.entries, *bounds)

    @property
    def max_cached_items(self) -> int | None:
        """How many values the cache may hold."""
        return None if self._bound is None else self._bound.max_items

    @property
    def max_cached_bytes(self) -> int | None:
        """How many bytes they may take."""
        return None if self._bound is None else self._bound.max_bytes

    def _stat(self, key: NonEmptySafeStrTuple) -> StatLike:
        try:
            return self._main._stat(key)
        except KeyError:
            self._forget(key)
            raise

    def _load(
        self, key: NonEmptySafeStrTuple, known: ETagValue | None
    ) -> tuple[ValueType | ValueNotRetrievedFlag, StatLike]:
        # Load the cached copy first, so that a "not modified" answer is always usable.
        found = self._entries.find(key, known)
        try:
            value, stat = self._main._load(key, known if found is None else found[0])
        except KeyError:
            self._forget(key)
            raise
        if value is not VALUE_NOT_RETRIEVED:
            self._keep(key, value, stat)
            return (VALUE_NOT_RETRIEVED if stat.etag == known else value), stat
        if found is None:
            return VALUE_NOT_RETRIEVED, stat
        if self._bound is not None:
            self._bound.used(key)
        return found[1], stat

    def _store(self, key: NonEmptySafeStrTuple, value: ValueType, expected: Expected) -> StatLike:
        stat, entry = self._entries.write(key, value, expected)
        if self._bound is not None:
            self._make_room(key, entry)
        return stat

    def _erase(self, key: NonEmptySafeStrTuple, expected: ETagValue | AnyETagFlag) -> None:
        try:
            self._main._erase(key, expected)
        except KeyError:
            self._forget(key)
            raise
        self._forget(key)

    def _erase_many(self, keys: Iterable[NonEmptySafeStrTuple]) -> None:
        for batch in batches(keys, _ERASED_AT_ONCE):
            self._main._erase_many(batch)
            self._entries.forget_many(batch)

    def _load_many(
        self, wanted: Iterable[tuple[NonEmptySafeStrTuple, StatLike | None]]
    ) -> Iterator[tuple[NonEmptySafeStrTuple, ValueType, StatLike]]:
        for batch in batches(wanted, _READ_AT_ONCE):
            validators = [self._usable(key, stat) for key, stat in batch]
            with closing(self._ask(batch, validators)) as answers:
                for (key, stat), validator in zip(batch, validators, strict=True):
                    if validator is not None and stat is not None:
                        found: tuple[Any, StatLike] | None = (VALUE_NOT_RETRIEVED, stat)
                    else:
                        found = answers.of(key)
                    if found is None:
                        self._forget(key)
                    elif found[0] is not VALUE_NOT_RETRIEVED:
                        self._keep(key, *found)
                    else:
                        found = self._copy(key, validator, found[1])
                    if found is not None:
                        yield key, *found

    def _usable(self, key: NonEmptySafeStrTuple, listed: StatLike | None) -> CacheValidator | None:
        """Return which version is cached, None if it isn't the one that was listed."""
        validator = self._entries.validator(key)
        if validator is None or listed is None or validator[0] == etag_of(listed):
            return validator
        return None

    def _ask(
        self,
        batch: list[tuple[NonEmptySafeStrTuple, StatLike | None]],
        validators: list[CacheValidator | None],
    ) -> Answers[Any]:
        """Ask the main dict for the items whose copies the listing doesn't confirm."""
        pairs = zip(batch, validators, strict=True)
        asked = [(*pair, known) for pair, known in pairs if known is None or pair[1] is None]
        if all(known is None for _, _, known in asked):
            return Answers(self._main._load_many((key, stat) for key, stat, _ in asked))
        return Answers(
            self._main._revalidate_many((key, known and known[0]) for key, _, known in asked)
        )

    def _copy(
        self, key: NonEmptySafeStrTuple, validator: CacheValidator | None, stat: StatLike
    ) -> tuple[Any, StatLike] | None:
        """Return the copy of a version; load the item again if the copy is gone."""
        value = MISSING if validator is None else self._entries.value(key, validator)
        if value is MISSING:
            return load_alone(self, key)
        if self._bound is not None:
            self._bound.used(key)
        return value, stat

    def _keep(self, key: NonEmptySafeStrTuple, value: Any, stat: StatLike) -> None:
        """Cache a value that was read from the main dict."""
        etag = etag_of(stat)
        if etag is not None:
            entry = self._entries.keep(key, value, etag)
            if self._bound is not None:
                self._make_room(key, entry)

    def _make_room(self, key: NonEmptySafeStrTuple, entry: StatLike | None) -> None:
        if self._bound is not None and entry is not None:
            for evicted, _ in self._bound.added(key, entry, entry.size or 0):
                self._forget(evicted)

    def _forget(self, key: NonEmptySafeStrTuple) -> None:
        if self._bound is not None:
            self._bound.forgotten(key)
        self._entries.forget(key)


def load_alone(
    d: PersiDict[ValueType], key: NonEmptySafeStrTuple
) -> tuple[ValueType, StatLike] | None:
    """Load one item of a bulk read whose cached copy turned out to be unusable."""
    try:
        return d._load(key, None)  # type: ignore[return-value]  # a value always comes
    except KeyError:
        return None

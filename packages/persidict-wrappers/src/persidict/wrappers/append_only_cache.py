"""`AppendOnlyDictCached`: items never change, so the cache needs no revalidation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Any, NoReturn

from persidict.core.backend import Expected, StatLike
from persidict.core.base import PersiDict
from persidict.core.blobs import BlobDict
from persidict.core.errors import MutationPolicyError
from persidict.core.flags import (
    ANY_ETAG,
    DELETE_CURRENT,
    VALUE_NOT_RETRIEVED,
    ValueNotRetrievedFlag,
)
from persidict.core.keys import NonEmptyPersiDictKey, NonEmptySafeStrTuple
from persidict.core.results import (
    ConditionalOperationResult,
    ETagValue,
    ValueType,
)
from persidict.wrappers.fail_safe_cache import FailSafeCache
from persidict.wrappers.late_stat import LateStat
from persidict.wrappers.revalidating_cache import load_alone
from persidict.wrappers.wrapper import (
    Answers,
    ForwardingDict,
    batches,
    validate_distinct,
    validate_wrapped,
)
from persidict.wrappers.write_through import MISSING, have_same_bytes, write_bytes, write_copy

_READ_AT_ONCE = 256


class AppendOnlyDictCached(ForwardingDict[ValueType]):
    """A cache in front of an append-only dict: it serves cached values without a request.

    `[]`, `get`, `get_many` and `in` answer from the cache if they can; ETags, timestamps, lengths
    and iteration come from the main dict. A single write is cached at once; values written by
    `update` and `set_many` are cached when they are read. `discard_if`, `transform_item` and
    every deletion raise `MutationPolicyError`.

    Args:
        main_dict: The append-only dict that is cached.
        data_cache: An append-only dict for copies of its values, quicker to reach.

    Raises:
        TypeError: An argument is not a `PersiDict`.
        ValueError: One of them is not append-only, their `base_class_for_values` differ, or
            both are the same store.

    Notes:
        A cache that fails costs a read from the main dict and a message in the log
        ``persidict.wrappers``, never an error.

    Example:
        >>> from persidict import LocalDict
        >>> main, cache = LocalDict(append_only=True), LocalDict(append_only=True)
        >>> d = AppendOnlyDictCached(main_dict=main, data_cache=cache)
        >>> main["a"] = 1
        >>> d["a"], cache["a"]
        (1, 1)
    """

    def __init__(
        self, main_dict: PersiDict[ValueType], *, data_cache: PersiDict[ValueType]
    ) -> None:
        for name, wrapped in (("main_dict", main_dict), ("data_cache", data_cache)):
            if not validate_wrapped(name, wrapped).append_only:
                raise ValueError(f"{name} must be append-only")
        if main_dict.base_class_for_values is not data_cache.base_class_for_values:
            raise ValueError("main_dict and data_cache must have the same base_class_for_values")
        validate_distinct(main_dict=main_dict, data_cache=data_cache)
        super().__init__(main_dict)
        self._cache = FailSafeCache(data_cache, main_dict._prefix)
        self._have_same_bytes = have_same_bytes(main_dict, data_cache)

    @property
    def main_dict(self) -> PersiDict[ValueType]:
        """The dict that is cached; a sub-dict's, its sub-dict."""
        return self._main_here()

    @property
    def data_cache(self) -> PersiDict[ValueType]:
        """The copies; a sub-dict's, its sub-dict."""
        return self._cache.here(self._prefix)

    def set_item_if(
        self, key: NonEmptyPersiDictKey, *, value: Any, **arguments: Any
    ) -> ConditionalOperationResult[ValueType]:
        """Do what the base class does, but refuse to delete whatever the condition."""
        if value is DELETE_CURRENT:
            self._refuse(key)
        return super().set_item_if(key, value=value, **arguments)

    def discard_if(self, key: NonEmptyPersiDictKey, **_: Any) -> NoReturn:
        """Raise `MutationPolicyError`."""
        self._refuse(key)

    def transform_item(self, key: NonEmptyPersiDictKey, **_: Any) -> NoReturn:
        """Raise `MutationPolicyError`."""
        self._refuse(key)

    def _refuse(self, key: NonEmptyPersiDictKey) -> NoReturn:
        self._complete(key)
        raise MutationPolicyError("append-only")

    def _stat(self, key: NonEmptySafeStrTuple) -> StatLike:
        return LateStat(self._main, key) if self._cache.has(key) else self._main._stat(key)

    def _load(
        self, key: NonEmptySafeStrTuple, known: ETagValue | None
    ) -> tuple[ValueType | ValueNotRetrievedFlag, StatLike]:
        if known is None:
            cached = self._cache.attempt(self._cache.dict._load, key, None)
            if cached is not None:
                return cached[0], LateStat(self._main, key)
        value, stat = self._main._load(key, known)
        if value is not VALUE_NOT_RETRIEVED:
            self._cache.store(key, value)
        return value, stat

    def _store(self, key: NonEmptySafeStrTuple, value: ValueType, expected: Expected) -> StatLike:
        # The cache may have an entry that is damaged: it is overwritten.
        if self._have_same_bytes and isinstance(self._main, BlobDict):
            stat, data = write_bytes(self._main, key, value, expected)
            cache: Any = self._cache.dict
            self._cache.attempt(cache._put, key, data, ANY_ETAG)
        else:
            stat, isolated = write_copy(self._main, key, value, expected)
            if isolated is not MISSING:
                self._cache.store(key, isolated)
        return stat

    def _load_many(
        self, wanted: Iterable[tuple[NonEmptySafeStrTuple, StatLike | None]]
    ) -> Iterator[tuple[NonEmptySafeStrTuple, ValueType, StatLike]]:
        for batch in batches(wanted, _READ_AT_ONCE):
            cached = [self._cache.has(key) for key, _ in batch]
            to_ask = [pair for pair, is_cached in zip(batch, cached, strict=True) if not is_cached]
            with closing(Answers(self._main._load_many(to_ask))) as answers:
                for (key, stat), is_cached in zip(batch, cached, strict=True):
                    entry = self._cache.load(key) if is_cached else None
                    if entry is not None:
                        yield key, entry[0], stat or LateStat(self._main, key)
                        continue
                    found = load_alone(self._main, key) if is_cached else answers.of(key)
                    if found is not None:
                        self._cache.store(key, found[0])
                        yield key, *found

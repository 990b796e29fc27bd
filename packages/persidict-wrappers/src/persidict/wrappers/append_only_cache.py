"""`AppendOnlyDictCached`: items that never change, so that a copy is as good as the original."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Any, NoReturn

from persidict.core.backend import Expected, StatLike
from persidict.core.base import PersiDict
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
from persidict.wrappers.wrapper import Answers, Inner, WrapperDict, batches, inner, require_distinct

_LOG = logging.getLogger("persidict.wrappers")
_MISSING: Any = object()
_BATCH = 256


class AppendOnlyDictCached(WrapperDict[ValueType]):
    """A cache in front of an append-only dict; what is cached is trusted without a request.

    `[]`, `get`, `get_many` and `in` answer from the cache if they can; ETags, timestamps, lengths
    and iteration come from the main dict. What is written is cached at once, but for that of
    many items (`update`, `set_many`), which is cached when read. `discard_if`, `transform_item`
    and every deletion raise `MutationPolicyError`.

    Args:
        main_dict: The append-only dict that is cached.
        data_cache: An append-only dict for copies of its values, quicker to reach.

    Raises:
        TypeError: An argument is no `PersiDict`.
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
        self, *, main_dict: PersiDict[ValueType], data_cache: PersiDict[ValueType]
    ) -> None:
        main, data = inner("main_dict", main_dict), inner("data_cache", data_cache)
        for name, wrapped in (("main_dict", main_dict), ("data_cache", data_cache)):
            if not wrapped.append_only:
                raise ValueError(f"{name} must be append-only")
        if main_dict.base_class_for_values is not data_cache.base_class_for_values:
            raise ValueError("main_dict and data_cache must have the same base_class_for_values")
        require_distinct(main_dict=main, data_cache=data)
        super().__init__(main)
        self._data = data

    @property
    def main_dict(self) -> PersiDict[ValueType]:
        """The dict that is cached; a sub-dict's, its sub-dict."""
        return self._main.at(self._prefix)

    @property
    def data_cache(self) -> PersiDict[ValueType]:
        """The copies; a sub-dict's, its sub-dict."""
        return self._data.at(self._prefix)

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
        return _LateStat(self._main, key) if self._is_cached(key) else self._main.stat(key)

    def _load(
        self, key: NonEmptySafeStrTuple, known: ETagValue | None
    ) -> tuple[ValueType | ValueNotRetrievedFlag, StatLike]:
        if known is None:
            cached = self._cached(key)
            if cached is not _MISSING:
                return cached, _LateStat(self._main, key)
        value, stat = self._main.load(key, known)
        if value is not VALUE_NOT_RETRIEVED:
            self._fill(key, value)
        return value, stat

    def _store(self, key: NonEmptySafeStrTuple, value: ValueType, expected: Expected) -> StatLike:
        stat = self._main.store(key, value, expected)
        self._fill(key, value)
        return stat

    def _load_many(
        self, wanted: Iterable[tuple[NonEmptySafeStrTuple, StatLike | None]]
    ) -> Iterator[tuple[NonEmptySafeStrTuple, ValueType, StatLike]]:
        for batch in batches(wanted, _BATCH):
            cached = [self._is_cached(key) for key, _ in batch]
            to_ask = [pair for pair, here in zip(batch, cached, strict=True) if not here]
            with closing(Answers(self._main.load_many(to_ask))) as answers:
                for (key, stat), here in zip(batch, cached, strict=True):
                    value = self._cached(key) if here else _MISSING
                    if value is not _MISSING:
                        yield key, value, stat or _LateStat(self._main, key)
                        continue
                    found = self._asked_alone(key) if here else answers.of(key)
                    if found is not None:
                        self._fill(key, found[0])
                        yield key, *found

    def _asked_alone(self, key: NonEmptySafeStrTuple) -> tuple[ValueType, StatLike] | None:
        try:
            return self._main.load(key, None)  # type: ignore[return-value]  # a value always comes
        except KeyError:
            return None

    def _is_cached(self, key: NonEmptySafeStrTuple) -> bool:
        try:
            self._data.stat(key)
        except KeyError:
            return False
        except Exception as error:  # noqa: BLE001  # whatever ails a cache, main has the answer
            _LOG.warning("cache of %r can't be looked at: %r", key, error)
            return False
        return True

    def _cached(self, key: NonEmptySafeStrTuple) -> Any:
        try:
            return self._data.load(key, None)[0]
        except KeyError:
            return _MISSING
        except Exception as error:  # noqa: BLE001  # whatever ails a cache, main has the answer
            _LOG.warning("cached value of %r can't be read: %r", key, error)
            return _MISSING

    def _fill(self, key: NonEmptySafeStrTuple, value: ValueType) -> None:
        try:
            # Over what may be there too: it is damaged, or it would have been served.
            self._data.store(key, value, ANY_ETAG)
        except Exception as error:  # noqa: BLE001  # whatever ails a cache, main has the value
            _LOG.warning("value of %r can't be cached: %r", key, error)


class _LateStat:
    """What the main dict tells of an item, asked only when somebody wants to know."""

    def __init__(self, main: Inner[Any], key: NonEmptySafeStrTuple) -> None:
        self._main = main
        self._key = key
        self._stat: StatLike | None = None

    @property
    def etag(self) -> ETagValue:
        """The item's ETag in the main dict."""
        return self._asked().etag

    @property
    def timestamp(self) -> float:
        """POSIX seconds of the write to the main dict."""
        return self._asked().timestamp

    @property
    def size(self) -> int | None:
        """Bytes that the item takes in the main dict."""
        return self._asked().size

    def _asked(self) -> StatLike:
        if self._stat is None:
            self._stat = self._main.stat(self._key)
        return self._stat

"""The base classes of all wrappers: dicts whose primitives call those of another dict."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from itertools import islice
from typing import Any, Generic, TypeVar

from persidict.core.backend import Expected, Location, StatLike
from persidict.core.base import PersiDict
from persidict.core.flags import AnyETagFlag, ItemNotAvailableFlag, ValueNotRetrievedFlag
from persidict.core.keys import NonEmptySafeStrTuple, SafeStrTuple
from persidict.core.results import ETagValue, ValueType

_T = TypeVar("_T")


class WrapperDict(PersiDict[ValueType]):
    """A dict that keeps its items in another one, its main dict.

    It forwards the five primitives; the bulk forms are those of the contract. A wrapper's
    complete keys are the main dict's complete keys: if the main dict is a sub-dict, the wrapper
    has the same prefix.
    """

    def __init__(self, main: PersiDict[ValueType]) -> None:
        super().__init__(
            append_only=main.append_only,
            base_class_for_values=main.base_class_for_values,
            serialization_format=main.serialization_format,
        )
        self._main = main
        self._prefix = main._prefix
        self._max_first_backoff = main._max_first_backoff
        self._max_workers = main._max_workers
        if main._combiner is not None:
            self._combiner = main._combiner.of_wrapper()

    def _main_here(self) -> PersiDict[ValueType]:
        """Return the main dict, or its sub-dict if this is a sub-dict."""
        is_whole = len(self._prefix) == len(self._main._prefix)
        return self._main if is_whole else self._main._at(self._prefix)

    def _location(self) -> Location:
        return self._main_here()._location()

    def _expect_other_layouts(self) -> None:
        self._main._expect_other_layouts()

    def _stat(self, key: NonEmptySafeStrTuple) -> StatLike:
        return self._main._stat(key)

    def _load(
        self, key: NonEmptySafeStrTuple, known: ETagValue | None
    ) -> tuple[ValueType | ValueNotRetrievedFlag, StatLike]:
        return self._main._load(key, known)

    def _store(self, key: NonEmptySafeStrTuple, value: ValueType, expected: Expected) -> StatLike:
        return self._main._store(key, value, expected)

    def _erase(self, key: NonEmptySafeStrTuple, expected: ETagValue | AnyETagFlag) -> None:
        self._main._erase(key, expected)

    def _scan(self, prefix: SafeStrTuple) -> Iterator[tuple[NonEmptySafeStrTuple, StatLike]]:
        return self._main._scan(prefix)


class ForwardingDict(WrapperDict[ValueType]):
    """A wrapper with the main dict's values, which forwards the bulk forms too.

    Its subclasses override what differs.
    """

    def _last_written(self, key: NonEmptySafeStrTuple) -> tuple[ValueType, ETagValue] | None:
        return self._main._last_written(key)

    def _load_many(
        self, wanted: Iterable[tuple[NonEmptySafeStrTuple, StatLike | None]]
    ) -> Iterator[tuple[NonEmptySafeStrTuple, ValueType, StatLike]]:
        return self._main._load_many(wanted)

    def _revalidate_many(
        self, wanted: Iterable[tuple[NonEmptySafeStrTuple, ETagValue | None]]
    ) -> Iterator[tuple[NonEmptySafeStrTuple, ValueType | ValueNotRetrievedFlag, StatLike]]:
        return self._main._revalidate_many(wanted)

    def _store_many(
        self,
        items: Iterable[tuple[NonEmptySafeStrTuple, ValueType]],
        expected: AnyETagFlag | ItemNotAvailableFlag,
    ) -> None:
        self._main._store_many(items, expected)

    def _insert_many(
        self, items: Iterable[tuple[NonEmptySafeStrTuple, ValueType]]
    ) -> Iterator[bool]:
        return self._main._insert_many(items)

    def _erase_many(self, keys: Iterable[NonEmptySafeStrTuple]) -> None:
        self._main._erase_many(keys)

    def _keys(self, prefix: SafeStrTuple) -> Iterator[NonEmptySafeStrTuple]:
        return self._main._keys(prefix)

    def _count(self, prefix: SafeStrTuple) -> int:
        return self._main._count(prefix)

    def _first_components(self, prefix: SafeStrTuple) -> Iterator[str]:
        return self._main._first_components(prefix)


def validate_wrapped(name: str, wrapped: PersiDict[ValueType]) -> PersiDict[ValueType]:
    """Return a constructor's argument; raise ``TypeError`` if it isn't a `PersiDict`."""
    if not isinstance(wrapped, PersiDict):
        raise TypeError(f"{name} must be a PersiDict, got {type(wrapped).__name__}")
    return wrapped


def validate_distinct(**dicts: PersiDict[Any]) -> None:
    """Raise ``ValueError`` if two arguments are one store: a cache would overwrite its source."""
    named = list(dicts.items())
    for index, (name, one) in enumerate(named):
        for other_name, other in named[index + 1 :]:
            if one._is_same_store(other):
                raise ValueError(f"{name} and {other_name} must be different stores")


def batches(items: Iterable[_T], size: int) -> Iterator[list[_T]]:
    """Yield lists of up to `size` items; raise an error of `items` after the items before it."""
    iterator = iter(items)
    failure: Exception | None = None
    while failure is None:
        batch: list[_T] = []
        try:
            batch.extend(islice(iterator, size))
        except Exception as error:  # noqa: BLE001  # raised below
            failure = error
        if not batch:
            break
        yield batch
    if failure is not None:
        raise failure


class Answers(Generic[_T]):
    """The results of a bulk read, which leaves out absent items, matched to the keys asked for."""

    def __init__(self, found: Iterator[tuple[NonEmptySafeStrTuple, _T, StatLike]]) -> None:
        self._found = found
        self._next: tuple[NonEmptySafeStrTuple, _T, StatLike] | None = None

    def of(self, key: NonEmptySafeStrTuple) -> tuple[_T, StatLike] | None:
        """Return the result for the next key asked for, None if the item is absent."""
        if self._next is None:
            self._next = next(self._found, None)
        if self._next is None or self._next[0] != key:
            return None
        _, value, stat = self._next
        self._next = None
        return value, stat

    def close(self) -> None:
        """End the bulk read."""
        if isinstance(self._found, Generator):
            self._found.close()

"""What all wrappers share: a wrapper is a dict whose primitives work on another dict."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from itertools import islice
from typing import Any, Generic, TypeVar

from persidict.core.backend import Expected, Location, StatLike
from persidict.core.base import PersiDict
from persidict.core.flags import AnyETagFlag, ItemNotAvailableFlag, ValueNotRetrievedFlag
from persidict.core.keys import NonEmptySafeStrTuple, SafeStrTuple, trusted_key
from persidict.core.results import ETagValue, ValueType

_T = TypeVar("_T")


class Inner(Generic[ValueType]):
    """The primitives of a wrapped dict under the wrapper's keys.

    A wrapped dict may itself be a sub-dict: its own prefix goes before every key. The methods are
    named and behave like the primitives.
    """

    def __init__(self, wrapped: PersiDict[ValueType]) -> None:
        self.wrapped = wrapped
        self._prefix = wrapped._prefix

    def at(self, prefix: SafeStrTuple) -> PersiDict[ValueType]:
        """Return the wrapped dict as the sub-dict that a wrapper's sub-dict works on."""
        return self.wrapped.get_subdict(prefix) if prefix else self.wrapped

    def is_same_store(self, other: Inner[Any]) -> bool:
        """Tell whether two wrapped dicts are handles on the same items."""
        return self.wrapped._is_same_store(other.wrapped)

    def stat(self, key: NonEmptySafeStrTuple) -> StatLike:
        """Return the stat of an item."""
        return self.wrapped._stat(self._inside(key))

    def load(
        self, key: NonEmptySafeStrTuple, known: ETagValue | None
    ) -> tuple[ValueType | ValueNotRetrievedFlag, StatLike]:
        """Return value and stat of one version."""
        return self.wrapped._load(self._inside(key), known)

    def store(self, key: NonEmptySafeStrTuple, value: ValueType, expected: Expected) -> StatLike:
        """Write a value in one atomic step."""
        return self.wrapped._store(self._inside(key), value, expected)

    def erase(self, key: NonEmptySafeStrTuple, expected: ETagValue | AnyETagFlag) -> None:
        """Delete an item in one atomic step."""
        self.wrapped._erase(self._inside(key), expected)

    def scan(self, prefix: SafeStrTuple) -> Iterator[tuple[NonEmptySafeStrTuple, StatLike]]:
        """Yield key and stat of every item below the prefix."""
        for key, stat in self.wrapped._scan(self._prefix + prefix):
            yield self._outside(key), stat

    def load_many(
        self, wanted: Iterable[tuple[NonEmptySafeStrTuple, StatLike | None]]
    ) -> Iterator[tuple[NonEmptySafeStrTuple, ValueType, StatLike]]:
        """Yield key, value and stat of the items that exist, in the order they are wanted."""
        inside = ((self._inside(key), stat) for key, stat in wanted)
        for key, value, stat in self.wrapped._load_many(inside):
            yield self._outside(key), value, stat

    def revalidate_many(
        self, wanted: Iterable[tuple[NonEmptySafeStrTuple, ETagValue | None]]
    ) -> Iterator[tuple[NonEmptySafeStrTuple, ValueType | ValueNotRetrievedFlag, StatLike]]:
        """Do the same as `load_many`, but without the values of versions that are known."""
        inside = ((self._inside(key), known) for key, known in wanted)
        for key, value, stat in self.wrapped._revalidate_many(inside):
            yield self._outside(key), value, stat

    def store_many(
        self,
        items: Iterable[tuple[NonEmptySafeStrTuple, ValueType]],
        expected: AnyETagFlag | ItemNotAvailableFlag,
    ) -> None:
        """Write all items."""
        self.wrapped._store_many(((self._inside(key), value) for key, value in items), expected)

    def insert_many(
        self, items: Iterable[tuple[NonEmptySafeStrTuple, ValueType]]
    ) -> Iterator[bool]:
        """Write the items that are absent; yield for each, in order, whether it was written."""
        return self.wrapped._insert_many((self._inside(key), value) for key, value in items)

    def erase_many(self, keys: Iterable[NonEmptySafeStrTuple]) -> None:
        """Delete all items."""
        self.wrapped._erase_many(map(self._inside, keys))

    def keys(self, prefix: SafeStrTuple) -> Iterator[NonEmptySafeStrTuple]:
        """Yield the key of every item below the prefix."""
        return map(self._outside, self.wrapped._keys(self._prefix + prefix))

    def count(self, prefix: SafeStrTuple) -> int:
        """Return the number of items below the prefix."""
        return self.wrapped._count(self._prefix + prefix)

    def first_components(self, prefix: SafeStrTuple) -> Iterator[str]:
        """Yield the components that follow the prefix."""
        return self.wrapped._first_components(self._prefix + prefix)

    def _inside(self, key: NonEmptySafeStrTuple) -> NonEmptySafeStrTuple:
        return trusted_key((*self._prefix, *key)) if self._prefix else key

    def _outside(self, key: NonEmptySafeStrTuple) -> NonEmptySafeStrTuple:
        return trusted_key(key[len(self._prefix) :]) if self._prefix else key


class WrapperDict(PersiDict[ValueType]):
    """A dict that passes everything on to another one; its subclasses override what differs."""

    def __init__(self, main: Inner[ValueType]) -> None:
        super().__init__(
            append_only=main.wrapped.append_only,
            base_class_for_values=main.wrapped.base_class_for_values,
            serialization_format=main.wrapped.serialization_format,
        )
        self._main = main
        self._max_first_backoff = main.wrapped._max_first_backoff
        self._max_workers = main.wrapped._max_workers

    def _stat(self, key: NonEmptySafeStrTuple) -> StatLike:
        return self._main.stat(key)

    def _load(
        self, key: NonEmptySafeStrTuple, known: ETagValue | None
    ) -> tuple[ValueType | ValueNotRetrievedFlag, StatLike]:
        return self._main.load(key, known)

    def _store(self, key: NonEmptySafeStrTuple, value: ValueType, expected: Expected) -> StatLike:
        return self._main.store(key, value, expected)

    def _erase(self, key: NonEmptySafeStrTuple, expected: ETagValue | AnyETagFlag) -> None:
        self._main.erase(key, expected)

    def _scan(self, prefix: SafeStrTuple) -> Iterator[tuple[NonEmptySafeStrTuple, StatLike]]:
        return self._main.scan(prefix)

    def _load_many(
        self, wanted: Iterable[tuple[NonEmptySafeStrTuple, StatLike | None]]
    ) -> Iterator[tuple[NonEmptySafeStrTuple, ValueType, StatLike]]:
        return self._main.load_many(wanted)

    def _store_many(
        self,
        items: Iterable[tuple[NonEmptySafeStrTuple, ValueType]],
        expected: AnyETagFlag | ItemNotAvailableFlag,
    ) -> None:
        self._main.store_many(items, expected)

    def _insert_many(
        self, items: Iterable[tuple[NonEmptySafeStrTuple, ValueType]]
    ) -> Iterator[bool]:
        return self._main.insert_many(items)

    def _erase_many(self, keys: Iterable[NonEmptySafeStrTuple]) -> None:
        self._main.erase_many(keys)

    def _keys(self, prefix: SafeStrTuple) -> Iterator[NonEmptySafeStrTuple]:
        return self._main.keys(prefix)

    def _count(self, prefix: SafeStrTuple) -> int:
        return self._main.count(prefix)

    def _first_components(self, prefix: SafeStrTuple) -> Iterator[str]:
        return self._main.first_components(prefix)

    def _location(self) -> Location:
        return self._main.at(self._prefix)._location()


def inner(name: str, wrapped: PersiDict[ValueType]) -> Inner[ValueType]:
    """Check a constructor's argument."""
    if not isinstance(wrapped, PersiDict):
        raise TypeError(f"{name} must be a PersiDict, got {type(wrapped).__name__}")
    return Inner(wrapped)


def require_distinct(**inners: Inner[Any]) -> None:
    """Refuse two arguments that are the same store: a cache would overwrite what it caches."""
    named = list(inners.items())
    for index, (name, one) in enumerate(named):
        for other_name, other in named[index + 1 :]:
            if one.is_same_store(other):
                raise ValueError(f"{name} and {other_name} must be different stores")


def batches(items: Iterable[_T], size: int) -> Iterator[list[_T]]:
    """Yield lists of up to `size` items; an error of `items` comes after what preceded it."""
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
    """What arrives for some of many keys, in the order they were asked for."""

    def __init__(self, found: Iterator[tuple[NonEmptySafeStrTuple, _T, StatLike]]) -> None:
        self._found = found
        self._next: tuple[NonEmptySafeStrTuple, _T, StatLike] | None = None

    def of(self, key: NonEmptySafeStrTuple) -> tuple[_T, StatLike] | None:
        """Return the answer about the next key that was asked for; None: it is absent."""
        if self._next is None:
            self._next = next(self._found, None)
        if self._next is None or self._next[0] != key:
            return None
        _, value, stat = self._next
        self._next = None
        return value, stat

    def close(self) -> None:
        """Ask no further."""
        if isinstance(self._found, Generator):
            self._found.close()

"""`LocalDict`: in memory, shared by the handles and threads of one process."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from itertools import count
from typing import Any, NoReturn, TypeAlias

from persidict.core._opening.contract import StaysBehind
from persidict.core.backend import ETagMismatch, Expected, Location
from persidict.core.base import PersiDict
from persidict.core.flags import (
    ANY_ETAG,
    ITEM_NOT_AVAILABLE,
    VALUE_NOT_RETRIEVED,
    AnyETagFlag,
    ValueNotRetrievedFlag,
)
from persidict.core.forks import new_lock
from persidict.core.keys import NonEmptySafeStrTuple, SafeStrTuple
from persidict.core.results import ETagValue, Stat, ValueType

# Immutable all the way down: nothing to isolate.
_ATOMS = frozenset({str, int, float, bool, bytes, type(None), complex})


_Item: TypeAlias = tuple[Any, Stat]
"""A value, and what is known of its version."""


class LocalBackend(StaysBehind):
    """What the handles of one in-memory store share; a sub-dict's names its prefix too.

    Example:
        >>> from persidict import LocalDict
        >>> backend = LocalBackend()
        >>> LocalDict(backend=backend)["a"] = 1
        >>> LocalDict(backend=backend)["a"]
        1
    """

    advice = "its items are in memory; keep them in files instead, for example in a FileDirDict"

    def __init__(self) -> None:
        self.prefix = SafeStrTuple()
        self._formats: dict[str, dict[NonEmptySafeStrTuple, _Item]] = {}
        self._lock = new_lock()
        self._versions = count(1)

    def items_of(self, serialization_format: str) -> dict[NonEmptySafeStrTuple, _Item]:
        """Return the items of one format; formats don't see each other."""
        return self._formats.setdefault(serialization_format, {})

    def at(self, prefix: SafeStrTuple) -> LocalBackend:
        """Return the same backend, seen from a prefix."""
        view = object.__new__(type(self))
        view.__dict__.update(self.__dict__)
        view.prefix = prefix
        return view

    def below(self, prefix: SafeStrTuple) -> LocalBackend:
        """Return the same backend, seen from a prefix below this one's."""
        return self.at(self.prefix + prefix)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, LocalBackend)
            and self._formats is other._formats
            and self.prefix == other.prefix
        )

    __hash__ = None  # type: ignore[assignment]  # compared, never looked up

    def __copy__(self) -> LocalBackend:
        return self.at(self.prefix)

    def __deepcopy__(self, memo: object) -> LocalBackend:
        return self.at(self.prefix)

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} can't be pickled: {self.advice}")


class LocalDict(PersiDict[ValueType]):
    """A dict in memory with the interface of the persistent ones, for tests, caches and threads.

    Values are isolated: what goes in or comes out is a deep copy, so changing it changes
    nothing stored. ETags are decimal numbers that grow with every write to the backend.

    Args:
        backend: Shares the items of other handles; None makes a store of its own.
        serialization_format: Separates items on a shared backend; values are never encoded.
        append_only: Refuse every change and deletion of an existing item.
        base_class_for_values: Refuse values that are not instances of this class.
        prune_interval: Accepted for compatibility; nothing is left behind that needs pruning.

    Notes:
        All operations are atomic between threads. Listing a sub-dict looks at all keys.

    Example:
        >>> d = LocalDict()
        >>> d["config", "depth"] = 3
        >>> d["config", "depth"], len(d)
        (3, 1)
    """

    def __init__(
        self,
        *,
        backend: LocalBackend | None = None,
        serialization_format: str = "pkl",
        append_only: bool = False,
        base_class_for_values: type[ValueType] | None = None,
        prune_interval: int | None = 64,
    ) -> None:
        super().__init__(
            append_only=append_only,
            base_class_for_values=base_class_for_values,
            serialization_format=serialization_format,
        )
        if backend is not None and not isinstance(backend, LocalBackend):
            raise TypeError(f"backend must be a LocalBackend or None, got {backend!r:.100}")
        self.prune_interval = prune_interval
        self._backend = backend if backend is not None else LocalBackend()
        self._prefix = self._backend.prefix
        self._items = self._backend.items_of(serialization_format)
        self._lock, self._versions = self._backend._lock, self._backend._versions

    @property
    def backend(self) -> LocalBackend:
        """What other handles need to share these items."""
        return self._backend.at(self._prefix)

    def _stat(self, key: NonEmptySafeStrTuple) -> Stat:
        return self._items[key][1]

    def _load(
        self, key: NonEmptySafeStrTuple, known: ETagValue | None
    ) -> tuple[ValueType | ValueNotRetrievedFlag, Stat]:
        value, stat = self._items[key]
        if stat.etag == known:
            return VALUE_NOT_RETRIEVED, stat
        return _isolated(value), stat

    def _store(self, key: NonEmptySafeStrTuple, value: ValueType, expected: Expected) -> Stat:
        value = _isolated(value)
        with self._lock:
            # What is replaced is held until the lock is free: its __del__ may use this dict.
            item = self._items.get(key)
            if expected is not ANY_ETAG:
                actual = ITEM_NOT_AVAILABLE if item is None else item[1].etag
                if expected != actual:
                    raise ETagMismatch
            etag: Any = str(next(self._versions))
            stat = tuple.__new__(Stat, (etag, time.time(), None))  # the half of calling Stat
            self._items[key] = value, stat
        return stat

    def _erase(self, key: NonEmptySafeStrTuple, expected: ETagValue | AnyETagFlag) -> None:
        with self._lock:
            item = self._items[key]  # held like what is replaced
            if expected not in (ANY_ETAG, item[1].etag):
                raise ETagMismatch
            del self._items[key]

    def _scan(self, prefix: SafeStrTuple) -> Iterator[tuple[NonEmptySafeStrTuple, Stat]]:
        depth = len(prefix)
        # Other threads go on writing: list() takes the references in one step.
        for key, (_, stat) in list(self._items.items()):
            if key[:depth] == prefix and len(key) > depth:
                yield key, stat

    def _location(self) -> Location:
        return Location(("memory", id(self._items)), self._prefix)


def _isolated(value: Any) -> Any:
    """Return what `copy.deepcopy` would, of plain lists and dicts in a third of its time."""
    kind = type(value)
    if kind in _ATOMS:
        return value
    memo: dict[int, Any] = {}
    memo[id(memo)] = []  # what must stay alive, where `copy` has it: an id means one object only
    return _copied(value, memo) if kind is dict or kind is list else copy.deepcopy(value, memo)


def _copied(value: Any, memo: dict[int, Any]) -> Any:
    """Copy a part of a value; what it contains more than once is copied once, as `copy` does."""
    known = memo.get(id(value))
    if known is not None:
        return known
    kind = type(value)
    parts: Any
    twin: Any
    if kind is dict:
        parts = value.copy()  # other threads may go on changing the value
        if not _ATOMS.issuperset(map(type, parts)):
            return copy.deepcopy(value, memo)
        is_flat = _ATOMS.issuperset(map(type, parts.values()))
    elif kind is list:
        parts = value.copy()
        is_flat = _ATOMS.issuperset(map(type, parts))
    else:
        return copy.deepcopy(value, memo)
    # Grown part by part, for a part that refers to the whole may look at it.
    twin = memo[id(value)] = parts if is_flat else kind()
    memo[id(memo)].append(value)
    if is_flat:
        return twin
    if kind is dict:
        for place, part in parts.items():
            twin[place] = part if type(part) in _ATOMS else _copied(part, memo)
    else:
        for part in parts:
            twin.append(part if type(part) in _ATOMS else _copied(part, memo))
    return twin

"""`LocalDict`: in memory, shared by the handles and threads of one process."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from itertools import count
from typing import Any, NoReturn, Self

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
from persidict.core.isolation import isolated
from persidict.core.keys import NonEmptySafeStrTuple, SafeStrTuple
from persidict.core.local_items import Item, Items, swap
from persidict.core.results import ETagValue, Stat, ValueType

_new = tuple.__new__  # half of the time that calling a named tuple takes


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
        self._formats: dict[str, Items] = {}
        self._versions = count(1)

    def items_of(self, serialization_format: str) -> Items:
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
            0 means None.

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
        self.prune_interval = prune_interval or None
        self._backend = backend if backend is not None else LocalBackend()
        self._prefix = self._backend.prefix
        self._items = self._backend.items_of(serialization_format)
        self._versions = self._backend._versions

    @property
    def backend(self) -> LocalBackend:
        """What other handles need to share these items."""
        return self._backend

    def __iter__(self) -> Iterator[NonEmptySafeStrTuple]:
        # `len` of the whole dict lists nothing, so there is no listing to share with it.
        return super().__iter__() if self._prefix else self._keys(self._prefix)

    def __len__(self) -> int:
        return super().__len__() if self._prefix else self._count(self._prefix)

    def _at(self, prefix: SafeStrTuple) -> Self:
        view = super()._at(prefix)
        if prefix != self._prefix:
            view._backend = self._backend.at(prefix)
        return view

    def _stat(self, key: NonEmptySafeStrTuple) -> Stat:
        return self._items[tuple(key)].stat

    def _load(
        self, key: NonEmptySafeStrTuple, known: ETagValue | None
    ) -> tuple[ValueType | ValueNotRetrievedFlag, Stat]:
        value, stat, _ = self._items[tuple(key)]
        if stat.etag == known:
            return VALUE_NOT_RETRIEVED, stat
        return isolated(value), stat

    def _store(self, key: NonEmptySafeStrTuple, value: ValueType, expected: Expected) -> Stat:
        value = isolated(value)
        plain = tuple(key)
        while True:
            current = self._items.get(plain)
            if expected is not ANY_ETAG:
                actual = ITEM_NOT_AVAILABLE if current is None else current.stat.etag
                if expected != actual:
                    raise ETagMismatch
            # Drawn after the look, so that the ETags of a key grow.
            etag: Any = str(next(self._versions))
            stat = _new(Stat, (etag, time.time(), None))
            if swap(self._items, plain, current, _new(Item, (value, stat, key))):
                return stat

    def _erase(self, key: NonEmptySafeStrTuple, expected: ETagValue | AnyETagFlag) -> None:
        plain = tuple(key)
        while True:
            current = self._items[plain]
            if expected not in (ANY_ETAG, current.stat.etag):
                raise ETagMismatch
            if swap(self._items, plain, current, None):
                return

    def _scan(self, prefix: SafeStrTuple) -> Iterator[tuple[NonEmptySafeStrTuple, Stat]]:
        return ((item.key, item.stat) for item in self._below(prefix))

    def _keys(self, prefix: SafeStrTuple) -> Iterator[NonEmptySafeStrTuple]:
        return (item.key for item in self._below(prefix))

    def _count(self, prefix: SafeStrTuple) -> int:
        return sum(1 for _ in self._below(prefix)) if prefix else len(self._items)

    def _below(self, prefix: SafeStrTuple) -> Iterable[Item]:
        """Return the items below a prefix, of one moment: others may go on writing."""
        items = self._items.copy()
        if not prefix:
            return items.values()
        depth, start = len(prefix), tuple(prefix)
        return (item for key, item in items.items() if key[:depth] == start and len(key) > depth)

    def _location(self) -> Location:
        return ("memory", id(self._items)), self._prefix

"""`BoundedDict`: a dict that deletes its least recently used items."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from persidict.core.backend import ETagMismatch, Expected, StatLike
from persidict.core.base import PersiDict
from persidict.core.blobs import BlobDict
from persidict.core.flags import ANY_ETAG, AnyETagFlag, ItemNotAvailableFlag, ValueNotRetrievedFlag
from persidict.core.keys import NonEmptySafeStrTuple
from persidict.core.results import ETagValue, ValueType
from persidict.wrappers.lru import LruBound, validate_bound
from persidict.wrappers.wrapper import ForwardingDict, batches, validate_wrapped

_WRITTEN_AT_ONCE = 256


class BoundedDict(ForwardingDict[ValueType]):
    """A dict of bounded size: a write that exceeds the bound deletes what was used least recently.

    Reading a value and writing it are uses; `in`, `len` and listings are none. All items of the
    wrapped dict count, also those that were there before.

    Args:
        wrapped_dict: Holds the items.
        max_items: How many items there may be; None: any number.
        max_bytes: How many bytes they may take; None: any number. It needs a wrapped dict that
            stores bytes, such as a `FileDirDict`. A larger value is deleted at once.

    Raises:
        TypeError: `wrapped_dict` is no `PersiDict`, or a bound no int.
        ValueError: `wrapped_dict` is append-only, there is no bound, a bound is not positive, or
            the wrapped dict does not store bytes that `max_bytes` could count.

    Notes:
        Once a bound is exceeded, an eighth of it is freed. Several processes that share the
        wrapped dict may exceed the bound by an eighth each, and know each other's writes, but not
        each other's reads. An item that somebody has written since it was chosen for deletion
        stays. To let items expire too, put an `ExpiringDict` around this dict. Inside of it,
        expired items would count no more, but stay.

    Example:
        >>> from persidict import LocalDict
        >>> recent = BoundedDict(LocalDict(), max_items=2)
        >>> recent["a"], recent["b"] = 1, 2
        >>> recent["a"]
        1
        >>> recent["c"] = 3
        >>> sorted(key[0] for key in recent)
        ['a', 'c']
    """

    def __init__(
        self,
        wrapped_dict: PersiDict[ValueType],
        *,
        max_items: int | None = None,
        max_bytes: int | None = None,
    ) -> None:
        if validate_wrapped("wrapped_dict", wrapped_dict).append_only:
            raise ValueError("wrapped_dict can't be append-only: items are deleted")
        if max_items is None and max_bytes is None:
            raise ValueError("give max_items, max_bytes or both")
        if max_bytes is not None and not isinstance(wrapped_dict, BlobDict):
            raise ValueError(
                "max_bytes needs a wrapped_dict that stores bytes, such as a FileDirDict, "
                f"not a {type(wrapped_dict).__name__}"
            )
        super().__init__(wrapped_dict)
        self._bound = LruBound(
            lambda: wrapped_dict._scan(wrapped_dict._prefix),
            validate_bound("max_items", max_items),
            validate_bound("max_bytes", max_bytes),
        )

    @property
    def wrapped_dict(self) -> PersiDict[ValueType]:
        """The dict that holds the items; a sub-dict's, its sub-dict."""
        return self._main_here()

    @property
    def max_items(self) -> int | None:
        """How many items there may be."""
        return self._bound.max_items

    @property
    def max_bytes(self) -> int | None:
        """How many bytes they may take."""
        return self._bound.max_bytes

    def _load(
        self, key: NonEmptySafeStrTuple, known: ETagValue | None
    ) -> tuple[ValueType | ValueNotRetrievedFlag, StatLike]:
        found = self._main._load(key, known)
        self._bound.used(key)
        return found

    def _store(self, key: NonEmptySafeStrTuple, value: ValueType, expected: Expected) -> StatLike:
        main = self._main
        if self.max_bytes is not None and isinstance(main, BlobDict):
            data = main._encoded(key, value)
            stat = main._put(key, data, expected)
            self._evict(self._bound.added(key, stat, len(data)))
        else:
            stat = main._store(key, value, expected)
            self._evict(self._bound.added(key, stat, 0))
        return stat

    def _erase(self, key: NonEmptySafeStrTuple, expected: ETagValue | AnyETagFlag) -> None:
        self._main._erase(key, expected)
        self._bound.forgotten(key)

    def _load_many(
        self, wanted: Iterable[tuple[NonEmptySafeStrTuple, StatLike | None]]
    ) -> Iterator[tuple[NonEmptySafeStrTuple, ValueType, StatLike]]:
        for found in self._main._load_many(wanted):
            self._bound.used(found[0])
            yield found

    def _store_many(
        self,
        items: Iterable[tuple[NonEmptySafeStrTuple, ValueType]],
        expected: AnyETagFlag | ItemNotAvailableFlag,
    ) -> None:
        for batch in batches(items, _WRITTEN_AT_ONCE):
            self._main._store_many(batch, expected)
            for key, _ in batch:
                self._bound.used(key)
            self._evict(self._bound.excess())

    def _insert_many(
        self, items: Iterable[tuple[NonEmptySafeStrTuple, ValueType]]
    ) -> Iterator[bool]:
        for batch in batches(items, _WRITTEN_AT_ONCE):
            yield from self._main._insert_many(batch)
            self._evict(self._bound.excess())

    def _evict(self, chosen: list[tuple[NonEmptySafeStrTuple, ETagValue | None]]) -> None:
        for key, etag in chosen:
            try:
                self._main._erase(key, ANY_ETAG if etag is None else etag)
            except (KeyError, ETagMismatch):
                continue  # deleted or written by somebody else
            self._bound.forgotten(key)

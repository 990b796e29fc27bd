"""`PersiDict`: the mapping that users call, on top of the five primitives of a store."""

from __future__ import annotations

from collections import abc
from itertools import groupby
from typing import TYPE_CHECKING, Any, Self, TypeVar, overload

from persidict.core import mapping, one_listing
from persidict.core.backend import PLAIN_TYPES, ETagMismatch
from persidict.core.conditional import ConditionalOperations
from persidict.core.errors import MutationPolicyError
from persidict.core.flags import ANY_ETAG, DELETE_CURRENT, ITEM_NOT_AVAILABLE, Joker
from persidict.core.keys import NonEmptyPersiDictKey, NonEmptySafeStrTuple
from persidict.core.results import ValueType
from persidict.core.views import PersiItemsView, PersiKeysView, PersiValuesView

if TYPE_CHECKING:
    from persidict.core.copy_counts import CopyCounts, Progress

_Default = TypeVar("_Default")


# For type checkers, keys are of any class, so that functions take it for a mapping of `str`.
class PersiDict(ConditionalOperations[ValueType], abc.MutableMapping[Any, ValueType]):
    """A persistent dict; the base class of all stores and wrappers.

    A store implements the five primitives of `persidict.core.backend.Backend`; everything that
    users call is built on them.

    Args:
        append_only: Refuse every change and deletion of an existing item.
        base_class_for_values: Refuse values that are not instances of this class, when they
            are written and when they are read; None accepts all.
        serialization_format: ``"pkl"`` (any object), ``"json"``, or any other safe name for
            plain text; then `base_class_for_values` must be ``str``.

    Raises:
        TypeError: `base_class_for_values` is not a class.
        ValueError: `serialization_format` is no safe name, or text without ``str`` values.

    Notes:
        A handle may be used from many threads, and the same store through many handles.
        Order of iteration is not promised; items that come or go while iterating may or may
        not be seen.
    """

    def __getitem__(self, key: NonEmptyPersiDictKey) -> ValueType:
        """Return the value.

        Raises:
            KeyError: There is no such item; its argument is the normalised key.
        """
        complete = self._complete(key)
        try:
            value, _ = self._load(complete, None)
        except KeyError as error:
            raise self._missing(key, error)  # noqa: B904  # the store's own error is chained
        if self.base_class_for_values is not None:
            self._validate_class(value)
        return value  # type: ignore[return-value]  # without `known`, a value always comes

    def __contains__(self, key: object) -> bool:
        """Tell whether there is such an item.

        Raises:
            TypeError: `key` can't be a key.
            ValueError: A component of it is not safe.
        """
        try:
            self._stat(self._complete(key))  # type: ignore[arg-type]  # checked there
        except KeyError:
            return False
        return True

    @overload
    def get(self, key: NonEmptyPersiDictKey, /) -> ValueType | None: ...
    @overload
    def get(self, key: NonEmptyPersiDictKey, /, default: ValueType) -> ValueType: ...
    @overload
    def get(self, key: NonEmptyPersiDictKey, /, default: _Default) -> ValueType | _Default: ...
    def get(self, key: NonEmptyPersiDictKey, /, default: Any = None) -> Any:
        """Return the value, or `default` if there is no such item."""
        try:
            return self[key]
        except KeyError:
            return default

    def __setitem__(self, key: NonEmptyPersiDictKey, value: ValueType | Joker) -> None:
        """Write a value: `KEEP_CURRENT` does nothing, `DELETE_CURRENT` deletes.

        Raises:
            MutationPolicyError: The dict is append-only and the item exists.
            EncodingError: The value can't be stored in the dict's format.
        """
        complete = self._complete(key)
        if type(value) not in PLAIN_TYPES and isinstance(value, Joker):
            if value is DELETE_CURRENT:
                self.discard(key)
            return
        if type(value) not in PLAIN_TYPES or self.base_class_for_values is not None:
            self._validate_value(value)
        try:
            expected = ITEM_NOT_AVAILABLE if self.append_only else ANY_ETAG
            self._store(complete, value, expected)  # type: ignore[arg-type]  # validated
        except ETagMismatch:
            raise MutationPolicyError("append-only") from None

    def __delitem__(self, key: NonEmptyPersiDictKey) -> None:
        complete = self._complete(key)
        self._validate_mutable()
        try:
            self._erase(complete, ANY_ETAG)
        except KeyError as error:
            raise self._missing(key, error)  # noqa: B904  # the store's own error is chained

    def discard(self, key: NonEmptyPersiDictKey) -> bool:
        """Delete the item if it exists, and tell whether it did.

        Raises:
            MutationPolicyError: The dict is append-only.
        """
        complete = self._complete(key)
        self._validate_mutable()
        try:
            self._erase(complete, ANY_ETAG)
        except KeyError:
            return False
        return True

    def delete_if_exists(self, key: NonEmptyPersiDictKey) -> bool:
        """Do the same as `discard`, by its old name."""
        return self.discard(key)

    def __iter__(self) -> abc.Iterator[NonEmptySafeStrTuple]:
        return mapping.iter_keys(self)

    def __len__(self) -> int:
        return one_listing.length(self)

    def __bool__(self) -> bool:
        """Tell whether there is any item, by looking for the first."""
        return mapping.has_items(self)

    def keys(self) -> abc.KeysView[NonEmptySafeStrTuple]:
        """Return a streaming, set-like view of the keys."""
        return PersiKeysView(self)

    def values(self) -> abc.ValuesView[ValueType]:
        """Return a streaming view of the values."""
        return PersiValuesView(self)

    def items(self) -> abc.ItemsView[NonEmptySafeStrTuple, ValueType]:
        """Return a streaming, set-like view of the items."""
        return PersiItemsView(self)

    def get_many(
        self, keys: abc.Iterable[NonEmptyPersiDictKey]
    ) -> abc.Iterator[tuple[NonEmptySafeStrTuple, ValueType]]:
        """Yield key and value of the items that exist, in the order of `keys`.

        Stores with slow access fetch several values at a time.

        Example:
            >>> from persidict import LocalDict
            >>> d = LocalDict()
            >>> d.update(a=1, b=2)
            >>> dict(d.get_many(["b", "no"]))
            {NonEmptySafeStrTuple(('b',)): 2}
        """
        wanted = ((self._complete(key), None) for key in keys)
        return ((key, value) for key, value, _ in mapping.load_values(self, wanted))

    @overload  # type: ignore[override]  # accepts all that can be a key
    def update(
        self, other: mapping.Pairs[ValueType | Joker] = (), /, **named: ValueType | Joker
    ) -> None: ...
    @overload
    def update(
        self, other: mapping.HasKeys[ValueType | Joker], /, **named: ValueType | Joker
    ) -> None: ...
    def update(self, other: Any = (), /, **named: Any) -> None:
        """Write all items of a mapping, of an iterable of pairs, and of the keyword arguments."""
        self.set_many(mapping.pairs_of(other))
        if named:
            self.set_many(named.items())

    def set_many(self, items: abc.Iterable[tuple[NonEmptyPersiDictKey, ValueType | Joker]]) -> None:
        """Write many items as if one after the other.

        Stores with slow access write several at a time. After an error some items may have
        been written; which, is as if it had come up one after the other, or a few more.

        Raises:
            MutationPolicyError: The dict is append-only and an item exists.
        """
        pairs = ((self._complete(key), value) for key, value in items)
        for is_joker, run in groupby(pairs, key=lambda pair: isinstance(pair[1], Joker)):
            if is_joker:
                for key in (key for key, joker in run if joker is DELETE_CURRENT):
                    self._validate_mutable()
                    self._erase_many([key])
            else:
                self._store_run((key, self._validate_value(value)) for key, value in run)

    def discard_many(self, keys: abc.Iterable[NonEmptyPersiDictKey]) -> None:
        """Delete the items that exist; stores with slow access delete many at a time.

        Raises:
            MutationPolicyError: The dict is append-only.
        """
        self._validate_mutable()
        self._erase_many(self._complete(key) for key in keys)

    def clear(self) -> None:
        """Delete all items.

        Raises:
            MutationPolicyError: The dict is append-only, be it empty or not.
        """
        self._validate_mutable()
        self._erase_many(self._keys(self._prefix))

    def keys_and_timestamps(self) -> abc.Iterator[tuple[NonEmptySafeStrTuple, float]]:
        """Yield each key with the time of its last write in POSIX seconds."""
        return mapping.scan_timestamps(self)

    def values_and_timestamps(self) -> abc.Iterator[tuple[ValueType, float]]:
        """Yield each value with the time it was written, in POSIX seconds."""
        return ((value, stat.timestamp) for _, value, stat in mapping.scan_values(self))

    def items_and_timestamps(self) -> abc.Iterator[tuple[NonEmptySafeStrTuple, ValueType, float]]:
        """Yield key, value and the time it was written, in POSIX seconds."""
        return ((key, value, stat.timestamp) for key, value, stat in mapping.scan_values(self))

    def oldest_keys(self, max_n: int | None = None) -> list[NonEmptySafeStrTuple]:
        """Return the keys written longest ago, oldest first.

        Args:
            max_n: How many at most; None: all; 0 or less: none. Memory grows with it.
        """
        return mapping.keys_by_time(self, max_n, newest=False)

    def newest_keys(self, max_n: int | None = None) -> list[NonEmptySafeStrTuple]:
        """Return the keys written last, newest first; `max_n` as for `oldest_keys`."""
        return mapping.keys_by_time(self, max_n, newest=True)

    def oldest_values(self, max_n: int | None = None) -> list[ValueType]:
        """Return the values of `oldest_keys`, without those deleted meanwhile."""
        return [value for _, value in self.get_many(self.oldest_keys(max_n))]

    def newest_values(self, max_n: int | None = None) -> list[ValueType]:
        """Return the values of `newest_keys`, without those deleted meanwhile."""
        return [value for _, value in self.get_many(self.newest_keys(max_n))]

    def random_key(self) -> NonEmptySafeStrTuple | None:
        """Return a key drawn uniformly with the `random` module, or None if there is none."""
        return mapping.draw_key(self)

    def __eq__(self, other: object) -> bool:
        """Compare as mappings; handles on one store with one setting are equal without reading."""
        return self._is_same_store(other) or mapping.equal_items(self, other)

    __hash__ = None  # type: ignore[assignment]  # mutable

    def __ior__(self, other: Any) -> Self:
        self.update(other)
        return self

    def copy_to(
        self,
        target: PersiDict[Any],
        *,
        progress: Progress | None = None,
        dry_run: bool = False,
        compare: bool = False,
    ) -> CopyCounts:
        """Copy all items to another dict of any kind; what is newer there is left alone.

        Every write is conditional, so no other writer loses anything. Call it again to resume.
        An item that changes here while it is copied is copied again before this method returns.

        Args:
            target: Any other dict that does not overlap with this one.
            progress: Called, in this thread, with key and outcome (see `CopyCounts`) of each item.
            dry_run: Change nothing; report what would happen.
            compare: Compare values also where times are clear; reads every item in both.

        Raises:
            TypeError: `target` is no dict of this library, or `progress` can't be called.
            ValueError: Both are the same store, or one is part of the other.
            DecodingError: An item can't be read. Raised after all others are copied, like
                EncodingError and MutationPolicyError for items that can't be written.
            BackendError: A store failed; call it again to go on.
        """
        from persidict.core.transfer import Transfer  # not needed by those who never copy

        return Transfer(self, target, progress, dry_run=dry_run, compare=compare).run()

    def sync_to(
        self,
        target: PersiDict[Any],
        *,
        progress: Progress | None = None,
        dry_run: bool = False,
        compare: bool = False,
    ) -> CopyCounts:
        """Do the same as `copy_to`, then delete from the target what this dict lacks.

        It deletes an item only if this dict still lacks it and nobody has changed it meanwhile,
        and nothing if an item could not be copied. If this dict is empty, for example because it
        was opened with another format, nothing remains in the target.

        Raises:
            MutationPolicyError: The target is append-only.
        """
        from persidict.core.transfer import Transfer

        return Transfer(self, target, progress, dry_run=dry_run, compare=compare).run(delete=True)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the arguments; ``TypeError`` if one (memory, a secret, a client) can't travel."""
        from persidict.core._opening.travel import reduced

        return reduced(self)

    def _repr_html_(self) -> str:
        from persidict.core.notebook import html_of

        return html_of(self, self.keys_and_timestamps)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        from persidict.core.notebook import pretty_print

        pretty_print(self, printer, cycle)

    def _ipython_key_completions_(self) -> list[str | tuple[str, ...]]:
        from persidict.core.notebook import completions

        return completions(self)

    def _store_run(self, items: abc.Iterable[tuple[NonEmptySafeStrTuple, ValueType]]) -> None:
        try:
            self._store_many(items, ITEM_NOT_AVAILABLE if self.append_only else ANY_ETAG)
        except ETagMismatch:
            raise MutationPolicyError("append-only") from None

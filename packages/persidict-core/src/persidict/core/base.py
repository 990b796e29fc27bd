"""`PersiDict`: the mapping half of the public interface, on top of five primitives."""

from __future__ import annotations

from collections.abc import (
    Iterable,
    Mapping,
    MutableMapping,
)
from contextlib import closing
from itertools import groupby
from typing import Any, Self, TypeVar, overload

from persidict.core.backend import PLAIN_TYPES, ETagMismatch
from persidict.core.conditional import validate_default
from persidict.core.copying import CopyingOperations
from persidict.core.errors import MutationPolicyError
from persidict.core.flags import ANY_ETAG, DELETE_CURRENT, ITEM_NOT_AVAILABLE, Joker
from persidict.core.keys import (
    NonEmptyPersiDictKey,
    NonEmptySafeStrTuple,
    PersiDictKey,
    SafeStrTuple,
    as_prefix,
    trusted_key,
    trusted_keys,
)
from persidict.core.mapping import closable
from persidict.core.notebook import NotebookViews
from persidict.core.parameters import constructor_parameters
from persidict.core.redaction import shown_params
from persidict.core.results import ValueType

_Default = TypeVar("_Default")
_MISSING: Any = object()


class PersiDict(
    NotebookViews, CopyingOperations[ValueType], MutableMapping[NonEmptySafeStrTuple, ValueType]
):
    """A persistent dict; the base class of all stores and wrappers.

    A store implements the five primitives of `persidict.core.backend.Backend`
    (``_stat``, ``_load``, ``_store``, ``_erase``, ``_scan``); all that users call is built on
    them here and in `persidict.core.conditional`.

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
        checked = self._validate_value(value)
        if not self.append_only:
            self._store(complete, checked, ANY_ETAG)
            return
        try:
            self._store(complete, checked, ITEM_NOT_AVAILABLE)
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

    def discard_many(self, keys: Iterable[NonEmptyPersiDictKey]) -> None:
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

    def setdefault(
        self,
        key: NonEmptyPersiDictKey,
        default: ValueType = None,  # type: ignore[assignment]
    ) -> ValueType:
        """Insert `default` only if there is no item, atomically, and return the item's value.

        Raises:
            TypeError: `default` is a joker, or may not be stored and the item is absent.
            ConcurrencyConflictError: It was there for each of many inserts, and gone after it.
        """
        complete = self._complete(key)
        validate_default(default)
        attempts = 0
        while True:
            try:
                self._store(complete, self._validate_value(default), ITEM_NOT_AVAILABLE)
            except ETagMismatch:
                refusal = None
            except (TypeError, ValueError) as error:
                refusal = error  # of no interest if there is an item
            else:
                return default
            try:
                return self[key]
            except KeyError:
                if refusal is not None:
                    raise refusal from refusal.__cause__
            attempts += 1  # deleted since the insert failed
            self._back_off_insert(complete, attempts)

    @overload
    def pop(self, key: NonEmptyPersiDictKey, /) -> ValueType: ...
    @overload
    def pop(self, key: NonEmptyPersiDictKey, /, default: ValueType) -> ValueType: ...
    @overload
    def pop(self, key: NonEmptyPersiDictKey, /, default: _Default) -> ValueType | _Default: ...
    def pop(self, key: NonEmptyPersiDictKey, /, default: Any = _MISSING) -> Any:
        """Delete the item and return its value; no two callers ever get the same item.

        Raises:
            KeyError: There is no such item and no default was given.
            MutationPolicyError: The dict is append-only.
        """
        complete = self._complete(key)
        self._validate_mutable()
        attempts = 0
        while True:
            try:
                value, stat = self._load(complete, None)
                self._validate_class(value)
                self._erase(complete, stat.etag)
            except KeyError as error:
                if default is not _MISSING:
                    return default
                raise self._missing(key, error)  # noqa: B904  # the store's error is chained
            except ETagMismatch:
                attempts += 1
                self._back_off(complete, attempts)
            else:
                return value

    def popitem(self) -> tuple[NonEmptySafeStrTuple, ValueType]:
        """Delete any item and return it; no two callers ever get the same one.

        Raises:
            KeyError: The dict is empty.
            MutationPolicyError: The dict is append-only.
        """
        self._validate_mutable()
        found = True
        while found:
            found = False
            with closing(closable(self._keys(self._prefix))) as keys:
                for key in keys:
                    found = True
                    try:
                        value, stat = self._load(key, None)
                        self._validate_class(value)
                        self._erase(key, stat.etag)
                    except (KeyError, ETagMismatch):
                        continue
                    return trusted_key(key[len(self._prefix) :]), value  # type: ignore[return-value]  # without `known`, a value always comes
        raise KeyError("popitem(): the dict is empty")

    @overload  # type: ignore[override]  # accepts all that can be a key
    def update(
        self,
        other: Mapping[Any, ValueType | Joker]
        | Iterable[tuple[NonEmptyPersiDictKey, ValueType | Joker]] = (),
        /,
    ) -> None: ...
    @overload
    def update(
        self,
        other: Mapping[Any, ValueType | Joker]
        | Iterable[tuple[NonEmptyPersiDictKey, ValueType | Joker]] = (),
        /,
        **named: ValueType | Joker,
    ) -> None: ...
    def update(self, other: Any = (), /, **named: Any) -> None:
        """Write all items of a mapping, of an iterable of pairs, and of the keyword arguments."""
        if isinstance(other, Mapping):
            other = other.items()
        elif hasattr(other, "keys"):
            other = ((key, other[key]) for key in other.keys())  # noqa: SIM118  # no mapping
        self.set_many(other)
        if named:
            self.set_many(named.items())

    def set_many(self, items: Iterable[tuple[NonEmptyPersiDictKey, ValueType | Joker]]) -> None:
        """Write many items as if one after the other.

        Stores with slow access write several at a time. After an error some items may have
        been written; which, is as if it had come up one after the other, or a few more.

        Raises:
            MutationPolicyError: The dict is append-only and an item exists.
        """
        pairs = ((self._complete(key), value) for key, value in items)
        for is_joker, run in groupby(pairs, key=lambda pair: isinstance(pair[1], Joker)):
            if not is_joker:
                self._store_run((key, self._validate_value(value)) for key, value in run)
                continue
            for key, joker in run:
                if joker is DELETE_CURRENT:
                    self._validate_mutable()
                    self._erase_many([key])

    def __ior__(self, other: Any) -> Self:
        self.update(other)
        return self

    # Sub-dicts

    def get_subdict(self, prefix_key: PersiDictKey) -> Self:
        """Return a live view of the items whose keys begin with `prefix_key`, without it.

        It has the same settings and creates nothing; an empty prefix gives the whole dict.

        Example:
            >>> from persidict import LocalDict
            >>> d = LocalDict()
            >>> d["users", "alice"] = 1
            >>> list(d.get_subdict("users"))
            [NonEmptySafeStrTuple(('alice',))]
        """
        return self._at(self._prefix + as_prefix(prefix_key))

    def subdicts(self) -> dict[str, Self]:
        """Return the sub-dict of every first component that a key has."""
        names = list(dict.fromkeys(self._first_components(self._prefix)))
        return dict(zip(names, map(self._at, trusted_keys(self._prefix, names)), strict=True))

    # The dict itself

    def get_params(self) -> dict[str, Any]:
        """Return the constructor's arguments that open the same store, sorted by name."""
        names = sorted(constructor_parameters(type(self)))
        return {name: getattr(self, name) for name in names if hasattr(self, name)}

    def __eq__(self, other: object) -> bool:
        """Compare as mappings; handles on one store with one setting are equal without reading."""
        if self._is_same_store(other):
            return True
        if not isinstance(other, Mapping):
            return NotImplemented
        remaining = len(other)
        for key, value in self.items():
            remaining -= 1
            found = _item_of(other, key)
            if remaining < 0 or found is _MISSING or not (found is value or found == value):
                return False
        return remaining == 0

    __hash__ = None  # type: ignore[assignment]  # mutable

    def __repr__(self) -> str:
        params = shown_params(self.get_params(), self._secret_params)
        return f"{type(self).__name__}({', '.join(f'{name}={text}' for name, text in params)})"

    # IPython looks for it only up to the class that defines __repr__.
    _repr_pretty_ = NotebookViews._repr_pretty_

    def __str__(self) -> str:
        return str(dict(self.items()))

    def __copy__(self) -> Self:
        """Return a second handle on the same store."""
        return self._at(self._prefix)

    def __deepcopy__(self, memo: object) -> Self:
        """Return a second handle on the same store."""
        return self._at(self._prefix)

    def __reduce__(self) -> tuple[Any, ...]:
        """Have pickle open the same store again, from the arguments of this handle.

        Raises:
            TypeError: The dict holds its items in memory, or has a secret or a ready client.
        """
        from persidict.core._opening.travel import reduced  # rarely needed

        return reduced(self)

    def _at(self, prefix: SafeStrTuple) -> Self:
        """Return a view of what is below a complete prefix."""
        attributes = self.__dict__.copy()
        attributes["_prefix"] = prefix
        view = object.__new__(type(self))
        view.__dict__ = attributes  # a third of what update() takes
        return view

    def _is_same_store(self, other: object) -> bool:
        if self is other:
            return True
        if type(self) is not type(other) or not isinstance(other, PersiDict):
            return False
        theirs = other.get_params()
        return all(
            mine._is_same_store(theirs[name])
            if isinstance(mine, PersiDict)
            else mine == theirs[name]
            for name, mine in self.get_params().items()
        )

    def _validate_mutable(self) -> None:
        if self.append_only:
            raise MutationPolicyError("append-only")

    def _store_run(self, items: Iterable[tuple[NonEmptySafeStrTuple, ValueType]]) -> None:
        try:
            self._store_many(items, ITEM_NOT_AVAILABLE if self.append_only else ANY_ETAG)
        except ETagMismatch:
            raise MutationPolicyError("append-only") from None


def _item_of(mapping: Mapping[Any, Any], key: NonEmptySafeStrTuple) -> Any:
    """Find a key in any mapping, under the tuple or, if it has one component, the string."""
    found = mapping.get(key, _MISSING)
    if found is _MISSING and len(key) == 1 and not isinstance(mapping, PersiDict):
        found = mapping.get(key[0], _MISSING)
    return found

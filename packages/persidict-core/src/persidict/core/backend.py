"""The contract between the parts: what a store implements, and all that one part calls on it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, Generic, Protocol, Self, TypeAlias

from persidict.core._codecs.registry import validate_format
from persidict.core.errors import MutationPolicyError
from persidict.core.flags import (
    ANY_ETAG,
    ITEM_NOT_AVAILABLE,
    AnyETagFlag,
    ItemNotAvailableFlag,
    ValueNotRetrievedFlag,
)
from persidict.core.keys import (
    NonEmptyPersiDictKey,
    NonEmptySafeStrTuple,
    PersiDictKey,
    SafeStrTuple,
    as_key,
    as_prefix,
    trusted_key,
    trusted_keys,
)
from persidict.core.parameters import HelpfulMeta, constructor_parameters
from persidict.core.results import ETagValue, ValueType

Expected: TypeAlias = ETagValue | ItemNotAvailableFlag | AnyETagFlag
"""What a guarded write asks of the current ETag: this one, absence, or nothing."""

Location: TypeAlias = tuple[object, tuple[str, ...]]
"""Where the items of a (sub-)dict are: a store, and a path in it.

The stores of dicts that keep their items in one place and in one format are equal. Two dicts
overlap if their stores are equal and one path is the beginning of the other.
"""

# Fast path: these types can't be jokers or flags.
PLAIN_TYPES = frozenset({str, bytes, int, float, bool, type(None), dict, list, tuple})


class ETagMismatch(Exception):
    """A primitive found another ETag than the expected one and changed nothing. Never public."""


class StatLike(Protocol):
    """What primitives report about an item: a `Stat`, or an object that reads its fields late.

    A late field raises ``KeyError`` if the item has been deleted since.
    """

    @property
    def etag(self) -> ETagValue:
        """The item's ETag."""

    @property
    def timestamp(self) -> float:
        """POSIX seconds of the last write."""

    @property
    def size(self) -> int | None:
        """Bytes that the item takes, None where the store does not count them."""


class Backend(Generic[ValueType], metaclass=HelpfulMeta):
    """All that one part of the library calls on another's dict.

    A store implements the five primitives. The bulk forms below have defaults that are right
    and slow; a store may override them for speed, but not change what they do.

    Keys are complete (a sub-dict's prefix included) and valid, values have passed the dict's
    checks, and jokers, conditions and policies never get here. Every method may be called from
    several threads at once. Infrastructure failures are raised as `BackendError`.
    """

    # Constructor parameters that `describe` must leave out although they are plain texts.
    _secret_params: ClassVar[frozenset[str]] = frozenset()
    # Seconds: the maximum back-off after the first conflict, about ten writes.
    _max_first_backoff: float = 0.008
    # How many operations the bulk forms run at a time.
    _max_workers: int = 1
    # A `Combiner` of threads that change one item, where each operation takes a round trip.
    _combiner: Any = None

    def __init__(
        self,
        *,
        append_only: bool = False,
        base_class_for_values: type[ValueType] | None = None,
        serialization_format: str = "pkl",
    ) -> None:
        if base_class_for_values is not None and not isinstance(base_class_for_values, type):
            raise TypeError(
                f"base_class_for_values must be a class or None, got {base_class_for_values!r}"
            )
        validate_format(serialization_format, base_class_for_values)
        self.append_only = bool(append_only)
        self.base_class_for_values: type[ValueType] | None = base_class_for_values
        self.serialization_format = serialization_format
        self._prefix = SafeStrTuple()

    @abstractmethod
    def _stat(self, key: NonEmptySafeStrTuple) -> StatLike:
        """Return the item's stat without transferring its value.

        Raises:
            KeyError: There is no such item.
        """

    @abstractmethod
    def _load(
        self, key: NonEmptySafeStrTuple, known: ETagValue | None
    ) -> tuple[ValueType | ValueNotRetrievedFlag, StatLike]:
        """Return value and stat of one version, `VALUE_NOT_RETRIEVED` if its ETag is `known`.

        Raises:
            KeyError: There is no such item.
        """

    @abstractmethod
    def _store(self, key: NonEmptySafeStrTuple, value: ValueType, expected: Expected) -> StatLike:
        """Write the value in one atomic step if the current ETag is the expected one.

        Args:
            key: The complete key.
            value: What to write.
            expected: An ETag; `ITEM_NOT_AVAILABLE`: only if absent; `ANY_ETAG`: always.

        Returns:
            The stat of the version just written.

        Raises:
            ETagMismatch: The current ETag is another one; nothing was changed.
        """

    @abstractmethod
    def _erase(self, key: NonEmptySafeStrTuple, expected: ETagValue | AnyETagFlag) -> None:
        """Delete the item in one atomic step if its ETag is the expected one.

        Raises:
            KeyError: There is no such item.
            ETagMismatch: The current ETag is another one; nothing was changed.
        """

    @abstractmethod
    def _scan(self, prefix: SafeStrTuple) -> Iterator[tuple[NonEmptySafeStrTuple, StatLike]]:
        """Yield complete key and stat of every item below the prefix, in constant memory.

        An item that is there all the time appears once; one that comes or goes meanwhile may
        be left out.
        """

    def _load_many(
        self, wanted: Iterable[tuple[NonEmptySafeStrTuple, StatLike | None]]
    ) -> Iterator[tuple[NonEmptySafeStrTuple, ValueType, StatLike]]:
        """Yield key, value and stat in the order of `wanted`; absent items are left out.

        What comes with a key in `wanted` is what a scan has just told of the item, or None.
        """
        for key, _ in wanted:
            try:
                value, stat = self._load(key, None)
            except KeyError:
                continue
            yield key, value, stat  # type: ignore[misc]  # without `known`, a value always comes

    def _revalidate_many(
        self, wanted: Iterable[tuple[NonEmptySafeStrTuple, ETagValue | None]]
    ) -> Iterator[tuple[NonEmptySafeStrTuple, ValueType | ValueNotRetrievedFlag, StatLike]]:
        """Do what `_load` does with each key and known ETag, in order; absent items are left out.

        The value is `VALUE_NOT_RETRIEVED` where the ETag is still the known one.
        """
        for key, known in wanted:
            try:
                value, stat = self._load(key, known)
            except KeyError:
                continue
            yield key, value, stat

    def _store_many(
        self,
        items: Iterable[tuple[NonEmptySafeStrTuple, ValueType]],
        expected: AnyETagFlag | ItemNotAvailableFlag,
    ) -> None:
        """Write all items; the first failure stops it and is raised."""
        for key, value in items:
            self._store(key, value, expected)

    def _insert_many(
        self, items: Iterable[tuple[NonEmptySafeStrTuple, ValueType]]
    ) -> Iterator[bool]:
        """Write the items that are absent; yield for each, in order, whether it was written."""
        for key, value in items:
            try:
                self._store(key, value, ITEM_NOT_AVAILABLE)
            except ETagMismatch:
                yield False
            else:
                yield True

    def _erase_many(self, keys: Iterable[NonEmptySafeStrTuple]) -> None:
        """Delete all items; absent ones are skipped."""
        for key in keys:
            try:
                self._erase(key, ANY_ETAG)
            except KeyError:
                continue

    def _keys(self, prefix: SafeStrTuple) -> Iterator[NonEmptySafeStrTuple]:
        """Yield the complete keys that `_scan` would."""
        return (key for key, _ in self._scan(prefix))

    def _count(self, prefix: SafeStrTuple) -> int:
        """Return the number of items below the prefix."""
        return sum(1 for _ in self._keys(prefix))

    def _first_components(self, prefix: SafeStrTuple) -> Iterator[str]:
        """Yield the components that follow the prefix, each at least once."""
        depth = len(prefix)
        return (key[depth] for key in self._keys(prefix))

    # The handle

    def get_params(self) -> dict[str, Any]:
        """Return the constructor's arguments that open the same store, sorted by name."""
        names = sorted(constructor_parameters(type(self)))
        return {name: getattr(self, name) for name in names if hasattr(self, name)}

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

    def __repr__(self) -> str:
        from persidict.core.redaction import shown_params

        params = shown_params(self.get_params(), self._secret_params)
        return f"{type(self).__name__}({', '.join(f'{name}={text}' for name, text in params)})"

    def __copy__(self) -> Self:
        """Return a second handle on the same store."""
        return self._at(self._prefix)

    def __deepcopy__(self, memo: object) -> Self:
        """Return a second handle on the same store."""
        return self._at(self._prefix)

    def _at(self, prefix: SafeStrTuple) -> Self:
        """Return a view of what is below a complete prefix."""
        attributes = self.__dict__.copy()
        attributes["_prefix"] = prefix
        view = object.__new__(type(self))
        view.__dict__ = attributes  # a third of what update() takes
        return view

    def _is_same_store(self, other: object) -> bool:
        """Tell, without reading, whether another handle has the same type and parameters."""
        if self is other:
            return True
        if type(self) is not type(other) or not isinstance(other, Backend):
            return False
        theirs = other.get_params()
        return all(
            mine._is_same_store(theirs[name]) if isinstance(mine, Backend) else mine == theirs[name]
            for name, mine in self.get_params().items()
        )

    def _last_written(self, key: NonEmptySafeStrTuple) -> tuple[ValueType, ETagValue] | None:
        """Return a version that this process wrote lately, perhaps outdated, if reading is slow."""
        return None

    def _location(self) -> Location:
        """Return where the items of this (sub-)dict are.

        Other handles on the same items should give an equal answer; by default, only the copies
        and sub-dicts of one handle do.
        """
        # They share everything but the prefix.
        shared = {name: id(value) for name, value in vars(self).items() if name != "_prefix"}
        return (type(self), shared), self._prefix

    def _stored_otherwise(self) -> list[dict[str, Any]]:
        """Return constructor arguments that would read the items at this place, if it has no own.

        The first ones read most items. By default nothing is known. See `MissNotice`.
        """
        return []

    def _expect_other_layouts(self) -> None:
        """Never warn that the place has items of other formats only."""

    # Keys and values that users give

    def _complete(self, key: NonEmptyPersiDictKey) -> NonEmptySafeStrTuple:
        """Validate a key that the user gave and put the prefix before it."""
        valid = key if type(key) is NonEmptySafeStrTuple else as_key(key)
        return trusted_key((*self._prefix, *valid)) if self._prefix else valid

    def _missing(self, key: NonEmptyPersiDictKey, error: KeyError) -> KeyError:
        """Return the ``KeyError`` for users: their key normalised, the store's error chained."""
        missing = KeyError(NonEmptySafeStrTuple(key))
        missing.__cause__ = error.__cause__ or error
        return missing

    def _validate_value(self, value: Any) -> ValueType:
        """Return a value that may be stored, or raise ``TypeError``."""
        if type(value) not in PLAIN_TYPES:
            if isinstance(value, Backend):
                raise TypeError(f"a {type(value).__name__} can't be stored as a value")
            if isinstance(value, (ItemNotAvailableFlag, ValueNotRetrievedFlag)):
                raise TypeError(
                    f"{value.name} stands for the lack of a value and can't be stored as one; "
                    "to leave an item as it is, give KEEP_CURRENT"
                )
        return value if self.base_class_for_values is None else self._validate_class(value)

    def _validate_class(self, value: Any) -> ValueType:
        expected = self.base_class_for_values
        if expected is not None and not isinstance(value, expected):
            from persidict.core._codecs.class_identity import validate_definition

            validate_definition(type(value), expected)
        return value  # type: ignore[no-any-return]  # just checked, or unchecked by choice

    def _validate_mutable(self) -> None:
        """Raise `MutationPolicyError` if the dict is append-only."""
        if self.append_only:
            raise MutationPolicyError("append-only")

"""Operations that depend on an item's ETag."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

from persidict.core import guarded
from persidict.core.backend import PLAIN_TYPES, Backend
from persidict.core.conditions import (
    holds,
    validate_default,
    validate_flags,
    validate_transform_arguments,
)
from persidict.core.flags import (
    ALWAYS_RETRIEVE,
    ANY_ETAG,
    DELETE_CURRENT,
    IF_ETAG_CHANGED,
    ITEM_NOT_AVAILABLE,
    KEEP_CURRENT,
    NEVER_RETRIEVE,
    ETagConditionFlag,
    ItemNotAvailableFlag,
    Joker,
    RetrieveValueFlag,
)
from persidict.core.keys import NonEmptyPersiDictKey, NonEmptySafeStrTuple
from persidict.core.results import (
    ConditionalOperationResult,
    ETagIfExists,
    ETagValue,
    OperationResult,
    ValueType,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from persidict.core.transformers import TransformingFunction

_Default = TypeVar("_Default")
_MISSING: Any = object()


class ConditionalOperations(Backend[ValueType]):
    """Conditional reads and changes, which are atomic because `_store` and `_erase` are."""

    def etag(self, key: NonEmptyPersiDictKey) -> ETagValue:
        """Return the item's ETag; it changes with every write.

        Raises:
            KeyError: There is no such item.
        """
        try:
            return self._stat(self._complete(key)).etag
        except KeyError as error:
            raise self._missing(key, error)  # noqa: B904  # the store's own error is chained

    def timestamp(self, key: NonEmptyPersiDictKey) -> float:
        """Return the time of the last write in POSIX seconds.

        Raises:
            KeyError: There is no such item.
        """
        try:
            return self._stat(self._complete(key)).timestamp
        except KeyError as error:
            raise self._missing(key, error)  # noqa: B904  # the store's own error is chained

    def get_item_if(
        self,
        key: NonEmptyPersiDictKey,
        *,
        condition: ETagConditionFlag,
        expected_etag: ETagIfExists,
        retrieve_value: RetrieveValueFlag = IF_ETAG_CHANGED,
    ) -> ConditionalOperationResult[ValueType]:
        """Read an item and check a condition on its ETag; nothing is changed.

        Args:
            key: The item's key.
            condition: `ANY_ETAG`, `ETAG_IS_THE_SAME` or `ETAG_HAS_CHANGED`.
            expected_etag: An ETag, or `ITEM_NOT_AVAILABLE` for "absent".
            retrieve_value: When the value is fetched, whether or not the condition holds:
                `ALWAYS_RETRIEVE`, `NEVER_RETRIEVE` or, by default, `IF_ETAG_CHANGED`: only if
                the ETag is not the expected one.

        Returns:
            The outcome; value and ETag in it belong to the same version.

        Raises:
            ValueError: `condition` is none of the three.
            TypeError: `retrieve_value` or `expected_etag` is of a wrong type.

        Example:
            >>> from persidict import ETAG_IS_THE_SAME, LocalDict
            >>> d = LocalDict()
            >>> d["a"] = 1
            >>> known = d.etag("a")
            >>> d.get_item_if("a", condition=ETAG_IS_THE_SAME, expected_etag=known).new_value
            VALUE_NOT_RETRIEVED
        """
        complete = self._complete(key)
        validate_flags(condition, expected_etag, retrieve_value)
        value, actual = guarded.look(self, complete, expected_etag, retrieve_value)
        satisfied = holds(condition, expected_etag, actual)
        return ConditionalOperationResult(satisfied, actual, actual, value)

    def get_with_etag(self, key: NonEmptyPersiDictKey) -> ConditionalOperationResult[ValueType]:
        """Read a value together with its ETag.

        Example:
            >>> from persidict import LocalDict
            >>> d = LocalDict()
            >>> d["a"] = 1
            >>> found = d.get_with_etag("a")
            >>> found.new_value, found.actual_etag == d.etag("a")
            (1, True)
        """
        return self.get_item_if(
            key,
            condition=ANY_ETAG,
            expected_etag=ITEM_NOT_AVAILABLE,
            retrieve_value=ALWAYS_RETRIEVE,
        )

    def set_item_if(
        self,
        key: NonEmptyPersiDictKey,
        *,
        value: ValueType | Joker,
        condition: ETagConditionFlag,
        expected_etag: ETagIfExists,
        retrieve_value: RetrieveValueFlag = IF_ETAG_CHANGED,
    ) -> ConditionalOperationResult[ValueType]:
        """Write a value, or do what a joker says, if the condition holds.

        Check and write are one atomic step.

        Args:
            key: The item's key.
            value: What to write; `KEEP_CURRENT` writes nothing, `DELETE_CURRENT` deletes.
            condition: `ANY_ETAG`, `ETAG_IS_THE_SAME` or `ETAG_HAS_CHANGED`.
            expected_etag: An ETag, or `ITEM_NOT_AVAILABLE` for "absent".
            retrieve_value: When an existing value that stays is fetched.

        Returns:
            The outcome. A written value is in it whatever `retrieve_value` says.

        Raises:
            MutationPolicyError: The condition holds, but the dict is append-only.
            EncodingError: The value can't be stored in the dict's format.

        Example:
            >>> from persidict import ETAG_IS_THE_SAME, LocalDict
            >>> d = LocalDict()
            >>> d["a"] = 1
            >>> seen = d.etag("a")
            >>> d["a"] = 2  # somebody else was faster
            >>> outcome = d.set_item_if(
            ...     "a", value=3, condition=ETAG_IS_THE_SAME, expected_etag=seen
            ... )
            >>> outcome.condition_was_satisfied, outcome.new_value
            (False, 2)
        """
        complete = self._complete(key)
        validate_flags(condition, expected_etag, retrieve_value)
        if value is KEEP_CURRENT:
            seen, actual = guarded.look(self, complete, expected_etag, retrieve_value)
            satisfied = holds(condition, expected_etag, actual)
            return ConditionalOperationResult(satisfied, actual, actual, seen)
        new_value = value if value is DELETE_CURRENT else self._validate_value(value)
        return guarded.change_if(
            self, complete, new_value, condition, expected_etag, retrieve_value
        )

    def setdefault_if(
        self,
        key: NonEmptyPersiDictKey,
        *,
        default_value: ValueType,
        condition: ETagConditionFlag,
        expected_etag: ETagIfExists,
        retrieve_value: RetrieveValueFlag = IF_ETAG_CHANGED,
    ) -> ConditionalOperationResult[ValueType]:
        """Insert a value if the item is absent and the condition holds; one atomic step.

        An existing item is never changed; the outcome still says whether the condition held.

        Args:
            key: The item's key.
            default_value: What to insert; no joker.
            condition: `ANY_ETAG`, `ETAG_IS_THE_SAME` or `ETAG_HAS_CHANGED`.
            expected_etag: An ETag, or `ITEM_NOT_AVAILABLE` for "absent".
            retrieve_value: When an existing value is fetched.

        Raises:
            TypeError: `default_value` is a joker or not what the dict's values must be.

        Example:
            >>> from persidict import ETAG_IS_THE_SAME, ITEM_NOT_AVAILABLE, LocalDict
            >>> claims = LocalDict()
            >>> absent = {"condition": ETAG_IS_THE_SAME, "expected_etag": ITEM_NOT_AVAILABLE}
            >>> claims.setdefault_if("job", default_value="me", **absent).value_was_mutated
            True
            >>> claims.setdefault_if("job", default_value="you", **absent).value_was_mutated
            False
        """
        complete = self._complete(key)
        validate_flags(condition, expected_etag, retrieve_value)
        validate_default(default_value)
        self._validate_value(default_value)
        return guarded.insert_if(
            self, complete, default_value, condition, expected_etag, retrieve_value
        )

    def discard_if(
        self,
        key: NonEmptyPersiDictKey,
        *,
        condition: ETagConditionFlag,
        expected_etag: ETagIfExists,
    ) -> ConditionalOperationResult[ValueType]:
        """Delete an item if the condition holds; check and deletion are one atomic step.

        The value is never fetched. On an absent key a condition that holds changes nothing.

        Raises:
            MutationPolicyError: The condition holds, but the dict is append-only.

        Example:
            >>> from persidict import ETAG_IS_THE_SAME, LocalDict
            >>> d = LocalDict()
            >>> d["a"] = 1
            >>> d.discard_if("a", condition=ETAG_IS_THE_SAME, expected_etag=d.etag("a"))[0]
            True
            >>> "a" in d
            False
        """
        complete = self._complete(key)
        validate_flags(condition, expected_etag, NEVER_RETRIEVE)
        return guarded.change_if(
            self, complete, DELETE_CURRENT, condition, expected_etag, NEVER_RETRIEVE
        )

    @overload
    def transform_item(
        self,
        key: NonEmptyPersiDictKey,
        *,
        transformer: Callable[[ValueType], ValueType | Joker],
        n_retries: int | None = 6,
        default: ValueType,
    ) -> OperationResult[ValueType]: ...
    @overload
    def transform_item(
        self,
        key: NonEmptyPersiDictKey,
        *,
        transformer: TransformingFunction[ValueType],
        n_retries: int | None = 6,
        default: ValueType | ItemNotAvailableFlag = ITEM_NOT_AVAILABLE,
    ) -> OperationResult[ValueType]: ...
    def transform_item(
        self, key: Any, *, transformer: Any, n_retries: Any = 6, default: Any = ITEM_NOT_AVAILABLE
    ) -> OperationResult[ValueType]:
        """Read, compute and write back, again until nobody else wrote in between.

        Args:
            key: The item's key.
            transformer: Gets the value and returns the new value, `KEEP_CURRENT` (nothing is
                written) or `DELETE_CURRENT`. It may be called several times, and on S3 in another
                thread, which combines the changes of all threads that wait.
            n_retries: How often to try again after a conflict; None: for ever.
            default: What the transformer gets, each time as a deep copy, if there is no item.

        Returns:
            ETag and value afterwards.

        Raises:
            ConcurrencyConflictError: Others changed the item during every attempt.
            TypeError: `n_retries` is not an int, `transformer` can't be called, or `default` is
                a joker.
            ValueError: `n_retries` is negative.

        Example:
            >>> from persidict import LocalDict
            >>> d = LocalDict()
            >>> d.transform_item("hits", transformer=lambda n: n + 1, default=0).new_value
            1
        """
        complete = self._complete(key)
        validate_transform_arguments(transformer, n_retries, default)
        if self._combiner is not None:
            return self._combiner.transform(self, complete, transformer, n_retries, default)  # type: ignore[no-any-return]
        return guarded.transform(self, complete, transformer, n_retries, default)

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
        if type(default) not in PLAIN_TYPES:
            validate_default(default)
        if self._max_workers == 1:
            # Looking is cheaper than encoding in vain. Where each is a request, it comes second.
            value = guarded.value_of(self, complete)
            if value is not ITEM_NOT_AVAILABLE:
                return value  # type: ignore[no-any-return]  # validated
        return guarded.set_default(self, complete, default)

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
        try:
            return guarded.pop_item(self, complete)
        except KeyError as error:
            if default is _MISSING:
                raise self._missing(key, error)  # noqa: B904  # the store's error is chained
            return default

    def popitem(self) -> tuple[NonEmptySafeStrTuple, ValueType]:
        """Delete any item and return it; no two callers ever get the same one.

        Raises:
            KeyError: The dict is empty.
            MutationPolicyError: The dict is append-only.
        """
        self._validate_mutable()
        return guarded.pop_any(self)

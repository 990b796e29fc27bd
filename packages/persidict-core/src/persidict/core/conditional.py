"""The conditional half of `PersiDict`: every read-check-write, written once."""

from __future__ import annotations

from typing import Any

from persidict.core.backend import ETagMismatch
from persidict.core.errors import ConcurrencyConflictError, MutationPolicyError
from persidict.core.flags import (
    ALWAYS_RETRIEVE,
    ANY_ETAG,
    DELETE_CURRENT,
    ETAG_IS_THE_SAME,
    IF_ETAG_CHANGED,
    ITEM_NOT_AVAILABLE,
    KEEP_CURRENT,
    NEVER_RETRIEVE,
    ETagConditionFlag,
    ItemNotAvailableFlag,
    Joker,
    RetrieveValueFlag,
)
from persidict.core.guarded import GuardedLoop, holds, validate_flags
from persidict.core.keys import NonEmptyPersiDictKey, NonEmptySafeStrTuple
from persidict.core.results import (
    ConditionalOperationResult,
    ETagIfExists,
    ETagValue,
    OperationResult,
    TransformingFunction,
    ValueType,
)


class ConditionalOperations(GuardedLoop[ValueType]):
    """Operations that depend on an item's ETag, atomic because `_store` and `_erase` are."""

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
        value, actual = self._look(complete, expected_etag, retrieve_value)
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
            seen, actual = self._look(complete, expected_etag, retrieve_value)
            satisfied = holds(condition, expected_etag, actual)
            return ConditionalOperationResult(satisfied, actual, actual, seen)
        if value is DELETE_CURRENT:
            return self._erase_if(complete, condition, expected_etag, retrieve_value)
        new_value = self._validate_value(value)

        def write(seen: ETagIfExists) -> tuple[ETagValue, ValueType]:
            if self.append_only and seen is not ITEM_NOT_AVAILABLE:
                raise MutationPolicyError("append-only")
            return self._store(complete, new_value, seen).etag, new_value

        look_first = condition is not ETAG_IS_THE_SAME or (
            self.append_only and expected_etag is not ITEM_NOT_AVAILABLE
        )
        return self._guarded(
            complete, condition, expected_etag, retrieve_value, write, look_first=look_first
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
        default = self._validate_value(default_value)
        insert = holds(condition, expected_etag, ITEM_NOT_AVAILABLE)
        attempts = 0
        while True:
            if insert:
                try:
                    etag = self._store(complete, default, ITEM_NOT_AVAILABLE).etag
                except ETagMismatch:
                    pass
                else:
                    return ConditionalOperationResult(True, ITEM_NOT_AVAILABLE, etag, default)
            value, actual = self._look(complete, expected_etag, retrieve_value)
            if actual is ITEM_NOT_AVAILABLE and insert:
                attempts += 1  # deleted since the insert failed
                self._back_off_insert(complete, attempts)
                continue
            satisfied = holds(condition, expected_etag, actual)
            return ConditionalOperationResult(satisfied, actual, actual, value)

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
        return self._erase_if(complete, condition, expected_etag, NEVER_RETRIEVE)

    def transform_item(
        self,
        key: NonEmptyPersiDictKey,
        *,
        transformer: TransformingFunction[ValueType],
        n_retries: int | None = 6,
    ) -> OperationResult[ValueType]:
        """Read, compute and write back, again until nobody else wrote in between.

        Args:
            key: The item's key.
            transformer: Gets the value, or `ITEM_NOT_AVAILABLE`, and returns the new value,
                `KEEP_CURRENT` (nothing is written) or `DELETE_CURRENT`. It may be called
                several times.
            n_retries: How often to try again after a conflict; None: for ever.

        Returns:
            ETag and value afterwards.

        Raises:
            ConcurrencyConflictError: Others changed the item during every attempt.
            TypeError: `n_retries` is not an int, or `transformer` can't be called.
            ValueError: `n_retries` is negative.

        Example:
            >>> from persidict import ITEM_NOT_AVAILABLE, LocalDict
            >>> d = LocalDict()
            >>> def increment(count):
            ...     return 1 if count is ITEM_NOT_AVAILABLE else count + 1
            >>> d.transform_item("hits", transformer=increment).new_value
            1
        """
        complete = self._complete(key)
        validate_transform_arguments(transformer, n_retries)
        attempts = 0
        while True:
            attempts += 1
            try:
                return self._transform_once(complete, transformer)
            except ETagMismatch:
                if n_retries is not None and attempts > n_retries:
                    raise ConcurrencyConflictError(NonEmptySafeStrTuple(key), attempts) from None
            self._back_off(complete, attempts)

    def _transform_once(
        self, key: NonEmptySafeStrTuple, transformer: TransformingFunction[ValueType]
    ) -> OperationResult[ValueType]:
        """Do one attempt; `ETagMismatch` if somebody else wrote meanwhile."""
        value, etag = self._look(key, ITEM_NOT_AVAILABLE, ALWAYS_RETRIEVE)
        new_value: Any = transformer(value)  # type: ignore[arg-type]  # always retrieved
        if new_value is KEEP_CURRENT:
            return OperationResult(etag, value)  # type: ignore[arg-type]  # always retrieved
        if new_value is DELETE_CURRENT:
            self._erase_seen(key, etag)
            return OperationResult(ITEM_NOT_AVAILABLE, ITEM_NOT_AVAILABLE)
        new_value = self._validate_value(new_value)
        if self.append_only and etag is not ITEM_NOT_AVAILABLE:
            raise MutationPolicyError("append-only")
        return OperationResult(self._store(key, new_value, etag).etag, new_value)

    def _erase_if(
        self,
        key: NonEmptySafeStrTuple,
        condition: ETagConditionFlag,
        expected_etag: ETagIfExists,
        retrieve_value: RetrieveValueFlag,
    ) -> ConditionalOperationResult[ValueType]:
        def erase(seen: ETagIfExists) -> tuple[ItemNotAvailableFlag, ItemNotAvailableFlag]:
            self._erase_seen(key, seen)
            return ITEM_NOT_AVAILABLE, ITEM_NOT_AVAILABLE

        look_first = (
            condition is not ETAG_IS_THE_SAME
            or expected_etag is ITEM_NOT_AVAILABLE
            or self.append_only
        )
        return self._guarded(
            key, condition, expected_etag, retrieve_value, erase, look_first=look_first
        )

    def _erase_seen(self, key: NonEmptySafeStrTuple, seen: ETagIfExists) -> None:
        """Delete the version that was seen; nothing to do if none was."""
        if self.append_only:
            raise MutationPolicyError("append-only")
        if seen is not ITEM_NOT_AVAILABLE:
            try:
                self._erase(key, seen)
            except KeyError:
                raise ETagMismatch from None


def validate_default(default: object) -> None:
    """Refuse a joker where a value is needed."""
    if isinstance(default, Joker):
        raise TypeError(f"a default must be a value, not the joker {default!r}")


def validate_transform_arguments(transformer: object, n_retries: object) -> None:
    """Refuse what `transform_item` can't work with."""
    if n_retries is not None and (not isinstance(n_retries, int) or isinstance(n_retries, bool)):
        raise TypeError(f"n_retries must be an int or None, got {type(n_retries).__name__}")
    if n_retries is not None and n_retries < 0:
        raise ValueError(f"n_retries must not be negative, got {n_retries}")
    if not callable(transformer):
        raise TypeError(f"transformer must be callable, got {type(transformer).__name__}")

"""`EmptyDict`: accepts every write and keeps nothing, like a null device."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from persidict.core.backend import ETagMismatch, Expected
from persidict.core.base import PersiDict
from persidict.core.conditions import validate_transform_arguments
from persidict.core.flags import (
    ITEM_NOT_AVAILABLE,
    AnyETagFlag,
    ValueNotRetrievedFlag,
)
from persidict.core.keys import NonEmptyPersiDictKey, NonEmptySafeStrTuple, SafeStrTuple
from persidict.core.results import (
    ConditionalOperationResult,
    ETagValue,
    OperationResult,
    Stat,
    ValueType,
)


class EmptyDict(PersiDict[ValueType]):
    """A dict that is always empty: writes are checked and vanish, reads find nothing.

    Conditions are judged against absence; a write whose condition holds reports an absent item.

    Example:
        >>> d = EmptyDict()
        >>> d["a"] = 1
        >>> "a" in d, len(d)
        (False, 0)
    """

    def __contains__(self, key: object) -> bool:
        return False

    def get(self, key: Any, /, default: Any = None) -> Any:
        """Return `default`."""
        return default

    def set_item_if(
        self, key: NonEmptyPersiDictKey, **arguments: Any
    ) -> ConditionalOperationResult[ValueType]:
        """Check the arguments and the condition; the item stays absent."""
        outcome: ConditionalOperationResult[ValueType] = super().set_item_if(key, **arguments)
        return outcome._replace(new_value=ITEM_NOT_AVAILABLE)

    def setdefault_if(
        self, key: NonEmptyPersiDictKey, **arguments: Any
    ) -> ConditionalOperationResult[ValueType]:
        """Check the arguments and the condition; the item stays absent."""
        outcome: ConditionalOperationResult[ValueType] = super().setdefault_if(key, **arguments)
        return outcome._replace(new_value=ITEM_NOT_AVAILABLE)

    def transform_item(
        self, key: Any, *, transformer: Any, n_retries: Any = 6, default: Any = ITEM_NOT_AVAILABLE
    ) -> OperationResult[ValueType]:
        """Report an absent item; the transformer is not called."""
        self._complete(key)
        validate_transform_arguments(transformer, n_retries, default)
        return OperationResult(ITEM_NOT_AVAILABLE, ITEM_NOT_AVAILABLE)

    def _stat(self, key: NonEmptySafeStrTuple) -> Stat:
        raise KeyError(key)

    def _load(
        self, key: NonEmptySafeStrTuple, known: ETagValue | None
    ) -> tuple[ValueType | ValueNotRetrievedFlag, Stat]:
        raise KeyError(key)

    def _store(self, key: NonEmptySafeStrTuple, value: ValueType, expected: Expected) -> Stat:
        if isinstance(expected, str):
            raise ETagMismatch
        return Stat(ITEM_NOT_AVAILABLE, 0.0)  # type: ignore[arg-type]  # as absent as before

    def _erase(self, key: NonEmptySafeStrTuple, expected: ETagValue | AnyETagFlag) -> None:
        raise KeyError(key)

    def _scan(self, prefix: SafeStrTuple) -> Iterator[tuple[NonEmptySafeStrTuple, Stat]]:
        return iter(())

"""What operations report: ETags, stats and results."""

# Without `from __future__ import annotations`: named tuples compile each annotation that is text.

from collections.abc import Callable
from typing import (
    Generic,
    Literal,
    NamedTuple,
    NewType,
    Protocol,
    TypeAlias,
    TypeVar,
    runtime_checkable,
)

from persidict.core.flags import (
    DeleteCurrentFlag,
    ItemNotAvailableFlag,
    KeepCurrentFlag,
    ValueNotRetrievedFlag,
)
from persidict.core.keys import NonEmptySafeStrTuple

ValueType = TypeVar("ValueType")

ETagValue = NewType("ETagValue", str)
"""An opaque version of one item; equal ETags of one key mean the same version."""

ETagIfExists: TypeAlias = ETagValue | ItemNotAvailableFlag
"""An ETag, or `ITEM_NOT_AVAILABLE` for an absent item."""


@runtime_checkable
class TransformingFunction(Protocol[ValueType]):
    """A function from the current value (or `ITEM_NOT_AVAILABLE`) to the new one (or a joker)."""

    def __call__(
        self, current: ValueType | ItemNotAvailableFlag, /
    ) -> ValueType | KeepCurrentFlag | DeleteCurrentFlag:
        """Return the new value, `KEEP_CURRENT` or `DELETE_CURRENT`."""


class Stat(NamedTuple):
    """What a backend knows of a stored item without its value."""

    etag: ETagValue
    timestamp: float
    """POSIX seconds of the last write."""
    size: int | None = None
    """Bytes that the item takes, if that is known without asking."""


class OperationResult(NamedTuple, Generic[ValueType]):
    """What `transform_item` did.

    Attributes:
        resulting_etag: The ETag afterwards, `ITEM_NOT_AVAILABLE` if the item is absent.
        new_value: The value afterwards, `ITEM_NOT_AVAILABLE` if the item is absent.
    """

    resulting_etag: ETagIfExists
    new_value: ValueType | ItemNotAvailableFlag


class ConditionalOperationResult(NamedTuple, Generic[ValueType]):
    """What a conditional operation found and did.

    Attributes:
        condition_was_satisfied: Whether the condition held when it was checked.
        actual_etag: The ETag at the check, `ITEM_NOT_AVAILABLE` if the item was absent.
        resulting_etag: The ETag afterwards, `ITEM_NOT_AVAILABLE` if the item is absent.
        new_value: The value afterwards: `ITEM_NOT_AVAILABLE` if the item is absent,
            `VALUE_NOT_RETRIEVED` if it was not asked for.
    """

    condition_was_satisfied: bool
    actual_etag: ETagIfExists
    resulting_etag: ETagIfExists
    new_value: ValueType | ItemNotAvailableFlag | ValueNotRetrievedFlag

    @property
    def value_was_mutated(self) -> bool:
        """Whether the operation changed the item."""
        return self.resulting_etag != self.actual_etag


Outcome: TypeAlias = Literal["copied", "unchanged", "newer", "conflict", "deleted"]
Progress: TypeAlias = Callable[[NonEmptySafeStrTuple, Outcome], object]


class CopyCounts(NamedTuple):
    """How many items `copy_to` or `sync_to` met with each outcome.

    Attributes:
        copied: Written to the target, or would be in a dry run.
        unchanged: The target had the value, or an item written after the source's.
        newer: The target had another value, written after the source's; it was left alone.
        conflict: Somebody changed the target's item meanwhile; it was left alone.
        deleted: Deleted from the target because the source lacks it (`sync_to` only).
    """

    copied: int = 0
    unchanged: int = 0
    newer: int = 0
    conflict: int = 0
    deleted: int = 0

"""What operations report: ETags, stats and results."""

# Without `from __future__ import annotations`: named tuples compile each annotation that is text.

from typing import TYPE_CHECKING, Any, Generic, NamedTuple, NewType, TypeAlias

from persidict.core.flags import ItemNotAvailableFlag, ValueNotRetrievedFlag

if TYPE_CHECKING:
    # With a default, a dict of any values needs no annotation. Type checkers know the module.
    from typing_extensions import TypeVar

    ValueType = TypeVar("ValueType", default=Any)
else:
    from typing import TypeVar

    ValueType = TypeVar("ValueType")

ETagValue = NewType("ETagValue", str)
"""An opaque version of one item; equal ETags of one key mean the same version."""

ETagIfExists: TypeAlias = ETagValue | ItemNotAvailableFlag
"""An ETag, or `ITEM_NOT_AVAILABLE` for an absent item."""


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

"""Jokers, conditions, retrieval flags and sentinels: singletons that type checkers narrow."""

from __future__ import annotations

from enum import Enum, EnumMeta
from typing import Any, Final


class _SingletonMeta(EnumMeta):
    """Makes ``TheFlag()`` give the only member of ``TheFlag``."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        if not args and not kwargs and len(cls.__members__) == 1:
            return next(iter(cls.__members__.values()))
        return super().__call__(*args, **kwargs)


class _Flag(Enum, metaclass=_SingletonMeta):
    """A flag shows itself by the name it is imported by."""

    def __repr__(self) -> str:
        return self.name

    __str__ = __repr__


class Joker(_Flag):
    """Commands that may stand where a value to write is expected."""


class KeepCurrentFlag(Joker):
    """Type of `KEEP_CURRENT`: writing it changes nothing."""

    KEEP_CURRENT = "KEEP_CURRENT"


class DeleteCurrentFlag(Joker):
    """Type of `DELETE_CURRENT`: writing it deletes the item if there is one."""

    DELETE_CURRENT = "DELETE_CURRENT"


class ETagConditionFlag(_Flag):
    """Conditions that compare an expected ETag with the actual one."""


class AnyETagFlag(ETagConditionFlag):
    """Type of `ANY_ETAG`: always holds."""

    ANY_ETAG = "ANY_ETAG"


class ETagIsTheSameFlag(ETagConditionFlag):
    """Type of `ETAG_IS_THE_SAME`: holds if expected == actual."""

    ETAG_IS_THE_SAME = "ETAG_IS_THE_SAME"


class ETagHasChangedFlag(ETagConditionFlag):
    """Type of `ETAG_HAS_CHANGED`: holds if expected != actual."""

    ETAG_HAS_CHANGED = "ETAG_HAS_CHANGED"


class RetrieveValueFlag(_Flag):
    """When a conditional operation fetches an existing value that it did not write."""


class AlwaysRetrieveFlag(RetrieveValueFlag):
    """Type of `ALWAYS_RETRIEVE`."""

    ALWAYS_RETRIEVE = "ALWAYS_RETRIEVE"


class NeverRetrieveFlag(RetrieveValueFlag):
    """Type of `NEVER_RETRIEVE`: the value is neither transferred nor decoded."""

    NEVER_RETRIEVE = "NEVER_RETRIEVE"


class IfETagChangedRetrieveFlag(RetrieveValueFlag):
    """Type of `IF_ETAG_CHANGED`: only if expected != actual."""

    IF_ETAG_CHANGED = "IF_ETAG_CHANGED"


class ItemNotAvailableFlag(_Flag):
    """Type of `ITEM_NOT_AVAILABLE`: stands for the value and for the ETag of an absent item."""

    ITEM_NOT_AVAILABLE = "ITEM_NOT_AVAILABLE"


class ValueNotRetrievedFlag(_Flag):
    """Type of `VALUE_NOT_RETRIEVED`: there is a value, but it was not asked for."""

    VALUE_NOT_RETRIEVED = "VALUE_NOT_RETRIEVED"


KEEP_CURRENT: Final = KeepCurrentFlag.KEEP_CURRENT
DELETE_CURRENT: Final = DeleteCurrentFlag.DELETE_CURRENT
ANY_ETAG: Final = AnyETagFlag.ANY_ETAG
ETAG_IS_THE_SAME: Final = ETagIsTheSameFlag.ETAG_IS_THE_SAME
ETAG_HAS_CHANGED: Final = ETagHasChangedFlag.ETAG_HAS_CHANGED
ALWAYS_RETRIEVE: Final = AlwaysRetrieveFlag.ALWAYS_RETRIEVE
NEVER_RETRIEVE: Final = NeverRetrieveFlag.NEVER_RETRIEVE
IF_ETAG_CHANGED: Final = IfETagChangedRetrieveFlag.IF_ETAG_CHANGED
ITEM_NOT_AVAILABLE: Final = ItemNotAvailableFlag.ITEM_NOT_AVAILABLE
VALUE_NOT_RETRIEVED: Final = ValueNotRetrievedFlag.VALUE_NOT_RETRIEVED

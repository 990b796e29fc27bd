"""The functions that `transform_item` takes."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from persidict.core.flags import DeleteCurrentFlag, ItemNotAvailableFlag, KeepCurrentFlag
from persidict.core.results import ValueType


@runtime_checkable
class TransformingFunction(Protocol[ValueType]):
    """A function from the current value (or `ITEM_NOT_AVAILABLE`) to the new one (or a joker)."""

    def __call__(
        self, current: ValueType | ItemNotAvailableFlag, /
    ) -> ValueType | KeepCurrentFlag | DeleteCurrentFlag:
        """Return the new value, `KEEP_CURRENT` or `DELETE_CURRENT`."""

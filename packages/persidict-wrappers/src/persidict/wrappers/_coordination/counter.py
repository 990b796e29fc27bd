"""`Counter`: a number that many processes add to, without losing anything."""

from __future__ import annotations

from operator import index
from typing import Any, SupportsIndex

from persidict.core.base import PersiDict
from persidict.core.flags import DELETE_CURRENT, ITEM_NOT_AVAILABLE, KEEP_CURRENT, Joker
from persidict.core.keys import NonEmptyPersiDictKey, NonEmptySafeStrTuple, shown_key


class Counter:
    """A number under one key of a dict; every addition is one atomic step.

    Args:
        store: Holds the number: any dict that takes ints, and changes.
        name: Its key.

    Raises:
        TypeError: `store` is no `PersiDict`.
        ValueError: `store` can't hold ints that change.

    Example:
        >>> from persidict import Counter, LocalDict
        >>> visits = Counter(LocalDict(), "visits")
        >>> visits.add(), visits.add(10), visits.value
        (1, 11, 11)
        >>> visits.reset()
        11
    """

    def __init__(self, store: PersiDict[Any], name: NonEmptyPersiDictKey) -> None:
        if not isinstance(store, PersiDict):
            raise TypeError(f"store must be a PersiDict, got {type(store).__name__}")
        expected = store.base_class_for_values
        if expected is not None and not issubclass(int, expected):
            raise ValueError(f"store can't hold ints: its values must be {expected.__qualname__}")
        if store.append_only:
            raise ValueError("store can't hold a number that changes: it is append-only")
        self.store = store
        self.name = NonEmptySafeStrTuple(name)

    @property
    def value(self) -> int:
        """The number now; 0 if nothing was added.

        Raises:
            TypeError: The item is no int.
        """
        return self._number(self.store.get(self.name, 0))

    def add(self, amount: int = 1) -> int:
        """Add to the number and return it.

        Raises:
            TypeError: `amount` is no int, or the item is none; then it is left alone.
        """
        if not isinstance(amount, int) or isinstance(amount, bool):
            raise TypeError(f"amount must be an int, got {amount!r}")

        def added(value: Any) -> int:
            return amount if value is ITEM_NOT_AVAILABLE else self._number(value) + amount

        outcome = self.store.transform_item(self.name, transformer=added, n_retries=None)
        result: Any = outcome.new_value
        return int(result)

    def reset(self) -> int:
        """Begin at 0 again, and return what the number was; nothing is lost in between.

        Raises:
            TypeError: The item is no int. It is left alone.
        """
        number = 0

        def removed(value: Any) -> Joker:
            nonlocal number
            is_absent = value is ITEM_NOT_AVAILABLE
            number = 0 if is_absent else self._number(value)
            return KEEP_CURRENT if is_absent else DELETE_CURRENT

        self.store.transform_item(self.name, transformer=removed, n_retries=None)
        return number

    def _number(self, value: Any) -> int:
        if not isinstance(value, SupportsIndex) or isinstance(value, bool):
            raise TypeError(
                f"the item {shown_key(self.name)} is no counter: its value is of type "
                f"{type(value).__name__}"
            )
        return index(value)  # numpy's too

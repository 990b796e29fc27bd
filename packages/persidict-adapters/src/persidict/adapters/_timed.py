"""Values with a time to live in any dict, for frameworks that give one with each value."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from persidict.core import DELETE_CURRENT, ITEM_NOT_AVAILABLE, KEEP_CURRENT, PersiDict
from persidict.core.text_keys import key_from_text, text_from_key

ABSENT: Any = object()
"""Stands for a value that is absent or has expired."""


class TimedItems:
    """Text keys and values that expire, each item a pair of its expiry and its value.

    Args:
        wrapped: Where the items are kept.

    Raises:
        TypeError: `wrapped` is no `PersiDict`.
    """

    def __init__(self, wrapped: PersiDict[Any]) -> None:
        if not isinstance(wrapped, PersiDict):
            raise TypeError(f"wrapped must be a PersiDict, got {type(wrapped).__name__}")
        self.wrapped = wrapped

    def get(self, text: str) -> Any:
        """Return a value, `ABSENT` if it is absent or has expired."""
        return _value_of(self.wrapped.get(key_from_text(text)))

    def get_many(self, texts: Iterable[str]) -> dict[str, Any]:
        """Return the values that are there."""
        texts_of = {key_from_text(text): text for text in texts}
        found = self.wrapped.get_many(texts_of)
        values = ((texts_of[key], _value_of(item)) for key, item in found)
        return {text: value for text, value in values if value is not ABSENT}

    def set(self, text: str, value: Any, seconds: float | None) -> None:
        """Store a value that lives for so many seconds; None: for ever."""
        self.wrapped[key_from_text(text)] = _item(value, seconds)

    def set_many(self, values: Iterable[tuple[str, Any]], seconds: float | None) -> None:
        """Store several values that live equally long."""
        self.wrapped.set_many(
            (key_from_text(text), _item(value, seconds)) for text, value in values
        )

    def add(self, text: str, value: Any, seconds: float | None) -> bool:
        """Store a value unless there is one; of many callers one gets True."""
        is_added = False

        def added(item: Any) -> Any:
            nonlocal is_added
            is_added = _value_of(item) is ABSENT
            return _item(value, seconds) if is_added else KEEP_CURRENT

        self._transform(text, added)
        return is_added

    def change(self, text: str, change: Callable[[Any], Any]) -> Any:
        """Replace a value by what `change` returns of it, and return that; the expiry stays.

        `change` gets `ABSENT` where there is no value. No other writer's change is lost.
        """
        result = ABSENT

        def changed(item: Any) -> Any:
            nonlocal result
            value = _value_of(item)
            result = change(value)
            return (None if value is ABSENT else item[0], result)

        self._transform(text, changed)
        return result

    def touch(self, text: str, seconds: float | None) -> bool:
        """Give a value another time to live; tell whether there was one."""
        is_there = False

        def touched(item: Any) -> Any:
            nonlocal is_there
            value = _value_of(item)
            is_there = value is not ABSENT
            return _item(value, seconds) if is_there else KEEP_CURRENT

        self._transform(text, touched)
        return is_there

    def delete(self, text: str) -> bool:
        """Delete a value, and tell whether there was one."""
        return _value_of(self.wrapped.pop(key_from_text(text), None)) is not ABSENT

    def texts(self) -> Iterator[str]:
        """Yield the keys of the values that have not expired."""
        for key, item in self.wrapped.items():
            if _value_of(item) is not ABSENT:
                yield text_from_key(key)

    def purge(self) -> None:
        """Delete the values that have expired."""
        for key in self.wrapped:
            self.wrapped.transform_item(
                key,
                transformer=lambda item: DELETE_CURRENT if _has_expired(item) else KEEP_CURRENT,
                n_retries=None,
            )

    def _transform(self, text: str, transformer: Callable[[Any], Any]) -> None:
        self.wrapped.transform_item(key_from_text(text), transformer=transformer, n_retries=None)


def _item(value: Any, seconds: float | None) -> tuple[float | None, Any]:
    return (None if seconds is None else time.time() + seconds, value)


def _value_of(item: Any) -> Any:
    if item is None or item is ITEM_NOT_AVAILABLE or _has_expired(item):
        return ABSENT
    return item[1]


def _has_expired(item: Any) -> bool:
    return item is not ITEM_NOT_AVAILABLE and item[0] is not None and item[0] <= time.time()

"""Items in memory that threads, signal handlers and finalizers change at the same time."""

from __future__ import annotations

import sys
from typing import Any, NamedTuple, TypeAlias

from persidict.core.forks import new_reentrant_lock
from persidict.core.keys import NonEmptySafeStrTuple
from persidict.core.results import Stat


class Item(NamedTuple):
    """A value and what is known of its version; never changed, only replaced."""

    value: Any
    stat: Stat
    key: NonEmptySafeStrTuple


Items: TypeAlias = dict[tuple[str, ...], Item]
"""Items by plain tuples, whose comparison runs no Python code."""


def _swap(items: Items, key: tuple[str, ...], seen: Item | None, new: Item | None) -> bool:
    """Replace the item that was seen (None: absent) by a new one (None: delete it).

    Returns:
        False if another item is there by now; nothing was changed then.
    """
    # No lock is held, so a signal handler or a finalizer can use the same dict at any moment.
    # Each line is one step for other threads and for handlers: Python switches to them only
    # after calls and at jumps back, and compares plain tuples of strings without running code.
    if seen is None:
        return new is None or items.setdefault(key, new) is new
    if new is None:
        return key in items and items[key] is seen and items.pop(key) is seen
    return key in items and items[key] is seen and items.__setitem__(key, new) is None  # type: ignore[func-returns-value]  # always None


_lock = new_reentrant_lock()


def _swap_locked(items: Items, key: tuple[str, ...], seen: Item | None, new: Item | None) -> bool:
    with _lock:
        return _swap(items, key, seen, new)


_has_gil: bool = getattr(sys, "_is_gil_enabled", lambda: True)()
swap = _swap if _has_gil else _swap_locked

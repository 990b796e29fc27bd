"""Locks that a forked child finds free, whatever the threads of its parent were doing.

Only the forking thread goes on in a child: a lock that another one held would stay locked.
What such a lock guards must be changed in single steps, for the child sees it as it was.
"""

from __future__ import annotations

import os
import threading
import weakref
from contextlib import AbstractContextManager
from typing import Any, TypeVar

_Lock = TypeVar("_Lock")
_locks: weakref.WeakSet[Any] = weakref.WeakSet()


def new_lock() -> threading.Lock:
    """Return a new lock that is freed in the children of a fork."""
    return _freed_in_children(threading.Lock())


def new_reentrant_lock() -> AbstractContextManager[bool]:
    """Return a new lock that its thread can take again, and that is freed in children."""
    return _freed_in_children(threading.RLock())


def _freed_in_children(lock: _Lock) -> _Lock:
    _locks.add(lock)
    return lock


def _free_locks() -> None:
    for lock in list(_locks):
        # What threading and logging do with theirs: the same lock for all who refer to it.
        lock._at_fork_reinit()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_free_locks)

"""Locks that a forked child finds free, whatever the threads of its parent were doing.

Only the forking thread goes on in a child: a lock that another one held would stay locked.
What such a lock guards must be changed in single steps, for the child sees it as it was.
"""

from __future__ import annotations

import os
import threading
import weakref

_locks: weakref.WeakSet[threading.Lock] = weakref.WeakSet()


def new_lock() -> threading.Lock:
    """Return a new lock that is freed in the children of a fork."""
    lock = threading.Lock()
    _locks.add(lock)
    return lock


def _free_locks() -> None:
    for lock in list(_locks):
        # What threading and logging do with theirs: the same lock for all who refer to it.
        lock._at_fork_reinit()  # type: ignore[attr-defined]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_free_locks)

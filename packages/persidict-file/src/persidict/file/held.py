"""The resources of an operation: descriptors, pending files and a lock, none of which leaks.

A signal handler or a finalizer can raise after any bytecode. Two rules make that harmless:

* A descriptor gets into `Held.descriptors`, and out of it when it is closed, within one call of a
  built-in function: ``held.descriptors += map(os.open, (path,), (flags,))``. No bytecode lies
  between the system call and the list.
* `holding` cleans up again if an exception arrives while it cleans up.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import repeat
from typing import TypeVar

from persidict.file.system_errors import raise_foreign

T = TypeVar("T")

# The innermost operation of each thread that has a lock or waits for one.
holders: dict[int, Held] = {}


class Held:
    """The resources of one operation.

    Attributes:
        descriptors: The open file descriptors.
        pending: Paths of files to delete, unless they have been moved to their names.
        unlock: Releases the lock; None if there is none.
        lock: The descriptor that has the lock; None if the operation that this one interrupted
            has it.
        directory: The locked directory: its descriptor, or its path where it can't be opened.
        outer: The operation of the same thread that this one interrupted.
        is_disturbed: Whether an operation that interrupted this one may have changed something.
        committing: The name to change, the stat of its current file, and a function that makes
            the change fail (None for a deletion, which can't be made to fail).
    """

    # Until there is a lock, these are read from the class, which takes less time than to set them.
    unlock: Callable[[], None] | None = None
    lock: int | None = None
    directory: int | str = ""
    outer: Held | None = None
    is_disturbed = False
    committing: tuple[str, os.stat_result | None, Callable[[], None] | None] | None = None

    def __init__(self) -> None:
        self.descriptors: list[int] = []
        self.pending: dict[str, None] = {}

    def close(self) -> None:
        """Release the lock, close all descriptors, delete the pending files."""
        try:
            if self.unlock is not None:
                self.unlock()
        finally:
            try:
                # Each is popped and closed by one step of the iterator: none is closed twice.
                any(map(os.close, map(self.descriptors.pop, repeat(-1, len(self.descriptors)))))
            finally:
                while self.pending:
                    path = next(iter(self.pending))
                    delete(path)
                    self.pending.pop(path, None)

    def close_descriptors(self, kept: int) -> None:
        """Close all but the first ones."""
        surplus = repeat(-1, len(self.descriptors) - kept)
        any(map(os.close, map(self.descriptors.pop, surplus)))


def holding(operation: Callable[[Held], T]) -> T:
    """Run an operation and clean up, even if an exception arrives during the cleanup."""
    held = Held()
    try:
        try:
            return operation(held)
        finally:
            held.close()
    finally:
        if held.descriptors or held.pending or held.unlock is not None:
            held.close()  # an exception arrived in the first one


def delete(path: str) -> None:
    """Delete a file that may be gone already."""
    try:
        os.unlink(path)
    except FileNotFoundError as error:
        raise_foreign(error)

"""Locks between the threads and processes of one machine, held for microseconds.

A lock belongs to the file description, and every use opens its own: so threads exclude each
other like processes do, nothing crosses a fork, and the system frees it when a process dies.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

if sys.platform == "win32":
    import msvcrt
    import time

    def lock_directory(descriptor: int) -> Callable[[], None]:
        """Not on Windows: directories can't be opened."""
        raise NotImplementedError

    def lock_file(descriptor: int) -> None:
        """Lock an open file until it is closed; waits."""
        while True:
            try:
                msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            except PermissionError:
                time.sleep(0.0005)
            else:
                return

    def lock_abandoned(descriptor: int) -> bool:
        """Tell whether nobody has the file locked: it could not be opened otherwise."""
        return descriptor >= 0

else:
    import fcntl

    def lock_directory(descriptor: int) -> Callable[[], None]:
        """Lock an open directory, waiting for it, and return what unlocks it."""
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        return lambda: fcntl.flock(descriptor, fcntl.LOCK_UN)

    def lock_file(descriptor: int) -> None:
        """Lock an open file until it is closed; waits."""
        fcntl.flock(descriptor, fcntl.LOCK_EX)

    def lock_abandoned(descriptor: int) -> bool:
        """Lock an open file if nobody else has it locked."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

"""Locks between the threads and processes of one machine, held for microseconds.

A lock belongs to the file description, and every use opens its own: so threads exclude each
other like processes do, and the system frees it when a process dies. A forked child shares the
descriptions of its parent and would keep them locked after its death: it closes those at once.
"""

from __future__ import annotations

import os
import sys

if sys.platform == "win32":
    import msvcrt
    import time

    def lock_directory(descriptor: int) -> None:
        """Not on Windows: directories can't be opened."""
        raise NotImplementedError

    def lock_file(descriptor: int) -> None:
        """Lock an open file, waiting for it."""
        while True:
            try:
                msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            except PermissionError:
                time.sleep(0.0005)
            else:
                return

    def unlock(descriptor: int) -> None:
        """Leave it to the closing of the file, which follows."""

    def lock_abandoned(descriptor: int) -> bool:
        """Tell whether nobody has the file locked: it could not be opened otherwise."""
        return descriptor >= 0

else:
    import fcntl

    # What threads of this process have locked, or wait for.
    _locked: set[int] = set()

    def lock_directory(descriptor: int) -> None:
        """Lock an open directory, waiting for it."""
        _locked.add(descriptor)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except BaseException:
            _locked.discard(descriptor)
            raise

    def lock_file(descriptor: int) -> None:
        """Lock an open file, waiting for it."""
        lock_directory(descriptor)

    def unlock(descriptor: int) -> None:
        """Unlock what is about to be closed."""
        # Not by closing alone, for a forked child may have the same description open.
        try:
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        finally:
            _locked.discard(descriptor)

    def _let_go() -> None:
        for descriptor in _locked:
            os.close(descriptor)
        _locked.clear()

    os.register_at_fork(after_in_child=_let_go)

    def lock_abandoned(descriptor: int) -> bool:
        """Lock an open file if nobody else has it locked."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
